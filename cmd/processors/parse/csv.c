/*
 * CSV (RFC 4180): records of one line or, with line breaks within quotes, of several; the first may name the fields.
 *
 * While a record is not whole no mark is made (stage.hold). What begins within quotes and then is no record is most likely due to
 * one quote too many: so its first line alone is bad, and the others are read again for what they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/signals.h"
#include "common/unit.h"

enum scan { SCAN_WHOLE, SCAN_WITHIN, SCAN_BAD };

/* JSON_PADDING bytes behind end may be read. */
static inline const char *find(const char *s, const char *end, char byte)
{
#ifdef __SSE2__
	__m128i wanted = _mm_set1_epi8(byte);

	for (; s < end; s += 16) {
		int found =
			_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)s), wanted));

		if (found) {
			s += __builtin_ctz((unsigned)found);
			return s < end ? s : end;
		}
	}
	return end;
#else
	const char *found = memchr(s, byte, (size_t)(end - s));

	return found ? found : end;
#endif
}

/* Behind the quote that closes what is within quotes at s, or NULL. */
static const char *close_quotes(const char *s, const char *end, bool *doubled)
{
	while ((s = memchr(s, '"', (size_t)(end - s)))) {
		s++;
		if (s == end || *s != '"')
			return s;
		*doubled = true;
		s++;
	}
	return NULL;
}

/* What a line is to a record; within: it begins within quotes. */
static enum scan scan(const struct parse *parse, const char *s, const char *end, bool within)
{
	bool doubled;

	if (parse->no_quotes || (!within && !memchr(s, '"', (size_t)(end - s))))
		return SCAN_WHOLE;
	end -= end > s && end[-1] == '\r' && !within;
	for (;;) {
		if (!within) {
			if (s == end || *s != '"') {
				s = find(s, end, parse->delimiter);
				if (s == end)
					return SCAN_WHOLE;
				s++;
				continue;
			}
			s++;
		}
		within = false;
		s = close_quotes(s, end, &doubled);
		if (!s)
			return SCAN_WITHIN;
		if (s == end || (s + 1 == end && *s == '\r'))
			return SCAN_WHOLE;
		if (*s++ != parse->delimiter)
			return SCAN_BAD;
	}
}

struct field {
	const char *at;
	size_t length;
	bool bare;
};

static bool take_quoted(struct parse *parse, const char **at, const char *end, struct field *field)
{
	struct text *plain = &parse->csv.field;
	const char *from = *at + 1, *s;
	bool doubled = false;

	s = close_quotes(from, end, &doubled);
	if (!s)
		return refuse(parse, "a quote is not closed");
	if (s < end && *s != parse->delimiter)
		return refuse(parse, "something behind the quotes of a field");
	*at = s;
	*field = (struct field){from, (size_t)(s - from) - 1, false};
	if (!doubled)
		return true;
	text_clear(plain);
	for (end = s - 1; from < end; from = s) {
		s = memchr(from, '"', (size_t)(end - from));
		s = s ? s + 1 : end;
		text_add(plain, from, (size_t)(s - from));
		s += s < end && *s == '"' && s[-1] == '"';
	}
	json_pad(plain);
	*field = (struct field){plain->data, plain->length, false};
	return true;
}

/* The field at *at, which then is at the delimiter behind it or at the end. */
static inline bool take_field(struct parse *parse, const char **at, const char *end, struct field *field)
{
	const char *from = *at;

	if (from < end && *from == '"' && !parse->no_quotes)
		return take_quoted(parse, at, end, field);
	*at = find(from, end, parse->delimiter);
	*field = (struct field){from, (size_t)(*at - from), true};
	if (parse->field >= 0 && memchr(from, '\n', field->length))
		return refuse(parse, "more than one row");
	return true;
}

static bool add_columns(struct parse *parse, const char *s, const char *end)
{
	struct field field;

	for (; take_field(parse, &s, end, &field); s++) {
		if (parse->csv.columns.count == COLUMNS)
			return refuse(parse, "more than %d fields", COLUMNS);
		columns_add(parse, &parse->csv.columns, field.at, field.length);
		if (s == end)
			return true;
	}
	return false;
}

bool csv_wants_header(const struct parse *parse)
{
	return parse->format->csv && parse->csv.columns.count == 0 && !parse->no_header;
}

