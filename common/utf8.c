#include "common/utf8.h"

#include <stdint.h>
#include <string.h>

#include "common/vector.h"

/* RFC 3629: the bytes of the sequence at s, which is not ASCII; 0: it is none. */
static size_t sequence(const unsigned char *s, const unsigned char *end)
{
	unsigned low = 0x80, high = 0xbf;
	int more;

	/* The second byte's range is what excludes overlong forms, surrogates and the rest above U+10FFFF. */
	if (*s < 0xc2 || *s > 0xf4)
		return 0;
	more = *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
	if (*s == 0xe0)
		low = 0xa0;
	else if (*s == 0xed)
		high = 0x9f;
	else if (*s == 0xf0)
		low = 0x90;
	else if (*s == 0xf4)
		high = 0x8f;
	if (end - s <= more || s[1] < low || s[1] > high)
		return 0;
	for (int i = 2; i <= more; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return (size_t)more + 1;
}

/*
 * Of bytes that begin characters: those that none begins with, those whose second byte is not in the range that is theirs, and
 * the last of the sixteen, whose second byte is not among them.
 */
static unsigned misplaced(vector bytes, unsigned odd)
{
	unsigned below_90 = vector_bits(vector_below(bytes, 0x90)), below_a0 = vector_bits(vector_below(bytes, 0xa0));
	unsigned never = vector_bits((vector)(bytes >= vector_of(0xf5)) |
	                             (vector_below(bytes, 0xc2) & (vector)(bytes >= vector_of(0xc0))));

	return never | (odd & 0x8000) | (vector_bits(vector_equal(bytes, 0xe0)) << 1 & below_a0) |
	       (vector_bits(vector_equal(bytes, 0xed)) << 1 & ~below_a0 & 0xffff) |
	       (vector_bits(vector_equal(bytes, 0xf0)) << 1 & below_90) |
	       (vector_bits(vector_equal(bytes, 0xf4)) << 1 & ~below_90 & 0xffff);
}

/*
 * Passes what is valid, sixteen bytes at a time; stops at a byte that begins a character, or at one that must be looked at. Each
 * byte that begins a longer sequence says where its other bytes are to be, and just these are to be the ones of that kind.
 */
static const unsigned char *pass_blocks(const unsigned char *s, const unsigned char *end)
{
	unsigned carried = 0; /* bits of the bytes before, as far as they say what the next ones are */

	for (; end - s >= 16; s += 16) {
		vector bytes = vector_load(s);
		unsigned high = vector_bits(bytes), third, fourth, begin, rest, due, odd;

		if (!high) {
			if (carried)
				break;
			continue;
		}
		rest = high & vector_bits(vector_below(bytes, 0xc0));
		begin = high & ~rest;
		third = vector_bits((vector)(bytes >= vector_of(0xe0)));
		fourth = vector_bits((vector)(bytes >= vector_of(0xf0)));
		due = carried | begin << 1 | third << 2 | fourth << 3;
		/* Those whose second byte, or which themselves, are to be looked at more closely. */
		odd = vector_bits(vector_equal(bytes, 0xe0) | vector_equal(bytes, 0xed) |
		                  (vector)(bytes >= vector_of(0xf0)) |
		                  (vector_below(bytes, 0xc2) & (vector)(bytes >= vector_of(0xc0))));
		if ((due & 0xffff) != rest || (odd && misplaced(bytes, odd)))
			break;
		carried = due >> 16;
	}
	/* Back to the first byte of a character that is not complete. */
	for (unsigned i = 0; carried && i < 3; i++)
		if ((*--s & 0xc0) == 0xc0)
			break;
	return s;
}

size_t utf8_length(const char *bytes, size_t length)
{
	const unsigned char *first = (const unsigned char *)bytes, *s = first, *end = s + length, *stop;

	while (s < end) {
		size_t n;

		s = pass_blocks(s, end);
		/* What is odd, or near the end, by characters. */
		for (stop = end - s < 16 ? end : s + 16; s < stop; s += n) {
			n = *s < 0x80 ? 1 : sequence(s, end);
			if (n == 0)
				return (size_t)(s - first);
		}
	}
	return (size_t)(s - first);
}

size_t utf8_count(const char *string)
{
	size_t count = 0;

	for (; *string; string++)
		count += ((unsigned char)*string & 0xc0) != 0x80;
	return count;
}

bool utf8_valid(const char *bytes, size_t length)
{
	return utf8_length(bytes, length) == length;
}
