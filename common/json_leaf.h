/*
 * json_leaf: strings and numbers of JSON in one piece, checked to the letter; for the scanners (json.h, json_shape.h), which have
 * most of it compiled into themselves.
 */
#ifndef PYPE_JSON_LEAF_H
#define PYPE_JSON_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json_span.h"
#include "common/utf8.h"
#include "common/vector.h"

/* What is wrong, and where. */
struct json_leaf_error {
	const char *text, *at;
};

/* The value of four bytes that are hexadecimal digits, in the order of a string. */
static inline unsigned json_leaf_unit(uint32_t four)
{
	const uint32_t ones = 0x01010101;

	four = be32toh((four & 0x0f * ones) + 9 * (four >> 6 & ones));
	four = (four | four >> 4) & 0x00ff00ff;
	return (four | four >> 8) & 0xffff;
}

/* The value of four hexadecimal digits, or -1. */
static inline int json_leaf_hex4(const char *s)
{
	const uint32_t ones = 0x01010101, tops = 0x80 * ones;
	uint32_t four, lower, digit, letter;

	memcpy(&four, s, sizeof(four));
	lower = four | 0x20 * ones;
	/* In the highest bit of each byte, which is as it was in the sums if it is set: not below the first, not above the last. */
	digit = ((four | tops) - '0' * ones) & ~(four + (0x7f - '9') * ones);
	letter = ((lower | tops) - 'a' * ones) & ~(lower + (0x7f - 'f') * ones);
	if ((four & tops) || ((digit | letter) & tops) != tops)
		return -1;
	return (int)json_leaf_unit(four);
}

/* Which of sixteen bytes of a string are to be looked at: '"', '\\', control bytes, and, for the facts, DEL; as a vector, and as bits. */
static inline vector json_leaf_stops(vector bytes, bool facts)
{
	vector stops = vector_equal(bytes, '"') | vector_equal(bytes, '\\') | vector_below(bytes, 0x20);

	return facts ? stops | vector_equal(bytes, 0x7f) : stops;
}

static inline unsigned json_leaf_special(vector bytes, bool facts)
{
	return vector_bits(json_leaf_stops(bytes, facts));
}

/*
 * Which of sixty-four characters of a string a backslash makes part of an escape, if these are its backslashes. escaped: whether
 * the first one is (0 or 1); becomes whether the first one of the next sixty-four is.
 */
static inline uint64_t json_leaf_escaped(uint64_t backslashes, uint64_t *escaped)
{
	const uint64_t even = 0x5555555555555555;
	uint64_t lone = backslashes & ~*escaped; /* or the first of them in a row */
	/* A one added where a row begins runs to its end: so rows that begin at even places are told from the others. */
	uint64_t firsts = lone & ~(lone << 1) & even, even_rows = lone & ~(lone + firsts), odd_rows = lone & ~even_rows;
	uint64_t behind = (even_rows << 1 & ~even) | (odd_rows << 1 & even) | *escaped;

	*escaped = (lone & ~behind) >> 63;
	return behind;
}

/*
 * The rest of a string, from s on: what is in it that is special. first: behind the opening quote; high: what is before s is
 * not all ASCII. Adds to flags.
 */
const char *json_leaf_string_rest(const char *first, const char *s, unsigned high, const char *end, bool facts,
                                  unsigned *flags, struct json_leaf_error *error);

/* Where the string ends (behind its quote), or NULL: wrong. s is behind the opening quote. */
static inline __attribute__((always_inline)) const char *json_leaf_string(const char *s, const char *end,
                                                                          unsigned *flags, const bool facts,
                                                                          struct json_leaf_error *error)
{
	const char *first = s;
	unsigned high = 0, special, more = 0;
	vector bytes;

	for (;;) {
		bytes = vector_load(s);
		special = json_leaf_special(bytes, facts);
		if (special)
			break;
		high |= vector_bits(bytes);
		s += 16;
		if (s >= end)
			break;
	}
	if (special) {
		high |= vector_bits(bytes) & (special - 1) & ~special;
		s += __builtin_ctz(special);
		if (s < end && *s == '"' && !high)
			return s + 1;
	}
	s = json_leaf_string_rest(first, s, high, end, facts, &more, error);
	*flags |= more;
	return s;
}

static inline bool json_leaf_digit(const char *s, const char *end)
{
	return s < end && (unsigned char)(*s - '0') < 10;
}

/*
 * How jq would write the number; the rules are those measured with libjq 1.6, 1.7 and 1.8. Doubles keep fifteen
 * digits, and sixteen if the first is less than 4: all of them are less than 2^52 then, and so no two of these
 * decimals are nearest to the same double.
 */
static inline unsigned json_leaf_number_facts(const char *whole, const char *point, const char *end)
{
	size_t digits = (size_t)(point - whole), behind = point < end ? (size_t)(end - point - 1) : 0, zeros = 0;
	unsigned flags = 0;

	if (*whole != '0') {
		if (digits + behind > 15u + (*whole < '4') || (behind > 0 && end[-1] == '0'))
			flags |= JSON_RENUMBER;
		return flags;
	}
	while (zeros < behind && point[1 + zeros] == '0')
		zeros++;
	if (behind > 0 && (zeros > 3 || end[-1] == '0' || behind - zeros > 15u + (point[1 + zeros] < '4')))
		flags |= JSON_RENUMBER;
	if (zeros > (zeros == behind ? 6 : 5))
		flags |= JSON_RENUMBER_EXACT;
	return flags;
}

/* A bit for each of sixteen bytes that is no digit, or behind the end; and bit 16. */
static inline unsigned json_leaf_others(const char *s, const char *end)
{
	unsigned others = ~vector_bits(vector_below(vector_load(s) - '0', 10));

	return end - s < 16 ? others | ~0U << (end - s) : others;
}

static inline const char *json_leaf_digits(const char *s, const char *end)
{
	while (json_leaf_digit(s, end))
		s++;
	return s;
}

/* Where the number ends, or NULL: wrong. */
static inline __attribute__((always_inline)) const char *json_leaf_number(const char *s, const char *end,
                                                                          unsigned *flags, const bool facts,
                                                                          struct json_leaf_error *error)
{
	const char *whole, *point, *behind;
	unsigned others;

	if (*s == '-')
		s++;
	whole = s;
	others = json_leaf_others(s, end);
	s += __builtin_ctz(others);
	if (s == whole)
		goto wrong;
	if (*whole == '0' && s > whole + 1) {
		s = whole + 1;
		goto wrong;
	}
	if (s == whole + 16)
		s = json_leaf_digits(s, end);
	point = s;
	if (s < end && *s == '.') {
		/* The next byte after the point that is no digit, if it is one of the sixteen. */
		others &= others - 1;
		behind = whole + __builtin_ctz(others);
		s = point < whole + 16 && behind < whole + 16 ? behind : json_leaf_digits(point + 1, end);
		if (s == point + 1)
			goto wrong;
	}
	if (s < end && (*s | 0x20) == 'e') {
		s++;
		if (s < end && (*s == '+' || *s == '-'))
			s++;
		if (!json_leaf_digit(s, end))
			goto wrong;
		s = json_leaf_digits(s, end);
		if (facts)
			*flags |= JSON_RENUMBER | JSON_RENUMBER_EXACT;
	} else if (facts && (*whole == '0' || s - whole > 15 || (s[-1] == '0' && s > point))) {
		/* Others, nearly all, are written as jq writes them. */
		*flags |= json_leaf_number_facts(whole, point, s);
	}
	return s;
wrong:
	error->text = "malformed number";
	error->at = s;
	return NULL;
}

#endif
