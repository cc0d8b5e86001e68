#include "common/json_token.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

static const char *wrong(struct json_token *token, const char *error, const char *at)
{
	token->error = error;
	return at;
}

/* ---- strings ---- */

#define ONES  0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* Marks the first byte of the word that is c by its highest bit (what lies above it may be marked too). */
static inline uint64_t mark(uint64_t bytes, unsigned char c)
{
	bytes ^= ONES * c;
	return (bytes - ONES) & ~bytes & HIGHS;
}

/* The first quote or backslash, or, if plain, anything that is not plain ASCII. */
static inline __attribute__((always_inline)) const char *skip(const char *at, const char *end, const bool plain)
{
	for (; end - at >= 8; at += 8) {
		uint64_t bytes, marks;

		memcpy(&bytes, at, 8);
		bytes = le64toh(bytes);
		marks = mark(bytes, '"') | mark(bytes, '\\');
		if (plain)
			marks |= (bytes & HIGHS) | ((bytes - ONES * 0x20) & ~bytes & HIGHS);
		if (marks)
			return at + __builtin_ctzll(marks) / 8;
	}
	while (at < end && *at != '"' && *at != '\\' && (!plain || (unsigned char)(*at - 0x20) < 0x60))
		at++;
	return at;
}

const char *json_token_stop(const char *at, const char *end)
{
	return skip(at, end, false);
}

/* Within a string; PAIR: the second half of a surrogate pair must follow. */
enum string_state { PLAIN, UTF8, ESCAPE, HEX, PAIR, PAIR_U, PAIR_HEX };

/* The first byte of a sequence of UTF-8 (RFC 3629). The second byte's range excludes overlong forms and surrogates. */
static bool begin_utf8(struct json_token *token, unsigned char c)
{
	token->state = UTF8;
	token->more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	token->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	token->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return c >= 0xc2 && c <= 0xf4;
}

static bool add_hex(struct json_token *token, unsigned char c)
{
	unsigned digit = c <= '9' ? (unsigned)c - '0' : (c | 0x20u) - 'a' + 10;

	if (digit > 15 || (c > '9' && digit < 10))
		return false;
	token->hex = token->hex << 4 | digit;
	if (++token->digits < 4)
		return true;
	if (token->state == PAIR_HEX) {
		token->state = PLAIN;
		return token->hex >= 0xdc00 && token->hex <= 0xdfff;
	}
	token->state = token->hex >= 0xd800 && token->hex <= 0xdbff ? PAIR : PLAIN;
	return true;
}

/* One byte of a string, not its closing quote. An error, or NULL. */
static const char *string_byte(struct json_token *token, unsigned char c)
{
	switch (token->state) {
	case PLAIN:
		if (c < 0x20)
			return "control character in a string";
		if (c == '\\')
			token->state = ESCAPE;
		else if (c >= 0x80 && !begin_utf8(token, c))
			return "invalid UTF-8 in a string";
		return NULL;
	case UTF8:
		if (c < token->low || c > token->high)
			return "invalid UTF-8 in a string";
		token->low = 0x80;
		token->high = 0xbf;
		if (--token->more == 0)
			token->state = PLAIN;
		return NULL;
	case ESCAPE:
		token->hex = token->digits = 0;
		token->state = c == 'u' ? HEX : PLAIN;
		return c == 'u' || (c && strchr("\"\\/bfnrt", c)) ? NULL : "unknown escape in a string";
	case HEX:
		return add_hex(token, c) ? NULL : "\\u needs four hexadecimal digits";
	case PAIR:
	case PAIR_U:
		token->hex = token->digits = 0;
		if (c != (token->state == PAIR ? '\\' : 'u'))
			break;
		token->state++;
		return NULL;
	case PAIR_HEX:
		if (add_hex(token, c))
			return NULL;
		break;
	}
	return "high surrogate without its low one";
}

static const char *check_string(struct json_token *token, const char *at, const char *end)
{
	for (; at < end; at++) {
		const char *error;

		if (token->state == PLAIN) {
			at = skip(at, end, true);
			if (at == end)
				break;
			token->done = *at == '"';
			if (token->done)
				return at + 1;
		}
		error = string_byte(token, (unsigned char)*at);
		if (error)
			return wrong(token, error, at);
	}
	return at;
}

/* The opening quote. */
static const char *begin_string(struct json_token *token, const char *at, const char *end)
{
	token->check = check_string;
	token->state = PLAIN;
	return check_string(token, at + 1, end);
}

/* ---- numbers and words ---- */

enum number_state { START, MINUS, ZERO, WHOLE, POINT, FRACTION, E, SIGN, EXPONENT };

static const char *check_number(struct json_token *token, const char *at, const char *end)
{
	/* What the characters "-0 1-9 . e +" lead to; a state of which nothing is here ends the number. */
	static const unsigned char next[][128] = {
		[START] = {['-'] = MINUS, ['0'] = ZERO, ['1' ... '9'] = WHOLE},
		[MINUS] = {['0'] = ZERO, ['1' ... '9'] = WHOLE},
		[ZERO] = {['.'] = POINT, ['e'] = E, ['E'] = E},
		[WHOLE] = {['0' ... '9'] = WHOLE, ['.'] = POINT, ['e'] = E, ['E'] = E},
		[POINT] = {['0' ... '9'] = FRACTION},
		[FRACTION] = {['0' ... '9'] = FRACTION, ['e'] = E, ['E'] = E},
		[E] = {['+'] = SIGN, ['-'] = SIGN, ['0' ... '9'] = EXPONENT},
		[SIGN] = {['0' ... '9'] = EXPONENT},
		[EXPONENT] = {['0' ... '9'] = EXPONENT},
	};
	static const bool whole[] = {[ZERO] = true, [WHOLE] = true, [FRACTION] = true, [EXPONENT] = true};

	for (; at < end; at++) {
		int state = (unsigned char)*at < 128 ? next[token->state][(unsigned char)*at] : 0;

		if (!state && !whole[token->state])
			return wrong(token, "malformed number", at);
		token->done = !state;
		if (token->done)
			break;
		token->state = state;
	}
	return at;
}

static const char *check_word(struct json_token *token, const char *at, const char *end)
{
	for (; at < end && *token->word; at++, token->word++)
		if (*at != *token->word)
			return wrong(token, "expected a value", at);
	token->done = !*token->word;
	return at;
}

void json_token_begin(struct json_token *token, char first)
{
	*token = (struct json_token){.check = check_word, .state = START};
	if (first == '"')
		token->check = begin_string;
	else if (first == '-' || (first >= '0' && first <= '9'))
		token->check = check_number;
	else
		token->word = first == 't' ? "true" : first == 'f' ? "false" : "null";
}

const char *json_token_add(struct json_token *token, const char *at, const char *end)
{
	return at < end ? token->check(token, at, end) : at;
}

bool json_token_end(struct json_token *token)
{
	if (token->check == check_number)
		check_number(token, " ", " " + 1);
	return token->done;
}
