#include "cmd/processors/jq/value.h"

#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/json_text.h"
#include "common/memory.h"

/* ---- the arena ---- */

struct arena_chunk {
	struct arena_chunk *below;
	size_t size, used;
	char bytes[];
};

enum { ARENA_CHUNK = 64 * 1024 - sizeof(struct arena_chunk) };

static struct arena_chunk *new_chunk(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->spare;

	if (chunk && size <= chunk->size) {
		arena->spare = NULL;
	} else {
		if (size < ARENA_CHUNK)
			size = ARENA_CHUNK;
		chunk = xmalloc(sizeof(*chunk) + size);
		chunk->size = size;
	}
	chunk->below = arena->chunk;
	chunk->used = 0;
	arena->chunk = chunk;
	arena->total += chunk->size;
	return chunk;
}

/* Behind every text there is room for those who look ahead, as behind a line. */
void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunk;
	char *at;

	size = (size + JSON_PADDING + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = new_chunk(arena, size);
	at = chunk->bytes + chunk->used;
	chunk->used += size;
	return at;
}

struct arena_mark arena_mark(const struct arena *arena)
{
	return (struct arena_mark){arena->chunk, arena->chunk ? arena->chunk->used : 0};
}

void arena_release(struct arena *arena, struct arena_mark mark)
{
	while (arena->chunk != mark.chunk) {
		struct arena_chunk *chunk = arena->chunk;

		arena->chunk = chunk->below;
		arena->total -= chunk->size;
		if (!arena->spare && chunk->size == ARENA_CHUNK)
			arena->spare = chunk;
		else
			free(chunk);
	}
	if (arena->chunk)
		arena->chunk->used = mark.used;
}

void arena_free(struct arena *arena)
{
	arena_release(arena, (struct arena_mark){0});
	free(arena->spare);
	*arena = (struct arena){0};
}

/* ---- walking ---- */

/* Behind the closing quote of the string at p. */
static inline const char *string_end(const char *p)
{
	for (p++;; p++) {
#ifdef __SSE2__
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned stops = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
		                                                          _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));

		if (!stops) {
			p += 15;
			continue;
		}
		p += __builtin_ctz(stops);
#endif
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p++;
	}
}

static inline bool ends_scalar(char c)
{
	return c == ',' || c == ']' || c == '}' || (unsigned char)c <= ' ';
}

const char *value_end(const char *p)
{
	size_t depth = 0;

	do {
		switch (*p) {
		case '"':
			p = string_end(p);
			break;
		case '{':
		case '[':
			depth++;
			p++;
			break;
		case '}':
		case ']':
			depth--;
			p++;
			break;
		case ',':
		case ':':
			p++;
			break;
		default:
			while (!ends_scalar(*p))
				p++;
		}
	} while (depth > 0);
	return p;
}

