/*
 * frames: the frames of a WebSocket client (RFC 6455, section 5) to whole messages, and messages to frames. Bytes in, bytes out:
 * no socket, no clock. wslay has the bits of a frame; what may follow what, sizes, UTF-8 and compression are checked here.
 */
#ifndef PYPE_FRAMES_H
#define PYPE_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/deflate.h"
#include "common/text.h"

/* Status codes that are sent for what is wrong with the other side's frames (RFC 6455 7.4.1). */
enum { FRAMES_PROTOCOL = 1002, FRAMES_NOT_UTF8 = 1007, FRAMES_TOO_LARGE = 1009, FRAMES_NO_CODE = 1005 };

enum frames_kind {
	FRAMES_WANT, /* all input is used up */
	FRAMES_TEXT, /* a whole message */
	FRAMES_BINARY,
	FRAMES_PING, /* to be answered with the same bytes */
	FRAMES_PONG,
	FRAMES_CLOSE, /* the other side closes: code, and its text */
	FRAMES_BAD, /* it broke the rules: code, and what is wrong; there is no going on */
};

struct frame {
	enum frames_kind kind;
	const char *
		bytes; /* a message has JSON_PADDING readable bytes behind it, the others NUL; valid until the next call */
	size_t length;
	int code;
};

enum frames_opcode {
	FRAMES_OP_TEXT = 1,
	FRAMES_OP_BINARY = 2,
	FRAMES_OP_CLOSE = 8,
	FRAMES_OP_PING = 9,
	FRAMES_OP_PONG = 10,
};
enum { FRAMES_CONTROL = 125 }; /* the longest content of a control frame */

struct frames;

/* max: the largest message, uncompressed; 0: no limit. terms: permessage-deflate is agreed on, or NULL. */
struct frames *frames_new(uint64_t max, const struct deflate_terms *terms);
void frames_free(struct frames *frames);

/* More bytes from the other side, after FRAMES_WANT; borrowed until it comes again. */
void frames_input(struct frames *frames, const char *bytes, size_t length);
/* What is next in the input. */
enum frames_kind frames_next(struct frames *frames, struct frame *frame);

/* Appends a frame to out, masked; a large message is compressed if that is agreed on. */
void frames_add(struct frames *frames, struct text *out, enum frames_opcode opcode, const void *bytes, size_t length);
/* A close frame: its reason is cut to what fits (whole characters). FRAMES_NO_CODE: without a code. */
void frames_add_close(struct frames *frames, struct text *out, int code, const char *reason);

/* A code that may be in a close frame: of RFC 6455, of the registry of IANA, or 3000 to 4999. */
bool frames_code_valid(int code);

#endif
