/*
 * The cases of json_strings.c and json_strings_plain.c: json_leaf_string against a walk byte by byte: where the string ends, what
 * its flags are, what is wrong with it, and where. Behind the text are bytes that must not matter, and which go on with it where that
 * hurts most; not one byte more is readable under the sanitizers.
 */
#ifndef PYPE_TEST_JSON_STRINGS_H
#define PYPE_TEST_JSON_STRINGS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_leaf.h"
#include "test/unit/reference.h"
#include "test/unit/tap.h"

enum { STRINGS_LONGEST = 400, STRINGS_ROUNDS = 400000, STRINGS_PLACES = 140 };

static const char *const strings_pieces[] = {
	/* valid */
	"a", "and plain text of ASCII", "\\n", "\\\"", "\\\\", "\\/", "\\t\\r\\b\\f", "\\u00e9", "\\u65E5\\u672c",
	"\\u0000", "\\ud83d\\ude42", "\\uDBFF\\uDFFF", "\\udc00", "\\ud7ff", "\\uE000", "u", "/", "dd8", "\xc3\xa9",
	"\xe6\x97\xa5", "\xf0\x9f\x99\x82", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\xe0\xa0\x80", "\x7f",
	/* not so */
	"\\", "\\x", "\\u", "\\u1", "\\u12", "\\u123", "\\u123g", "\\U0041", "\\ud800", "\\ud83d\\n", "\\ud83d\\ud83d",
	"\\ud83dxude42", "\\ud83d\\ude4", "\\ud83d\\", "\"", "\x1f", "\n", "\x80", "\xc3", "\xe6\x97", "\xf0\x9f\x99",
	"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
	"\\\xc3\xa9"};

enum { STRINGS_VALID = 25, STRINGS_PIECES = sizeof(strings_pieces) / sizeof(*strings_pieces) };

static uint64_t strings_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static const char *strings_refused(struct json_leaf_error *error, const char *text, const char *at)
{
	*error = (struct json_leaf_error){text, at};
	return NULL;
}

/* The escape at s. */
static const char *strings_escape(const char *s, const char *end, unsigned *flags, struct json_leaf_error *error)
{
	struct reference reference = {.end = end};
	int unit;

	*flags |= JSON_ESCAPED;
	if (s + 1 == end)
		return strings_refused(error, "unterminated string", end);
	if (s[1] != 'u') {
		*flags |= s[1] == '/' ? JSON_RESTRING : 0;
		if (!s[1] || !strchr("\"\\/bfnrt", s[1]))
			return strings_refused(error, "unknown escape in a string", s);
		return s + 2;
	}
	*flags |= JSON_RESTRING;
	unit = reference_unit(&reference, s);
	if (unit < 0)
		return strings_refused(error, "\\u needs four hexadecimal digits", s);
	if (unit < 0xd800 || unit > 0xdbff)
		return s + 6;
	unit = s + 6 < end ? reference_unit(&reference, s + 6) : -1;
	if (unit < 0xdc00 || unit > 0xdfff)
		return strings_refused(error, "high surrogate without its low one", s);
	return s + 12;
}

/* As json_leaf_string. */
static const char *strings_slow(const char *first, const char *end, unsigned *flags, bool facts,
                                struct json_leaf_error *error)
{
	struct reference reference = {0};
	const char *s = first, *next;

	while (s < end && *s != '"') {
		if (*s == '\\') {
			s = strings_escape(s, end, flags, error);
			if (!s)
				return NULL;
			continue;
		}
		if ((unsigned char)*s < 0x20)
			return strings_refused(error, "control character in a string", s);
		*flags |= facts && *s == 0x7f ? JSON_RESTRING : 0;
		s++;
	}
	if (s >= end)
		return strings_refused(error, "unterminated string", end);
	reference.end = s;
	for (s = first; s < reference.end; s = next) {
		next = (unsigned char)*s < 0x80 ? s + 1 : reference_utf8(&reference, s);
		if (!next)
			return strings_refused(error, "invalid UTF-8 in a string", s);
	}
	return s + 1;
}

/* Whether both say the same of the first bytes of a text, behind which there are JSON_PADDING more. */
static bool strings_same(const char *text, size_t length)
{
	for (int facts = 0; facts < 2; facts++) {
		struct json_leaf_error slow = {0}, quick = {0};
		unsigned slow_flags = 0, quick_flags = 0;
		const char *behind = strings_slow(text, text + length, &slow_flags, facts, &slow), *got;

		if (facts)
			got = json_leaf_string(text, text + length, &quick_flags, true, &quick);
		else
			got = json_leaf_string(text, text + length, &quick_flags, false, &quick);
		if (got != behind || slow_flags != quick_flags)
			return false;
		if (!behind && (strcmp(slow.text, quick.text) != 0 || slow.at != quick.at))
			return false;
	}
	return true;
}

/* The same of a copy with certain bytes behind it, and of one with none that are readable behind those. */
static bool strings_agree(const char *text, size_t length, const char *padding)
{
	char *copy = malloc(length + JSON_PADDING);
	bool same;

	if (length > 0)
		memcpy(copy, text, length);
	memcpy(copy + length, padding, JSON_PADDING);
	same = strings_same(copy, length);
	free(copy);
	return same;
}

