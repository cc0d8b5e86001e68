/*
 * The logs of web servers: the common log format of NCSA httpd, and the combined one of Apache httpd and nginx.
 */
#include <string.h>

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/utf8.h"

/* Up to a text, which is taken too. */
static bool take_until(const char **s, const char *end, const char *text, const char **from, size_t *length)
{
	size_t size = strlen(text);
	const char *found = memmem(*s, (size_t)(end - *s), text, size);

	if (!found)
		return false;
	*from = *s;
	*length = (size_t)(found - *s);
	*s = found + size;
	return true;
}

static int hex(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte = (char)(byte | 0x20);
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* What servers write for what would break the line; if that was no UTF-8 the text stays as it stands. */
static void unescape(struct text *plain, const char *s, size_t length)
{
	static const char letters[] = "bfnrtv\"\\", bytes[] = "\b\f\n\r\t\v\"\\";
	const char *from = s, *end = s + length;

	text_clear(plain);
	while (s < end) {
		const char *letter = *s == '\\' && s + 1 < end ? strchr(letters, s[1]) : NULL;

		if (letter && *letter) {
			text_add_char(plain, bytes[letter - letters]);
			s += 2;
		} else if (*s == '\\' && end - s >= 4 && s[1] == 'x' && hex(s[2]) >= 0 && hex(s[3]) >= 0) {
			text_add_char(plain, (char)(hex(s[2]) << 4 | hex(s[3])));
			s += 4;
		} else {
			text_add_char(plain, *s++);
		}
	}
	if (!utf8_valid(plain->data, plain->length)) {
		text_clear(plain);
		text_add(plain, from, length);
	}
	json_pad(plain);
}

/* What stands for nothing is left out. */
static bool add(struct parse *parse, const char *name, const char *bytes, size_t length)
{
	if (length == 0 || (length == 1 && *bytes == '-'))
		return true;
	return row_add_named(parse, name, strlen(name), bytes, length, true);
}

/* A text in quotes. Unescaped, if need be, in parse->plain. */
static bool take_quoted(struct parse *parse, const char **s, const char *end, const char **from, size_t *length)
{
	const char *quote;

	if (*s == end || **s != '"')
		return false;
	for (quote = ++*s; quote < end && *quote != '"'; quote++)
		quote += *quote == '\\' && quote + 1 < end;
	if (quote == end)
		return false;
	*from = *s;
	*length = (size_t)(quote - *s);
	*s = quote + 1;
	if (memchr(*from, '\\', *length)) {
		unescape(&parse->plain, *from, *length);
		*from = parse->plain.data;
		*length = parse->plain.length;
	}
	return true;
}

/* "GET / HTTP/1.1"; what is no such thing is the whole request. */
static bool add_request(struct parse *parse, const char *s, size_t length)
{
	const char *end = s + length, *method = memchr(s, ' ', length);
	const char *protocol = method ? memrchr(s, ' ', length) : NULL;

	if (!protocol || protocol == method || method == s || end - protocol < 6 || memcmp(protocol, " HTTP/", 6) != 0)
		return add(parse, "request", s, length);
	return add(parse, "method", s, (size_t)(method - s)) &&
	       add(parse, "path", method + 1, (size_t)(protocol - method) - 1) &&
	       add(parse, "protocol", protocol + 1, (size_t)(end - protocol) - 1);
}

static bool add_head(struct parse *parse, const char **s, const char *end)
{
	const char *host, *ident, *user, *time;
	size_t host_length, ident_length, user_length, time_length;
	char copy[64];

	if (!take_until(s, end, " ", &host, &host_length) || !take_until(s, end, " ", &ident, &ident_length) ||
	    !take_until(s, end, " [", &user, &user_length) || !take_until(s, end, "] ", &time, &time_length))
		return refuse(parse, "does not begin with 'host ident user [time] '");
	if (time_length < sizeof(copy)) {
		memcpy(copy, time, time_length);
		copy[time_length] = '\0';
	}
	if (time_length >= sizeof(copy) || !when_common_log(copy, &parse->time))
		return refuse(parse, "not a time: '%.*s'", time_length < 80 ? (int)time_length : 80, time);
	parse->timed = true;
	return add(parse, "host", host, host_length) && add(parse, "ident", ident, ident_length) &&
	       add(parse, "user", user, user_length);
}

/* A word, and what is behind the blank that ends it. */
static void take_word(const char **s, const char *end, const char **from, size_t *length)
{
	*from = *s;
	while (*s < end && **s != ' ')
		++*s;
	*length = (size_t)(*s - *from);
	*s += *s < end;
}

static bool take_common(struct parse *parse, const char **s, const char *end)
{
	const char *from;
	size_t length;

	if (!add_head(parse, s, end))
		return false;
	if (!take_quoted(parse, s, end, &from, &length))
		return refuse(parse, "no request in quotes behind the time");
	if (!add_request(parse, from, length))
		return false;
	if (*s == end || *(*s)++ != ' ')
		return refuse(parse, "no status behind the request");
	take_word(s, end, &from, &length);
	if (!add(parse, "status", from, length))
		return false;
	take_word(s, end, &from, &length);
	return add(parse, "bytes", from, length);
}

static bool at_end(struct parse *parse, const char *s, const char *end)
{
	return s == end ||
	       refuse(parse, "something behind the last field: '%.*s'", end - s < 80 ? (int)(end - s) : 80, s);
}

bool clf_take(struct parse *parse, const char *s, size_t length)
{
	const char *end = s + length;

	return take_common(parse, &s, end) && at_end(parse, s, end);
}

bool combined_take(struct parse *parse, const char *s, size_t length)
{
	const char *end = s + length, *from;
	size_t size;

	if (!take_common(parse, &s, end))
		return false;
	if (!take_quoted(parse, &s, end, &from, &size))
		return refuse(parse, "no referer in quotes behind the bytes");
	if (!add(parse, "referer", from, size))
		return false;
	if (s == end || *s++ != ' ' || !take_quoted(parse, &s, end, &from, &size))
		return refuse(parse, "no agent in quotes behind the referer");
	return add(parse, "agent", from, size) && at_end(parse, s, end);
}
