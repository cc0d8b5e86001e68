/*
 * Fields to a JSON object.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/memory.h"

/* text may be NULL. */
static bool is(const char *text, const char *bytes, size_t length)
{
	return text && strlen(text) == length && memcmp(text, bytes, length) == 0;
}

/* In names with commas between them; NULL: none. */
static bool is_among(const char *names, const char *name, size_t length)
{
	for (const char *s = names, *end; s; s = *end ? end + 1 : NULL) {
		end = s + strcspn(s, ",");
		if ((size_t)(end - s) == length && memcmp(s, name, length) == 0)
			return true;
	}
	return false;
}

static bool listed(const struct option_list *list, const char *name, size_t length)
{
	for (size_t i = 0; i < list->count; i++)
		if (is_among(list->items[i], name, length))
			return true;
	return false;
}

void column_init(struct parse *parse, struct column *column, const char *name, size_t length)
{
	struct text key = {0};

	text_add_char(&key, ',');
	json_add_string(&key, name, length);
	text_add_char(&key, ':');
	json_pad(&key);
	*column = (struct column){
		.name = xmalloc(length + 1),
		.length = length,
		.key_length = key.length,
		.type = parse->types ? TYPE_INFER : TYPE_STRING,
		.time = is(parse->when.field, name, length),
	};
	column->key = text_detach(&key);
	if (length > 0)
		memcpy(column->name, name, length);
	column->name[length] = '\0';
	if (is_among(parse->format->numbers, name, length) || listed(&parse->numbers, name, length))
		column->type = TYPE_NUMBER;
	else if (listed(&parse->strings, name, length))
		column->type = TYPE_STRING;
}

static void column_free(struct column *column)
{
	free(column->name);
	free(column->key);
}

static bool is_taken(const struct columns *columns, const char *name, size_t length)
{
	for (size_t i = 0; i < columns->count; i++)
		if (columns->items[i].length == length && memcmp(columns->items[i].name, name, length) == 0)
			return true;
	return false;
}

struct column *columns_add(struct parse *parse, struct columns *columns, const char *name, size_t length)
{
	struct text other = {0};
	struct column *column;

	text_add(&other, name, length);
	for (unsigned i = 2; is_taken(columns, other.data, other.length); i++) {
		text_clear(&other);
		text_add(&other, name, length);
		text_addf(&other, "_%u", i);
	}
	columns->items = xreallocarray(columns->items, columns->count + 1, sizeof(*columns->items));
	column = &columns->items[columns->count++];
	column_init(parse, column, other.data, other.length);
	text_free(&other);
	return column;
}

void columns_free(struct columns *columns)
{
	for (size_t i = 0; i < columns->count; i++)
		column_free(&columns->items[i]);
	free(columns->items);
	*columns = (struct columns){0};
}

/* How many of the bytes from s on, 16 at most, are written as they are; copies at least as many. */
#ifdef __SSE2__
enum { STEP = 16 };

static inline size_t copy_plain(char *to, const char *s)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
		backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')),
		del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)),
		control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
	unsigned special =
		(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), _mm_or_si128(del, control)));

	_mm_storeu_si128((__m128i *)(void *)to, bytes);
	return special ? (size_t)__builtin_ctz(special) : STEP;
}
#else
enum { STEP = 1 };

static inline size_t copy_plain(char *to, const char *s)
{
	*to = *s;
	return (unsigned char)*s >= 0x20 && *s != '"' && *s != '\\' && *s != 0x7f;
}
#endif

/* As json_add_string, for what is valid UTF-8 and has JSON_PADDING bytes behind it. There is room for 6 bytes each, and STEP. */
static inline char *put_string(char *to, const char *s, size_t length)
{
	const char *end = s + length;

	*to++ = '"';
	while (s < end) {
		size_t left = (size_t)(end - s), n = copy_plain(to, s);

		if (n >= left) {
			to += left;
			break;
		}
		to += n;
		s += n;
		if (n < STEP) {
			static const char letters[] = "bfnrt\"\\", bytes[] = "\b\f\n\r\t\"\\",
					  hex[] = "0123456789abcdef";
			const char *found = *s ? strchr(bytes, *s) : NULL;

			*to++ = '\\';
			if (found) {
				*to++ = letters[found - bytes];
			} else {
				memcpy(to, "u00", 3);
				to[3] = hex[(unsigned char)*s >> 4];
				to[4] = hex[*s & 15];
				to += 5;
			}
			s++;
		}
	}
	*to++ = '"';
	return to;
}

