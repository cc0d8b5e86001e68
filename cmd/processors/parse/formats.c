/*
 * Formats that need few lines: regular expressions, syslog, JSON, columns of fixed widths.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/syslog.h"

/* ---- regex ---- */

void regex_open(struct parse *parse, const char *operand)
{
	parse->regex = regex_new("regular expression", operand);
	if (regex_names(parse->regex) == 0)
		die("regular expression '%s': no group has a name, as (?<name>...) has", operand);
	for (size_t i = 0; i < regex_names(parse->regex); i++)
		columns_add(parse, &parse->columns, regex_name(parse->regex, i), strlen(regex_name(parse->regex, i)));
}

bool regex_take(struct parse *parse, const char *text, size_t length)
{
	char mistake[REGEX_MISTAKE];
	int result = regex_match(parse->regex, text, length, mistake);
	size_t from, to;

	if (result < 0)
		return refuse(parse, "the regular expression gave up: %s", mistake);
	if (result == 0)
		return refuse(parse, "does not match");
	for (size_t i = 0; i < parse->columns.count; i++)
		if (regex_group(parse->regex, i, &from, &to) &&
		    !row_add(parse, &parse->columns.items[i], text + from, to - from, true))
			return false;
	return true;
}

/* ---- syslog, json ---- */

bool syslog_take(struct parse *parse, const char *text, size_t length)
{
	int has;

	text_clear(&parse->row);
	parse->raw = true;
	has = syslog_add(&parse->row, text, length, moment_unix(), true, &parse->time);
	parse->timed = has & SYSLOG_TIME;
	return has || refuse(parse, "neither a priority nor a time as syslog has them");
}

bool json_take(struct parse *parse, const char *text, size_t length)
{
	struct json_result result;

	text_clear(&parse->row);
	parse->raw = true;
	if (!json_scan(text, length, NULL, NULL, JSON_FACTS, &result))
		return refuse(parse, "not JSON: %s at column %zu", result.error, result.at + 1);
	if (parse->merge && result.kind != JSON_OBJECT)
		return refuse(parse, "not a JSON object, which --merge needs");
	if (result.flags & JSON_SPACED)
		json_add_compact(&parse->row, text + result.start, result.end - result.start);
	else
		text_add(&parse->row, text + result.start, result.end - result.start);
	return true;
}

/* ---- fixed ---- */

/* A place in a line, from 1. */
static bool read_place(const char **s, size_t *place)
{
	enum { MOST = 1 << 24 };

	*place = 0;
	for (; **s >= '0' && **s <= '9' && *place <= MOST; ++*s)
		*place = *place * 10 + (size_t)(**s - '0');
	return *place >= 1 && *place <= MOST;
}

/* "name:1-8", "name:9", "name:10-" */
static bool add_fixed(struct parse *parse, const char *s, const char *end)
{
	const char *colon = memrchr(s, ':', (size_t)(end - s)), *at = colon ? colon + 1 : end;
	struct column *column;
	size_t from, to;

	if (!colon || !read_place(&at, &from))
		return false;
	to = from;
	if (at < end && *at == '-') {
		at++;
		if (at == end)
			to = SIZE_MAX;
		else if (!read_place(&at, &to) || to < from)
			return false;
	}
	if (at != end)
		return false;
	column = columns_add(parse, &parse->columns, s, (size_t)(colon - s));
	column->from = from - 1;
	column->to = to;
	return true;
}

void fixed_open(struct parse *parse, const char *operand)
{
	for (const char *s = operand, *end; s; s = *end ? end + 1 : NULL) {
		end = s + strcspn(s, ",");
		if (parse->columns.count == COLUMNS || !add_fixed(parse, s, end))
			die("'%.*s' is no column, as name:1-8, name:9 or name:10- are", (int)(end - s), s);
	}
}

/* So many characters behind s, or end. */
static const char *skip(const char *s, const char *end, size_t count)
{
	for (; s < end && count > 0; count--)
		for (s++; s < end && ((unsigned char)*s & 0xc0) == 0x80; s++)
			;
	return s;
}

bool fixed_take(struct parse *parse, const char *text, size_t length)
{
	const char *end = text + length;

	for (size_t i = 0; i < parse->columns.count; i++) {
		const struct column *column = &parse->columns.items[i];
		const char *from = skip(text, end, column->from), *to = skip(from, end, column->to - column->from);

		if (from == end)
			continue;
		while (from < to && *from == ' ')
			from++;
		while (to > from && to[-1] == ' ')
			to--;
		if (!row_add(parse, column, from, (size_t)(to - from), true))
			return false;
	}
	return true;
}
