/*
 * Where the next page is, as a server says it: a URL, or a header Link (RFC 8288).
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/rest/rest.h"
#include "common/http_headers.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/origin.h"

/* ---- URLs ---- */

static CURLU *parts_of(const char *url)
{
	CURLU *parts = curl_url();

	if (!parts)
		fail("out of memory");
	/* As http_url has it. */
	if (curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK) {
		curl_url_cleanup(parts);
		return NULL;
	}
	return parts;
}

/* The scheme, the host or the port; "" if there is none. */
static char *part_of(CURLU *parts, CURLUPart which)
{
	char *part, *copy;

	if (curl_url_get(parts, which, &part, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return xstrdup("");
	copy = xstrdup(part);
	curl_free(part);
	return copy;
}

static bool is_allowed(const struct rest *rest, CURLU *parts, const char *first)
{
	char *next;
	bool allowed;

	if (curl_url_get(parts, CURLUPART_URL, &next, 0) != CURLUE_OK)
		return false;
	allowed = origin_same(next, first);
	for (size_t i = 0; !allowed && i < rest->next_origins.count; i++) {
		char *url, *shown;

		if (http_url(rest->next_origins.items[i], &url, &shown))
			continue;
		allowed = origin_same(next, url);
		free(url);
		free(shown);
	}
	curl_free(next);
	return allowed;
}

/* Without what belongs to the URL we were given, or what the server has no business to name; NULL: it cannot be written. */
static char *plain_url(CURLU *parts)
{
	static const CURLUPart dropped[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_FRAGMENT};
	char *url, *copy;

	for (size_t i = 0; i < sizeof(dropped) / sizeof(*dropped); i++)
		curl_url_set(parts, dropped[i], NULL, 0);
	if (curl_url_get(parts, CURLUPART_URL, &url, 0) != CURLUE_OK)
		return NULL;
	copy = xstrdup(url);
	curl_free(url);
	return copy;
}

char *next_url(const struct rest *rest, const char *base, const char *first, const char *given, struct text *reason)
{
	CURLU *parts = parts_of(base);
	char *url = NULL, *host;

	if (!parts || curl_url_set(parts, CURLUPART_URL, given, CURLU_URLENCODE) != CURLUE_OK) {
		text_add_string(reason, "the next page has a malformed URL");
	} else if (!is_allowed(rest, parts, first)) {
		char *scheme = part_of(parts, CURLUPART_SCHEME), *port = part_of(parts, CURLUPART_PORT);

		host = part_of(parts, CURLUPART_HOST);
		text_addf(reason,
		          "the next page is elsewhere (--next-origin %s://%s:%s sends all there that was sent here)",
		          scheme, host, port);
		free(scheme);
		free(host);
		free(port);
	} else {
		url = plain_url(parts);
	}
	curl_url_cleanup(parts);
	return url;
}

/* ---- links ---- */

static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

/* A token, or what is in quotes without its backslashes; returns what is behind it. */
static const char *take_value(const char *s, const char *end, struct text *value)
{
	if (s < end && *s == '"') {
		for (s++; s < end && *s != '"'; s++) {
			if (*s == '\\' && s + 1 < end)
				s++;
			text_add_char(value, *s);
		}
		return s < end ? s + 1 : s;
	}
	while (s < end && !strchr(" \t;,", *s))
		text_add_char(value, *s++);
	return s;
}

/* Relation types are words with blanks between them. */
static bool has_next(const char *relations)
{
	while (*relations) {
		size_t length = strcspn(relations, " \t");

		if (length == 4 && strncasecmp(relations, "next", 4) == 0)
			return true;
		relations += length + strspn(relations + length, " \t");
	}
	return false;
}

struct link {
	bool related, anchored, next; /* has a rel; speaks of something other than the answer; leads on */
};

/* The parameters up to the comma behind the link. Of several rels the first counts (RFC 8288 3.3). */
static const char *take_parameters(const char *s, const char *end, struct link *link)
{
	while ((s = skip_blanks(s, end)) < end && *s == ';') {
		struct text value = {0};
		const char *name = s = skip_blanks(s + 1, end);
		size_t length;

		while (s < end && !strchr("=;, \t", *s))
			s++;
		length = (size_t)(s - name);
		s = skip_blanks(s, end);
		text_init(&value);
		if (s < end && *s == '=')
			s = take_value(skip_blanks(s + 1, end), end, &value);
		if (length == 3 && strncasecmp(name, "rel", 3) == 0 && !link->related) {
			link->related = true;
			link->next = has_next(value.data);
		} else if (length == 6 && strncasecmp(name, "anchor", 6) == 0) {
			link->anchored = true;
		}
		text_free(&value);
	}
	return s;
}

static char *next_in(const char *s, const char *end)
{
	while ((s = memchr(s, '<', (size_t)(end - s)))) {
		const char *target = s + 1, *close = memchr(target, '>', (size_t)(end - target));
		struct link link = {0};

		if (!close)
			return NULL;
		s = take_parameters(close + 1, end, &link);
		if (link.next && !link.anchored)
			return xstrndup(target, (size_t)(close - target));
		s = s < end ? s + 1 : s;
	}
	return NULL;
}

char *next_link(const char *headers)
{
	struct http_header header;
	char *target = NULL;

	while (!target && http_headers_find(&headers, "Link", &header))
		target = next_in(header.value, header.value + header.value_length);
	return target;
}
