/*
 * decimal: JSON numbers of up to sixteen characters without an exponent, as most are, read eight characters at a time.
 *
 * The bytes behind the number must be readable as behind a text given to json_scan (JSON_PADDING): so the spans of a stage's event
 * will do. For all others there are json_number and stamp_read.
 */
#ifndef PYPE_DECIMAL_H
#define PYPE_DECIMAL_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DECIMAL_LENGTH = 16 /* without the sign */, DECIMAL_POWERS = 18 };

struct decimal {
	uint64_t digits; /* all of them, as if there were no point */
	unsigned behind; /* … so many of them behind the point */
	bool negative;
};

/* Powers of ten, from 0 on. */
extern const uint64_t decimal_powers[DECIMAL_POWERS + 1];

/* In the words that follow digits are their values, and the first character is the lowest byte. */
enum { DECIMAL_POINT = '.' ^ '0' };

static inline uint64_t decimal_load(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return le64toh(word) ^ 0x3030303030303030;
}

/* The highest bit of each byte that is no digit. */
static inline uint64_t decimal_others(uint64_t word)
{
	return (((word & 0x7f7f7f7f7f7f7f7f) + 0x7676767676767676) | word) & 0x8080808080808080;
}

/* Whether what was found in a word is one point. */
static inline bool decimal_is_point(uint64_t word, uint64_t found)
{
	return (found & (found - 1)) == 0 && (word & ((found << 1) - (found >> 7))) == (found >> 7) * DECIMAL_POINT;
}

/* Without the point, which is where `found` says; what is before it moves up, behind a byte from elsewhere. */
static inline uint64_t decimal_without_point(uint64_t word, uint64_t found, uint64_t first)
{
	uint64_t before = (found >> 7) - 1, until = (found << 1) - 1;

	return (word & ~until) | (word & before) << 8 | first;
}

/* The value of eight digits: neighbours are joined to pairs, fours and eight. */
static inline uint64_t decimal_join(uint64_t word)
{
	word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ff;
	word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffff;
	return (word * 10000 + (word >> 32)) & 0xffffffff;
}

static inline bool decimal_read_eight(struct decimal *decimal, const char *at, size_t length)
{
	/* Zeros come before the first one. */
	uint64_t word = decimal_load(at) << 8 * (8 - length), found = decimal_others(word);

	if (found) {
		if (!decimal_is_point(word, found))
			return false;
		decimal->behind = 7 - (unsigned)__builtin_ctzll(found) / 8;
		word = decimal_without_point(word, found, 0);
	}
	decimal->digits = decimal_join(word);
	return true;
}

static inline bool decimal_read_sixteen(struct decimal *decimal, const char *at, size_t length)
{
	uint64_t low = decimal_load(at), high = decimal_load(at + 8), in_low, in_high;
	unsigned shift = 8 * (16 - (unsigned)length);

	high = high << shift | low >> 1 >> (63 - shift);
	low <<= shift;
	in_low = decimal_others(low);
	in_high = decimal_others(high);
	if (in_high) {
		if (in_low || !decimal_is_point(high, in_high))
			return false;
		decimal->behind = 7 - (unsigned)__builtin_ctzll(in_high) / 8;
		high = decimal_without_point(high, in_high, low >> 56);
		low <<= 8;
	} else if (in_low) {
		if (!decimal_is_point(low, in_low))
			return false;
		decimal->behind = 15 - (unsigned)__builtin_ctzll(in_low) / 8;
		low = decimal_without_point(low, in_low, 0);
	}
	decimal->digits = decimal_join(low) * 100000000 + decimal_join(high);
	return true;
}

/* A valid number. False: it is a longer one, or has an exponent. */
static inline bool decimal_read(struct decimal *decimal, const char *at, size_t length)
{
	bool negative = *at == '-';

	*decimal = (struct decimal){.negative = negative};
	at += negative;
	length -= negative;
	if (length <= 8)
		return decimal_read_eight(decimal, at, length);
	return length <= DECIMAL_LENGTH && decimal_read_sixteen(decimal, at, length);
}

/* The nearest double, where it is found by one division of two that are exact (all these powers are). */
static inline bool decimal_double(const char *at, size_t length, double *number)
{
	struct decimal decimal;

	if (!decimal_read(&decimal, at, length) || decimal.digits > 1ULL << 53)
		return false;
	*number = (double)decimal.digits / (double)decimal_powers[decimal.behind];
	if (decimal.negative)
		*number = -*number;
	return true;
}

#endif
