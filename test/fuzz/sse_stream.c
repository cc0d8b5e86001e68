// with: cmd/sources/sse/sse_stream.c cmd/sources/sse/records.c common/utf8.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/json_text.c common/unit.c common/text.c common/memory.c common/message.c
/*
 * sse_stream and records: the first bytes of the input say which of them, the limit, and the size of the pieces. What comes out does
 * not depend on the pieces, is within the limit, and has no line that the syntax does not let in.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/sse/sse_stream.h"
#include "cmd/sources/sse/records.h"
#include "common/json.h"
#include "common/utf8.h"

enum { KIND, LIMIT, SIZE, HEAD };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct sse_stream stream;
	struct text text;
	uint64_t limit;
};

static void check(bool right)
{
	if (!right)
		abort();
}

static void check_padding(const char *bytes, size_t length)
{
	volatile char sum = 0;

	for (size_t i = 0; i < JSON_PADDING; i++)
		sum = (char)(sum + bytes[length + i]);
}

static bool found_event(void *context, const struct sse_stream_event *event)
{
	struct seen *seen = context;
	const struct text *id = &seen->stream.id;

	check(id->length <= SSE_STREAM_ID && utf8_valid(id->data, id->length) && strlen(id->data) == id->length);
	check(!event->over || (!event->data && event->over > seen->limit));
	if (event->data) {
		check(event->length <= seen->limit && event->name_length <= seen->limit);
		check(!memchr(event->data, '\r', event->length) && !memchr(event->name, '\n', event->name_length));
		check_padding(event->data, event->length);
		text_add(&seen->text, event->name, event->name_length);
		text_add_char(&seen->text, '\n');
		text_add(&seen->text, event->data, event->length);
	}
	text_addf(&seen->text, "%" PRIu64 "%s\n", event->over, id->data);
	return true;
}

static bool found_record(void *context, const struct record *record)
{
	struct seen *seen = context;

	check(!record->over || (!record->bytes && record->over > seen->limit));
	if (record->bytes) {
		check(record->length > 0 && record->length <= seen->limit);
		check_padding(record->bytes, record->length);
		text_add(&seen->text, record->bytes, record->length);
	}
	text_addf(&seen->text, "%" PRIu64 "%s\n", record->over, record->mistake ? record->mistake : "");
	return true;
}

static void take(struct seen *seen, int kind, const char *bytes, size_t length, size_t size)
{
	struct records records = {0};

	sse_stream_init(&seen->stream, seen->limit, found_event, seen);
	records_init(&records, kind == 1, seen->limit, found_record, seen);
	for (size_t at = 0; at < length; at += size) {
		size_t piece = size < length - at ? size : length - at;
		char *copy = malloc(piece);

		memcpy(copy, bytes + at, piece);
		check(kind == 0 ? sse_stream_add(&seen->stream, copy, piece) : records_add(&records, copy, piece));
		free(copy);
	}
	records_end(&records, kind != 3);
	text_addf(&seen->text, "%" PRId64 " %" PRIu64, seen->stream.retry, seen->stream.bad_ids);
	records_free(&records);
	sse_stream_free(&seen->stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + HEAD;
	struct seen whole = {0}, parts = {0};

	if (size < HEAD)
		return 0;
	whole.limit = parts.limit = data[LIMIT] + 1U;
	take(&whole, data[KIND] % 4, bytes, size - HEAD, size);
	take(&parts, data[KIND] % 4, bytes, size - HEAD, data[SIZE] % 16 + 1U);
	check(whole.text.length == parts.text.length &&
	      memcmp(whole.text.data, parts.text.data, whole.text.length) == 0);
	text_free(&whole.text);
	text_free(&parts.text);
	return 0;
}
