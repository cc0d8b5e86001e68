/*
 * Types of values: what is not a string.
 */
#include <string.h>

#include "cmd/processors/parse/parse.h"

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is(const char *bytes, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(bytes, word, length) == 0;
}

/* How many digits are there. */
static size_t digits(const char *s, const char *end)
{
	const char *from = s;

	while (s < end && is_digit(*s))
		s++;
	return (size_t)(s - from);
}

/* As JSON has it, without an exponent, of no more digits than every double keeps; and not -0, which some write as 0. */
static bool is_plain_number(const char *s, size_t length)
{
	enum { KEPT = 15 };
	const char *end = s + length;
	bool negative = length > 0 && *s == '-', zero = true;
	size_t before, behind = 0;

	s += negative;
	before = digits(s, end);
	if (before == 0 || (before > 1 && *s == '0'))
		return false;
	if (s + before < end) {
		if (s[before] != '.')
			return false;
		behind = digits(s + before + 1, end);
		if (behind == 0 || s + before + 1 + behind != end)
			return false;
	}
	for (const char *digit = s; zero && digit < end; digit++)
		zero = *digit == '0' || *digit == '.';
	return before + behind <= KEPT && !(zero && negative);
}

bool types_infer(const char *bytes, size_t length)
{
	if (length == 0)
		return false;
	switch (*bytes) {
	case 't':
		return is(bytes, length, "true");
	case 'f':
		return is(bytes, length, "false");
	case 'n':
		return is(bytes, length, "null");
	default:
		return is_plain_number(bytes, length);
	}
}

/* "e-5" at s, or nothing. */
static bool is_exponent(const char *s, const char *end)
{
	if (s == end)
		return true;
	if (*s != 'e' && *s != 'E')
		return false;
	s++;
	s += s < end && (*s == '-' || *s == '+');
	return s < end && s + digits(s, end) == end;
}

bool types_add_number(struct text *json, const char *s, size_t length)
{
	const char *end = s + length;
	size_t before, behind;
	bool negative;

	while (s < end && *s == ' ')
		s++;
	while (end > s && end[-1] == ' ')
		end--;
	if (s == end) {
		text_add(json, "null", 4);
		return true;
	}
	negative = *s == '-';
	s += negative || *s == '+';
	before = digits(s, end);
	behind = s + before < end && s[before] == '.' ? digits(s + before + 1, end) : 0;
	if (before + behind == 0 || !is_exponent(s + before + behind + (s + before < end && s[before] == '.'), end))
		return false;
	for (; before > 1 && *s == '0'; before--)
		s++;
	if (negative)
		text_add_char(json, '-');
	if (before == 0)
		text_add_char(json, '0');
	text_add(json, s, before);
	s += before;
	if (s < end && *s == '.') {
		if (behind > 0)
			text_add(json, s, behind + 1);
		s += behind + 1;
	}
	text_add(json, s, (size_t)(end - s));
	return true;
}
