#include "cmd/sources/listen/frames.h"

#include <string.h>

#include "common/json.h"

enum { COUNT_DIGITS = 10, KEEP = 64 * 1024 };

void frames_add(struct frames *frames, const char *bytes, size_t length)
{
	struct text *buffer = &frames->buffer;

	if (frames->start > 0) {
		text_drop(buffer, frames->start);
		frames->searched -= frames->start;
		frames->start = 0;
	}
	/* What a long frame has taken is given back. */
	if (buffer->length == 0 && buffer->capacity > KEEP)
		text_free(buffer);
	text_add(buffer, bytes, length);
	text_reserve(buffer, JSON_PADDING);
	memset(buffer->data + buffer->length, 0, JSON_PADDING);
}

static size_t have(const struct frames *frames)
{
	return frames->buffer.length - frames->start;
}

static void pass(struct frames *frames, size_t length)
{
	frames->start += length;
	frames->searched = frames->start;
}

static enum frame_status passed(struct frames *frames, uint64_t *length)
{
	*length = frames->passed;
	frames->passed = 0;
	frames->over = false;
	return FRAME_LONG;
}

/* The rest of a counted frame over the limit. */
static enum frame_status skip_counted(struct frames *frames, uint64_t *length)
{
	size_t n = have(frames) < frames->counted ? have(frames) : (size_t)frames->counted;

	frames->counted -= n;
	pass(frames, n);
	return frames->counted > 0 ? FRAME_WAIT : passed(frames, length);
}

/*
 * Whether a counted frame begins here: 1; 0: no; -1: not known yet. *digits is the length of its count, *count the count.
 */
static int is_counted(const struct frames *frames, size_t *digits, uint64_t *count)
{
	const char *at = frames->buffer.data + frames->start;
	size_t n = have(frames);

	*count = 0;
	if (!frames->octets || at[0] < '1' || at[0] > '9')
		return 0;
	for (*digits = 0; *digits < n && *digits < COUNT_DIGITS; ++*digits) {
		char byte = at[*digits];

		if (byte == ' ')
			return 1;
		if (byte < '0' || byte > '9')
			return 0;
		*count = *count * 10 + (uint64_t)(byte - '0');
	}
	return *digits < COUNT_DIGITS ? -1 : 0;
}

static enum frame_status take_counted(struct frames *frames, size_t digits, uint64_t count, const char **bytes,
                                      uint64_t *length)
{
	if (count > frames->limit) {
		pass(frames, digits + 1);
		frames->counted = frames->passed = count;
		return skip_counted(frames, length);
	}
	if (have(frames) - digits - 1 < count)
		return FRAME_WAIT;
	*bytes = frames->buffer.data + frames->start + digits + 1;
	*length = count;
	pass(frames, digits + 1 + (size_t)count);
	return FRAME_WHOLE;
}

static uint64_t without_return(const char *bytes, size_t length)
{
	return length > 0 && bytes[length - 1] == '\r' ? length - 1 : length;
}

static enum frame_status take_line(struct frames *frames, const char **bytes, uint64_t *length)
{
	const char *from = frames->buffer.data + frames->searched;
	const char *newline = memchr(from, '\n', frames->buffer.length - frames->searched);
	size_t line = newline ? (size_t)(newline - frames->buffer.data) - frames->start : have(frames);

	if (!newline && !frames->over && line <= frames->limit) {
		frames->searched = frames->buffer.length;
		return FRAME_WAIT;
	}
	if (newline && !frames->over && line <= frames->limit) {
		*bytes = frames->buffer.data + frames->start;
		*length = without_return(*bytes, line);
		pass(frames, line + 1);
		return FRAME_WHOLE;
	}
	frames->over = true;
	frames->passed += line;
	pass(frames, line + (newline ? 1 : 0));
	return newline ? passed(frames, length) : FRAME_WAIT;
}

/* Empty lines, and the newline that some put behind a counted frame. */
static void skip_empty(struct frames *frames)
{
	while (have(frames) > 0 && strchr("\r\n", frames->buffer.data[frames->start]) &&
	       frames->buffer.data[frames->start])
		pass(frames, 1);
}

enum frame_status frames_take(struct frames *frames, const char **bytes, uint64_t *length)
{
	size_t digits;
	uint64_t count;

	if (frames->counted > 0)
		return skip_counted(frames, length);
	if (frames->over)
		return take_line(frames, bytes, length);
	if (frames->searched == frames->start)
		skip_empty(frames);
	if (have(frames) == 0)
		return FRAME_WAIT;
	switch (is_counted(frames, &digits, &count)) {
	case 1:
		return take_counted(frames, digits, count, bytes, length);
	case 0:
		return take_line(frames, bytes, length);
	default:
		return FRAME_WAIT;
	}
}

enum frame_status frames_end(struct frames *frames, const char **bytes, uint64_t *length)
{
	size_t digits;
	uint64_t count;
	bool part = frames->counted > 0;

	if (frames->counted > 0 || frames->over) {
		frames->passed -= frames->counted;
		frames->counted = 0;
		return passed(frames, length);
	}
	if (have(frames) == 0)
		return FRAME_WAIT;
	part = is_counted(frames, &digits, &count) == 1;
	*bytes = frames->buffer.data + frames->start;
	*length = without_return(*bytes, have(frames));
	pass(frames, have(frames));
	return part ? FRAME_PART : FRAME_WHOLE;
}

bool frames_pending(const struct frames *frames)
{
	return have(frames) > 0 || frames->over || frames->counted > 0;
}

void frames_free(struct frames *frames)
{
	text_free(&frames->buffer);
}
