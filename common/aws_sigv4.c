#include "common/aws_sigv4.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/memory.h"
#include "common/message.h"

enum { HASH = 32, HEX = 2 * HASH + 1, DATE = sizeof("20150830T123600Z"), DAY = 8 };

/* ---- hashes ---- */

static void to_hex(const unsigned char hash[HASH], char hex[HEX])
{
	for (size_t i = 0; i < HASH; i++) {
		hex[2 * i] = "0123456789abcdef"[hash[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
	}
	hex[2 * HASH] = '\0';
}

static void hash_hex(const void *bytes, size_t length, char hex[HEX])
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(length > 0 ? bytes : "", length, hash, NULL, EVP_sha256(), NULL))
		fail("libcrypto has no SHA-256");
	to_hex(hash, hex);
}

static void hmac(const void *key, size_t length, const char *string, unsigned char result[EVP_MAX_MD_SIZE])
{
	if (!HMAC(EVP_sha256(), key, (int)length, (const unsigned char *)string, strlen(string), result, NULL))
		fail("libcrypto has no HMAC");
}

/* ---- the URL ---- */

static bool is_unreserved(char byte)
{
	return isalnum((unsigned char)byte) || (byte && strchr("-._~", byte));
}

static bool is_encoded(const char *s, const char *end)
{
	return end - s >= 3 && *s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2]);
}

static void add_encoded(struct text *text, char byte)
{
	if (is_unreserved(byte))
		text_add_char(text, byte);
	else
		text_addf(text, "%%%02X", (unsigned char)byte);
}

/* Appends with every byte encoded that need be, but those in kept and "%XX", which is written as it has to be. */
static void add_once(struct text *text, const char *s, const char *end, const char *kept)
{
	for (; s < end; s++)
		if (is_encoded(s, end)) {
			char digits[3] = {s[1], s[2], '\0'};

			add_encoded(text, (char)strtoul(digits, NULL, 16));
			s += 2;
		} else if (*s && strchr(kept, *s)) {
			text_add_char(text, *s);
		} else {
			add_encoded(text, *s);
		}
}

/* Where the parts of a URL are; each ends where the next begins. */
struct parts {
	const char *host, *path, *query, *end;
};

static struct parts split(const char *url)
{
	const char *scheme = strstr(url, "://");
	struct parts parts;

	parts.host = scheme ? scheme + 3 : url;
	parts.path = parts.host + strcspn(parts.host, "/?#");
	parts.query = parts.path + strcspn(parts.path, "?#");
	parts.end = parts.query + strcspn(parts.query, "#");
	return parts;
}

char *aws_url(const char *url)
{
	struct parts parts = split(url);
	struct text text = {0};

	text_add(&text, url, (size_t)(parts.path - url));
	if (parts.path == parts.query)
		text_add_char(&text, '/');
	add_once(&text, parts.path, parts.query, "/");
	if (parts.query < parts.end) {
		text_add_char(&text, '?');
		add_once(&text, parts.query + 1, parts.end, "&=");
	}
	return text_detach(&text);
}

/* Without "." and "..", and with one '/' where several are (RFC 3986 5.2.4; the empty parts are Amazon's own). */
static void normalize(struct text *path)
{
	char *copy = path->length > 0 ? xstrndup(path->data, path->length) : xstrdup("/"), *rest = copy, *part;
	bool open = false; /* it ends in a '/' */

	text_clear(path);
	while ((part = strsep(&rest, "/"))) {
		char *last;

		open = !*part || strcmp(part, ".") == 0 || strcmp(part, "..") == 0;
		if (strcmp(part, "..") == 0 && path->length > 0 && (last = strrchr(path->data, '/'))) {
			path->length = (size_t)(last - path->data);
			*last = '\0';
		}
		if (!open) {
			text_add_char(path, '/');
			text_add_string(path, part);
		}
	}
	if (open || path->length == 0)
		text_add_char(path, '/');
	free(copy);
}

