#include "common/json_leaf.h"

/* The letters of escapes, from 0x40 on, a bit for each: \\ b f n r t. */
static const uint64_t letters = 1ULL << ('\\' - 0x40) | 1ULL << ('b' - 0x40) | 1ULL << ('f' - 0x40) |
                                1ULL << ('n' - 0x40) | 1ULL << ('r' - 0x40) | 1ULL << ('t' - 0x40);

/* Behind the escape at s, or NULL: wrong. */
static const char *pass_escape(const char *s, const char *end, unsigned *flags, struct json_leaf_error *error)
{
	unsigned char letter = (unsigned char)s[1];
	int code;

	*flags |= JSON_ESCAPED;
	error->at = s;
	if (end - s < 2) {
		error->text = "unterminated string";
		error->at = end;
		return NULL;
	}
	if (letter != 'u') {
		if (letter == '/')
			*flags |= JSON_RESTRING;
		else if (letter != '"' && (letter < 0x40 || letter > 0x7f || !(letters >> (letter - 0x40) & 1)))
			return error->text = "unknown escape in a string", NULL;
		return s + 2;
	}
	*flags |= JSON_RESTRING;
	code = end - s < 6 ? -1 : json_leaf_hex4(s + 2);
	if (code < 0)
		return error->text = "\\u needs four hexadecimal digits", NULL;
	if (code < 0xd800 || code > 0xdbff)
		return s + 6;
	code = end - s < 12 || s[6] != '\\' || s[7] != 'u' ? -1 : json_leaf_hex4(s + 8);
	if (code < 0xdc00 || code > 0xdfff)
		return error->text = "high surrogate without its low one", NULL;
	return s + 12;
}

const char *json_leaf_string_rest(const char *first, const char *s, unsigned high, const char *end, bool facts,
                                  unsigned *flags, struct json_leaf_error *error)
{
	size_t length, valid;

	for (;;) {
		vector bytes, more;
		uint32_t special, tops;

		/* Escapes come in rows. */
		while (s < end && *s == '\\') {
			s = pass_escape(s, end, flags, error);
			if (!s)
				return NULL;
		}
		/* Two at once: where there are escapes, there mostly is one of them in so many bytes. */
		bytes = vector_load(s);
		more = vector_load(s + sizeof(bytes));
		special = json_leaf_special(bytes, facts) | json_leaf_special(more, facts) << 16;
		tops = vector_bits(bytes) | vector_bits(more) << 16;
		if (!special) {
			high |= tops;
			s += 2 * sizeof(bytes);
			if (s >= end)
				goto unterminated;
			continue;
		}
		high |= tops & (special - 1) & ~special;
		s += __builtin_ctz(special);
		if (s >= end)
			goto unterminated;
		if (*s == '"')
			break;
		if (*s == 0x7f) {
			*flags |= JSON_RESTRING;
			s++;
		} else if (*s != '\\') {
			error->text = "control character in a string";
			error->at = s;
			return NULL;
		}
	}
	length = (size_t)(s - first);
	valid = high ? utf8_length(first, length) : length;
	if (valid == length)
		return s + 1;
	error->text = "invalid UTF-8 in a string";
	error->at = first + valid;
	return NULL;
unterminated:
	error->text = "unterminated string";
	error->at = end;
	return NULL;
}
