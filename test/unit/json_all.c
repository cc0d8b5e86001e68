/*
 * json_scan and utf8_valid against the reference: every short text, every short sequence of bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/json.h"
#include "common/utf8.h"
#include "test/unit/reference.h"
#include "test/unit/tap.h"

/* Compares with the reference; counts the differences. */
static size_t differs(const char *text, size_t length)
{
	struct reference reference = {.deepest = JSON_DEPTH};
	struct json_result result;

	return json_scan(text, length, NULL, NULL, 0, &result) != reference_text(&reference, text, length);
}

/* Every text of up to `longest` tokens out of `tokens`, which \\1 separates. */
static void test_all(struct tap *tap, const char *name, const char *tokens, int longest)
{
	const char *token[32];
	size_t lengths[32], count = 0, texts = 0, different = 0;
	char text[256 + JSON_PADDING] = {0};
	unsigned digits[16] = {0}; /* the text as a number in base count, the last place first */
	int places = 0;

	for (const char *t = tokens; *t; t += *t == '\1') {
		token[count] = t;
		lengths[count] = strcspn(t, "\1");
		t += lengths[count++];
	}
	while (places <= longest) {
		size_t length = 0;
		int i = 0;

		for (int p = places - 1; p >= 0; p--) {
			memcpy(text + length, token[digits[p]], lengths[digits[p]]);
			length += lengths[digits[p]];
		}
		texts++;
		different += differs(text, length);
		while (i < places && ++digits[i] == count)
			digits[i++] = 0;
		places += i == places;
	}
	tap_ok(tap, different == 0, "%s: as the reference (%zu texts)", name, texts);
}

static size_t utf8_differs(const char *text, size_t length)
{
	struct reference reference = {.end = text + length};
	const char *s = text;

	while (s && s < reference.end)
		s = (unsigned char)*s < 0x80 ? s + 1 : reference_utf8(&reference, s);
	return utf8_valid(text, length) != (s != NULL);
}

static void test_utf8(struct tap *tap)
{
	static const char edges[] = "\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0";
	size_t wrong = 0;

	for (unsigned n = 0; n < 1U << 24; n++) {
		char text[3] = {(char)(n >> 16), (char)(n >> 8), (char)n};

		wrong += utf8_differs(text, 3);
	}
	tap_ok(tap, wrong == 0, "UTF-8: every three bytes");
	wrong = 0;
	for (unsigned n = 0; n < 1U << 16; n++) {
		for (int edge = 0; edge < 64; edge++) {
			char text[24];

			memset(text, 'x', sizeof(text));
			for (size_t at = 0; at < 12; at += 5) {
				text[at] = (char)(n >> 8);
				text[at + 1] = (char)n;
				text[at + 2] = edges[edge >> 3];
				text[at + 3] = edges[edge & 7];
				for (size_t length = at + 1; length <= at + 4; length++)
					wrong += utf8_differs(text, length);
				wrong += utf8_differs(text, sizeof(text));
				memset(text, 'x', at + 4);
			}
		}
	}
	tap_ok(tap, wrong == 0, "UTF-8: every first two of four bytes");
}

int main(void)
{
	struct tap tap = {0};

	test_all(&tap, "structure",
	         "{\1}\1[\1]\1,\1:\1\"\1"
	         "1\1 \1t",
	         6);
	test_all(&tap, "tokens",
	         "{\1}\1[\1]\1,\1:\1\"a\"\1\"b\":\1"
	         "1\1null\1\n\1[]",
	         6);
	test_all(&tap, "numbers",
	         "0\1"
	         "1\1-\1+\1.\1e\1E\1[\1]",
	         6);
	test_all(&tap, "strings",
	         "\"\1\\\1u\1"
	         "d\1"
	         "8\1"
	         "0\1\xc3\1\xa9\1\x1f",
	         6);
	test_utf8(&tap);
	return tap_end(&tap);
}
