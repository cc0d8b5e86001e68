/*
 * sse_stream: the server-sent events in the bytes of a text/event-stream, by the letter of the HTML standard (9.2.6 "Interpreting an
 * event stream"), however the bytes are cut into pieces.
 *
 * Three things differ from the standard, so that nothing is damaged or lost in silence. Bytes that are not UTF-8 are handed
 * over as they are. The last event ID outlives the connection it came on, as it does in browsers. An id that could not be sent back,
 * being no UTF-8 or longer than SSE_STREAM_ID, is ignored like one with a NUL, and counted.
 */
#ifndef PYPE_SSE_SSE_STREAM_H
#define PYPE_SSE_SSE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

enum { SSE_STREAM_ID = 2048 };

struct sse_stream_event {
	const char *name; /* not NUL-terminated; "" (length 0) if it has none */
	size_t name_length;
	const char *
		data; /* JSON_PADDING readable bytes behind it; NULL: no event, but the id has changed, or it is too long */
	size_t length;
	uint64_t over; /* the event has so many bytes, more than the limit, and was not kept; 0: it is not too long */
};

struct sse_stream {
	struct text
		id; /* the last event ID, that of the event that is being handed over; the caller may set one before begin */
	int64_t retry; /* the reconnection time that the server set, in milliseconds; -1: it has not */
	uint64_t bad_ids; /* so many were ignored */

	/* private */
	uint64_t limit;
	bool (*found)(void *context, const struct sse_stream_event *event);
	void *context;
	struct text line, data, name, next_id;
	uint64_t line_whole, data_whole, name_whole; /* lengths of what is, or would be, in these */
	bool started, after_cr;
};

/* Events whose data or name is longer than limit are too long. found returns false to hear no more. */
void sse_stream_init(struct sse_stream *stream, uint64_t limit,
                     bool (*found)(void *context, const struct sse_stream_event *event), void *context);
void sse_stream_free(struct sse_stream *stream);

/* A new connection: an event that was not complete is forgotten. */
void sse_stream_begin(struct sse_stream *stream);
/* The next bytes. False: found has said so. */
bool sse_stream_add(struct sse_stream *stream, const char *bytes, size_t length);

#endif
