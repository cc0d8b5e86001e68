/*
 * frames: a stream of bytes to frames: lines, or the messages of syslog over TCP (RFC 6587). Pure.
 *
 * A line ends in "\n"; a "\r" before it is no part of it, and empty lines are none. With octets a frame may be counted instead:
 * its length in decimal, a blank, and so many bytes; both kinds may follow each other, as their first byte tells them apart: a
 * message begins with '<'.
 *
 * What is longer than the limit is not held: it comes as FRAME_LONG, with its length, when its end has been seen.
 */
#ifndef PYPE_LISTEN_FRAMES_H
#define PYPE_LISTEN_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

enum frame_status {
	FRAME_WHOLE,
	FRAME_LONG, /* one over the limit has passed */
	FRAME_PART, /* frames_end: the stream ended within it */
	FRAME_WAIT, /* there is no whole frame */
};

struct frames {
	/* the caller's */
	bool octets;
	size_t limit;

	/* private */
	struct text buffer;
	size_t start, searched;
	uint64_t counted; /* bytes of a counted frame over the limit that are still to come */
	uint64_t passed; /* bytes of a frame over the limit so far */
	bool over;
};

void frames_add(struct frames *frames, const char *bytes, size_t length);
/* Bytes are valid until the next call, with JSON_PADDING readable bytes behind them. */
enum frame_status frames_take(struct frames *frames, const char **bytes, uint64_t *length);
/* Nothing follows: a line without its newline is whole. */
enum frame_status frames_end(struct frames *frames, const char **bytes, uint64_t *length);
/* Something has come that is no whole frame yet. */
bool frames_pending(const struct frames *frames);
void frames_free(struct frames *frames);

#endif
