#include "common/http_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"
#include "common/unit.h"

void http_settings_init(struct http_settings *settings)
{
	*settings = (struct http_settings){.timeout = 8 * UNIT_S, .max_redirects = 10, .tls_min = -1};
}

/* How long the name of a header is (RFC 9110 5.1); 0: it is no header. "Name;" is libcurl's way to write an empty one. */
static size_t header_name(const char *line)
{
	size_t length = 0;

	while (isalnum((unsigned char)line[length]) || (line[length] && strchr("!#$%&'*+-.^_`|~", line[length])))
		length++;
	return line[length] == ':' || line[length] == ';' ? length : 0;
}

static void check_header(const char *line)
{
	size_t length = header_name(line);

	/* What is no header may be a secret: it is not shown. */
	if (length == 0)
		die("--header takes \"Name: value\", and got something else");
	for (const char *s = line; *s; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			die("--header '%.*s' holds a control character", (int)length, line);
}

/* A value may be the content of a file with a header per line. Calls found for each. */
static void each_header(const char *value, void (*found)(const char *line, void *context), void *context)
{
	char *copy = xstrdup(value), *rest = copy, *line;

	while ((line = strsep(&rest, "\n"))) {
		size_t length = strlen(line);

		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (*line)
			found(line, context);
	}
	free(copy);
}

static void checked(const char *line, void *context)
{
	(void)context;
	check_header(line);
}

/* "sha256//BASE64;sha256//…", of 32 bytes each; anything else is the name of a file. */
static bool is_pin(const char *keys)
{
	return strncmp(keys, "sha256//", 8) == 0;
}

static void check_pins(const char *keys)
{
	enum { PIN = 44 };

	for (;; keys += 1) {
		keys += is_pin(keys) ? 8 : 0;
		for (size_t i = 0; i < PIN; i++)
			if (i < PIN - 1 ? !isalnum((unsigned char)keys[i]) && keys[i] != '+' && keys[i] != '/'
			                : keys[i] != '=')
				die("--pinned-key takes sha256// and 44 characters of base64, and more of that behind "
				    "a ';'");
		keys += PIN;
		if (*keys == '\0')
			return;
		if (*keys != ';' || !is_pin(keys + 1))
			die("--pinned-key: ';' or nothing must be behind a key");
	}
}

/* Parts between colons; an address in brackets is one. */
static int count_parts(const char *entry)
{
	int parts = 1;
	bool inside = false;

	for (; *entry; entry++) {
		inside = *entry == '[' || (inside && *entry != ']');
		parts += *entry == ':' && !inside;
	}
	return parts;
}

static void check_connection(const struct http_settings *settings)
{
	for (size_t i = 0; i < settings->connect_to.count; i++)
		if (count_parts(settings->connect_to.items[i]) != 4)
			die("--connect-to takes HOST:PORT:HOST:PORT, not '%s'", settings->connect_to.items[i]);
	if (settings->interface && !*settings->interface)
		die("--interface takes the name of an interface, or an address");
	if (settings->digest && !settings->user)
		die("--digest needs --user");
	if (settings->pinned_key && is_pin(settings->pinned_key))
		check_pins(settings->pinned_key);
}

void http_settings_check(const struct http_settings *settings)
{
	char *url, *shown;
	const char *proxy = settings->proxy;

	for (size_t i = 0; i < settings->headers.count; i++)
		if (!option_unread(settings->headers.items[i]))
			each_header(settings->headers.items[i], checked, NULL);
	for (size_t i = 0; i < settings->resolve.count; i++) {
		const char *entry = settings->resolve.items[i], *port = strchr(entry, ':');

		if (!port || port == entry || !isdigit((unsigned char)port[1]) || !strchr(port + 1, ':'))
			die("--resolve takes HOST:PORT:ADDRESS, not '%s'", entry);
	}
	if (settings->user && settings->bearer)
		die("--user and --bearer exclude each other");
	check_connection(settings);
	if (settings->key && !settings->cert)
		die("--key needs --cert");
	if (settings->insecure && settings->cacert)
		die("--insecure and --cacert exclude each other");
	if (settings->connect_timeout && settings->timeout && settings->connect_timeout > settings->timeout)
		die("--connect-timeout is longer than --timeout");
	if (!proxy || !*proxy || option_unread(proxy))
		return;
	if (strstr(proxy, "://") && strncmp(proxy, "http", 4) != 0 && strncmp(proxy, "socks", 5) != 0)
		die("--proxy takes an http, https or socks URL");
	proxy = strstr(proxy, "://") ? strstr(proxy, "://") + 3 : proxy;
	if (http_url(proxy, &url, &shown))
		die("--proxy takes the URL of a proxy");
	free(url);
	free(shown);
}

static bool only_http(CURLU *parts)
{
	char *scheme;
	bool good;

	if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		return false;
	good = strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
	curl_free(scheme);
	return good;
}

/* The URL without what may be secret. */
static char *show(CURLU *parts)
{
	static const CURLUPart hidden[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
	struct text shown = {0};
	char *part;
	bool query = curl_url_get(parts, CURLUPART_QUERY, &part, 0) == CURLUE_OK;

	if (query)
		curl_free(part);
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		curl_url_set(parts, hidden[i], NULL, 0);
	if (curl_url_get(parts, CURLUPART_URL, &part, 0) != CURLUE_OK)
		fail("out of memory");
	text_add_string(&shown, part);
	text_add_string(&shown, query ? "?..." : "");
	curl_free(part);
	return text_detach(&shown);
}

const char *http_url(const char *given, char **url, char **shown)
{
	CURLU *parts = curl_url();
	struct text whole = {0};
	const char *mistake = NULL;
	CURLUcode code;

	if (!parts)
		fail("out of memory");
	text_add_string(&whole, strstr(given, "://") ? "" : "http://");
	text_add_string(&whole, given);
	code = curl_url_set(parts, CURLUPART_URL, whole.data, CURLU_NON_SUPPORT_SCHEME);
	if (code == CURLUE_OUT_OF_MEMORY)
		fail("out of memory");
	if (code == CURLUE_NO_HOST || code == CURLUE_BAD_HOSTNAME)
		mistake = "no valid host name";
	else if (code == CURLUE_BAD_PORT_NUMBER)
		mistake = "no valid port number";
	else if (code != CURLUE_OK)
		mistake = "malformed";
	else if (!only_http(parts))
		mistake = "neither http nor https";
	if (!mistake) {
		*shown = show(parts);
		*url = text_detach(&whole);
	}
	text_free(&whole);
	curl_url_cleanup(parts);
	return mistake;
}

void http_set_done(CURLcode code, const char *option)
{
	if (code != CURLE_OK)
		fail("libcurl refuses %s: %s", option, curl_easy_strerror(code));
}

static void set_files(const struct http_settings *settings, CURL *easy)
{
	if (settings->cacert) {
		HTTP_SET(easy, CURLOPT_CAINFO, settings->cacert);
		HTTP_SET(easy, CURLOPT_CAPATH, NULL);
		HTTP_SET(easy, CURLOPT_PROXY_CAINFO, settings->cacert);
		HTTP_SET(easy, CURLOPT_PROXY_CAPATH, NULL);
	}
	if (settings->cert)
		HTTP_SET(easy, CURLOPT_SSLCERT, settings->cert);
	if (settings->key)
		HTTP_SET(easy, CURLOPT_SSLKEY, settings->key);
	if (settings->pinned_key)
		HTTP_SET(easy, CURLOPT_PINNEDPUBLICKEY, settings->pinned_key);
}

static void must_be_readable(const char *path, const char *word)
{
	if (path && access(path, R_OK) < 0)
		die("--%s '%s':", word, path);
}

void http_settings_files(const struct http_settings *settings)
{
	must_be_readable(settings->cacert, "cacert");
	must_be_readable(settings->cert, "cert");
	must_be_readable(settings->key, "key");
	if (settings->pinned_key && !is_pin(settings->pinned_key))
		must_be_readable(settings->pinned_key, "pinned-key");
}

void http_settings_apply(const struct http_settings *settings, CURL *easy, struct curl_slist *resolve)
{
	HTTP_SET(easy, CURLOPT_NOSIGNAL, 1L);
	HTTP_SET(easy, CURLOPT_QUICK_EXIT, 1L); /* a name that is still being looked up does not hold the end */
	HTTP_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	HTTP_SET(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	HTTP_SET(easy, CURLOPT_FOLLOWLOCATION, settings->max_redirects > 0 && !settings->as_signed ? 1L : 0L);
	HTTP_SET(easy, CURLOPT_PATH_AS_IS, settings->as_signed ? 1L : 0L);
	HTTP_SET(easy, CURLOPT_MAXREDIRS, (long)settings->max_redirects);
	HTTP_SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	HTTP_SET(easy, CURLOPT_USERAGENT, settings->user_agent ? settings->user_agent : "pype/" PYPE_VERSION);
	if (!settings->no_compression)
		HTTP_SET(easy, CURLOPT_ACCEPT_ENCODING, "");
	if (settings->user && !settings->as_signed)
		HTTP_SET(easy, CURLOPT_USERPWD, settings->user);
	if (settings->digest)
		HTTP_SET(easy, CURLOPT_HTTPAUTH, CURLAUTH_DIGEST);
	if (settings->bearer) {
		HTTP_SET(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		HTTP_SET(easy, CURLOPT_XOAUTH2_BEARER, settings->bearer);
	}
	if (settings->netrc)
		HTTP_SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	if (settings->proxy)
		HTTP_SET(easy, CURLOPT_PROXY, settings->proxy);
	if (settings->unix_socket)
		HTTP_SET(easy, CURLOPT_UNIX_SOCKET_PATH, settings->unix_socket);
	if (settings->interface)
		HTTP_SET(easy, CURLOPT_INTERFACE, settings->interface);
	if (settings->tls_min >= 0)
		HTTP_SET(easy, CURLOPT_SSLVERSION,
		         (long)(settings->tls_min == 0 ? CURL_SSLVERSION_TLSv1_2 : CURL_SSLVERSION_TLSv1_3));
	if (resolve)
		HTTP_SET(easy, CURLOPT_RESOLVE, resolve);
	HTTP_SET(easy, CURLOPT_SSL_VERIFYPEER, settings->insecure ? 0L : 1L);
	HTTP_SET(easy, CURLOPT_SSL_VERIFYHOST, settings->insecure ? 0L : 2L);
	set_files(settings, easy);
}

static struct curl_slist *append(struct curl_slist *list, const char *string)
{
	struct curl_slist *longer = curl_slist_append(list, string);

	if (!longer)
		fail("out of memory");
	return longer;
}

static struct curl_slist *list_of(const struct option_list *options)
{
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < options->count; i++)
		list = append(list, options->items[i]);
	return list;
}

struct curl_slist *http_settings_resolve(const struct http_settings *settings)
{
	return list_of(&settings->resolve);
}

struct curl_slist *http_settings_connect_to(const struct http_settings *settings)
{
	return list_of(&settings->connect_to);
}

static void add_header(const char *line, void *context)
{
	struct curl_slist **list = context;

	*list = append(*list, line);
}

static struct curl_slist *find_header(struct curl_slist *list, const char *line)
{
	size_t length = header_name(line);

	for (; list; list = list->next)
		if (header_name(list->data) == length && strncasecmp(list->data, line, length) == 0)
			return list;
	return NULL;
}

static bool has_header(struct curl_slist *list, const char *line)
{
	return find_header(list, line) != NULL;
}

/* More cookies, in the header that is there. "Cookie:" and "Cookie;" say that there shall be none. */
static void join_cookies(struct curl_slist *there, const char *line)
{
	size_t length = header_name(line);
	struct text joined = {0};

	if (strncasecmp(line, "Cookie:", 7) != 0 || !there->data[length + 1])
		return;
	text_addf(&joined, "%s; %s", there->data, line + length + 1 + strspn(line + length + 1, " "));
	free(there->data);
	there->data = text_detach(&joined);
}

struct curl_slist *http_settings_headers(const struct http_settings *settings, const char *const *more, bool body)
{
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < settings->headers.count; i++)
		each_header(settings->headers.items[i], add_header, &list);
	for (; more && *more; more++) {
		struct curl_slist *there = find_header(list, *more);

		if (there)
			join_cookies(there, *more);
		else
			list = append(list, *more);
	}
	if (!has_header(list, "Expect:"))
		list = append(list, "Expect:");
	if (!body && !has_header(list, "Content-Type:"))
		list = append(list, "Content-Type:");
	return list;
}
