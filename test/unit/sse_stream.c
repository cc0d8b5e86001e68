// with: cmd/sources/sse/sse_stream.c
/*
 * sse_stream: the cases of the web platform tests (eventsource/format-*), and of what they leave out. Every stream is given
 * whole, cut at each position, and byte by byte: events, ids and the reconnection time must be the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/sse/sse_stream.h"
#include "common/json.h"
#include "test/unit/tap.h"

enum { LIMIT = 40 };

struct seen {
	struct sse_stream stream;
	struct text events; /* NAME[DATA]ID, ~ID for no more than another id, <N> for one that is too long; @: NUL */
	size_t count, stop_after; /* 0: never */
};

static bool found(void *context, const struct sse_stream_event *event)
{
	struct seen *seen = context;
	volatile char sum = 0;

	if (event->over) {
		text_addf(&seen->events, "<%" PRIu64 ">", event->over);
	} else if (event->data) {
		text_add(&seen->events, event->name, event->name_length);
		text_add_char(&seen->events, '[');
		text_add(&seen->events, event->data, event->length);
		text_add_char(&seen->events, ']');
		for (size_t i = 0; i < JSON_PADDING; i++)
			sum = (char)(sum + event->data[event->length + i]);
	} else {
		text_add_char(&seen->events, '~');
	}
	text_add(&seen->events, seen->stream.id.data, seen->stream.id.length);
	text_add_char(&seen->events, ' ');
	for (size_t i = 0; i < seen->events.length; i++)
		if (seen->events.data[i] == '\0')
			seen->events.data[i] = '@';
	return ++seen->count != seen->stop_after;
}

/* In pieces: [0, cut), [cut, length), or of `size` bytes each. */
static char *take(const char *bytes, size_t length, size_t cut, size_t size)
{
	struct seen seen = {0};

	text_init(&seen.events);
	sse_stream_init(&seen.stream, LIMIT, found, &seen);
	for (size_t at = 0; at < length;) {
		size_t piece = size ? size : at < cut ? cut : length - at;
		char *copy;

		if (piece > length - at)
			piece = length - at;
		/* So that a sanitizer sees what is read beyond it. */
		copy = malloc(piece);
		memcpy(copy, bytes + at, piece);
		sse_stream_add(&seen.stream, copy, piece);
		free(copy);
		at += piece;
	}
	if (seen.stream.retry >= 0)
		text_addf(&seen.events, "retry %" PRId64, seen.stream.retry);
	if (seen.stream.bad_ids)
		text_addf(&seen.events, "bad %" PRIu64, seen.stream.bad_ids);
	sse_stream_free(&seen.stream);
	return text_detach(&seen.events);
}

#define BYTES(string) string, sizeof(string) - 1