/* A header is kept for a successor, who does not see it. */
static bool take_header(struct parse *parse, const char *text, size_t length)
{
	if (!add_columns(parse, text, text + length)) {
		columns_free(&parse->csv.columns);
		return false;
	}
	if (parse->stage.keeper.page && length > PAGE_CURSOR)
		die("the header has %zu bytes, more than the %d that are kept for a restart: name the fields with "
		    "--header, and skip the line with --skip 1",
		    length, PAGE_CURSOR);
	stage_cursor(&parse->stage, text, length);
	parse->nothing = true;
	return true;
}

/* The i-th field is one more than there are columns. */
static bool add_more(struct parse *parse, size_t i, const struct field *field)
{
	struct columns *columns = &parse->csv.columns;
	char name[24];
	int length = snprintf(name, sizeof(name), "%zu", i + 1);

	if (i >= COLUMNS)
		return refuse(parse, "more than %d fields", COLUMNS);
	if (parse->no_header)
		return row_add(parse, columns_add(parse, columns, name, (size_t)length), field->at, field->length,
		               field->bare);
	for (size_t j = 0; j < columns->count; j++)
		if (strcmp(columns->items[j].name, name) == 0)
			return refuse(parse, "field %s has no name, and that is the name of field %zu", name, j + 1);
	return row_add_named(parse, name, (size_t)length, field->at, field->length, field->bare);
}

/* How many fields there are, in words, is the reason. */
static bool refuse_count(struct parse *parse, const char *s, const char *end)
{
	size_t count = 0;
	struct field field;

	do {
		count++;
	} while (take_field(parse, &s, end, &field) && s++ < end);
	return refuse(parse, "%zu field%s, and there are names for %zu", count, count == 1 ? "" : "s",
	              parse->csv.columns.count);
}

bool csv_take(struct parse *parse, const char *text, size_t length)
{
	struct columns *columns = &parse->csv.columns;
	const char *s = text, *end = text + length;
	struct field field;
	size_t i = 0;

	if (csv_wants_header(parse))
		return take_header(parse, text, length);
	for (;; s++, i++) {
		if (!take_field(parse, &s, end, &field))
			return false;
		if (i < columns->count) {
			if (!row_add(parse, &columns->items[i], field.at, field.length, field.bare))
				return false;
		} else if (!parse->ragged && !parse->no_header) {
			return refuse_count(parse, text, end);
		} else if (!add_more(parse, i, &field)) {
			return false;
		}
		if (s == end)
			break;
	}
	if (i + 1 < columns->count && !parse->ragged && !parse->no_header)
		return refuse_count(parse, text, end);
	return true;
}

void csv_open(struct parse *parse)
{
	struct text header = {0};
	char delimiter = parse->delimiter;

	if (!parse->header_text)
		return;
	text_add(&header, parse->header_text, strlen(parse->header_text));
	json_pad(&header);
	parse->delimiter = ',';
	if (!add_columns(parse, header.data, header.data + header.length))
		die("--header '%s': %s", parse->header_text, parse->reason.data);
	parse->delimiter = delimiter;
	text_free(&header);
}

void csv_resume(struct parse *parse)
{
	struct text header = {0};
	size_t length;
	const void *cursor = stage_resumed(&parse->stage, &length);

	if (!cursor || parse->header_text || parse->no_header)
		return;
	text_add(&header, cursor, length);
	json_pad(&header);
	add_columns(parse, header.data, header.data + length);
	text_free(&header);
}

/* ---- the input, in lines ---- */

/* The next line: of those that are to be read once more, or of the input. */
static bool next_line(struct parse *parse)
{
	enum { AGAIN = 8, AGAIN_LINE = 64, CREDIT = 1 << 20 };
	struct csv *csv = &parse->csv;
	struct event *event = &parse->stage.event;

	if (csv->again_at < csv->again.length) {
		const char *line = csv->again.data + csv->again_at;
		const char *newline = memchr(line, '\n', csv->again.length - csv->again_at);

		event->line = line;
		event->length = (size_t)(newline - line);
		event->number = csv->again_number++;
		csv->again_at += event->length + 1;
		return true;
	}
	text_clear(&csv->again);
	csv->again_at = 0;
	/* In lock step the next line comes only when this one is done with. */
	parse->stage.hold = csv->within && !keeper_in_lock_step(&parse->stage.keeper);
	if (!stage_next_line(&parse->stage))
		return false;
	csv->credit += AGAIN * (int64_t)event->length + AGAIN_LINE;
	if (csv->credit > CREDIT + AGAIN * (int64_t)parse->stage.max_line)
		csv->credit = CREDIT + AGAIN * (int64_t)parse->stage.max_line;
	return true;
}

