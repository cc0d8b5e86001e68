#include "common/upgrade.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/netrc.h"

/* ---- where to ---- */

static char *part_of(CURLU *parts, CURLUPart part, unsigned flags)
{
	char *value, *copy;

	if (curl_url_get(parts, part, &value, flags) != CURLUE_OK)
		return NULL;
	copy = xstrdup(value);
	curl_free(value);
	return copy;
}

/* What is not ASCII goes as %XX. */
static char *make_target(const char *path, const char *query)
{
	struct text target = {0};

	for (const char *s = path; *s; s++)
		text_addf(&target, (unsigned char)*s > 0x7e ? "%%%02X" : "%c", (unsigned char)*s);
	if (query)
		text_add_char(&target, '?');
	for (const char *s = query; s && *s; s++)
		text_addf(&target, (unsigned char)*s > 0x7e ? "%%%02X" : "%c", (unsigned char)*s);
	return text_detach(&target);
}

bool upgrade_place_init(struct upgrade_place *place, const char *url)
{
	CURLU *parts = curl_url();
	char *port, *path, *query, *user, *password;
	bool good;

	*place = (struct upgrade_place){0};
	if (!parts)
		fail("out of memory");
	good = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK;
	if (good) {
		place->name = part_of(parts, CURLUPART_HOST, CURLU_PUNYCODE);
		if (!place->name)
			place->name = part_of(parts, CURLUPART_HOST, 0);
		good = place->name;
	}
	if (good) {
		port = part_of(parts, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
		path = part_of(parts, CURLUPART_PATH, 0);
		query = part_of(parts, CURLUPART_QUERY, 0);
		user = part_of(parts, CURLUPART_USER, CURLU_URLDECODE);
		password = part_of(parts, CURLUPART_PASSWORD, CURLU_URLDECODE);
		place->host = text_format("%s%s%s", place->name, port ? ":" : "", port ? port : "");
		place->target = make_target(path ? path : "/", query);
		if (user)
			place->user = text_format("%s:%s", user, password ? password : "");
		free(port);
		free(path);
		free(query);
		free(user);
		free(password);
	}
	curl_url_cleanup(parts);
	return good;
}

void upgrade_place_clear(struct upgrade_place *place)
{
	free(place->host);
	free(place->name);
	free(place->target);
	free(place->user);
	*place = (struct upgrade_place){0};
}

/* ---- the request ---- */

void upgrade_make_key(struct upgrade *upgrade)
{
	unsigned char bytes[16];
	struct text key = {0};

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		fail("no random numbers:");
	json_add_base64(&key, bytes, sizeof(bytes));
	memcpy(upgrade->key, key.data, UPGRADE_KEY);
	text_free(&key);
}

/* How long the name before ':' (or ';', libcurl's way to write an empty value) is. */
static size_t name_length(const char *line)
{
	return strcspn(line, ":;");
}

static bool named(const char *line, const char *name)
{
	return name_length(line) == strlen(name) && strncasecmp(line, name, strlen(name)) == 0;
}

/* Headers that are the handshake itself; whoever sets one of them is not heard. */
static bool reserved(const char *line)
{
	return named(line, "Upgrade") || named(line, "Connection") ||
	       (name_length(line) > 14 && strncasecmp(line, "Sec-WebSocket-", 14) == 0);
}

static bool given(const struct curl_slist *list, const char *name)
{
	for (; list; list = list->next)
		if (named(list->data, name))
			return true;
	return false;
}

/* "Name:" alone is libcurl's way to say that a header is not to be sent. */
static void add_given(struct text *out, const struct curl_slist *list, bool anonymous)
{
	for (; list; list = list->next) {
		size_t length = name_length(list->data);
		const char *value = list->data + length + 1;

		if (reserved(list->data) || (anonymous && (named(list->data, "Authorization") ||
		                                           named(list->data, "Cookie") || named(list->data, "Host"))))
			continue;
		if (list->data[length] == ';')
			text_addf(out, "%.*s:\r\n", (int)length, list->data);
		else if (value[strspn(value, " \t")])
			text_addf(out, "%s\r\n", list->data);
	}
}

static bool has_control(const char *string)
{
	for (; *string; string++)
		if ((unsigned char)*string < ' ' || *string == 0x7f)
			return true;
	return false;
}

static void add_basic(struct text *out, const char *user)
{
	struct text quoted = {0};

	json_add_base64(&quoted, user, strlen(user));
	text_add_string(out, "Authorization: Basic ");
	text_add(out, quoted.data, quoted.length);
	text_add_string(out, "\r\n");
	text_free(&quoted);
}

static const char *add_authorization(const struct upgrade *upgrade, const struct upgrade_place *place, struct text *out)
{
	const struct http_settings *settings = upgrade->settings;
	struct text found = {0};

	if (place->user) {
		add_basic(out, place->user);
	} else if (upgrade->anonymous) {
		return NULL;
	} else if (settings->bearer) {
		if (has_control(settings->bearer))
			return "the bearer token holds a control character";
		text_addf(out, "Authorization: Bearer %s\r\n", settings->bearer);
	} else if (settings->user) {
		text_addf(&found, "%s%s", settings->user, strchr(settings->user, ':') ? "" : ":");
		add_basic(out, found.data);
	} else if (settings->netrc) {
		int result = netrc_lookup(place->name, &found);

		if (result < 0)
			return "cannot read ~/.netrc";
		if (result > 0)
			add_basic(out, found.data);
	}
	text_free(&found);
	return NULL;
}

const char *upgrade_request(const struct upgrade *upgrade, const struct upgrade_place *place, struct text *out)
{
	const struct http_settings *settings = upgrade->settings;
	struct curl_slist *list = http_settings_headers(settings, upgrade->headers, false);
	const char *mistake = NULL;

	text_addf(out, "GET %s HTTP/1.1\r\n", place->target);
	if (!given(list, "Host") || upgrade->anonymous)
		text_addf(out, "Host: %s\r\n", place->host);
	text_addf(out, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n", upgrade->key);
	text_add_string(out, "Sec-WebSocket-Version: 13\r\n");
	if (upgrade->protocols)
		text_addf(out, "Sec-WebSocket-Protocol: %s\r\n", upgrade->protocols);
	if (upgrade->compression)
		text_add_string(out, "Sec-WebSocket-Extensions: " DEFLATE_OFFER "\r\n");
	if (!given(list, "User-Agent"))
		text_addf(out, "User-Agent: %s\r\n",
		          settings->user_agent ? settings->user_agent : "pype/" PYPE_VERSION);
	if (!given(list, "Authorization") || upgrade->anonymous)
		mistake = add_authorization(upgrade, place, out);
	add_given(out, list, upgrade->anonymous);
	text_add_string(out, "\r\n");
	curl_slist_free_all(list);
	return mistake;
}

/* ---- the answer ---- */

ssize_t upgrade_head(const char *bytes, size_t length)
{
	static const char version[] = "HTTP/1.1 ";
	size_t known = length < sizeof(version) - 1 ? length : sizeof(version) - 1;
	const char *line = bytes, *end = bytes + (length < UPGRADE_HEAD ? length : UPGRADE_HEAD);

	/* HTTP/1.0 is an answer, too, if not a good one. */
	for (size_t i = 0; i < known; i++)
		if (bytes[i] != version[i] && !(i == 7 && bytes[i] == '0'))
			return -1;
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));

		if (!newline)
			break;
		if (newline == line || (newline == line + 1 && *line == '\r'))
			return memchr(bytes, '\0', (size_t)(newline - bytes)) ? -1 : newline + 1 - bytes;
		line = newline + 1;
	}
	return length >= UPGRADE_HEAD ? -1 : 0;
}

