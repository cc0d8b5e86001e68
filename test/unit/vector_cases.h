/*
 * The cases of vector.c and vector_plain.c.
 */
#ifndef PYPE_TEST_VECTOR_CASES_H
#define PYPE_TEST_VECTOR_CASES_H

#include <stdint.h>
#include <string.h>

#include "common/utf8.h"
#include "common/vector.h"
#include "test/unit/tap.h"

enum { VECTOR_ROUNDS = 300000, VECTOR_TEXT = 80 };

static uint64_t vector_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The definition: each sequence decoded, and looked at as a code point. */
static size_t slow_length(const unsigned char *s, size_t length)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t i = 0;

	while (i < length) {
		size_t n = s[i] < 0x80 ? 1 : s[i] >> 5 == 6 ? 2 : s[i] >> 4 == 14 ? 3 : s[i] >> 3 == 30 ? 4 : 0;
		unsigned c = n == 1 ? s[i] : n > 0 ? s[i] & (0x7fU >> n) : 0;

		if (n == 0 || i + n > length)
			return i;
		for (size_t j = 1; j < n; j++) {
			if (s[i + j] >> 6 != 2)
				return i;
			c = c << 6 | (s[i + j] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return i;
		i += n;
	}
	return i;
}

/* Mostly whole characters, now and then a byte that does not belong there. */
static size_t random_text(unsigned char *text, uint64_t *state)
{
	static const char *const pieces[] = {"a",
	                                     "plain text of ASCII",
	                                     "\xc3\xa9",
	                                     "\xe6\x97\xa5",
	                                     "\xf0\x9f\x99\x82",
	                                     "\xed\x9f\xbf",
	                                     "\xe0\xa0\x80",
	                                     "\xf4\x8f\xbf\xbf",
	                                     "\xef\xbf\xbd",
	                                     "\xed\xa0\x80",
	                                     "\xc0\x80",
	                                     "\xe0\x80\x80",
	                                     "\xf0\x80\x80\x80",
	                                     "\xf4\x90\x80\x80",
	                                     "\xf5",
	                                     "\x80",
	                                     "\xe6"};
	size_t length = 0, most = vector_random(state) % VECTOR_TEXT;

	while (length < most) {
		uint64_t odd = vector_random(state) % 40 == 0;
		const char *piece = pieces[vector_random(state) % (odd ? sizeof(pieces) / sizeof(*pieces) : 9)];
		size_t more = strlen(piece);

		if (length + more > VECTOR_TEXT)
			break;
		memcpy(text + length, piece, more);
		length += more;
	}
	if (length > 0 && vector_random(state) % 8 == 0)
		text[vector_random(state) % length] = (unsigned char)vector_random(state);
	return length;
}

static int vector_cases(void)
{
	struct tap tap = {0};
	unsigned char text[VECTOR_TEXT + 16] = {0};
	uint64_t state = 88172645463325252ULL;
	unsigned wrong_bits = 0, wrong_lengths = 0;

	for (int round = 0; round < VECTOR_ROUNDS; round++) {
		unsigned bits = 0;
		size_t length;

		for (unsigned i = 0; i < 16; i++) {
			text[i] = (unsigned char)vector_random(&state);
			bits |= (unsigned)(text[i] >> 7) << i;
		}
		wrong_bits += vector_bits(vector_load(text)) != bits;
		length = random_text(text, &state);
		wrong_lengths += utf8_length((const char *)text, length) != slow_length(text, length);
	}
	tap_ok(&tap, wrong_bits == 0, "the highest bits of sixteen bytes");
	tap_ok(&tap, wrong_lengths == 0, "how much of a text is UTF-8");
	return tap_end(&tap);
}

#endif