static const struct {
	const char *name, *bytes;
	size_t length;
	const char *events;
} cases[] = {
	/* of the web platform tests, by their names */
	{"format-bom",
         BYTES("\xef\xbb\xbf"
               "data:1\n\n\xef\xbb\xbf"
               "data:2\n\ndata:3\n\n"),
         "[1] [3] "},
	{"format-bom-2",
         BYTES("\xef\xbb\xbf\xef\xbb\xbf"
               "data:1\n\ndata:2\n\ndata:3\n\n"),
         "[2] [3] "},
	{"format-comments",
         BYTES("data:1\r:\0\n:\r\ndata:2\n:"
               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\rdata:3\n:data:fail\r:"
               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\ndata:4\n\n"),
         "[1\n2\n3\n4] "},
	{"format-data-before-final-empty-line", BYTES("retry:1000\ndata:test1\n\nid:test\ndata:test2"),
         "[test1] retry 1000"},
	{"format-field-data", BYTES("data:\n\ndata\ndata\n\ndata:test\n\n"), "[] [\n] [test] "},
	{"format-field-event-empty", BYTES("event: \ndata:data\n\n"), "[data] "},
	{"format-field-event", BYTES("event:test\ndata:x\n\ndata:x\n\n"), "test[x] [x] "},
	{"format-field-id-2", BYTES("id: …\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\ndata: 4\n\n"), "[1]… [2]… [3] [4] "},
	{"format-field-id-null", BYTES("id:a\0b\ndata:x\n\n"), "[x] bad 1"},
	{"format-field-id", BYTES("id:…\ndata:1\n\n"), "[1]… "},
	{"format-field-parsing",
         BYTES("data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n "
               "data:32\ndata:4\n\n"),
         "[@\n 2\n1\n3\n\n4] "},
	{"format-field-retry-bogus", BYTES("retry:3000\nretry:1000x\ndata:x\n\n"), "[x] retry 3000"},
	{"format-field-retry-empty", BYTES("retry\ndata:test\n\n"), "[test] "},
	{"format-field-retry", BYTES("retry:03000\ndata:x\n\n"), "[x] retry 3000"},
	{"format-field-unknown",
         BYTES("data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n"),
         "[test\n\ntest] "},
	{"format-leading-space", BYTES("data:\ttest\rdata: \ndata:test\n\n"), "[\ttest\n\ntest] "},
	{"format-newlines", BYTES("data:test\r\ndata\ndata:test\r\n\r\n"), "[test\n\ntest] "},
	{"format-utf-8", BYTES("data:ok…\n\n"), "[ok…] "},
	/* and others */
	{"CR alone", BYTES("data:1\r\rdata:2\r\r"), "[1] [2] "},
	{"CR, CR LF", BYTES("data:1\r\r\ndata:2\n\n"), "[1] [2] "},
	{"LF, CR: two ends", BYTES("data:1\n\rdata:2\n\r"), "[1] [2] "},
	{"one blank is taken away", BYTES("data:  x \n\n"), "[ x ] "},
	{"colons in a value", BYTES("data: a: b\n\n"), "[a: b] "},
	{"an id without data counts", BYTES("id: 7\n\ndata: x\n\n"), "~7 [x]7 "},
	{"an id again is nothing new", BYTES("id: 7\n\nid: 7\n\n"), "~7 "},
	{"an id that is taken back", BYTES("id: 7\ndata: 1\n\nid\n\n"), "[1]7 ~ "},
	{"an id at the end", BYTES("id: 7\ndata: 1\n\nid: 8\n"), "[1]7 "},
	{"a name without data", BYTES("event: a\n\ndata: 1\n\n"), "[1] "},
	{"the last name counts", BYTES("event: a\nevent: b\ndata: 1\n\n"), "b[1] "},
	{"field names are exact", BYTES("Data: 1\ndata : 2\ndat: 3\ndataa: 4\n\n"), ""},
	{"nothing", BYTES(""), ""},
	{"empty lines", BYTES("\n\r\n\r\r\n"), ""},
	{"half a mark",
         BYTES("\xef\xbb"
               "data:1\n\ndata:2\n\n"),
         "[2] "},
	{"not UTF-8", BYTES("data: \xff\n\nid: \xff\ndata: 2\n\n"), "[\xff] [2] bad 1"},
	{"a large reconnection time", BYTES("retry: 99999999999999999999\n\n"), "retry 9223372036854775807"},
	{"a signed one", BYTES("retry: -1\nretry: +1\nretry: 1.5\n\n"), ""},
	{"at the limit", BYTES("data: 0123456789012345678901234567890123456789\n\n"),
         "[0123456789012345678901234567890123456789] "},
	{"over the limit", BYTES("id: 1\ndata: 01234567890123456789012345678901234567890\n\ndata: 2\n\n"),
         "<41>1 [2]1 "},
	{"far over it",
         BYTES("data: 01234567890123456789012345678901234567890123456789012345678901234567890123456789\nid: 1\n\ndata: "
               "2\n\n"),
         "<80>1 [2]1 "},
	{"over it by lines", BYTES("data: 01234567890123456789\ndata: 01234567890123456789\ndata: 1\n\ndata: 2\n\n"),
         "<43> [2] "},
	{"a long name", BYTES("event: 01234567890123456789012345678901234567890\ndata: 1\n\ndata: 2\n\n"), "<42> [2] "},
	{"a long name, and another", BYTES("event: 01234567890123456789012345678901234567890\nevent: a\ndata: 1\n\n"),
         "a[1] "},
	{"a long comment",
         BYTES(":0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\ndata: "
               "2\n\n"),
         "[2] "},
	{"a long id", BYTES("id: 01234567890123456789012345678901234567890123456789012345678901234567890\ndata: 2\n\n"),
         "[2]01234567890123456789012345678901234567890123456789012345678901234567890 "},
};

static void check(struct tap *tap, const char *name, const char *bytes, size_t length, const char *events)
{
	char *whole = take(bytes, length, length, 0);

	tap_ok(tap, !events || strcmp(whole, events) == 0, "%s: %s", name, whole);
	for (size_t cut = 1; cut < length; cut++) {
		char *parts = take(bytes, length, cut, 0);

		if (strcmp(whole, parts) != 0)
			tap_ok(tap, false, "%s: cut at %zu: %s", name, cut, parts);
		free(parts);
	}
	for (size_t size = 1; size < 4; size++) {
		char *parts = take(bytes, length, 0, size);

		tap_ok(tap, strcmp(whole, parts) == 0, "%s: %zu bytes at a time: %s", name, size, parts);
		free(parts);
	}
	free(whole);
}

static void check_connections(struct tap *tap)
{
	struct seen seen = {.stop_after = 3};

	text_init(&seen.events);
	sse_stream_init(&seen.stream, LIMIT, found, &seen);
	text_add_string(&seen.stream.id, "0");
	sse_stream_begin(&seen.stream);
	sse_stream_add(&seen.stream, BYTES("data: 1\n\nid: 1\nevent: lost\ndata: lost"));
	sse_stream_begin(&seen.stream);
	sse_stream_add(&seen.stream, BYTES("\ndata: 2\n\n"));
	tap_ok(tap, strcmp(seen.events.data, "[1]0 [2]0 ") == 0, "half an event is forgotten, the id is not: %s",
	       seen.events.data);
	tap_ok(tap, !sse_stream_add(&seen.stream, BYTES("data: 3\n\ndata: 4\n\n")), "stopped");
	tap_ok(tap, strcmp(seen.events.data, "[1]0 [2]0 [3]0 ") == 0, "no more after that: %s", seen.events.data);
	sse_stream_free(&seen.stream);
	text_free(&seen.events);
}

int main(void)
{
	struct tap tap = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&tap, cases[i].name, cases[i].bytes, cases[i].length, cases[i].events);
	check_connections(&tap);
	return tap_end(&tap);
}
