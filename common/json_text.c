#include "common/json_text.h"

#include <endian.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/utf8.h"
#include "common/unit.h"

static const char hex[] = "0123456789abcdef";

/* How many bytes from s on (at most length) are one valid UTF-8 sequence; 0: none. */
static size_t sequence(const unsigned char *s, size_t length)
{
	size_t need = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	return need <= length && utf8_valid((const char *)s, need) ? need : 0;
}

static void add_escape(struct text *text, unsigned char c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	const char *found = NULL;

	for (const char *l = letters; *l && !found; l += 2)
		if ((unsigned char)*l == c)
			found = l + 1;
	if (found) {
		text_add_char(text, '\\');
		text_add_char(text, *found);
	} else {
		text_add_string(text, "\\u00");
		text_add_char(text, hex[c >> 4]);
		text_add_char(text, hex[c & 15]);
	}
}

/* The first byte that is not written as it is, or end: control bytes, quotes, backslashes, DEL, and all that is not ASCII. */
static const unsigned char *special(const unsigned char *s, const unsigned char *end)
{
	const uint64_t ones = 0x0101010101010101ULL, tops = 0x80 * ones;

	for (; end - s >= 8; s += 8) {
		uint64_t word, quote, backslash, del, found;

		memcpy(&word, s, sizeof(word));
		word = le64toh(word);
		quote = word ^ '"' * ones;
		backslash = word ^ '\\' * ones;
		del = word ^ 0x7f * ones;
		/* The lowest bit that is set is right; a borrow may set more above it. */
		found = (word | ((word - 0x20 * ones) & ~word) | ((quote - ones) & ~quote) |
		         ((backslash - ones) & ~backslash) | ((del - ones) & ~del)) &
		        tops;
		if (found)
			return s + __builtin_ctzll(found) / 8;
	}
	while (s < end && *s >= 0x20 && *s < 0x7f && *s != '"' && *s != '\\')
		s++;
	return s;
}

void json_add_string(struct text *text, const char *bytes, size_t length)
{
	const unsigned char *s = (const unsigned char *)bytes, *end = s + length;

	text_reserve(text, length + 2);
	text_add_char(text, '"');
	while (s < end) {
		const unsigned char *from = s;

		s = special(s, end);
		text_add(text, from, (size_t)(s - from));
		if (s == end)
			break;
		if (*s < 0x80) {
			add_escape(text, *s++);
		} else {
			size_t n = sequence(s, (size_t)(end - s));

			text_add(text, n ? (const char *)s : "\xef\xbf\xbd", n ? n : 3);
			s += n ? n : 1;
		}
	}
	text_add_char(text, '"');
}

