// with: common/utf8.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/json_text.c common/unit.c common/text.c common/memory.c common/message.c
/*
 * json_scan and json_text: the input is a wanted path, a newline, and a text. Nothing beyond the padding is read,
 * whatever is in the padding; the answer is that of the reference; spans lie within the text; and what json_text.h
 * makes of a valid text is valid.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/utf8.h"
#include "test/unit/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

/* The text as json_scan wants it, and not a byte more; the caller frees it. */
static char *padded(const char *text, size_t length, int padding)
{
	char *copy = malloc(length + JSON_PADDING);

	if (length > 0)
		memcpy(copy, text, length);
	for (int i = 0; i < JSON_PADDING; i++)
		copy[length + (size_t)i] = (char)(padding * (i + 1) >> (i & 7));
	return copy;
}

static void check_string(const struct json_span *span)
{
	struct text bytes = {0}, string = {0}, again = {0};

	json_add_unescaped(&bytes, span->at, span->length);
	check(utf8_valid(bytes.data, bytes.length));
	check(json_string_is(span->at, span->length, bytes.data, bytes.length));
	json_add_string(&string, bytes.data, bytes.length);
	json_add_unescaped(&again, string.data, string.length);
	check(again.length == bytes.length && memcmp(again.data, bytes.data, bytes.length) == 0);
	text_free(&bytes);
	text_free(&string);
	text_free(&again);
}

static void check_value(const struct json_span *span)
{
	struct json_span key = {0}, value = {0};
	const char *at = span->at, *end = span->at;

	if (span->kind == JSON_STRING)
		check_string(span);
	else if (span->kind == JSON_NUMBER)
		check(json_number(span) <= 0 || *span->at != '-');
	else if (span->kind == JSON_OBJECT)
		while (json_next_member(&at, &key, &value)) {
			check(key.at > end && value.at > key.at + key.length);
			end = value.at + value.length;
			check(end < span->at + span->length && value.kind != JSON_NONE);
			check_string(&key);
		}
}

static void check_compact(const char *text, const struct json_result *result)
{
	struct text compact = {0};
	struct json_result again;
	char *copy;

	json_add_compact(&compact, text, result->end);
	copy = padded(compact.data, compact.length, 7);
	check(json_scan(copy, compact.length, NULL, NULL, JSON_FACTS, &again));
	check(again.flags == (result->flags & ~(unsigned)JSON_SPACED) && again.kind == result->kind);
	text_free(&compact);
	free(copy);
}

static void check_text(const struct json_want *want, const char *text, size_t length, int padding)
{
	struct reference reference = {.deepest = JSON_DEPTH};
	struct json_span spans[2], plain[2];
	struct json_result result, without;
	char *copy = padded(text, length, padding), *other = padded(text, length, padding + 1);
	bool valid = json_scan(copy, length, want, spans, JSON_FACTS, &result);

	check(valid == json_scan(other, length, want, plain, 0, &without));
	check(valid == reference_text(&reference, copy, length));
	check(result.error == without.error && result.at == without.at && result.at <= length &&
	      !result.error == valid);
	for (size_t i = 0; valid && i < want->slots; i++) {
		check(spans[i].kind == plain[i].kind && spans[i].length == plain[i].length);
		check(((spans[i].flags ^ plain[i].flags) & JSON_ESCAPED) == 0);
		if (spans[i].kind == JSON_NONE)
			continue;
		check(spans[i].at >= copy + result.start && spans[i].at + spans[i].length <= copy + result.end);
		check(spans[i].at - copy == plain[i].at - other);
		check_value(&spans[i]);
	}
	if (valid)
		check_compact(copy, &result);
	free(copy);
	free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *newline = memchr(text, '\n', size), *mistake = NULL;
	struct json_want want = {0};

	if (newline) {
		size_t length = (size_t)(newline - text);
		char *path = strndup(text, length);

		check(json_want_path(&want, ".", &mistake) == 0);
		if (json_want_path(&want, path, &mistake) < 0)
			check(mistake != NULL);
		free(path);
		text += length + 1;
		size -= length + 1;
	}
	check_text(&want, text, size, size > 0 ? (uint8_t)text[size / 2] : 0);
	json_want_free(&want);
	return 0;
}
