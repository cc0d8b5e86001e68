/*
 * reference: RFC 8259 read a second time, byte by byte and without cleverness, for json_scan to be compared with.
 *
 * Told to be lenient it also takes what libjq takes beyond the RFC, and notes which of these a text needs.
 */
#ifndef PYPE_TEST_REFERENCE_H
#define PYPE_TEST_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* What libjq takes and json_scan refuses, as common/json.h has it. */
enum {
	LENIENT_NUMBER = 1, /* 01 .5 5. +1 nan inf; \v and \f before a number */
	LENIENT_NUL = 2, /* a NUL byte outside strings: it is or ends a number */
	LENIENT_CONTROL = 4, /* NUL and 0x1f in a string */
	LENIENT_UTF8 = 8, /* bytes that are not UTF-8 in a string */
	LENIENT_BOM = 16, /* a byte order mark in front */
	LENIENT_SEPARATOR = 32, /* a value, and a record separator (0x1e) anywhere behind it */
	LENIENT_DEPTH = 64, /* more than `deepest` containers within containers */
	LENIENT_KINDS = 7,
};

struct reference {
	const char *end;
	bool lenient;
	unsigned used; /* LENIENT_… */
	int deepest;
};

static inline bool reference_may(struct reference *r, unsigned kind)
{
	r->used |= kind;
	return r->lenient;
}

static inline bool reference_digit(const struct reference *r, const char *s)
{
	return s < r->end && *s >= '0' && *s <= '9';
}

static inline const char *reference_digits(const struct reference *r, const char *s)
{
	while (reference_digit(r, s))
		s++;
	return s;
}

static inline bool reference_in(const struct reference *r, const char *s, const char *set)
{
	return s < r->end && *s && strchr(set, *s);
}

/* number = [ minus ] int [ frac ] [ exp ] */
static inline const char *reference_number(const struct reference *r, const char *s)
{
	if (reference_in(r, s, "-"))
		s++;
	if (!reference_digit(r, s))
		return NULL;
	s = *s == '0' ? s + 1 : reference_digits(r, s);
	if (reference_in(r, s, ".")) {
		if (!reference_digit(r, ++s))
			return NULL;
		s = reference_digits(r, s);
	}
	if (reference_in(r, s, "eE")) {
		s++;
		if (reference_in(r, s, "+-"))
			s++;
		if (!reference_digit(r, s))
			return NULL;
		s = reference_digits(r, s);
	}
	return s;
}

/* What strtod takes of the bytes up to the next white space, quote or structural byte. */
static inline const char *reference_odd_number(struct reference *r, const char *s)
{
	const char *end = s, *digits;
	bool some = false;

	while (end < r->end && (!*end || !strchr(" \t\r\n\"[]{},:\x1e", *end)))
		end++;
	if (end == s)
		return NULL;
	if (*s == '\0')
		return reference_may(r, LENIENT_NUL) ? end : NULL;
	while (s < end && (*s == '\v' || *s == '\f'))
		s++;
	if (s < end && (*s == '+' || *s == '-'))
		s++;
	if ((end - s >= 3 && (strncasecmp(s, "nan", 3) == 0 || strncasecmp(s, "inf", 3) == 0)) ||
	    (end - s >= 4 && strncasecmp(s, "snan", 4) == 0)) {
		return reference_may(r, LENIENT_NUMBER) ? end : NULL;
	}
	digits = reference_digits(r, s);
	some = digits > s;
	s = digits;
	if (reference_in(r, s, ".")) {
		digits = reference_digits(r, s + 1);
		some |= digits > s + 1;
		s = digits;
	}
	if (!some)
		return NULL;
	if (reference_in(r, s, "eE")) {
		s++;
		if (reference_in(r, s, "+-"))
			s++;
		if (!reference_digit(r, s))
			return NULL;
		s = reference_digits(r, s);
	}
	if (s < end && *s)
		return NULL;
	return reference_may(r, LENIENT_NUMBER | (s < end ? LENIENT_NUL : 0)) ? end : NULL;
}

