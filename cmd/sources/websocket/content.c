/*
 * What becomes of a message: JSON is JSON, other text a string; what is binary is unpacked first, or stands in base64.
 */
#include <stdlib.h>
#include <zlib.h>

#include "cmd/sources/websocket/tool.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/utf8.h"

enum { BLOCK = 16 * 1024 };

/* Inflates all; several streams may follow each other, as gzip allows. NULL, or what is wrong. */
static const char *inflate_all(const char *bytes, size_t length, int window, uint64_t limit, struct text *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)length};
	const char *mistake = NULL;
	int result = Z_OK;

	text_clear(out);
	if (inflateInit2(&z, window) != Z_OK)
		fail("out of memory");
	while (!mistake && (z.avail_in > 0 || result == Z_OK)) {
		if (result == Z_STREAM_END)
			inflateReset(&z);
		text_reserve(out, BLOCK);
		z.next_out = (Bytef *)out->data + out->length;
		z.avail_out = BLOCK;
		result = inflate(&z, Z_NO_FLUSH);
		out->length += BLOCK - z.avail_out;
		if (limit && out->length > limit)
			mistake = "is over the limit of --max-message";
		else if (result == Z_BUF_ERROR)
			mistake = "is cut off";
		else if (result != Z_OK && result != Z_STREAM_END)
			mistake = "cannot be inflated";
	}
	inflateEnd(&z);
	json_pad(out);
	return mistake;
}

static bool unpack(struct tool *tool, struct content *content)
{
	static const int windows[] = {
		[BINARY_GZIP] = 16 + MAX_WBITS, [BINARY_ZLIB] = MAX_WBITS, [BINARY_DEFLATE] = -MAX_WBITS};
	const char *mistake;

	mistake = inflate_all(content->bytes, content->length, windows[tool->binary], tool->request.max_message,
	                      &tool->inflated);
	if (mistake)
		source_bad(&tool->source, content->bytes, content->length, "a binary message %s", mistake);
	content->bytes = tool->inflated.data;
	content->length = tool->inflated.length;
	return !mistake;
}

/* False: it is no JSON. */
static bool take_json(struct tool *tool, struct content *content, struct json_result *result)
{
	size_t length;

	if (!json_scan(content->bytes, content->length, &tool->patterns.want, tool->spans, JSON_FACTS, result))
		return false;
	content->json = true;
	content->spans = tool->spans;
	content->data = content->bytes + result->start;
	length = content->data_length = result->end - result->start;
	if (result->flags & JSON_SPACED) {
		text_clear(&tool->line);
		json_add_compact(&tool->line, content->data, length);
		content->data = tool->line.data;
		content->data_length = tool->line.length;
	}
	return true;
}

static bool take_text(struct tool *tool, struct content *content)
{
	struct json_result result = {0};

	if (tool->format != FORMAT_TEXT && take_json(tool, content, &result))
		return true;
	if (tool->format == FORMAT_JSON) {
		source_bad(&tool->source, content->bytes, content->length, "a message is not JSON: %s at byte %zu",
		           result.error, result.at);
		return false;
	}
	text_clear(&tool->line);
	json_add_string(&tool->line, content->bytes, content->length);
	content->data = tool->line.data;
	content->data_length = tool->line.length;
	return true;
}

bool content_make(struct tool *tool, bool text, const char *bytes, size_t length, struct content *content)
{
	*content = (struct content){.bytes = bytes, .length = length};
	if (!tool->spans)
		tool->spans = xcalloc(tool->patterns.want.slots + 1, sizeof(*tool->spans));
	if (!text && tool->binary == BINARY_BASE64) {
		text_clear(&tool->line);
		text_add_char(&tool->line, '"');
		json_add_base64(&tool->line, bytes, length);
		text_add_char(&tool->line, '"');
		content->data = tool->line.data;
		content->data_length = tool->line.length;
		return true;
	}
	if (!text && tool->binary != BINARY_TEXT && !unpack(tool, content))
		return false;
	if (!text && !utf8_valid(content->bytes, content->length)) {
		source_bad(&tool->source, bytes, length, "a binary message is not UTF-8");
		return false;
	}
	return take_text(tool, content);
}

void content_free(struct tool *tool)
{
	text_free(&tool->inflated);
	text_free(&tool->line);
	free(tool->spans);
}
