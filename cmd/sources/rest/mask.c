/*
 * What looks secret by its name does not show: for --dry-run and --record, which people look at and pass on.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/sources/rest/rest.h"
#include "common/memory.h"

#define HIDDEN "***"

/* The name has one of these in it, in any case. */
static bool is_secret(const char *name, size_t length)
{
	static const char *const parts[] = {"auth",   "token", "key",     "secret",     "pass", "pwd",
	                                    "cookie", "sig",   "session", "credential", "jwt",  "code"};
	char *copy = xstrndup(name, length);
	bool secret = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		secret |= strcasestr(copy, parts[i]) != NULL;
	free(copy);
	return secret;
}

/* NAME=VALUE&NAME=VALUE, as in a query or a form. */
static void mask_pairs(struct text *text, const char *pairs)
{
	while (*pairs) {
		size_t pair = strcspn(pairs, "&#"), name = strcspn(pairs, "=&#");

		if (name < pair && is_secret(pairs, name))
			text_addf(text, "%.*s=" HIDDEN, (int)name, pairs);
		else
			text_add(text, pairs, pair);
		pairs += pair;
		if (*pairs)
			text_add_char(text, *pairs++);
	}
}

char *mask_url(const char *url)
{
	const char *authority = strstr(url, "://") + 3;
	size_t length = strcspn(authority, "/?#"), path = strcspn(authority, "?");
	const char *at = memrchr(authority, '@', length);
	struct text text = {0};

	text_add(&text, url, (size_t)(authority - url));
	if (at)
		text_add_string(&text, HIDDEN "@");
	at = at ? at + 1 : authority;
	text_add(&text, at, (size_t)(authority + path - at));
	if (authority[path]) {
		text_add_char(&text, '?');
		mask_pairs(&text, authority + path + 1);
	}
	return text_detach(&text);
}

/* Of a header that we do not know to be harmless nobody can tell. */
char *mask_header(const char *line)
{
	static const char *const harmless[] = {"accept",        "accept-language",
	                                       "content-type",  "content-length",
	                                       "content-range", "date",
	                                       "etag",          "if-none-match",
	                                       "last-modified", "if-modified-since",
	                                       "link",          "location",
	                                       "prefer",        "range",
	                                       "retry-after",   "server",
	                                       "user-agent",    "vary",
	                                       "age",           "cache-control",
	                                       "expires",       "transfer-encoding",
	                                       "x-next-page",   "x-total-count"};
	size_t length = strcspn(line, ":");

	for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
		if (strlen(harmless[i]) == length && strncasecmp(harmless[i], line, length) == 0)
			return xstrdup(line);
	if (line[length] != ':' || !line[length + 1] || !line[length + 2])
		return xstrdup(line);
	return text_format("%.*s: " HIDDEN, (int)length, line);
}

/* The strings of a JSON text that follow a key of that kind. */
static void mask_strings(struct text *text, const char *s)
{
	bool secret = false;

	while (*s) {
		size_t plain = strcspn(s, "\""), length = 1;
		const char *behind;

		text_add(text, s, plain);
		s += plain;
		if (!*s)
			break;
		while (s[length] && s[length] != '"')
			length += s[length] == '\\' && s[length + 1] ? 2 : 1;
		length += s[length] == '"';
		behind = s + length + strspn(s + length, " \t\r\n");
		if (*behind != ':' && secret)
			text_add_string(text, "\"" HIDDEN "\"");
		else
			text_add(text, s, length);
		secret = *behind == ':' && is_secret(s, length);
		s += length;
	}
}

char *mask_body(const char *body)
{
	struct text text = {0};
	const char *first = body + strspn(body, " \t\r\n");

	text_init(&text);
	if (*first == '{' || *first == '[')
		mask_strings(&text, body);
	else
		mask_pairs(&text, body);
	return text_detach(&text);
}