/* One UTF-8 character that is not ASCII, by decoding it; NULL: none. */
static inline const char *reference_utf8(const struct reference *r, const char *s)
{
	static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = (unsigned char)*s;
	int length = first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
	unsigned code = first & (0x7f >> length);

	if (length == 0 || r->end - s < length)
		return NULL;
	for (int i = 1; i < length; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return NULL;
		code = code << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return NULL;
	return s + length;
}

/* \uXXXX at s; -1: none. */
static inline int reference_unit(const struct reference *r, const char *s)
{
	int value = 0;

	if (r->end - s < 6 || s[0] != '\\' || s[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF", *found = s[i] ? strchr(digits, s[i]) : NULL;

		if (!found)
			return -1;
		value = value * 16 + (int)((found - digits) % 16);
	}
	return value;
}

/* s is behind the opening quote; the result behind the closing one. */
static inline const char *reference_string(struct reference *r, const char *s)
{
	while (s < r->end && *s != '"') {
		unsigned char c = (unsigned char)*s;

		if (c < 0x20) {
			if ((c != 0 && c != 0x1f) || !reference_may(r, LENIENT_CONTROL))
				return NULL;
			s++;
		} else if (c >= 0x80) {
			const char *next = reference_utf8(r, s);

			if (!next && !reference_may(r, LENIENT_UTF8))
				return NULL;
			s = next ? next : s + 1;
		} else if (c != '\\') {
			s++;
		} else if (reference_in(r, s + 1, "\"\\/bfnrt")) {
			s += 2;
		} else {
			int unit = reference_unit(r, s);

			if (unit < 0)
				return NULL;
			s += 6;
			if (unit >= 0xd800 && unit <= 0xdbff) {
				int low = reference_unit(r, s);

				if (low < 0xdc00 || low > 0xdfff)
					return NULL;
				s += 6;
			}
		}
	}
	return s < r->end ? s + 1 : NULL;
}

static inline const char *reference_space(const struct reference *r, const char *s)
{
	while (reference_in(r, s, " \t\r\n"))
		s++;
	return s;
}

static inline const char *reference_value(struct reference *r, const char *s, int depth)
{
	static const char *const words[] = {"true", "false", "null"};
	char close = s < r->end && *s == '{' ? '}' : ']';
	const char *end;

	if (s == r->end)
		return NULL;
	if (*s == '"')
		return reference_string(r, s + 1);
	for (int i = 0; i < 3; i++)
		if ((size_t)(r->end - s) >= strlen(words[i]) && memcmp(s, words[i], strlen(words[i])) == 0)
			return s + strlen(words[i]);
	if (*s != '{' && *s != '[') {
		end = reference_number(r, s);
		/* Only if nothing sticks to it, this is all of what libjq reads as the number. */
		if (end && (!r->lenient || end == r->end || (*end && strchr(" \t\r\n\"[]{},:\x1e", *end))))
			return end;
		return reference_odd_number(r, s);
	}
	if (++depth > r->deepest && !reference_may(r, LENIENT_DEPTH))
		return NULL;
	s = reference_space(r, s + 1);
	if (s < r->end && *s == close)
		return s + 1;
	for (;;) {
		if (close == '}') {
			s = reference_in(r, s, "\"") ? reference_string(r, s + 1) : NULL;
			s = s ? reference_space(r, s) : NULL;
			if (!s || !reference_in(r, s, ":"))
				return NULL;
			s = reference_space(r, s + 1);
		}
		s = reference_value(r, s, depth);
		s = s ? reference_space(r, s) : NULL;
		if (!s || s == r->end)
			return NULL;
		if (*s == close)
			return s + 1;
		if (*s != ',')
			return NULL;
		s = reference_space(r, s + 1);
	}
}

/* True if the text is valid; what of the lenient rules it needs is in r->used. */
static inline bool reference_text(struct reference *r, const char *s, size_t length)
{
	r->end = s + length;
	r->used = 0;
	if (r->lenient && length >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
		r->used |= LENIENT_BOM;
		s += 3;
	}
	s = reference_space(r, s);
	s = reference_value(r, s, 0);
	s = s ? reference_space(r, s) : NULL;
	if (s && s < r->end && r->lenient && memchr(s, 0x1e, (size_t)(r->end - s)))
		return r->used |= LENIENT_SEPARATOR, true;
	return s && s == r->end;
}

#endif
