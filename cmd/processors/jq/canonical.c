/*
 * From valid JSON to the text that jq prints for it.
 *
 * Nearly all of it is copied, two vectors at a time. There always is room for all that is left as it is, and for what is copied
 * beyond it; what takes more than it did before makes new room.
 */
#include <math.h>

#include "cmd/processors/jq/value.h"
#include "common/block.h"
#include "common/json_leaf.h"
#include "common/json_text.h"

enum { ROOM = 64 };

struct copy {
	struct text *text;
	char *out;
	const char *p, *end;
};

static void make_room(struct copy *copy)
{
	struct text *text = copy->text;

	text->length = (size_t)(copy->out - text->data);
	text_reserve(text, (size_t)(copy->end - copy->p) + ROOM);
	copy->out = text->data + text->length;
}

static char *put(char *out, const char *bytes, size_t length)
{
	memcpy(out, bytes, length);
	return out + length;
}

/* A character as it stands in a string; six bytes at most. */
static inline char *put_character(char *out, unsigned c)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt", hex[] = "0123456789abcdef";

	if (c >= 0x80) {
		if (c < 0x800) {
			*out++ = (char)(0xc0 | c >> 6);
		} else {
			if (c < 0x10000) {
				*out++ = (char)(0xe0 | c >> 12);
			} else {
				*out++ = (char)(0xf0 | c >> 18);
				*out++ = (char)(0x80 | (c >> 12 & 0x3f));
			}
			*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		}
		*out++ = (char)(0x80 | (c & 0x3f));
		return out;
	}
	if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\') {
		*out++ = (char)c;
		return out;
	}
	for (const char *l = letters; *l; l += 2)
		if ((unsigned char)*l == c) {
			*out++ = '\\';
			*out++ = l[1];
			return out;
		}
	out = put(out, "\\u00", 4);
	*out++ = hex[c >> 4];
	*out++ = hex[c & 15];
	return out;
}

static inline unsigned unit(const char *digits)
{
	uint32_t four;

	memcpy(&four, digits, sizeof(four));
	return json_leaf_unit(four);
}

/* Copies the "\u…" at *p, or the two of them that are one character. It has four bytes of room, and six if it is below U+0080. */
static inline char *put_unicode(char *out, const char **p)
{
	unsigned c = unit(*p + 2);
	uint32_t bytes, two = (c - 0x800) >> 31;

	*p += 6;
	/* Surrogates and ASCII are few. */
	if (c - 0x80 >= 0xd800 - 0x80) {
		if (c >= 0xd800 && c < 0xdc00) {
			c = 0x10000 + ((c - 0xd800) << 10) + (unit(*p + 2) - 0xdc00);
			*p += 6;
		} else if (c >= 0xdc00 && c < 0xe000) {
			c = 0xfffd; /* a low surrogate alone, as jq has it */
		}
		return put_character(out, c);
	}
	/* Three bytes, or the last two of them; without a branch, which would be hard to guess. */
	bytes = 0x8080e0 | c >> 12 | (c << 2 & 0x3f00) | (c << 16 & 0x3f0000);
	bytes = htole32(bytes >> 8 * two | two << 6);
	memcpy(out, &bytes, sizeof(bytes));
	return out + 3 - two;
}

/* Copies the escape at *p. Of escapes only "\/" and "\u…" are written otherwise; none becomes longer. */
static inline char *put_escape(char *out, const char **p)
{
	char letter = (*p)[1];

	if (letter == 'u')
		return put_unicode(out, p);
	*p += 2;
	if (letter != '/')
		*out++ = '\\';
	*out++ = letter;
	return out;
}

static inline uint32_t stop_bits(vector bytes)
{
	return vector_bits(vector_equal(bytes, '"') | vector_equal(bytes, '\\') | vector_equal(bytes, 0x7f));
}

static void copy_string(struct copy *copy)
{
	const char *p = copy->p;
	char *out = copy->out;

	*out++ = *p++;
	for (;;) {
		vector bytes = vector_load(p), more = vector_load(p + sizeof(bytes));
		uint32_t stops = stop_bits(bytes) | stop_bits(more) << 16;
		unsigned count = stops ? (unsigned)__builtin_ctz(stops) : 2 * sizeof(bytes);

		vector_store(out, bytes);
		vector_store(out + sizeof(bytes), more);
		p += count;
		out += count;
		if (!stops)
			continue;
		if (*p == '"')
			break;
		/* They come in rows. */
		while (*p == '\\')
			out = put_escape(out, &p);
		if (*p != 0x7f)
			continue;
		copy->p = p + 1;
		copy->out = put_character(out, 0x7f);
		make_room(copy);
		p = copy->p;
		out = copy->out;
	}
	*out++ = *p++;
	copy->p = p;
	copy->out = out;
}

