/*
 * Rows: put together in the output's own buffer, each byte written once. Strings without escapes are looked at sixteen bytes at a
 * time, while they are copied; one that must be quoted is then written again.
 */
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "cmd/outputs/csv/csv.h"
#include "common/json_text.h"
#include "common/output.h"

enum {
	BEYOND = 32, /* bytes that copying may read behind a value (JSON_PADDING), and write behind a field */
	ROW = 4096, /* room that is made at once */
};

/* A row that is being made: where it begins in the output's buffer, and where the room ends that it has there. */
struct row {
	struct line_writer *out;
	char *start, *end;
};

/* More room behind what was put up to `at`, which may be moved. */
static __attribute__((noinline)) char *make_room(struct row *row, char *at, size_t size)
{
	line_writer_used(row->out, (size_t)(at - row->start));
	row->start = line_writer_room(row->out, size);
	row->end = row->start + size;
	return row->start;
}

static inline char *need(struct row *row, char *at, size_t size)
{
	return (size_t)(row->end - at) < size ? make_room(row, at, size) : at;
}

/* Copies a value of the event; BEYOND bytes more have room. True: the delimiter is in it, and not all may have been copied. */
static inline bool copy_looking(char *to, const char *from, size_t length, char delimiter)
{
#ifdef __SSE2__
	const __m128i wanted = _mm_set1_epi8(delimiter);

	for (;; to += 16, from += 16, length -= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
		unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted));

		_mm_storeu_si128((__m128i *)(void *)to, bytes);
		if (length <= 16)
			return (found & ((1U << length) - 1)) != 0;
		if (found)
			return true;
	}
#else
	memcpy(to, from, length);
	return length > 0 && memchr(from, delimiter, length);
#endif
}

/* The same without looking. */
static inline void copy(char *to, const char *from, size_t length)
{
	if (length > 32) {
		memcpy(to, from, length);
		return;
	}
	memcpy(to, from, 16);
	if (length > 16)
		memcpy(to + 16, from + 16, 16);
}

static __attribute__((noinline)) char *put_quoted(struct row *row, char *at, const char *bytes, size_t length)
{
	at = need(row, at, 2 * length + 2);
	*at++ = '"';
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '"')
			*at++ = '"';
		*at++ = bytes[i];
	}
	*at++ = '"';
	return at;
}

/* Any bytes as a field; quoted if RFC 4180 wants it or if alone in its row and empty (an empty line is no row). */
static char *put_field(const struct csv *csv, struct row *row, char *at, const char *bytes, size_t length)
{
	bool quote = length == 0 && csv->count == 1;

	for (size_t i = 0; !quote && i < length; i++)
		quote = bytes[i] == csv->delimiter || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r';
	if (quote)
		return put_quoted(row, at, bytes, length);
	at = need(row, at, length);
	if (length > 0)
		memcpy(at, bytes, length);
	return at + length;
}

static __attribute__((noinline)) char *put_other(struct csv *csv, struct row *row, char *at,
                                                 const struct json_span *value)
{
	text_clear(&csv->plain);
	switch (value->kind) {
	case JSON_NONE:
		text_add_string(&csv->plain, csv->missing);
		break;
	case JSON_NULL:
		text_add_string(&csv->plain, csv->null);
		break;
	case JSON_STRING:
		json_add_unescaped(&csv->plain, value->at, value->length);
		break;
	default:
		json_add_compact(&csv->plain, value->at, value->length);
		break;
	}
	return put_field(csv, row, at, csv->plain.data, csv->plain.length);
}

/* Numbers and words, and strings without escapes, in which there is no quote and no newline: only the delimiter counts. */
static inline char *put_value(struct csv *csv, struct row *row, char *at, const struct json_span *value, char delimiter)
{
	const char *bytes = value->at;
	size_t length = value->length;

	if (value->kind == JSON_STRING && !(value->flags & JSON_ESCAPED)) {
		bytes++;
		length -= 2;
		at = need(row, at, length + BEYOND);
		if (copy_looking(at, bytes, length, delimiter) || (length == 0 && csv->count == 1))
			return put_quoted(row, at, bytes, length);
		return at + length;
	}
	if (value->kind >= JSON_FALSE && value->kind <= JSON_NUMBER) {
		at = need(row, at, length + BEYOND);
		copy(at, bytes, length);
		return at + length;
	}
	return put_other(csv, row, at, value);
}

static inline void end_row(struct csv *csv, struct row *row, char *at)
{
	int result;

	at = need(row, at, 2);
	if (csv->crlf)
		*at++ = '\r';
	*at++ = '\n';
	line_writer_used(row->out, (size_t)(at - row->start));
	result = line_writer_end_raw(row->out);
	if (csv->out != &csv->file)
		output_check(result);
	else
		csv_written(csv, result);
}

static inline struct row begin_row(const struct csv *csv, size_t size)
{
	struct row row = {.out = csv->out, .start = line_writer_room(csv->out, size)};

	row.end = row.start + size;
	return row;
}

void csv_put_header(struct csv *csv)
{
	struct row row = begin_row(csv, ROW);
	char *at = row.start;

	for (size_t i = 0; i < csv->count; i++) {
		if (i > 0) {
			at = need(&row, at, 1);
			*at++ = csv->delimiter;
		}
		at = put_field(csv, &row, at, csv->columns[i].name, csv->columns[i].length);
	}
	end_row(csv, &row, at);
}

void csv_put_row(struct csv *csv)
{
	const struct event *event = &csv->stage.event;
	const struct column *column = csv->columns, *end = column + csv->count;
	/* Mostly enough: unless values are quoted, or wanted twice. */
	struct row row = begin_row(csv, (event->length < ROW ? event->length : ROW) + csv->count + 2 * BEYOND);
	const struct json_span *spans = event->spans;
	char *at = row.start, delimiter = csv->delimiter;

	for (;;) {
		at = put_value(csv, &row, at, &spans[column->slot], delimiter);
		if (++column == end)
			break;
		at = need(&row, at, 1);
		*at++ = delimiter;
	}
	end_row(csv, &row, at);
}