static void add_path(const struct aws_sigv4 *keys, const struct parts *parts, struct text *canonical)
{
	struct text path = {0};

	add_once(&path, parts->path, parts->query, "/");
	if (keys->normalize || path.length == 0)
		normalize(&path);
	for (size_t i = 0; i < path.length; i++)
		if (keys->twice && path.data[i] != '/')
			add_encoded(canonical, path.data[i]);
		else
			text_add_char(canonical, path.data[i]);
	text_free(&path);
}

/* ---- lists that are sorted ---- */

struct pair {
	char *name, *value;
	size_t order; /* where it stood, since qsort may change that */
};

struct pairs {
	struct pair *items;
	size_t count;
};

static void pairs_add(struct pairs *pairs, char *name, char *value)
{
	pairs->items = xreallocarray(pairs->items, pairs->count + 1, sizeof(*pairs->items));
	pairs->items[pairs->count] = (struct pair){name, value, pairs->count};
	pairs->count++;
}

static void pairs_free(struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].name);
		free(pairs->items[i].value);
	}
	free(pairs->items);
}

/* By name; then by value if that is asked for, else as they stood. */
static int by_name(const void *a, const void *b)
{
	const struct pair *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : one->order < other->order ? -1 : 1;
}

static int by_value(const void *a, const void *b)
{
	const struct pair *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : strcmp(one->value, other->value);
}

static char *encoded(const char *s, const char *end)
{
	struct text text = {0};

	text_init(&text);
	add_once(&text, s, end, "");
	return text_detach(&text);
}

static void add_query(const struct parts *parts, struct text *canonical)
{
	struct pairs pairs = {0};
	const char *s = parts->query < parts->end ? parts->query + 1 : parts->end, *end;

	for (; s < parts->end; s = end + 1) {
		const char *equals;

		end = s + strcspn(s, "&#");
		equals = memchr(s, '=', (size_t)(end - s));
		if (end > s)
			pairs_add(&pairs, encoded(s, equals ? equals : end), encoded(equals ? equals + 1 : end, end));
	}
	if (pairs.count > 0)
		qsort(pairs.items, pairs.count, sizeof(*pairs.items), by_value);
	for (size_t i = 0; i < pairs.count; i++)
		text_addf(canonical, "%s%s=%s", i ? "&" : "", pairs.items[i].name, pairs.items[i].value);
	pairs_free(&pairs);
}

/* ---- headers ---- */

/* Without blanks at the ends, and with one where several are. */
static char *trimmed(const char *s)
{
	struct text text = {0};

	text_init(&text);
	for (s += strspn(s, " \t"); *s; s++)
		if ((*s != ' ' && *s != '\t') || (s[1] && s[1] != ' ' && s[1] != '\t'))
			text_add_char(&text, *s == '\t' ? ' ' : *s);
	return text_detach(&text);
}

static void add_header(struct pairs *pairs, const char *header)
{
	size_t length = strcspn(header, ":;");
	char *name = xstrndup(header, length);

	for (size_t i = 0; i < length; i++)
		name[i] = (char)tolower((unsigned char)name[i]);
	pairs_add(pairs, name, trimmed(header[length] ? header + length + 1 : ""));
}

/* The host as libcurl sends it: without name and password, and without the scheme's own port. */
static char *host_of(const char *url)
{
	struct parts parts = split(url);
	const char *at = memrchr(parts.host, '@', (size_t)(parts.path - parts.host)), *from = at ? at + 1 : parts.host;
	char *host = xstrndup(from, (size_t)(parts.path - from)), *port = strrchr(host, ':');

	if (port && !strchr(port, ']') && strcmp(port, strncasecmp(url, "https:", 6) == 0 ? ":443" : ":80") == 0)
		*port = '\0';
	return host;
}

static bool pairs_have(const struct pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (strcmp(pairs->items[i].name, name) == 0)
			return true;
	return false;
}