/* 1.50 and 2.0: all that is wrong with most numbers is zeros at their end. Returns where the rest of it ends. */
static const char *without_zeros(const char *number, const char *end)
{
	const char *point = memchr(number, '.', (size_t)(end - number)), *whole = number + (*number == '-');

	while (point && end[-1] == '0')
		end--;
	if (point && end == point + 1)
		end--;
	return json_leaf_number_facts(whole, point ? point : end, end) == 0 ? end : NULL;
}

static bool copy_number(struct copy *copy, bool doubles)
{
	const char *start = copy->p, *plain;
	struct json_leaf_error error;
	struct json_span span = {.at = start, .kind = JSON_NUMBER};
	double number;
	unsigned flags = 0;

	copy->p = json_leaf_number(start, copy->end, &flags, true, &error);
	span.length = (size_t)(copy->p - start);
	if (!doubles || !(flags & JSON_RENUMBER)) {
		copy->out = put(copy->out, start, span.length);
		return true;
	}
	plain = flags & JSON_RENUMBER_EXACT ? NULL : without_zeros(start, copy->p);
	if (plain) {
		copy->out = put(copy->out, start, (size_t)(plain - start));
		return true;
	}
	number = json_number(&span);
	if (number != 0 && !isnormal(number))
		return false;
	copy->out += number_text(copy->out, number);
	make_room(copy);
	return true;
}

#ifdef BLOCK

/* Copies what is before a place; reads and writes up to a block more. */
BLOCK_INLINE char *copy_gap(char *out, const char *p, const char *to)
{
	char *behind = out + (to - p);

	do {
		block_store(out, block_load(p));
		out += sizeof(struct block);
		p += sizeof(struct block);
	} while (p < to);
	return behind;
}

/* Copies text of which jq would write nothing but strings otherwise: where else could there be a backslash, or DEL? */
BLOCK static void copy_strings(struct copy *copy)
{
	const char *end = copy->end, *from = copy->p;
	char *out = copy->out;
	uint64_t escaped = 0;

	for (const char *p = from; p < end; p += sizeof(struct block)) {
		struct block block = block_load(p);
		uint64_t letters = json_leaf_escaped(block_equal(block, '\\'), &escaped);
		uint64_t changes =
			block_equal(block, 0x7f) | (letters & (block_equal(block, 'u') | block_equal(block, '/')));

		if (end - p < (ptrdiff_t)sizeof(block))
			changes &= (1ULL << (end - p)) - 1;
		for (; changes; changes &= changes - 1) {
			const char *at = p + __builtin_ctzll(changes);

			/* It was the second half of a pair. */
			if (at < from)
				continue;
			if (*at != 0x7f) {
				out = copy_gap(out, from, at - 1);
				from = at - 1;
				out = put_escape(out, &from);
				continue;
			}
			copy->out = put_character(copy_gap(out, from, at), 0x7f);
			copy->p = from = at + 1;
			make_room(copy);
			out = copy->out;
		}
	}
	copy->out = copy_gap(out, from, end);
	copy->p = end;
}

#endif

bool value_add_canonical(struct text *text, const char *json, size_t length, unsigned flags, bool doubles)
{
	struct copy copy = {.text = text, .p = json, .end = json + length};
	bool done = true;

	text_reserve(text, 0);
	copy.out = text->data + text->length;
	make_room(&copy);
#ifdef BLOCK
	if (!(flags & (JSON_SPACED | JSON_RENUMBER)) && block_can())
		copy_strings(&copy);
#else
	(void)flags;
#endif
	while (done && copy.p < copy.end) {
		switch (*copy.p) {
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			copy.p++;
			break;
		case '"':
			copy_string(&copy);
			break;
		case '-':
		case '0' ... '9':
			done = copy_number(&copy, doubles);
			break;
		default:
			*copy.out++ = *copy.p++;
		}
	}
	text->length = (size_t)(copy.out - text->data);
	text->data[text->length] = '\0';
	return done;
}