int upgrade_status(const char *head)
{
	const char *at = head + strcspn(head, " \r\n");

	if (*at != ' ' || !isdigit((unsigned char)at[1]) || !isdigit((unsigned char)at[2]) ||
	    !isdigit((unsigned char)at[3]) || isdigit((unsigned char)at[4]))
		return 0;
	return (at[1] - '0') * 100 + (at[2] - '0') * 10 + at[3] - '0';
}

void upgrade_add_status(struct text *text, const char *head)
{
	const char *at = head + strcspn(head, " \r\n");

	at += *at == ' ';
	for (size_t i = 0; i < 60 && at[i] && at[i] != '\r' && at[i] != '\n'; i++)
		text_add_char(text, (unsigned char)at[i] < ' ' || (unsigned char)at[i] > 0x7e ? '?' : at[i]);
}

/* Line by line, without the status line; values without white space around them (RFC 9112 5). */
bool upgrade_header(const char *head, const char *name, struct text *value)
{
	size_t length = strlen(name);
	bool found = false;

	while (head[strcspn(head, "\n")]) {
		const char *end, *start;

		head += strcspn(head, "\n") + 1;
		if (strncasecmp(head, name, length) != 0 || head[length] != ':')
			continue;
		start = head + length + 1;
		start += strspn(start, " \t");
		end = start + strcspn(start, "\n");
		while (end > start && strchr(" \t\r", end[-1]))
			end--;
		text_add_string(value, found ? ", " : "");
		text_add(value, start, (size_t)(end - start));
		found = true;
	}
	return found;
}

