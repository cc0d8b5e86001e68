// with: cmd/processors/jq/canonical.c
/*
 * value_add_canonical: strings as jq prints them, by what is left to do in all of the text, against a walk byte by byte.
 */
#include <stdint.h>
#include <stdlib.h>

#include "cmd/processors/jq/value.h"
#include "test/unit/tap.h"

enum { ROUNDS = 100000, PLACES = 140, LONGEST = 600 };

static const char *const pieces[] = {"a",
                                     "and plain text of ASCII",
                                     "u",
                                     "/",
                                     "\\n",
                                     "\\\"",
                                     "\\\\",
                                     "\\t",
                                     "\\/",
                                     "\\u00e9",
                                     "\\u65E5\\u672c\\u8a9e",
                                     "\\u07ff\\u0800",
                                     "\\ud7ff\\ue000\\uffff",
                                     "\\ud83d\\ude42",
                                     "\\uD800\\uDC00\\udbff\\udfff",
                                     "\\udc00\\udfff",
                                     "\\u0000",
                                     "\\u001F\\u0008\\u000c",
                                     "\\u0022\\u005c\\u002f",
                                     "\\u007f\\u0080",
                                     "\x7f",
                                     "\x7f\x7f\x7f",
                                     "\xc3\xa9",
                                     "\xf0\x9f\x99\x82"};
enum { PIECES = sizeof(pieces) / sizeof(*pieces) };

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A string, decoded and written as jq does. */
static void add_slowly(struct text *text, const char *string, size_t length)
{
	static const char letters[] = "\b\f\n\r\t\"\\", names[] = "bfnrt\"\\";
	struct text bytes = {0};

	text_init(&bytes);
	json_add_unescaped(&bytes, string, length);
	text_add_char(text, '"');
	for (size_t i = 0; i < bytes.length; i++) {
		char byte = bytes.data[i];
		const char *letter = byte ? strchr(letters, byte) : NULL;

		if (letter)
			text_addf(text, "\\%c", names[letter - letters]);
		else if ((unsigned char)byte < 0x20 || byte == 0x7f)
			text_addf(text, "\\u%04x", (unsigned)byte);
		else
			text_add_char(text, byte);
	}
	text_add_char(text, '"');
	text_free(&bytes);
}

/* Whether the text is rewritten as wanted, whatever is behind it, and put behind what is there. */
static bool right(const char *json, size_t length, const struct text *wanted, unsigned flags, uint64_t *state)
{
	char *copy = malloc(length + JSON_PADDING);
	struct text text = {0};
	bool same;

	memcpy(copy, json, length);
	for (size_t i = 0; i < JSON_PADDING; i++)
		copy[length + i] = "\"\\u/x\x7f"[next(state) % 6];
	text_init(&text);
	text_add_string(&text, "before");
	same = value_add_canonical(&text, copy, length, flags, false) && text.length == 6 + wanted->length &&
	       memcmp(text.data, "before", 6) == 0 && memcmp(text.data + 6, wanted->data, wanted->length) == 0 &&
	       text.data[text.length] == '\0';
	text_free(&text);
	free(copy);
	return same;
}

static void add_string(struct text *json, struct text *wanted, const char *string, size_t length)
{
	text_add(json, string, length);
	add_slowly(wanted, string, length);
}

/* Each piece in each place of blocks of all sizes, alone in an array. */
static void test_places(struct tap *tap, uint64_t *state)
{
	unsigned wrong = 0;

	for (size_t piece = 0; piece < PIECES; piece++) {
		for (size_t place = 0; place < PLACES; place++) {
			for (size_t behind = 0; behind < PLACES; behind += 1 + behind / 3) {
				char string[2 * LONGEST] = "\"";
				struct text json = {0}, wanted = {0};

				memset(string + 1, 'x', place);
				strcat(string, pieces[piece]);
				strcat(string, pieces[piece]);
				memset(string + strlen(string), 'y', behind);
				strcat(string, "\"");
				text_init(&json);
				text_init(&wanted);
				add_string(&json, &wanted, string, strlen(string));
				wrong += !right(json.data, json.length, &wanted, JSON_RESTRING | JSON_ESCAPED, state);
				wrong += !right(json.data, json.length, &wanted, JSON_RESTRING | JSON_SPACED, state);
				text_free(&json);
				text_free(&wanted);
			}
		}
	}
	tap_ok(tap, wrong == 0, "every piece in every place");
}

/* Objects of strings, with white space between them or not. */
static void test_at_random(struct tap *tap, uint64_t *state)
{
	unsigned wrong = 0;

	for (int round = 0; round < ROUNDS; round++) {
		bool spaced = next(state) % 2;
		struct text json = {0}, wanted = {0};

		text_init(&json);
		text_init(&wanted);
		for (uint64_t strings = next(state) % 6 + 1; strings > 0; strings--) {
			const char *separator = wanted.length == 0 ? "[" : ",";
			char string[LONGEST] = "\"";

			for (uint64_t count = next(state) % 20; count > 0; count--)
				strcat(string, pieces[next(state) % PIECES]);
			strcat(string, "\"");
			text_add_string(&json, separator);
			text_add_string(&wanted, separator);
			if (spaced)
				text_add_string(&json, " \t");
			add_string(&json, &wanted, string, strlen(string));
		}
		text_add_string(&json, ",1.5,true]");
		text_add_string(&wanted, ",1.5,true]");
		wrong += !right(json.data, json.length, &wanted, spaced ? JSON_SPACED | JSON_RESTRING : JSON_RESTRING,
		                state);
		text_free(&json);
		text_free(&wanted);
	}
	tap_ok(tap, wrong == 0, "texts at random");
}

int main(void)
{
	struct tap tap = {0};
	uint64_t state = 88172645463325252ULL;

	test_places(&tap, &state);
	test_at_random(&tap, &state);
	return tap_end(&tap);
}
