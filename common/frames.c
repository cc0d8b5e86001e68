#include "common/frames.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wslay/wslay.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/utf8.h"

enum {
	COMPRESS_FROM = 1024, /* smaller messages gain nothing to speak of */
	KEEP = 1 << 20, /* a buffer larger than this goes back after its message */
	MASKS = 256, /* random bytes fetched at a time */
};

struct frames {
	wslay_frame_context_ptr wslay;
	struct deflate *deflate;
	uint64_t max;
	const char *input;
	size_t input_length;

	/* coming in */
	int opcode; /* of the message that has begun; 0: none */
	bool compressed, handed; /* handed: the message was given out */
	uint64_t left; /* bytes of the current frame */
	struct text message;
	char control[FRAMES_CONTROL + 1];
	size_t control_length;

	/* going out */
	struct text *out, packed;
	unsigned char masks[MASKS];
	size_t masks_left;
};

/* ---- what wslay calls ---- */

static ssize_t give(uint8_t *buffer, size_t size, int flags, void *context)
{
	struct frames *frames = context;
	size_t length = frames->input_length < size ? frames->input_length : size;

	(void)flags;
	if (length == 0)
		return -1;
	memcpy(buffer, frames->input, length);
	frames->input += length;
	frames->input_length -= length;
	return (ssize_t)length;
}

static ssize_t take(const uint8_t *bytes, size_t length, int flags, void *context)
{
	struct frames *frames = context;

	(void)flags;
	text_add(frames->out, bytes, length);
	return (ssize_t)length;
}

/* Masks must not be foreseeable: RFC 6455 5.3. */
static int mask(uint8_t *buffer, size_t size, void *context)
{
	struct frames *frames = context;

	if (frames->masks_left < size) {
		if (getrandom(frames->masks, MASKS, 0) != MASKS)
			fail("no random numbers:");
		frames->masks_left = MASKS;
	}
	frames->masks_left -= size;
	memcpy(buffer, frames->masks + frames->masks_left, size);
	return 0;
}

struct frames *frames_new(uint64_t max, const struct deflate_terms *terms)
{
	static const struct wslay_frame_callbacks callbacks = {take, give, mask};
	struct frames *frames = xcalloc(1, sizeof(*frames));

	frames->max = max;
	frames->deflate = terms ? deflate_new(terms) : NULL;
	if (wslay_frame_context_init(&frames->wslay, &callbacks, frames) != 0)
		fail("out of memory");
	text_init(&frames->message);
	return frames;
}

void frames_free(struct frames *frames)
{
	if (!frames)
		return;
	wslay_frame_context_free(frames->wslay);
	deflate_free(frames->deflate);
	text_free(&frames->message);
	text_free(&frames->packed);
	free(frames);
}

void frames_input(struct frames *frames, const char *bytes, size_t length)
{
	frames->input = bytes;
	frames->input_length = length;
}

/* ---- coming in ---- */

