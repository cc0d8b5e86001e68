/*
 * value: a JSON value of the native path: its canonical text, as jq would print it, in the line or in the arena; or a number that
 * was computed. Two strings are equal if their texts are.
 *
 * Containers are walked along their text, which is known to be valid and has no white space and no key twice.
 */
#ifndef PYPE_JQ_VALUE_H
#define PYPE_JQ_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/decimal.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/number.h"
#include "common/text.h"

enum run_outcome {
	RUN_DONE,
	RUN_FALLBACK, /* the line is left to libjq */
	RUN_STOP, /* who takes the values has enough */
	RUN_ERROR, /* jq raises an error here, in all versions: `try` may catch it, else the line is left to libjq */
};

struct trail;

struct value {
	enum json_kind kind;
	bool root; /* the whole line; at and length only after run_root */
	bool known; /* number is that of the text, too */
	const char *at; /* NULL: a number that has been computed */
	size_t length;
	union {
		double number; /* if at is NULL, or known */
		const struct trail *trail; /* else: the way to it (trails.h), or NULL */
	};
};

/* Memory for values, given back at once (arena_clear) or down to a mark. */
struct arena {
	struct arena_chunk *chunk, *spare;
	size_t total;
};

struct arena_mark {
	struct arena_chunk *chunk;
	size_t used;
};

void *arena_alloc(struct arena *arena, size_t size);
struct arena_mark arena_mark(const struct arena *arena);
void arena_release(struct arena *arena, struct arena_mark mark);
void arena_free(struct arena *arena);

/* ---- walking: p is in canonical text ---- */

/* Where the value at p ends. */
const char *value_end(const char *p);
enum json_kind value_kind(char first);

/* The value whose text begins at p; *p is moved behind it. */
struct value value_take(const char **p);

/* Where the elements of a container begin; of what is none, an end. */
static inline const char *value_inside(const struct value *container)
{
	return container->at ? container->at + 1 : "]";
}

/*
 *     const char *p = value_inside(container);
 *     while (value_next(&p, &element))  …
 *     while (value_next_member(&p, &key, &element))  …
 */
static inline bool value_next(const char **p, struct value *element)
{
	if (**p == ',')
		++*p;
	if (**p == ']' || **p == '}')
		return false;
	*element = value_take(p);
	return true;
}

static inline bool value_next_member(const char **p, struct value *key, struct value *element)
{
	if (!value_next(p, key))
		return false;
	++*p; /* ':' */
	*element = value_take(p);
	return true;
}

size_t value_count(const struct value *container);
/* False: no such member or element; negative indexes count from the end. */
bool value_member(const struct value *object, const char *key, size_t length, struct value *found);
bool value_element(const struct value *array, long index, struct value *found);

/* ---- making ---- */

struct value value_constant(enum json_kind kind); /* null, false, true */
static inline struct value value_bool(bool truth)
{
	return value_constant(truth ? JSON_TRUE : JSON_FALSE);
}
struct value value_number(double number);
/* Of a text in the arena. */
struct value value_copy(struct arena *arena, const char *text, size_t length);
/* A string of bytes, which are UTF-8. */
struct value value_string(struct arena *arena, const char *bytes, size_t length);

static inline const struct trail *value_trail(const struct value *value)
{
	return value->at && !value->known ? value->trail : NULL;
}

/* The way to the value is no longer followed. */
static inline void value_leave(struct value *value)
{
	if (value->at && !value->known)
		value->trail = NULL;
}

static inline bool value_truth(const struct value *value)
{
	return value->kind != JSON_NULL && value->kind != JSON_FALSE;
}

/* Appends the text. */
void value_add(struct text *text, const struct value *value);

/* A number's double. */
/* Of one with an exponent, or of more digits than most have. */
double value_long_double(const struct value *value);

/* JSON_PADDING bytes are readable behind the text of a value, wherever it is. */
static inline double value_double(const struct value *value)
{
	double number;

	if (!value->at || value->known)
		return value->number;
	return decimal_double(value->at, value->length, &number) ? number : value_long_double(value);
}

static inline bool value_escaped(const struct value *string)
{
	return memchr(string->at, '\\', string->length);
}
/* The bytes of a string: in its own text, or, if that has escapes, in the arena. */
const char *value_bytes(struct arena *arena, const struct value *string, size_t *length);

static inline int value_compare_numbers(const struct value *left, const struct value *right)
{
	double l = value_double(left), r = value_double(right);

	return l < r ? -1 : l != r;
}

/* jq's order: null, false, true, numbers, strings, arrays, objects. */
int value_compare(struct arena *arena, const struct value *left, const struct value *right);
bool value_equal(struct arena *arena, const struct value *left, const struct value *right);

/* ---- canonical (canonical.c) ---- */

/*
 * Appends a valid JSON text, behind which JSON_PADDING bytes are readable, as jq prints it. flags: what may be in it that jq writes
 * otherwise (json_span.h). doubles: jq 1.6, which prints every number as the double it is. There is no key twice, and no number that flags JSON_RENUMBER_EXACT unless doubles. False: there is
 * a number that only jq knows to print.
 */
bool value_add_canonical(struct text *text, const char *json, size_t length, unsigned flags, bool doubles);

#endif
