#include "cmd/sources/sse/sse_stream.h"

#include <string.h>

#include "common/json_text.h"
#include "common/utf8.h"

enum { FIELD_ROOM = 16 }; /* for the longest name of a field, its colon and blank, before a value at the limit */

void sse_stream_init(struct sse_stream *stream, uint64_t limit,
                     bool (*found)(void *context, const struct sse_stream_event *event), void *context)
{
	*stream = (struct sse_stream){.retry = -1, .limit = limit, .found = found, .context = context};
	text_init(&stream->id);
	text_init(&stream->name);
	sse_stream_begin(stream);
}

void sse_stream_free(struct sse_stream *stream)
{
	text_free(&stream->id);
	text_free(&stream->line);
	text_free(&stream->data);
	text_free(&stream->name);
	text_free(&stream->next_id);
}

static void clear_event(struct sse_stream *stream)
{
	text_clear(&stream->data);
	text_clear(&stream->name);
	stream->data_whole = stream->name_whole = 0;
}

static void clear_line(struct sse_stream *stream)
{
	text_clear(&stream->line);
	stream->line_whole = 0;
}

static void set(struct text *text, const char *bytes, size_t length)
{
	text_clear(text);
	text_add(text, bytes, length);
}

void sse_stream_begin(struct sse_stream *stream)
{
	clear_line(stream);
	clear_event(stream);
	set(&stream->next_id, stream->id.data, stream->id.length);
	stream->started = stream->after_cr = false;
}

/* ---- fields ---- */

/* A value; cut: it is longer than that. */
struct value {
	const char *bytes;
	size_t length;
	uint64_t whole;
	bool cut;
};

static uint64_t data_length(const struct sse_stream *stream)
{
	return stream->data_whole > 0 ? stream->data_whole - 1 : 0;
}

static void take_data(struct sse_stream *stream, const struct value *value)
{
	stream->data_whole += value->whole + 1;
	if (data_length(stream) > stream->limit)
		return;
	text_add(&stream->data, value->bytes, value->length);
	text_add_char(&stream->data, '\n');
}

static void take_name(struct sse_stream *stream, const struct value *value)
{
	set(&stream->name, value->bytes, value->length);
	stream->name_whole = value->whole;
}

static void take_id(struct sse_stream *stream, const struct value *value)
{
	if (memchr(value->bytes, '\0', value->length) || value->cut || value->length > SSE_STREAM_ID ||
	    !utf8_valid(value->bytes, value->length))
		stream->bad_ids++;
	else
		set(&stream->next_id, value->bytes, value->length);
}

static void take_retry(struct sse_stream *stream, const struct value *value)
{
	int64_t milliseconds = 0;

	if (value->cut || value->length == 0)
		return;
	for (size_t i = 0; i < value->length; i++) {
		int digit = value->bytes[i] - '0';

		if (digit < 0 || digit > 9)
			return;
		if (milliseconds > (INT64_MAX - digit) / 10)
			milliseconds = INT64_MAX;
		else
			milliseconds = milliseconds * 10 + digit;
	}
	stream->retry = milliseconds;
}

static const struct field {
	const char *name;
	void (*take)(struct sse_stream *stream, const struct value *value);
} fields[] = {{"data", take_data}, {"event", take_name}, {"id", take_id}, {"retry", take_retry}};

static void take_field(struct sse_stream *stream, const char *line, size_t length, uint64_t whole)
{
	const char *colon = memchr(line, ':', length);
	size_t name = colon ? (size_t)(colon - line) : length;
	struct value value = {.bytes = line + name, .length = length - name, .whole = whole - name};

	for (int i = 0; i < 2 && value.length > 0 && value.bytes[0] == ": "[i]; i++) {
		value.bytes++;
		value.length--;
		value.whole--;
	}
	value.cut = value.whole > value.length;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (strlen(fields[i].name) == name && memcmp(fields[i].name, line, name) == 0)
			fields[i].take(stream, &value);
}

/* ---- events ---- */

static bool same(const struct text *a, const struct text *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static bool dispatch(struct sse_stream *stream)
{
	struct sse_stream_event event = {.name = stream->name.data, .name_length = stream->name.length};
	bool moved = !same(&stream->id, &stream->next_id), more = true;

	if (moved)
		set(&stream->id, stream->next_id.data, stream->next_id.length);
	if (data_length(stream) > stream->limit || stream->name_whole > stream->limit) {
		event.over = data_length(stream) + stream->name_whole;
	} else if (stream->data.length > 0) {
		event.length = --stream->data.length;
		json_pad(&stream->data);
		event.data = stream->data.data;
	}
	if (event.over || event.data || moved)
		more = stream->found(stream->context, &event);
	clear_event(stream);
	return more;
}

/* whole: the line's length, of which there may be less. */
static bool take_line(struct sse_stream *stream, const char *line, size_t length, uint64_t whole)
{
	if (!stream->started && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		length -= 3;
		whole -= 3;
	}
	stream->started = true;
	if (whole == 0)
		return dispatch(stream);
	if (*line != ':')
		take_field(stream, line, length, whole);
	return true;
}

/* The first CR or LF, or end. */
static const char *line_end(const char *at, const char *end)
{
	const char *lf = memchr(at, '\n', (size_t)(end - at)), *cr;

	if (lf)
		end = lf;
	cr = memchr(at, '\r', (size_t)(end - at));
	return cr ? cr : end;
}

/* Part of a line. */
static void keep(struct sse_stream *stream, const char *bytes, size_t length)
{
	/* A line may be an id, too. */
	uint64_t most = stream->limit > SSE_STREAM_ID ? stream->limit : SSE_STREAM_ID, room;

	room = most > UINT64_MAX - FIELD_ROOM ? UINT64_MAX : most + FIELD_ROOM;
	room -= stream->line.length;
	stream->line_whole += length;
	text_add(&stream->line, bytes, length < room ? length : (size_t)room);
}

bool sse_stream_add(struct sse_stream *stream, const char *bytes, size_t length)
{
	const char *end = bytes + length;

	while (bytes < end) {
		const char *stop;
		bool more;

		if (stream->after_cr && *bytes == '\n')
			bytes++;
		stream->after_cr = false;
		stop = line_end(bytes, end);
		if (stop == end) {
			keep(stream, bytes, (size_t)(end - bytes));
			return true;
		}
		if (stream->line_whole == 0) {
			more = take_line(stream, bytes, (size_t)(stop - bytes), (uint64_t)(stop - bytes));
		} else {
			keep(stream, bytes, (size_t)(stop - bytes));
			more = take_line(stream, stream->line.data, stream->line.length, stream->line_whole);
			clear_line(stream);
		}
		if (!more)
			return false;
		stream->after_cr = *stop == '\r';
		bytes = stop + 1;
	}
	return true;
}
