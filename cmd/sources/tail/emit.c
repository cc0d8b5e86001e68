/*
 * emit: from the bytes of a record to an event.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/sources/tail/tail.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/unit.h"
#include "common/utf8.h"

void emit_bad_begins(struct tail *tail, struct file *file)
{
	place_prepare(tail, file);
	if (tail->source.keeper.page)
		source_flush(&tail->source);
}

void emit_bad_ends(struct tail *tail, struct file *file)
{
	place_note(tail, file);
	if (tail->source.keeper.page)
		source_flush(&tail->source);
}

enum verdict { VERDICT_EVENT, VERDICT_BAD, VERDICT_NOTHING };

/* What becomes of a record that is not what was asked for. */
static enum verdict refuse(struct tail *tail, const char *bytes, size_t length)
{
	switch (tail->no_match) {
	case REFUSE_PASS:
		text_clear(&tail->value);
		json_add_string(&tail->value, bytes, length);
		return VERDICT_EVENT;
	case REFUSE_DROP:
		tail->dropped++;
		return VERDICT_NOTHING;
	default:
		return VERDICT_BAD;
	}
}

static bool is_blank(const char *bytes, size_t length)
{
	while (length > 0 && strchr(" \t\r\n", bytes[length - 1]) && bytes[length - 1])
		length--;
	return length == 0;
}

static enum verdict take_json(struct tail *tail, const char *bytes, size_t length, char *reason, size_t room)
{
	struct json_result result;

	if (is_blank(bytes, length))
		return VERDICT_NOTHING;
	if (!json_scan(bytes, length, NULL, NULL, 0, &result)) {
		snprintf(reason, room, "not JSON: %s at column %zu", result.error, result.at + 1);
		return refuse(tail, bytes, length);
	}
	bytes += result.start;
	length = result.end - result.start;
	if (memchr(bytes, '\n', length))
		json_add_compact(&tail->value, bytes, length);
	else
		text_add(&tail->value, bytes, length);
	return VERDICT_EVENT;
}

static enum verdict take_regex(struct tail *tail, const char *bytes, size_t length, char *reason, size_t room)
{
	char mistake[REGEX_MISTAKE];
	int result = regex_match(tail->regex, bytes, length, mistake);

	if (result > 0) {
		regex_add_groups(tail->regex, bytes, &tail->value);
		return VERDICT_EVENT;
	}
	if (result < 0)
		snprintf(reason, room, "--regex gave up: %s", mistake);
	else
		snprintf(reason, room, "does not match --regex");
	return refuse(tail, bytes, length);
}

/* Puts the record into tail->value and what stands beside it into tail->members, or the reason why not. */
static enum verdict take(struct tail *tail, const char *bytes, size_t length, char *reason, size_t room)
{
	text_clear(&tail->value);
	if (!utf8_valid(bytes, length)) {
		if (tail->invalid == INVALID_BAD) {
			snprintf(reason, room, "not UTF-8 at column %zu", utf8_length(bytes, length) + 1);
			return VERDICT_BAD;
		}
		if (tail->invalid == INVALID_BASE64) {
			text_add_char(&tail->value, '"');
			json_add_base64(&tail->value, bytes, length);
			text_add_char(&tail->value, '"');
			text_add_string(&tail->members, ",\"encoding\":\"base64\"");
			return VERDICT_EVENT;
		}
		/* As a JSON string and back: what is wrong becomes U+FFFD. */
		text_clear(&tail->scratch);
		json_add_string(&tail->value, bytes, length);
		json_add_unescaped(&tail->scratch, tail->value.data, tail->value.length);
		json_pad(&tail->scratch);
		bytes = tail->scratch.data;
		length = tail->scratch.length;
		text_clear(&tail->value);
	}
	if (tail->json)
		return take_json(tail, bytes, length, reason, room);
	if (tail->regex)
		return take_regex(tail, bytes, length, reason, room);
	json_add_string(&tail->value, bytes, length);
	return VERDICT_EVENT;
}

void emit(struct tail *tail, struct file *file, const char *bytes, size_t length, size_t all)
{
	char reason[200], size[UNIT_TEXT_MAX];
	uint64_t at = file->offset;
	const char *start = bytes;
	enum verdict verdict;

	if (at == 0 && length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		length -= 3;
	}
	place_prepare(tail, file);
	text_clear(&tail->members);
	text_add(&tail->members, file->members.data, file->members.length);
	if (tail->offsets)
		text_addf(&tail->members, ",\"offset\":%llu", (unsigned long long)at);
	verdict = take(tail, bytes, length, reason, sizeof(reason));
	if (verdict == VERDICT_EVENT && !source_event_beside(&tail->source, tail->name, tail->time, &tail->members,
	                                                     tail->value.data, tail->value.length)) {
		snprintf(reason, sizeof(reason), "its event is longer than %s (--max-line)",
		         unit_size_text(size, tail->source.max_line));
		verdict = VERDICT_BAD;
	}
	if (verdict == VERDICT_BAD) {
		emit_bad_begins(tail, file);
		source_bad(&tail->source, bytes, length, "'%s' at %llu: %s", file->path, (unsigned long long)at,
		           reason);
	}
	file_advance(file, start, all);
	if (verdict == VERDICT_BAD)
		emit_bad_ends(tail, file);
	else
		place_note(tail, file);
}
