/*
 * Texts of names with values: logfmt, and pairs with separators of any kind.
 */
#include <string.h>

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"

/* Behind the closing quote of the string at s, or NULL. */
static const char *string_end(const char *s, const char *end, bool *escaped)
{
	*escaped = false;
	for (s++; s < end && *s != '"'; s++) {
		if (*s == '\\') {
			*escaped = true;
			s++;
		}
	}
	return s < end ? s + 1 : NULL;
}

/* A string with escapes as JSON has them; what JSON has not stands for itself, its backslash included. */
static void unescape(struct parse *parse, const char *string, size_t length)
{
	struct text *plain = &parse->plain;
	struct text json = {0};
	struct json_result result;
	const char *s = string + 1, *end = string + length - 1;

	text_clear(plain);
	text_add(&json, string, length);
	json_pad(&json);
	if (json_scan(json.data, json.length, NULL, NULL, 0, &result)) {
		json_add_unescaped(plain, string, length);
	} else {
		for (; s < end; s++) {
			if (*s == '\\' && s + 1 < end && (s[1] == '"' || s[1] == '\\'))
				s++;
			text_add_char(plain, *s);
		}
	}
	text_free(&json);
	json_pad(plain);
}

/* The value at s, in quotes. Sets *s behind it. */
static bool add_quoted(struct parse *parse, const char *name, size_t name_length, const char **s, const char *end)
{
	const char *from = *s;
	bool escaped;
	size_t length;

	*s = string_end(from, end, &escaped);
	if (!*s)
		return refuse(parse, "the quote of '%.*s' is not closed", name_length < 80 ? (int)name_length : 80,
		              name);
	if (*s < end && **s != ' ' && **s != '\t' && **s != '\n')
		return refuse(parse, "something behind the quotes of '%.*s'", name_length < 80 ? (int)name_length : 80,
		              name);
	length = (size_t)(*s - from);
	if (!escaped)
		return row_add_named(parse, name, name_length, from + 1, length - 2, false);
	unescape(parse, from, length);
	return row_add_named(parse, name, name_length, parse->plain.data, parse->plain.length, false);
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static const char *word_end(const char *s, const char *end)
{
	while (s < end && !is_blank(*s))
		s++;
	return s;
}

bool logfmt_take(struct parse *parse, const char *s, size_t length)
{
	const char *end = s + length;

	for (;;) {
		const char *name, *value;
		size_t name_length;

		while (s < end && is_blank(*s))
			s++;
		if (s == end)
			return parse->fields > 0 || refuse(parse, "nothing in it");
		for (name = s; s < end && *s != '=' && !is_blank(*s) && *s != '"'; s++)
			;
		name_length = (size_t)(s - name);
		if (name_length == 0 || (s < end && *s == '"'))
			return refuse(parse, "a %s where a name should be, at byte %zu", *s == '"' ? "quote" : "'='",
			              length - (size_t)(end - s) + 1);
		if (s == end || *s != '=') {
			row_add_true(parse, name, name_length);
			continue;
		}
		value = ++s;
		if (s < end && *s == '"') {
			if (!add_quoted(parse, name, name_length, &s, end))
				return false;
			continue;
		}
		s = word_end(s, end);
		if (!row_add_named(parse, name, name_length, value, (size_t)(s - value), true))
			return false;
	}
}

static void trim(const char **from, const char **to)
{
	while (*from < *to && is_blank(**from))
		++*from;
	while (*to > *from && is_blank((*to)[-1]))
		--*to;
}

static const char *find(const char *s, const char *end, const char *text, size_t length)
{
	return length == 1 ? memchr(s, *text, (size_t)(end - s)) : memmem(s, (size_t)(end - s), text, length);
}

/* One pair, from s up to end; nothing but blanks is none. */
static bool add_pair(struct parse *parse, const char *s, const char *end)
{
	size_t length = strlen(parse->equals);
	const char *separator = find(s, end, parse->equals, length);
	const char *name_end = separator ? separator : end, *value = separator ? separator + length : end;

	trim(&s, &name_end);
	trim(&value, &end);
	if (!separator && s == name_end)
		return true;
	if (s == name_end)
		return refuse(parse, "a value without a name");
	if (!separator)
		return refuse(parse, "no '%s' in '%.*s'", parse->equals, name_end - s < 80 ? (int)(name_end - s) : 80,
		              s);
	return row_add_named(parse, s, (size_t)(name_end - s), value, (size_t)(end - value), true);
}

bool kv_take(struct parse *parse, const char *s, size_t length)
{
	size_t between = strlen(parse->between);
	const char *end = s + length;

	while (s < end) {
		const char *separator = find(s, end, parse->between, between);

		if (!add_pair(parse, s, separator ? separator : end))
			return false;
		s = separator ? separator + between : end;
	}
	return parse->fields > 0 || refuse(parse, "nothing in it");
}