bool frames_code_valid(int code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static enum frames_kind bad(struct frame *frame, int code, const char *what)
{
	*frame = (struct frame){FRAMES_BAD, what, strlen(what), code};
	return FRAMES_BAD;
}

/* A frame begins. FRAMES_WANT: it is as it has to be. */
static enum frames_kind begin(struct frames *frames, const struct wslay_frame_iocb *head, struct frame *frame)
{
	bool control = wslay_is_ctrl_frame(head->opcode), continues = head->opcode == WSLAY_CONTINUATION_FRAME;
	bool packed = head->rsv == WSLAY_RSV1_BIT && frames->deflate && !control && !continues;

	if (head->mask)
		return bad(frame, FRAMES_PROTOCOL, "a masked frame");
	if (head->rsv && !packed)
		return bad(frame, FRAMES_PROTOCOL, "a reserved bit");
	if (head->opcode > (control ? WSLAY_PONG : WSLAY_BINARY_FRAME))
		return bad(frame, FRAMES_PROTOCOL, "a reserved opcode");
	frames->left = head->payload_length;
	if (control) {
		frames->control_length = 0;
		return FRAMES_WANT;
	}
	if (continues && !frames->opcode)
		return bad(frame, FRAMES_PROTOCOL, "a continuation of nothing");
	if (!continues && frames->opcode)
		return bad(frame, FRAMES_PROTOCOL, "a message within another");
	if (!continues) {
		frames->opcode = head->opcode;
		frames->compressed = packed;
	}
	if (frames->max && !frames->compressed && head->payload_length > frames->max - frames->message.length)
		return bad(frame, FRAMES_TOO_LARGE, "a message over the limit");
	return FRAMES_WANT;
}

/* A piece of a message, FRAMES_WANT if nothing is wrong with it; last: it is whole now. */
static enum frames_kind add_piece(struct frames *frames, const struct wslay_frame_iocb *piece, bool last,
                                  struct frame *frame)
{
	if (!frames->compressed) {
		text_add(&frames->message, piece->data, piece->data_length);
		return FRAMES_WANT;
	}
	switch (deflate_inflate(frames->deflate, piece->data, piece->data_length, last, frames->max,
	                        &frames->message)) {
	case DEFLATE_GARBAGE:
		return bad(frame, FRAMES_NOT_UTF8, "a message that cannot be inflated");
	case DEFLATE_TOO_LARGE:
		return bad(frame, FRAMES_TOO_LARGE, "a message over the limit");
	default:
		return FRAMES_WANT;
	}
}

static enum frames_kind whole_message(struct frames *frames, struct frame *frame)
{
	struct text *message = &frames->message;
	bool text = frames->opcode == FRAMES_OP_TEXT;

	frames->opcode = 0;
	frames->handed = true;
	if (text && !utf8_valid(message->data, message->length))
		return bad(frame, FRAMES_NOT_UTF8, "a text that is not UTF-8");
	json_pad(message);
	*frame = (struct frame){text ? FRAMES_TEXT : FRAMES_BINARY, message->data, message->length, 0};
	return frame->kind;
}

static enum frames_kind whole_close(struct frames *frames, struct frame *frame)
{
	const unsigned char *bytes = (const unsigned char *)frames->control;
	size_t length = frames->control_length;

	*frame = (struct frame){FRAMES_CLOSE, "", 0, FRAMES_NO_CODE};
	if (length == 0)
		return FRAMES_CLOSE;
	if (length == 1)
		return bad(frame, FRAMES_PROTOCOL, "a close frame of one byte");
	frame->code = bytes[0] << 8 | bytes[1];
	frame->bytes = frames->control + 2;
	frame->length = length - 2;
	if (!frames_code_valid(frame->code))
		return bad(frame, FRAMES_PROTOCOL, "a close frame with a code that must not be in one");
	if (!utf8_valid(frame->bytes, frame->length))
		return bad(frame, FRAMES_NOT_UTF8, "a close frame whose reason is not UTF-8");
	return FRAMES_CLOSE;
}

static enum frames_kind whole_control(struct frames *frames, int opcode, struct frame *frame)
{
	frames->control[frames->control_length] = '\0';
	if (opcode == FRAMES_OP_CLOSE)
		return whole_close(frames, frame);
	*frame = (struct frame){opcode == FRAMES_OP_PING ? FRAMES_PING : FRAMES_PONG, frames->control,
	                        frames->control_length, 0};
	return frame->kind;
}

static void forget_handed(struct frames *frames)
{
	if (!frames->handed)
		return;
	frames->handed = false;
	if (frames->message.capacity > KEEP) {
		text_free(&frames->message);
		text_init(&frames->message);
	}
	text_clear(&frames->message);
}

enum frames_kind frames_next(struct frames *frames, struct frame *frame)
{
	struct wslay_frame_iocb piece;
	enum frames_kind kind = FRAMES_WANT;

	forget_handed(frames);
	while (kind == FRAMES_WANT) {
		ssize_t n = wslay_frame_recv(frames->wslay, &piece);

		if (n == WSLAY_ERR_WANT_READ)
			return frame->kind = FRAMES_WANT;
		if (n < 0)
			return bad(frame, FRAMES_PROTOCOL, "a frame with a length that must not be");
		/* wslay tells of a frame with its first piece. */
		if (frames->left == 0)
			kind = begin(frames, &piece, frame);
		if (kind != FRAMES_WANT)
			return kind;
		frames->left -= piece.data_length;
		if (wslay_is_ctrl_frame(piece.opcode)) {
			memcpy(frames->control + frames->control_length, piece.data, piece.data_length);
			frames->control_length += piece.data_length;
			if (frames->left == 0)
				kind = whole_control(frames, piece.opcode, frame);
			continue;
		}
		kind = add_piece(frames, &piece, piece.fin && frames->left == 0, frame);
		if (kind == FRAMES_WANT && piece.fin && frames->left == 0)
			kind = whole_message(frames, frame);
	}
	return kind;
}

/* ---- going out ---- */

static void add(struct frames *frames, struct text *out, enum frames_opcode opcode, uint8_t rsv, const void *bytes,
                size_t length)
{
	struct wslay_frame_iocb frame = {.fin = 1,
	                                 .rsv = rsv,
	                                 .opcode = (uint8_t)opcode,
	                                 .payload_length = length,
	                                 .mask = 1,
	                                 .data = bytes,
	                                 .data_length = length};

	text_reserve(out, length + 14);
	frames->out = out;
	if (wslay_frame_send(frames->wslay, &frame) != (ssize_t)length)
		fail("wslay refuses a frame of %zu bytes", length);
}

void frames_add(struct frames *frames, struct text *out, enum frames_opcode opcode, const void *bytes, size_t length)
{
	struct text *packed = &frames->packed;

	text_clear(packed);
	if (frames->deflate && opcode <= FRAMES_OP_BINARY && length >= COMPRESS_FROM &&
	    deflate_compress(frames->deflate, bytes, length, packed))
		add(frames, out, opcode, WSLAY_RSV1_BIT, packed->data, packed->length);
	else
		add(frames, out, opcode, WSLAY_RSV_NONE, bytes, length);
	if (packed->capacity > KEEP)
		text_free(packed);
}

void frames_add_close(struct frames *frames, struct text *out, int code, const char *reason)
{
	char payload[FRAMES_CONTROL] = {(char)(code >> 8), (char)code};
	size_t length = strlen(reason);

	if (length > FRAMES_CONTROL - 2)
		length = FRAMES_CONTROL - 2;
	length = utf8_length(reason, length);
	memcpy(payload + 2, reason, length);
	add(frames, out, FRAMES_OP_CLOSE, WSLAY_RSV_NONE, payload, code == FRAMES_NO_CODE ? 0 : length + 2);
}