/* The record so far is none: its first line is bad, or all of it is. */
static void give_up(struct parse *parse, const char *reason, bool all)
{
	struct csv *csv = &parse->csv;
	struct event *event = &parse->stage.event;
	const char *newline = memchr(csv->record.data, '\n', csv->record.length);
	size_t length = csv->record.length, first = newline ? (size_t)(newline - csv->record.data) : length;

	csv->within = false;
	event->line = csv->record.data;
	event->number = csv->first;
	event->length = all || csv->credit < (int64_t)length ? length : first;
	csv->credit -= (int64_t)length;
	bad_text(parse, reason);
	if (event->length == length)
		return;
	/* The other lines come before those that still were to be read once more. */
	text_drop(&csv->record, first + 1);
	text_add_char(&csv->record, '\n');
	if (csv->again_at < csv->again.length)
		text_add(&csv->record, csv->again.data + csv->again_at, csv->again.length - csv->again_at);
	json_pad(&csv->record);
	text_clear(&csv->again);
	text_add(&csv->again, csv->record.data, csv->record.length);
	json_pad(&csv->again);
	csv->again_at = 0;
	csv->again_number = csv->first + 1;
}

/* The current line begins within the quotes of a record. */
static void go_on(struct parse *parse)
{
	struct csv *csv = &parse->csv;
	struct event *event = &parse->stage.event;
	enum scan found = scan(parse, event->line, event->line + event->length, true);
	char size[UNIT_TEXT_MAX];
	struct text reason = {0};

	text_add_char(&csv->record, '\n');
	text_add(&csv->record, event->line, event->length);
	csv->last = event->number;
	if (found == SCAN_BAD) {
		give_up(parse, "something behind the quotes of a field, which began here", false);
	} else if (csv->record.length > parse->stage.max_line) {
		text_addf(&reason, "a quote is not closed within %s (--max-line)",
		          unit_size_text(size, parse->stage.max_line));
		give_up(parse, reason.data, false);
		text_free(&reason);
	} else if (found == SCAN_WHOLE) {
		csv->within = false;
		json_pad(&csv->record);
		event->line = csv->record.data;
		event->length = csv->record.length;
		event->number = csv->first;
		handle_line(parse);
	}
}

static void begin(struct parse *parse)
{
	struct csv *csv = &parse->csv;
	struct event *event = &parse->stage.event;

	if (event->number <= (uint64_t)parse->skip || event->length == 0 ||
	    (event->length == 1 && *event->line == '\r'))
		return;
	if (scan(parse, event->line, event->line + event->length, false) != SCAN_WITHIN) {
		handle_line(parse);
		return;
	}
	csv->within = true;
	csv->first = csv->last = event->number;
	text_clear(&csv->record);
	text_add(&csv->record, event->line, event->length);
}

/* A line before the current one is too long. It is in the dead letters already, and missing in the record. */
static void begin_behind_gap(struct parse *parse)
{
	struct event *event = &parse->stage.event, current = *event;

	give_up(parse, "a line of it is too long", true);
	*event = current;
	begin(parse);
}

void csv_run(struct parse *parse)
{
	struct csv *csv = &parse->csv;

	parse->stage.blank_lines = true;
	for (;;) {
		while (next_line(parse)) {
			if (csv->within && parse->stage.event.number != csv->last + 1)
				begin_behind_gap(parse);
			else if (csv->within)
				go_on(parse);
			else
				begin(parse);
		}
		if (!csv->within)
			return;
		/* Told to stop: under a runner the record is left to the next process. */
		if (signals_stop() && parse->stage.keeper.page) {
			parse->stage.left = true;
			return;
		}
		give_up(parse, "a quote is not closed", false);
	}
}

void csv_free(struct csv *csv)
{
	columns_free(&csv->columns);
	text_free(&csv->record);
	text_free(&csv->again);
	text_free(&csv->field);
}