static unsigned hex4(const char *s)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)s[i];

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static void add_code_point(struct text *text, unsigned c)
{
	char utf8[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (n == 1) {
		utf8[0] = (char)c;
	} else {
		for (size_t i = n - 1; i > 0; i--, c >>= 6)
			utf8[i] = (char)(0x80 | (c & 0x3f));
		utf8[0] = (char)((0xf00 >> n & 0xff) | c);
	}
	text_add(text, utf8, n);
}

void json_pad(struct text *text)
{
	text_reserve(text, JSON_PADDING);
	memset(text->data + text->length, 0, JSON_PADDING);
}

void json_add_unescaped(struct text *text, const char *string, size_t length)
{
	const char *s = string + 1, *end = string + length - 1;

	text_reserve(text, length);
	while (s < end) {
		const char *backslash = memchr(s, '\\', (size_t)(end - s));
		static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
		const char *letter;

		text_add(text, s, (size_t)((backslash ? backslash : end) - s));
		if (!backslash)
			break;
		s = backslash + 2;
		if (s[-1] == 'u') {
			unsigned c = hex4(s);

			s += 4;
			if (c >= 0xd800 && c < 0xdc00) {
				c = 0x10000 + ((c - 0xd800) << 10) + (hex4(s + 2) - 0xdc00);
				s += 6;
			} else if (c >= 0xdc00 && c < 0xe000) {
				c = 0xfffd; /* a low surrogate alone, as jq has it */
			}
			add_code_point(text, c);
		} else {
			letter = strchr(from, s[-1]);
			text_add_char(text, letter ? to[letter - from] : s[-1]);
		}
	}
}

void json_add_compact(struct text *text, const char *json, size_t length)
{
	const char *s = json, *end = json + length;

	text_reserve(text, length);
	while (s < end) {
		const char *from = s;

		/* Up to the next white space outside a string. */
		while (s < end && *s != ' ' && *s != '\n' && *s != '\t' && *s != '\r') {
			if (*s++ != '"')
				continue;
			while (*s != '"')
				s += *s == '\\' ? 2 : 1;
			s++;
		}
		text_add(text, from, (size_t)(s - from));
		while (s < end && (*s == ' ' || *s == '\n' || *s == '\t' || *s == '\r'))
			s++;
	}
}

static inline const char *skip_space(const char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
		s++;
	return s;
}

/* Behind a valid string; notes whether it has escapes. */
static const char *skip_string(const char *s, unsigned *flags)
{
	for (s++; *s != '"'; s++)
		if (*s == '\\') {
			*flags |= JSON_ESCAPED;
			s++;
		}
	return s + 1;
}

static struct json_span value_at(const char *s)
{
	struct json_span span = {.at = s};
	size_t depth = 0;

	switch (*s) {
	case '"':
		span.kind = JSON_STRING;
		span.length = (size_t)(skip_string(s, &span.flags) - s);
		return span;
	case '{':
	case '[':
		span.kind = *s == '{' ? JSON_OBJECT : JSON_ARRAY;
		do {
			depth += *s == '{' || *s == '[';
			depth -= *s == '}' || *s == ']';
			s = *s == '"' ? skip_string(s, &span.flags) : s + 1;
		} while (depth > 0);
		span.length = (size_t)(s - span.at);
		return span;
	}
	span.kind = *s == 'n' ? JSON_NULL : *s == 't' ? JSON_TRUE : *s == 'f' ? JSON_FALSE : JSON_NUMBER;
	/* Numbers and words hold neither these nor anything below them: white space, and the end. */
	while ((unsigned char)*s > ' ' && *s != ',' && *s != '}' && *s != ']')
		s++;
	span.length = (size_t)(s - span.at);
	return span;
}

bool json_next_member(const char **at, struct json_span *key, struct json_span *value)
{
	const char *s = skip_space(*at);

	if (*s == '{' || *s == ',')
		s = skip_space(s + 1);
	if (*s == '}')
		return false;
	*key = value_at(s);
	s = skip_space(s + key->length);
	*value = value_at(skip_space(s + 1));
	*at = value->at + value->length;
	return true;
}

bool json_next_element(const char **at, struct json_span *value)
{
	const char *s = skip_space(*at);

	if (*s == '[' || *s == ',')
		s = skip_space(s + 1);
	if (*s == ']')
		return false;
	*value = value_at(s);
	*at = value->at + value->length;
	return true;
}

double json_number(const struct json_span *number)
{
	static const double powers[] = {1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
	                                1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17};
	const char *s = number->at, *end = s + number->length;
	uint64_t digits = 0;
	size_t behind = 0;
	char copy[64], *long_copy;
	double value;

	s += *s == '-';
	if (number->length <= 18) {
		for (; s < end && (unsigned char)(*s - '0') < 10; s++)
			digits = digits * 10 + (uint64_t)(*s - '0');
		if (s < end && *s == '.') {
			const char *point = s++;

			for (; s < end && (unsigned char)(*s - '0') < 10; s++)
				digits = digits * 10 + (uint64_t)(*s - '0');
			behind = (size_t)(s - point - 1);
		}
	}
	/* A whole number up to 2^53 and a small power of ten: both are exact doubles, so one division rounds once. */
	if (s == end && digits <= 1ULL << 53) {
		value = (double)digits / powers[behind];
		return *number->at == '-' ? -value : value;
	}
	if (number->length < sizeof(copy)) {
		memcpy(copy, number->at, number->length);
		copy[number->length] = '\0';
		return strtod(copy, NULL);
	}
	long_copy = xstrndup(number->at, number->length);
	value = strtod(long_copy, NULL);
	free(long_copy);
	return value;
}

bool json_time(const struct json_span *value, int64_t *nanoseconds)
{
	static const double most = 9e9;
	double seconds = value->kind == JSON_NUMBER ? json_number(value) : INFINITY;

	if (!(fabs(seconds) < most))
		return false;
	*nanoseconds = (int64_t)(seconds * 1e9);
	return true;
}

void json_add_base64(struct text *text, const void *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = bytes;
	char *out;

	text_reserve(text, (length + 2) / 3 * 4);
	out = text->data + text->length;
	for (; length > 0; s += 3) {
		unsigned group =
			(unsigned)s[0] << 16 | (length > 1 ? (unsigned)s[1] << 8 : 0) | (length > 2 ? s[2] : 0);

		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = length > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = length > 2 ? digits[group & 63] : '=';
		length -= length > 2 ? 3 : length;
	}
	text->length = (size_t)(out - text->data);
	text->data[text->length] = '\0';
}

/* The six bits of a digit, or -1. */
static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* length is a multiple of 4, not 0. */
static bool add_groups(struct text *text, const char *s, size_t length)
{
	size_t padding = s[length - 1] != '=' ? 0 : s[length - 2] != '=' ? 1 : 2;
	unsigned char *out = (unsigned char *)text->data + text->length;

	for (size_t i = 0; i < length; i += 4) {
		size_t digits = i + 4 < length ? 4 : 4 - padding;
		unsigned group = 0;

		for (size_t j = 0; j < 4; j++) {
			int bits = j < digits ? digit(s[i + j]) : 0;

			if (bits < 0)
				return false;
			group = group << 6 | (unsigned)bits;
		}
		for (size_t j = 0; j + 1 < digits; j++)
			*out++ = (unsigned char)(group >> (16 - 8 * j));
	}
	text->length += length / 4 * 3 - padding;
	text->data[text->length] = '\0';
	return true;
}

bool json_add_unbase64(struct text *text, const char *string, size_t length)
{
	struct text plain = {0};
	bool good;

	/* Some write '/' as "\/". */
	if (memchr(string, '\\', length))
		json_add_unescaped(&plain, string, length);
	else
		text_add(&plain, string + 1, length - 2);
	text_reserve(text, plain.length / 4 * 3);
	good = plain.length == 0 || (plain.length % 4 == 0 && add_groups(text, plain.data, plain.length));
	text_free(&plain);
	return good;
}

void json_add_string_member(struct text *text, const char *name, const char *string)
{
	text_addf(text, ",\"%s\":", name);
	json_add_string(text, string, strlen(string));
}

void json_add_seconds_member(struct text *text, const char *name, int64_t nanoseconds)
{
	char number[UNIT_TEXT_MAX];
	size_t length = unit_time_text(number, nanoseconds - nanoseconds % UNIT_US);

	text_addf(text, ",\"%s\":%.*s", name, (int)length, number);
}