/* Each piece in each place of blocks of all sizes, behind other things, whole and cut everywhere. */
static void strings_places(struct tap *tap)
{
	static const char *const fillers[] = {"x",       "\\n",   "\\\\",         "\xc3\xa9",
	                                      "\\u00e9", "u\\\"", "\xe6\x97\xa5", "\x7f"};

	for (size_t f = 0; f < sizeof(fillers) / sizeof(*fillers); f++) {
		unsigned wrong = 0;

		for (size_t piece = 0; piece < STRINGS_PIECES; piece++) {
			for (size_t place = 0; place < STRINGS_PLACES; place++) {
				char text[2 * STRINGS_LONGEST];
				size_t length = 0, size = strlen(strings_pieces[piece]), least;

				memset(text, 'y', sizeof(text));
				/* One byte at a time, and then whole fillers. */
				while (length < place % strlen(fillers[f]))
					text[length++] = 'z';
				while (length + strlen(fillers[f]) <= place) {
					memcpy(text + length, fillers[f], strlen(fillers[f]));
					length += strlen(fillers[f]);
				}
				least = length;
				memcpy(text + length, strings_pieces[piece], size);
				text[length + size] = '"';
				for (length = least; length <= least + size + 1; length++)
					wrong += !strings_agree(text, length, text + length);
				/* And far from the end. */
				memset(text + least + size, 'w', STRINGS_PLACES);
				text[least + size + STRINGS_PLACES] = '"';
				length = least + size + STRINGS_PLACES + 1;
				wrong += !strings_agree(text, length, text + length);
			}
		}
		tap_ok(tap, wrong == 0, "every piece in every place behind %s", fillers[f]);
	}
}

/* Rows of backslashes of every length, from every place. */
static void strings_rows(struct tap *tap)
{
	unsigned wrong = 0;

	for (size_t place = 0; place < STRINGS_PLACES; place++) {
		for (size_t row = 0; row < STRINGS_PLACES; row++) {
			char text[2 * STRINGS_LONGEST];

			memset(text, 'n', sizeof(text));
			memset(text + place, '\\', row);
			text[place + row] = '"';
			text[place + row + 2] = '"';
			wrong += !strings_agree(text, place + row + 3, text + place + row + 3);
			wrong += !strings_agree(text, place + row, text + place + row);
		}
	}
	tap_ok(tap, wrong == 0, "rows of backslashes");
}

/* Every byte in every place. */
static void strings_bytes(struct tap *tap)
{
	static const char *const fillers[] = {"xxxxxxxxxxxx",
	                                      "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
	                                      "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5",
	                                      "\xf0\x9f\x99\x82\xf0\x9f\x99\x82\xf0\x9f\x99\x82",
	                                      "\\ud83d\\ude42",
	                                      "\\u00e9\\u00e9"};

	for (size_t f = 0; f < sizeof(fillers) / sizeof(*fillers); f++) {
		unsigned wrong = 0;

		for (size_t place = 0; place < STRINGS_PLACES; place++) {
			for (int byte = 0; byte < 256; byte++) {
				char text[STRINGS_LONGEST] = "";

				for (size_t i = 0; i < 156; i++)
					text[i] = fillers[f][i % 12];
				text[156] = '"';
				text[place] = (char)byte;
				wrong += !strings_agree(text, 157, text + 157);
			}
		}
		tap_ok(tap, wrong == 0, "every byte in every place of %s", fillers[f]);
	}
}

static void strings_at_random(struct tap *tap)
{
	uint64_t state = 88172645463325252ULL;
	unsigned wrong = 0, valid = 0;

	for (int round = 0; round < STRINGS_ROUNDS; round++) {
		char text[STRINGS_LONGEST + JSON_PADDING + 32], padding[JSON_PADDING];
		size_t length = 0, most = strings_random(&state) % (STRINGS_LONGEST - 1);
		unsigned odd = strings_random(&state) % 2 ? 30 : 1000000;

		while (length < most) {
			bool any = strings_random(&state) % odd == 0;
			const char *piece =
				strings_pieces[strings_random(&state) % (any ? STRINGS_PIECES : STRINGS_VALID)];

			memcpy(text + length, piece, strlen(piece));
			length += strlen(piece);
		}
		text[length++] = '"';
		if (strings_random(&state) % 8 == 0)
			text[strings_random(&state) % length] = (char)strings_random(&state);
		if (strings_random(&state) % 8 == 0)
			length = strings_random(&state) % length;
		for (int i = 0; i < JSON_PADDING; i++)
			padding[i] = "\"\\ux0dD8c\x80\xc3\xff\n"[strings_random(&state) % 13];
		wrong += !strings_agree(text, length, padding);
		valid += length > 100;
	}
	tap_ok(tap, wrong == 0 && valid > STRINGS_ROUNDS / 4, "strings at random");
}

static int strings_cases(void)
{
	struct tap tap = {0};

	strings_places(&tap);
	strings_rows(&tap);
	strings_bytes(&tap);
	strings_at_random(&tap);
	return tap_end(&tap);
}

#endif
