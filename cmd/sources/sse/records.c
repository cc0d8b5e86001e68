#include "cmd/sources/sse/records.h"

#include <string.h>

#include "common/json_text.h"

enum { SEPARATOR = 0x1e };

void records_init(struct records *records, bool sequence, uint64_t limit,
                  bool (*found)(void *context, const struct record *record), void *context)
{
	struct text text = records->text;

	*records = (struct records){
		.sequence = sequence, .limit = limit, .found = found, .context = context, .text = text};
	text_clear(&records->text);
}

void records_free(struct records *records)
{
	text_free(&records->text);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void keep(struct records *records, const char *bytes, size_t length)
{
	uint64_t room = records->limit - records->text.length;

	records->whole += length;
	text_add(&records->text, bytes, length < room ? length : (size_t)room);
}

static void forget(struct records *records)
{
	text_clear(&records->text);
	records->whole = 0;
	records->quoted = records->escaped = records->begun = false;
	records->depth = 0;
}

/* Hands over what is there, unless that is white space. */
static bool hand_over(struct records *records, const char *mistake)
{
	struct record record = {.mistake = mistake};
	const char *text = records->text.data;
	size_t start = 0, end = records->text.length;
	bool more = true;

	while (start < end && is_space(text[start]))
		start++;
	while (end > start && is_space(text[end - 1]))
		end--;
	if (records->whole > records->text.length) {
		record.over = records->whole;
	} else if (start < end) {
		json_pad(&records->text);
		record.bytes = records->text.data + start;
		record.length = end - start;
	}
	if (record.over || record.bytes)
		more = records->found(records->context, &record);
	forget(records);
	return more;
}

static bool add_lines(struct records *records, const char *at, const char *end)
{
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		keep(records, at, (size_t)((stop ? stop : end) - at));
		if (!stop)
			return true;
		if (!hand_over(records, NULL))
			return false;
		at = stop + 1;
	}
	return true;
}

/* A number or a word of which nothing says that it is all there (RFC 7464 2.4). */
static const char *cut_off(const struct records *records)
{
	const char *text = records->text.data;
	size_t length = records->text.length, at = 0;

	while (at < length && is_space(text[at]))
		at++;
	if (at == length || strchr("{[\"", text[at]) || is_space(text[length - 1]))
		return NULL;
	return "it may be cut off, since nothing is behind it";
}

/* What ends with a separator, or with the body. */
static bool end_of_text(struct records *records)
{
	static const char *const mistakes[] = {[RECORDS_OUTSIDE] = "no record separator is before it",
	                                       [RECORDS_BEHIND] = "it is behind the end of a record"};

	if (records->state == RECORDS_WITHIN)
		return hand_over(records, cut_off(records));
	return hand_over(records, mistakes[records->state]);
}

/* Follows the syntax as far as it takes to know where a text ends. True: here. */
static bool ends_at(struct records *records, char c)
{
	if (records->escaped) {
		records->escaped = false;
	} else if (records->quoted) {
		records->escaped = c == '\\';
		records->quoted = c != '"';
	} else if (c == '"') {
		records->quoted = true;
	} else if (c == '{' || c == '[') {
		records->depth++;
	} else if (c == '}' || c == ']') {
		records->depth--;
	}
	if (c == '\n' && !records->quoted && records->depth <= 0 && records->begun)
		return true;
	records->begun = records->begun || !is_space(c);
	return false;
}

static const char *stop_of_text(struct records *records, const char *at, const char *end, bool *ended)
{
	while (at < end && *at != SEPARATOR)
		if (ends_at(records, *at++)) {
			*ended = true;
			break;
		}
	return at;
}

static bool add_sequence(struct records *records, const char *at, const char *end)
{
	while (at < end) {
		bool ended = false;
		const char *separator = memchr(at, SEPARATOR, (size_t)(end - at)), *stop = separator ? separator : end;

		if (records->state == RECORDS_WITHIN)
			stop = stop_of_text(records, at, stop, &ended);
		keep(records, at, (size_t)(stop - at));
		at = stop;
		if (ended) {
			if (!hand_over(records, NULL))
				return false;
			records->state = RECORDS_BEHIND;
		} else if (at < end) {
			if (!end_of_text(records))
				return false;
			records->state = RECORDS_WITHIN;
			at++;
		}
	}
	return true;
}

bool records_add(struct records *records, const char *bytes, size_t length)
{
	if (records->sequence)
		return add_sequence(records, bytes, bytes + length);
	return add_lines(records, bytes, bytes + length);
}

void records_end(struct records *records, bool whole)
{
	if (!whole)
		hand_over(records, "the connection broke in the middle of it");
	else if (records->sequence)
		end_of_text(records);
	else
		hand_over(records, NULL);
}
