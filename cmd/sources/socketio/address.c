#include "cmd/sources/socketio/address.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/http_settings.h"
#include "common/memory.h"
#include "common/message.h"

/* The part, the caller's; NULL if there is none. */
static char *part(CURLU *parts, CURLUPart which)
{
	char *value, *copy = NULL;

	if (curl_url_get(parts, which, &value, 0) == CURLUE_OK) {
		copy = xstrdup(value);
		curl_free(value);
	}
	return copy;
}

/* ws and wss are http and https here. */
static char *with_http(const char *given)
{
	bool ws = strncasecmp(given, "ws://", 5) == 0 || strncasecmp(given, "wss://", 6) == 0;
	struct text url = {0};

	text_add_string(&url, ws ? "http" : "");
	text_add_string(&url, ws ? given + 2 : given);
	return text_detach(&url);
}

static bool same_path(const char *a, const char *b)
{
	size_t length = strlen(a), other = strlen(b);

	length -= length > 0 && a[length - 1] == '/';
	other -= other > 0 && b[other - 1] == '/';
	return length == other && strncmp(a, b, length) == 0;
}

/* Takes path and query out of the URL, and puts the server's path in. */
static void split(const char *whole, const char *path, char **base, char **space, struct text *query)
{
	CURLU *parts = curl_url();
	char *more;

	if (!parts || curl_url_set(parts, CURLUPART_URL, whole, 0) != CURLUE_OK)
		fail("out of memory");
	*space = part(parts, CURLUPART_PATH);
	more = part(parts, CURLUPART_QUERY);
	if (more)
		text_addf(query, "&%s", more);
	free(more);
	if (*space && (same_path(*space, "/") || same_path(*space, path))) {
		free(*space);
		*space = NULL;
	}
	if (curl_url_set(parts, CURLUPART_PATH, path, 0) != CURLUE_OK ||
	    curl_url_set(parts, CURLUPART_QUERY, NULL, 0) != CURLUE_OK ||
	    curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		fail("out of memory");
	*base = part(parts, CURLUPART_URL);
	curl_url_cleanup(parts);
}

const char *address_read(const char *given, const char *path, char **url, char **shown, char **space,
                         struct text *query)
{
	char *http = with_http(given), *whole, *base, *unused;
	const char *mistake = http_url(http, &whole, &unused);

	free(http);
	if (mistake)
		return mistake;
	free(unused);
	split(whole, path, &base, space, query);
	free(whole);
	mistake = http_url(base, url, shown);
	free(base);
	if (mistake)
		free(*space);
	return mistake;
}

static void add_escaped(struct text *query, const char *bytes, size_t length)
{
	char *escaped = length > 0 ? curl_easy_escape(NULL, bytes, (int)length) : NULL;

	text_add_string(query, escaped ? escaped : "");
	curl_free(escaped);
}

bool address_add_query(struct text *query, const char *pair)
{
	const char *equal = strchr(pair, '=');

	if (!equal || equal == pair)
		return false;
	text_add_char(query, '&');
	add_escaped(query, pair, (size_t)(equal - pair));
	text_add_char(query, '=');
	add_escaped(query, equal + 1, strlen(equal + 1));
	return true;
}