static void add_headers(struct pairs *pairs, struct text *canonical, struct text *names)
{
	qsort(pairs->items, pairs->count, sizeof(*pairs->items), by_name);
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		bool again = i > 0 && strcmp(pair[-1].name, pair->name) == 0;

		if (again) {
			canonical->data[canonical->length - 1] = ',';
			text_addf(canonical, "%s\n", pair->value);
		} else {
			text_addf(canonical, "%s:%s\n", pair->name, pair->value);
			text_addf(names, "%s%s", i ? ";" : "", pair->name);
		}
	}
}

void aws_canonical_request(const struct aws_sigv4 *keys, const struct aws_request *request, const char *date,
                           struct text *canonical, char **signed_headers)
{
	struct parts parts = split(request->url);
	struct pairs pairs = {0};
	struct text names = {0};
	char hash[HEX];

	hash_hex(request->body, request->length, hash);
	for (const char *const *header = request->headers; header && *header; header++)
		add_header(&pairs, *header);
	if (!pairs_have(&pairs, "host"))
		pairs_add(&pairs, xstrdup("host"), host_of(request->url));
	pairs_add(&pairs, xstrdup("x-amz-date"), xstrdup(date));
	if (keys->token)
		pairs_add(&pairs, xstrdup("x-amz-security-token"), xstrdup(keys->token));
	if (keys->hash_header)
		pairs_add(&pairs, xstrdup("x-amz-content-sha256"), xstrdup(hash));
	text_addf(canonical, "%s\n", request->method);
	add_path(keys, &parts, canonical);
	text_add_char(canonical, '\n');
	add_query(&parts, canonical);
	text_add_char(canonical, '\n');
	add_headers(&pairs, canonical, &names);
	text_addf(canonical, "\n%s\n%s", names.data, hash);
	*signed_headers = text_detach(&names);
	pairs_free(&pairs);
}

/* ---- the signature ---- */

void aws_sigv4_service(struct aws_sigv4 *keys, const char *region, const char *service)
{
	bool s3 = strncmp(service, "s3", 2) == 0 && strcmp(service, "s3tables") != 0;

	keys->region = region;
	keys->service = service;
	keys->normalize = keys->twice = !s3;
	keys->hash_header = s3;
}

void aws_sigv4_sign(const struct aws_sigv4 *keys, const struct aws_request *request, int64_t now,
                    struct aws_signature *signature)
{
	struct text canonical = {0};
	unsigned char key[EVP_MAX_MD_SIZE], next[EVP_MAX_MD_SIZE];
	char date[DATE], hash[HEX], day[DAY + 1], *names, *scope, *secret, *string;
	time_t seconds = now;
	struct tm time;

	gmtime_r(&seconds, &time);
	strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &time);
	strftime(day, sizeof(day), "%Y%m%d", &time);
	aws_canonical_request(keys, request, date, &canonical, &names);
	hash_hex(canonical.data, canonical.length, hash);
	scope = text_format("%s/%s/%s/aws4_request", day, keys->region, keys->service);
	string = text_format("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hash);
	secret = text_format("AWS4%s", keys->secret);
	hmac(secret, strlen(secret), day, key);
	hmac(key, HASH, keys->region, next);
	hmac(next, HASH, keys->service, key);
	hmac(key, HASH, "aws4_request", next);
	hmac(next, HASH, string, key);
	to_hex(key, hash);
	*signature = (struct aws_signature){
		.authorization = text_format("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "
	                                     "Signature=%s",
	                                     keys->key, scope, names, hash),
		.date = text_format("X-Amz-Date: %s", date),
		.token = keys->token ? text_format("X-Amz-Security-Token: %s", keys->token) : NULL,
	};
	hash_hex(request->body, request->length, hash);
	signature->hash = keys->hash_header ? text_format("X-Amz-Content-Sha256: %s", hash) : NULL;
	text_free(&canonical);
	free(names);
	free(scope);
	free(secret);
	free(string);
}

void aws_signature_free(struct aws_signature *signature)
{
	free(signature->authorization);
	free(signature->date);
	free(signature->token);
	free(signature->hash);
}
