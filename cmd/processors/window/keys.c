/*
 * The key of an event: the values of --by, as they are written, each behind its name.
 *
 * Most values are written as they come. Such a key is looked for by the bytes of the event, among those that came lately, and only
 * where it is not found there put together.
 */
#include <string.h>

#include "cmd/processors/window/window.h"

static bool is_whole(const char *digits, size_t length)
{
	for (size_t i = *digits == '-'; i < length; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	return true;
}

/* What a value that is written as it comes is written as. False: it is another one. */
static inline bool as_it_comes(const struct json_span *span, const char **bytes, size_t *length)
{
	static const char null[8] = "null";

	*bytes = span->at;
	*length = span->length;
	switch (span->kind) {
	case JSON_NONE:
		*bytes = null;
		*length = 4;
		return true;
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		return true;
	case JSON_STRING:
		return !(span->flags & JSON_ESCAPED);
	case JSON_NUMBER:
		return is_whole(span->at, span->length);
	default:
		return false;
	}
}

/* Bytes of the event, behind which some more can be read. */
static inline uint64_t mix_in(uint64_t hash, const char *bytes, size_t length)
{
	if (length > 8)
		hash ^= json_want_head(bytes + length - 8, 8);
	hash = (hash ^ json_want_head(bytes, length) ^ length) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}

/* Where it would be among those that came lately. False: it cannot be there. */
static inline bool place_of(const struct program *program, unsigned *place)
{
	const struct columns *columns = &program->columns;
	const struct json_span *spans = program->stage.event.spans;
	uint64_t hash = 0;

	for (size_t i = 0; i < columns->key_count; i++) {
		const struct json_span *span = &spans[columns->keys[i].slot];
		const char *bytes;
		size_t length;

		if (!as_it_comes(span, &bytes, &length))
			return false;
		hash = span->kind <= JSON_NULL ? hash * 3 : mix_in(hash, bytes, length);
	}
	*place = (unsigned)(hash & (KEYS_LATELY - 1));
	return true;
}

/* Both can be read for some more bytes. */
static inline bool same(const char *a, const char *b, size_t length)
{
	return json_want_head(a, length) == json_want_head(b, length) && (length <= 8 || memcmp(a, b, length) == 0);
}

/* The first name is the same in all keys. */
static inline bool is_this(const struct key *key, const struct program *program)
{
	const struct columns *columns = &program->columns;
	const struct json_span *spans = program->stage.event.spans;
	const char *at = key->bytes, *end = at + key->length;

	for (size_t i = 0; i < columns->key_count; i++) {
		const struct key_column *column = &columns->keys[i];
		const char *bytes;
		size_t length;

		as_it_comes(&spans[column->slot], &bytes, &length);
		if ((size_t)(end - at) < column->length + length ||
		    (i > 0 && memcmp(at, column->label, column->length) != 0) ||
		    !same(at + column->length, bytes, length))
			return false;
		at += column->length + length;
	}
	return at == end;
}

static void put_together(struct program *program)
{
	const struct columns *columns = &program->columns;
	struct text *key = &program->key;

	text_clear(key);
	for (size_t i = 0; i < columns->key_count; i++) {
		const struct json_span *span = &program->stage.event.spans[columns->keys[i].slot];
		const char *bytes = "null";
		size_t length = 4;

		if (span->kind != JSON_NONE)
			bytes = plain_value(span, &program->plain, &length);
		text_add(key, columns->keys[i].label, columns->keys[i].length);
		text_add(key, bytes, length);
	}
	program->key_together = true;
}

bool keys_read(struct program *program)
{
	struct windows *windows = &program->windows;

	if (place_of(program, &program->key_place)) {
		windows->last = windows->lately[program->key_place];
		program->key_together = false;
		if (windows->last && is_this(windows->last, program))
			return true;
	} else {
		program->key_place = KEYS_LATELY;
	}
	windows->last = NULL;
	put_together(program);
	if (program->key.length <= VALUE_MAX)
		return true;
	stage_bad(&program->stage, "its key is longer than %d bytes", VALUE_MAX);
	return false;
}

/* A key is in one place, so that it can be taken out (windows_forget). */
static void remember(struct windows *windows, struct key *key, unsigned place)
{
	if (windows->lately[key->place] == key)
		windows->lately[key->place] = NULL;
	windows->lately[place] = key;
	key->place = place;
}

struct key *keys_find(struct program *program)
{
	struct windows *windows = &program->windows;

	if (windows->last)
		return windows->last;
	/* It may have been among those that came lately, and gone with its last window since the event was read. */
	if (!program->key_together)
		put_together(program);
	windows->last = windows_key(windows, program->key.data, program->key.length);
	if (program->key_place < KEYS_LATELY)
		remember(windows, windows->last, program->key_place);
	return windows->last;
}
