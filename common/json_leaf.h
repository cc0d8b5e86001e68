/*
 * json_leaf: strings and numbers of JSON in one piece, checked to the letter; for the scanners (json.h, json_shape.h), which have
 * it compiled into themselves.
 */
#ifndef PYPE_JSON_LEAF_H
#define PYPE_JSON_LEAF_H

#include <stdbool.h>
#include <stddef.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/json_span.h"
#include "common/utf8.h"

/* What is wrong, and where. */
struct json_leaf_error {
	const char *text, *at;
};

/* The value of four hexadecimal digits, or -1. */
static inline int json_leaf_hex4(const char *s)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)s[i], digit = (c | 0x20) - 'a' + 10;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (digit < 10 || digit > 15)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* What sixteen bytes of a string hold, a bit for each byte; only those up to the first special one count. */
struct json_leaf_look {
	unsigned special; /* '"', '\\' and control bytes */
	unsigned high; /* not ASCII */
	unsigned del; /* 0x7f */
};

#ifdef __SSE2__
static inline struct json_leaf_look json_leaf_look_at(const char *s)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);

	return (struct json_leaf_look){
		.special = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)),
		.high = (unsigned)_mm_movemask_epi8(bytes),
		.del = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f))),
	};
}
#else
static inline struct json_leaf_look json_leaf_look_at(const char *s)
{
	struct json_leaf_look look = {0};

	for (int i = 0; i < 16 && !look.special; i++) {
		unsigned char c = (unsigned char)s[i];

		look.special |= (unsigned)(c == '"' || c == '\\' || c < 0x20) << i;
		look.high |= (unsigned)(c >> 7) << i;
		look.del |= (unsigned)(c == 0x7f) << i;
	}
	return look;
}
#endif

/* Where the string ends (behind its quote), or NULL: wrong. s is behind the opening quote. */
static inline __attribute__((always_inline)) const char *json_leaf_string(const char *s, const char *end,
                                                                          unsigned *flags, const bool facts,
                                                                          struct json_leaf_error *error)
{
	const char *first = s;
	unsigned high = 0, del = 0;

	for (;;) {
		struct json_leaf_look look = json_leaf_look_at(s);
		unsigned before;
		int code;

		if (!look.special) {
			high |= look.high;
			del |= look.del;
			s += 16;
			if (s >= end)
				goto unterminated;
			continue;
		}
		before = (look.special - 1) & ~look.special;
		high |= look.high & before;
		del |= look.del & before;
		s += __builtin_ctz(look.special);
		if (s >= end)
			goto unterminated;
		if (*s == '"')
			break;
		if (*s != '\\') {
			error->text = "control character in a string";
			goto wrong;
		}
		*flags |= JSON_ESCAPED;
		if (end - s < 2)
			goto unterminated;
		switch (s[1]) {
		case '/':
			*flags |= JSON_RESTRING;
			/* fall through */
		case '"':
		case '\\':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			s += 2;
			break;
		case 'u':
			*flags |= JSON_RESTRING;
			code = end - s < 6 ? -1 : json_leaf_hex4(s + 2);
			if (code < 0) {
				error->text = "\\u needs four hexadecimal digits";
				goto wrong;
			}
			s += 6;
			if (code < 0xd800 || code > 0xdbff)
				break;
			code = end - s < 6 || s[0] != '\\' || s[1] != 'u' ? -1 : json_leaf_hex4(s + 2);
			if (code < 0xdc00 || code > 0xdfff) {
				error->text = "high surrogate without its low one";
				s -= 6;
				goto wrong;
			}
			s += 6;
			break;
		default:
			error->text = "unknown escape in a string";
			goto wrong;
		}
	}
	if (high) {
		size_t length = (size_t)(s - first), valid = utf8_length(first, length);

		if (valid < length) {
			error->text = "invalid UTF-8 in a string";
			s = first + valid;
			goto wrong;
		}
	}
	if (facts && del)
		*flags |= JSON_RESTRING;
	return s + 1;
unterminated:
	error->text = "unterminated string";
	s = end;
wrong:
	error->at = s;
	return NULL;
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

/* Where the number ends, or NULL: wrong. */
static inline __attribute__((always_inline)) const char *json_leaf_number(const char *s, const char *end,
                                                                          unsigned *flags, const bool facts,
                                                                          struct json_leaf_error *error)
{
	const char *whole, *point;

	if (*s == '-')
		s++;
	whole = s;
	if (!json_leaf_digit(s, end))
		goto wrong;
	if (*s++ == '0') {
		if (json_leaf_digit(s, end))
			goto wrong;
	} else {
		while (json_leaf_digit(s, end))
			s++;
	}
	point = s;
	if (s < end && *s == '.') {
		s++;
		if (!json_leaf_digit(s, end))
			goto wrong;
		while (json_leaf_digit(s, end))
			s++;
	}
	if (s < end && (*s | 0x20) == 'e') {
		s++;
		if (s < end && (*s == '+' || *s == '-'))
			s++;
		if (!json_leaf_digit(s, end))
			goto wrong;
		while (json_leaf_digit(s, end))
			s++;
		if (facts)
			*flags |= JSON_RENUMBER | JSON_RENUMBER_EXACT;
	} else if (facts) {
		*flags |= json_leaf_number_facts(whole, point, s);
	}
	return s;
wrong:
	error->text = "malformed number";
	error->at = s;
	return NULL;
}

#endif
