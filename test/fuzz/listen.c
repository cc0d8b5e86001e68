// with: cmd/sources/listen/frames.c common/syslog.c common/json.c common/json_leaf.c common/json_keys.c common/json_want.c common/json_text.c common/utf8.c common/zone.c common/unit.c common/text.c common/memory.c common/message.c
/*
 * What pype-listen reads from the network. Frames: a stream gives the same ones however it is cut into pieces, none is longer
 * than the limit, and what is behind them may be read. Syslog: whatever comes, the data is a JSON object in one line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/listen/frames.h"
#include "common/syslog.h"
#include "common/json.h"
#include "common/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static void check_syslog(const char *bytes, size_t length)
{
	struct text data = {0};
	struct json_result result;
	int64_t time;

	syslog_add(&data, bytes, length, 1795392000000000000, length & 1, &time);
	json_pad(&data);
	check(json_scan(data.data, data.length, NULL, NULL, JSON_FACTS, &result));
	check(result.kind == JSON_OBJECT && !(result.flags & JSON_SPACED) && time != INT64_MIN);
	text_free(&data);
}

static void note(struct text *seen, enum frame_status status, const char *bytes, uint64_t length, size_t limit)
{
	volatile char sum = 0;

	text_addf(seen, "%d %llu ", (int)status, (unsigned long long)length);
	if (status == FRAME_LONG)
		return;
	check(length <= limit);
	for (size_t i = 0; i < JSON_PADDING; i++)
		sum = (char)(sum + bytes[length + i]);
	text_add(seen, bytes, (size_t)length);
}

/* All frames of the stream, in pieces of so many bytes. */
static void cut(struct text *seen, const char *bytes, size_t size, size_t piece, size_t limit, bool octets)
{
	struct frames frames = {.octets = octets, .limit = limit};
	enum frame_status status;
	const char *frame;
	uint64_t length;

	for (size_t at = 0; at < size; at += piece) {
		frames_add(&frames, bytes + at, piece < size - at ? piece : size - at);
		while ((status = frames_take(&frames, &frame, &length)) != FRAME_WAIT)
			note(seen, status, frame, length, limit);
		check(frames.buffer.length - frames.start <= limit + 64);
	}
	status = frames_end(&frames, &frame, &length);
	if (status != FRAME_WAIT)
		note(seen, status, frame, length, limit + 16);
	check(frames_end(&frames, &frame, &length) == FRAME_WAIT && !frames_pending(&frames));
	frames_free(&frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 3;
	struct text whole = {0}, parts = {0};

	if (size < 3)
		return 0;
	size -= 3;
	check_syslog(bytes, size);
	text_init(&whole);
	text_init(&parts);
	cut(&whole, bytes, size, size ? size : 1, data[0], data[1] & 1);
	cut(&parts, bytes, size, data[2] % 8 + 1U, data[0], data[1] & 1);
	check(whole.length == parts.length && memcmp(whole.data, parts.data, whole.length) == 0);
	text_free(&whole);
	text_free(&parts);
	return 0;
}