/* Whether a list "a, b" has the item, in any case if loose. */
static bool listed(const char *list, const char *item, bool loose)
{
	while (*list) {
		size_t length = strcspn(list, ","), from = strspn(list, " \t"), to = length;

		while (to > from && strchr(" \t", list[to - 1]))
			to--;
		if (to > from && to - from == strlen(item) &&
		    (loose ? strncasecmp : strncmp)(list + from, item, to - from) == 0)
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

/* RFC 6455 4.2.2, point 5.4 */
static void add_accept(struct text *accept, const char *key)
{
	struct text both = {0};
	unsigned char digest[SHA_DIGEST_LENGTH];

	text_addf(&both, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	SHA1((unsigned char *)both.data, both.length, digest);
	json_add_base64(accept, digest, sizeof(digest));
	text_free(&both);
}

static const char *check_accept(const char *head, const char *key, struct text *value)
{
	struct text accept = {0};
	const char *mistake = NULL;

	add_accept(&accept, key);
	text_clear(value);
	if (!upgrade_header(head, "Sec-WebSocket-Accept", value))
		mistake = "it has no Sec-WebSocket-Accept";
	else if (strcmp(value->data, accept.data) != 0)
		mistake = "its Sec-WebSocket-Accept is wrong";
	text_free(&accept);
	return mistake;
}

static const char *check_protocol(const char *head, const char *offered, struct text *value, char **chosen)
{
	text_clear(value);
	if (!upgrade_header(head, "Sec-WebSocket-Protocol", value))
		return offered ? "it chose none of the subprotocols" : NULL;
	if (!offered || !listed(offered, value->data, false))
		return "it chose a subprotocol that was not offered";
	*chosen = xstrdup(value->data);
	return NULL;
}

static const char *check_extensions(const char *head, bool offered, struct text *value, struct upgrade_agreed *agreed)
{
	text_clear(value);
	if (!upgrade_header(head, "Sec-WebSocket-Extensions", value) || value->length == 0)
		return NULL;
	if (!offered)
		return "it chose an extension that was not offered";
	agreed->compressed = true;
	return deflate_agreed(value->data, &agreed->terms);
}

const char *upgrade_check(const struct upgrade *upgrade, const char *head, struct upgrade_agreed *agreed)
{
	struct text value = {0};
	const char *mistake = NULL;

	*agreed = (struct upgrade_agreed){0};
	text_init(&value);
	if (strncmp(head, "HTTP/1.1", 8) != 0)
		mistake = "it is not HTTP/1.1";
	else if (!upgrade_header(head, "Upgrade", &value) || strcasecmp(value.data, "websocket") != 0)
		mistake = "it has no 'Upgrade: websocket'";
	text_clear(&value);
	if (!mistake && (!upgrade_header(head, "Connection", &value) || !listed(value.data, "upgrade", true)))
		mistake = "it has no 'Connection: upgrade'";
	if (!mistake)
		mistake = check_accept(head, upgrade->key, &value);
	if (!mistake)
		mistake = check_protocol(head, upgrade->protocols, &value, &agreed->protocol);
	if (!mistake)
		mistake = check_extensions(head, upgrade->compression, &value, agreed);
	text_free(&value);
	if (mistake) {
		free(agreed->protocol);
		agreed->protocol = NULL;
	}
	return mistake;
}