enum json_kind value_kind(char first)
{
	switch (first) {
	case '"':
		return JSON_STRING;
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

struct value value_take(const char **p)
{
	const char *start = *p;

	*p = value_end(start);
	return (struct value){.kind = value_kind(*start), .at = start, .length = (size_t)(*p - start)};
}

size_t value_count(const struct value *container)
{
	const char *p = value_inside(container);
	struct value element;
	size_t count = 0;

	if (container->kind == JSON_OBJECT)
		for (struct value key; value_next_member(&p, &key, &element);)
			count++;
	else
		while (value_next(&p, &element))
			count++;
	return count;
}

bool value_member(const struct value *object, const char *key, size_t length, struct value *found)
{
	const char *p = value_inside(object);
	struct value name, element;

	while (value_next_member(&p, &name, &element))
		if (name.length == length && memcmp(name.at, key, length) == 0) {
			*found = element;
			return true;
		}
	return false;
}

bool value_element(const struct value *array, long index, struct value *found)
{
	const char *p = value_inside(array);

	if (index < 0)
		index += (long)value_count(array);
	for (long i = 0; index >= 0 && value_next(&p, found); i++)
		if (i == index)
			return true;
	return false;
}

/* ---- making ---- */

struct value value_constant(enum json_kind kind)
{
	static const struct value constants[] = {
		[JSON_NULL] = {.kind = JSON_NULL, .at = "null", .length = 4},
		[JSON_FALSE] = {.kind = JSON_FALSE, .at = "false", .length = 5},
		[JSON_TRUE] = {.kind = JSON_TRUE, .at = "true", .length = 4},
	};

	return constants[kind];
}

struct value value_number(double number)
{
	return (struct value){.kind = JSON_NUMBER, .number = number};
}

struct value value_copy(struct arena *arena, const char *text, size_t length)
{
	char *at = arena_alloc(arena, length);

	memcpy(at, text, length);
	at[length] = '\0';
	return (struct value){.kind = value_kind(*text), .at = at, .length = length};
}

struct value value_string(struct arena *arena, const char *bytes, size_t length)
{
	struct text text = {0};
	struct value value;

	json_add_string(&text, bytes, length);
	value = value_copy(arena, text.data, text.length);
	text_free(&text);
	return value;
}

double value_long_double(const struct value *value)
{
	return json_number(&(struct json_span){.at = value->at, .length = value->length, .kind = JSON_NUMBER});
}

void value_add(struct text *text, const struct value *value)
{
	char digits[NUMBER_TEXT] = "";
	size_t length;

	if (value->at) {
		text_add(text, value->at, value->length);
	} else {
		length = number_text(digits, value->number);
		text_add(text, digits, length);
	}
}

const char *value_bytes(struct arena *arena, const struct value *string, size_t *length)
{
	struct text text = {0};
	char *bytes;

	if (!value_escaped(string)) {
		*length = string->length - 2;
		return string->at + 1;
	}
	json_add_unescaped(&text, string->at, string->length);
	bytes = arena_alloc(arena, text.length);
	if (text.length > 0)
		memcpy(bytes, text.data, text.length);
	*length = text.length;
	text_free(&text);
	return bytes;
}

/* ---- comparing ---- */

static int compare_bytes(const char *left, size_t left_length, const char *right, size_t right_length)
{
	size_t least = left_length < right_length ? left_length : right_length;
	int order = least > 0 ? memcmp(left, right, least) : 0;

	return order != 0 ? order : (left_length > right_length) - (left_length < right_length);
}

static int compare_strings(struct arena *arena, const struct value *left, const struct value *right)
{
	size_t left_length, right_length;
	const char *l = value_bytes(arena, left, &left_length), *r = value_bytes(arena, right, &right_length);

	return compare_bytes(l, left_length, r, right_length);
}

static int compare_arrays(struct arena *arena, const struct value *left, const struct value *right)
{
	const char *l = value_inside(left), *r = value_inside(right);
	struct value a, b;

	for (;;) {
		bool more_left = value_next(&l, &a), more_right = value_next(&r, &b);
		int order;

		if (!more_left || !more_right)
			return (int)more_left - (int)more_right;
		order = value_compare(arena, &a, &b);
		if (order != 0)
			return order;
	}
}

struct member {
	struct value key, value;
	struct arena *arena;
};

static int by_key(const void *left, const void *right)
{
	const struct member *l = left, *r = right;

	return compare_strings(l->arena, &l->key, &r->key);
}

static struct member *sorted_members(struct arena *arena, const struct value *object, size_t *count)
{
	struct member *members;
	const char *p = value_inside(object);
	size_t n = 0;

	*count = value_count(object);
	members = arena_alloc(arena, (*count + 1) * sizeof(*members));
	for (; value_next_member(&p, &members[n].key, &members[n].value); n++)
		members[n].arena = arena;
	qsort(members, n, sizeof(*members), by_key);
	return members;
}

/* First the keys, as sorted arrays; then the values in the order of the keys. */
static int compare_objects(struct arena *arena, const struct value *left, const struct value *right)
{
	size_t left_count, right_count;
	struct member *l = sorted_members(arena, left, &left_count), *r = sorted_members(arena, right, &right_count);

	for (size_t i = 0; i < left_count && i < right_count; i++) {
		int order = compare_strings(arena, &l[i].key, &r[i].key);

		if (order != 0)
			return order;
	}
	if (left_count != right_count)
		return left_count < right_count ? -1 : 1;
	for (size_t i = 0; i < left_count; i++) {
		int order = value_compare(arena, &l[i].value, &r[i].value);

		if (order != 0)
			return order;
	}
	return 0;
}

int value_compare(struct arena *arena, const struct value *left, const struct value *right)
{
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	switch (left->kind) {
	case JSON_NUMBER:
		return value_compare_numbers(left, right);
	case JSON_STRING:
		return compare_strings(arena, left, right);
	case JSON_ARRAY:
		return compare_arrays(arena, left, right);
	case JSON_OBJECT:
		return compare_objects(arena, left, right);
	default:
		return 0;
	}
}

bool value_equal(struct arena *arena, const struct value *left, const struct value *right)
{
	if (left->kind != right->kind)
		return false;
	if (left->kind == JSON_STRING)
		return left->length == right->length && memcmp(left->at, right->at, left->length) == 0;
	return value_compare(arena, left, right) == 0;
}
