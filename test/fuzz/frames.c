// with: common/frames.c common/deflate.c common/utf8.c common/json_text.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/unit.c common/text.c common/memory.c common/message.c -lwslay -lz
/*
 * frames: any bytes from a server, in pieces. Messages keep to the limit and are UTF-8; the pieces make no difference.
 */
#include "common/frames.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

enum { LIMIT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

/* What all of it comes to, as a number. */
static uint64_t digest(const uint8_t *data, size_t size, size_t step, const struct deflate_terms *terms)
{
	struct frames *frames = frames_new(LIMIT, terms);
	struct frame frame = {0};
	uint64_t sum = 0;

	for (size_t at = 0; at < size && frame.kind != FRAMES_BAD; at += step) {
		frames_input(frames, (const char *)data + at, size - at < step ? size - at : step);
		while (frame.kind != FRAMES_BAD && frames_next(frames, &frame) != FRAMES_WANT) {
			bool message = frame.kind == FRAMES_TEXT || frame.kind == FRAMES_BINARY;

			check(frame.kind == FRAMES_BAD || frame.length <= (message ? LIMIT : FRAMES_CONTROL));
			check(frame.kind != FRAMES_TEXT || utf8_valid(frame.bytes, frame.length));
			check(frame.kind != FRAMES_CLOSE || frame.code == FRAMES_NO_CODE ||
			      frames_code_valid(frame.code));
			sum = sum * 31 + (uint64_t)frame.kind + (uint64_t)frame.code;
			for (size_t i = 0; i < frame.length; i++)
				sum = sum * 31 + (unsigned char)frame.bytes[i];
		}
	}
	frames_free(frames);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct deflate_terms terms = {.bits = 15};

	if (size < 2)
		return 0;
	terms.forget_theirs = data[0] & 2;
	check(digest(data + 2, size - 2, size, data[0] & 1 ? &terms : NULL) ==
	      digest(data + 2, size - 2, data[1] + 1U, data[0] & 1 ? &terms : NULL));
	return 0;
}