void row_begin(struct parse *parse)
{
	text_clear(&parse->row);
	text_add_char(&parse->row, '{');
	parse->fields = 0;
	parse->raw = false;
	parse->has_when = parse->timed = parse->nothing = false;
}

static inline void reserve(struct text *text, size_t extra)
{
	if (text->capacity - text->length <= extra)
		text_reserve(text, extra);
}

/* Keys are short, and have JSON_PADDING bytes behind them. There is room for a step more. */
static inline char *put_key(char *to, const char *key, size_t length)
{
	enum { KEY_STEP = 16 };

	for (size_t done = 0; done < length; done += KEY_STEP)
		memcpy(to + done, key + done, KEY_STEP);
	return to + length;
}

static void add_key(struct parse *parse, const struct column *column)
{
	bool first = parse->fields++ == 0;

	text_add(&parse->row, column->key + first, column->key_length - first);
}

/* What is not simply a string. False: go on as with a string. */
static bool add_typed(struct parse *parse, const struct column *column, const char *bytes, size_t length, bool *good)
{
	struct text *row = &parse->row;

	*good = true;
	if (column->type == TYPE_INFER && types_infer(bytes, length)) {
		text_add(row, bytes, length);
		return true;
	}
	if (column->type != TYPE_NUMBER)
		return false;
	if (!types_add_number(row, bytes, length))
		*good = refuse(parse, "field '%s' is no number: '%.*s'", column->name, length < 80 ? (int)length : 80,
		               bytes);
	return true;
}

bool row_add(struct parse *parse, const struct column *column, const char *bytes, size_t length, bool bare)
{
	struct text *row = &parse->row;
	bool good, first;
	char *to;

	if (bare && is(parse->missing, bytes, length))
		return true;
	if (column->time) {
		text_clear(&parse->when_text);
		text_add(&parse->when_text, bytes, length);
		parse->has_when = true;
	}
	if (bare && is(parse->null, bytes, length)) {
		add_key(parse, column);
		text_add(row, "null", 4);
		return true;
	}
	if (column->type == TYPE_NUMBER || (column->type == TYPE_INFER && bare)) {
		add_key(parse, column);
		if (add_typed(parse, column, bytes, length, &good))
			return good;
		reserve(row, 6 * length + STEP + 2);
		row->length = (size_t)(put_string(row->data + row->length, bytes, length) - row->data);
		return true;
	}
	/* A step for the key, one for the value. */
	reserve(row, column->key_length + 6 * length + 2 * 16 + 2);
	first = parse->fields++ == 0;
	to = put_key(row->data + row->length, column->key + first, column->key_length - first);
	row->length = (size_t)(put_string(to, bytes, length) - row->data);
	return true;
}

/* Rows mostly have the same names in the same places. */
static const struct column *named(struct parse *parse, const char *name, size_t length)
{
	struct columns *columns = &parse->columns;
	size_t place = parse->fields < KEYS ? parse->fields : KEYS - 1;
	struct column *column;

	if (place < columns->count) {
		column = &columns->items[place];
		if (column->length == length && memcmp(column->name, name, length) == 0)
			return column;
		column_free(column);
	} else {
		place = columns->count;
		columns->items = xreallocarray(columns->items, ++columns->count, sizeof(*columns->items));
		column = &columns->items[place];
	}
	column_init(parse, column, name, length);
	return column;
}

bool row_add_named(struct parse *parse, const char *name, size_t name_length, const char *bytes, size_t length,
                   bool bare)
{
	return row_add(parse, named(parse, name, name_length), bytes, length, bare);
}

void row_add_true(struct parse *parse, const char *name, size_t length)
{
	add_key(parse, named(parse, name, length));
	text_add(&parse->row, "true", 4);
}

void row_end(struct parse *parse)
{
	text_add_char(&parse->row, '}');
}
