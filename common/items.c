#include "common/items.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"

struct items_step {
	char *key; /* NULL: an index */
	size_t length;
	uint64_t index;

	/* while the container of the step is open */
	bool passed; /* the key was there */
	uint64_t place; /* of the next element */
};

/* ---- the path ---- */

static struct items_step *add_step(struct items *items)
{
	items->steps = xreallocarray(items->steps, items->step_count + 1, sizeof(*items->steps));
	items->steps[items->step_count] = (struct items_step){0};
	return &items->steps[items->step_count++];
}

/* A key in quotes at s, in which a backslash makes a quote or another backslash plain; returns what is behind it. */
static const char *add_quoted(struct items *items, const char *s)
{
	struct items_step *step = add_step(items);

	step->key = xmalloc(strlen(s));
	while (*++s != '"') {
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		step->key[step->length++] = *s;
	}
	return s + 1;
}

/* Cuts a path, known to be well-formed, into its steps. */
static void add_steps(struct items *items, const char *s)
{
	while (*s) {
		if (*s == '.' || *s == ']') {
			s++;
		} else if (*s == '[') {
			if (*++s != '"')
				add_step(items)->index = strtoull(s, NULL, 10);
			s += strspn(s, "0123456789");
		} else if (*s == '"') {
			s = add_quoted(items, s);
		} else {
			struct items_step *step = add_step(items);

			step->length = strcspn(s, ".[");
			step->key = xstrndup(s, step->length);
			s += step->length;
		}
	}
}

bool items_init(struct items *items, const char *path, size_t limit, items_found *found, void *context,
                const char **mistake)
{
	struct json_want want = {0};
	size_t length = strlen(path);
	char *plain;
	bool good;

	*items = (struct items){.limit = limit, .found = found, .context = context};
	if (length >= 2 && strcmp(path + length - 2, "[]") == 0)
		length -= 2;
	plain = length ? xstrndup(path, length) : xstrdup(".");
	good = json_want_path(&want, plain, mistake) >= 0;
	json_want_free(&want);
	if (good)
		add_steps(items, plain);
	free(plain);
	return good;
}

void items_free(struct items *items)
{
	for (size_t i = 0; i < items->step_count; i++)
		free(items->steps[i].key);
	free(items->steps);
	text_free(&items->part);
	text_free(&items->envelope);
	*items = (struct items){0};
}

/* ---- the grammar around the elements ---- */

enum token { OTHER, SPACE, OBJECT, ARRAY, OBJECT_END, ARRAY_END, COMMA, COLON, QUOTE, DIGIT, LETTER, MARK, TOKENS };

static const unsigned char tokens[256] = {
	[' '] = SPACE,         ['\t'] = SPACE,     ['\n'] = SPACE,    ['\r'] = SPACE, ['{'] = OBJECT, ['['] = ARRAY,
	[','] = COMMA,         ['}'] = OBJECT_END, [']'] = ARRAY_END, [':'] = COLON,  ['"'] = QUOTE,  ['-'] = DIGIT,
	['0' ... '9'] = DIGIT, ['t'] = LETTER,     ['f'] = LETTER,    ['n'] = LETTER, [0xef] = MARK,
};

enum action {
	WRONG,
	SKIP_MARK,
	CLOSE,
	KEY,
	NEXT_VALUE,
	NEXT,
	/* from here on: a value begins */
	OPEN,
	SCALAR,
	ODD, /* wrong, unless it is in an element */
};

#define ANY_VALUE [OBJECT] = OPEN, [ARRAY] = OPEN, [QUOTE] = SCALAR, [DIGIT] = SCALAR, [LETTER] = SCALAR, [OTHER] = ODD

enum state { AT_START, AT_VALUE, AT_FIRST_VALUE, AT_FIRST_KEY, AT_KEY, AT_COLON, AT_ITEM_END, AT_MEMBER_END, AT_END };

static const struct {
	const char *otherwise;
	unsigned char actions[TOKENS];
} grammar[] = {
	[AT_START] = {"expected a value", {ANY_VALUE, [MARK] = SKIP_MARK}},
	[AT_VALUE] = {"expected a value", {ANY_VALUE, [MARK] = ODD}},
	[AT_FIRST_VALUE] = {"expected a value", {ANY_VALUE, [MARK] = ODD, [ARRAY_END] = CLOSE}},
	[AT_FIRST_KEY] = {"expected a key", {[QUOTE] = KEY, [OBJECT_END] = CLOSE}},
	[AT_KEY] = {"expected a key", {[QUOTE] = KEY}},
	[AT_COLON] = {"expected ':'", {[COLON] = NEXT_VALUE}},
	[AT_ITEM_END] = {"expected ',' or ']'", {[COMMA] = NEXT, [ARRAY_END] = CLOSE}},
	[AT_MEMBER_END] = {"expected ',' or '}'", {[COMMA] = NEXT, [OBJECT_END] = CLOSE}},
	[AT_END] = {"something follows the value", {0}},
};

static items_mode structure, scalar, byte_order_mark, element, element_scalar;

static const char *wrong(struct items *items, const char *error, const char *at)
{
	items->error = error;
	items->at = items->before + (uint64_t)(at - items->piece);
	items->stopped = true;
	return at;
}

static const char *astray(struct items *items, const char *error, const char *at)
{
	items->astray = true;
	return wrong(items, error, at);
}

static void value_done(struct items *items)
{
	items->mode = structure;
	if (items->depth == 0)
		items->state = AT_END;
	else
		items->state = items->objects[items->depth - 1] ? AT_MEMBER_END : AT_ITEM_END;
}

/* These bytes are around the elements. */
static void keep_envelope(struct items *items, const char *from, const char *to)
{
	if (items->envelope_limit == 0)
		return;
	items->envelope_length += (size_t)(to - from);
	if (items->envelope_length <= items->envelope_limit)
		text_add(&items->envelope, from, (size_t)(to - from));
	else
		text_free(&items->envelope);
}

/* A value begins: finds out whether the path leads to it. False: it does, and it is no array. */
static bool follow_path(struct items *items, enum token token)
{
	struct items_step *in = items->along > 0 ? &items->steps[items->along - 1] : NULL;
	struct items_step *next;
	bool hit = items->hit;

	items->hit = false;
	if (items->depth != items->along)
		return true;
	if (in && !in->key)
		hit = in->place++ == in->index;
	if (in && !hit)
		return true;
	if (items->along == items->step_count) {
		items->seen = true;
		items->array = items->depth + 1;
		return token == ARRAY;
	}
	next = &items->steps[items->along];
	if (token == (next->key ? OBJECT : ARRAY)) {
		items->along++;
		next->passed = false;
		next->place = 0;
	}
	return true;
}

static const char *open_container(struct items *items, enum token token, const char *at)
{
	if (items->depth == JSON_DEPTH)
		return wrong(items, "nested too deep", at);
	items->objects[items->depth++] = token == OBJECT;
	items->state = token == OBJECT ? AT_FIRST_KEY : AT_FIRST_VALUE;
	return at + 1;
}

static void close_container(struct items *items)
{
	if (items->depth == items->array)
		items->array = 0;
	if (items->depth == items->along)
		items->along--;
	items->depth--;
	value_done(items);
}

/* Puts a part of a key aside, unless it is longer than the path's could be with each byte of it as \uXXXX. */
static void keep_key(struct items *items, const char *from, const char *to)
{
	if (!items->keep)
		return;
	items->keep = items->part.length + (size_t)(to - from) <= items->steps[items->along - 1].length * 6 + 2;
	if (items->keep)
		text_add(&items->part, from, (size_t)(to - from));
}

/* A key is complete. */
static const char *key_done(struct items *items, const char *at)
{
	struct items_step *step = items->keep ? &items->steps[items->along - 1] : NULL;

	items->mode = structure;
	items->state = AT_COLON;
	if (!step || !json_string_is(items->part.data, items->part.length, step->key, step->length))
		return at;
	if (step->passed)
		return astray(items, "a key of the path comes twice", at);
	items->hit = step->passed = true;
	return at;
}

/* A string, a number or a word outside of elements. */
static const char *scalar(struct items *items, const char *at, const char *end)
{
	const char *start = at;

	at = json_token_add(&items->token, at, end);
	if (items->token.error)
		return wrong(items, items->token.error, at);
	keep_key(items, start, at);
	keep_envelope(items, start, at);
	if (items->token.done && items->key)
		return key_done(items, at);
	if (items->token.done)
		value_done(items);
	return at;
}

static const char *byte_order_mark(struct items *items, const char *at, const char *end)
{
	static const char mark[] = "\xef\xbb\xbf";

	for (; at < end && mark[items->marked]; at++)
		if (*at != mark[items->marked++])
			return wrong(items, "expected a value", at);
	if (!mark[items->marked]) {
		items->mode = structure;
		items->state = AT_VALUE;
	}
	return at;
}

static const char *act(struct items *items, enum action action, enum token token, const char *at)
{
	switch (action) {
	case OPEN:
		return open_container(items, token, at);
	case CLOSE:
		close_container(items);
		return at + 1;
	case NEXT:
		items->state = items->objects[items->depth - 1] ? AT_KEY : AT_VALUE;
		return at + 1;
	case NEXT_VALUE:
		items->state = AT_VALUE;
		return at + 1;
	case KEY:
	case SCALAR:
		items->key = action == KEY;
		items->keep = items->key && items->depth == items->along;
		text_clear(&items->part);
		json_token_begin(&items->token, *at);
		items->mode = scalar;
		return at;
	case SKIP_MARK:
		if (items->before + (uint64_t)(at - items->piece) > 0)
			return wrong(items, grammar[items->state].otherwise, at);
		items->mode = byte_order_mark;
		return at;
	default:
		return wrong(items, grammar[items->state].otherwise, at);
	}
}

static const char *structure(struct items *items, const char *at, const char *end)
{
	while (at < end && items->mode == structure && !items->stopped) {
		enum token token = tokens[(unsigned char)*at];
		enum action action = grammar[items->state].actions[token];
		bool inside = items->array > 0;
		const char *start = at;

		if (token == SPACE) {
			at++;
		} else if (action >= OPEN && items->array > 0) {
			items->mode = token == QUOTE || token == OBJECT || token == ARRAY ? element : element_scalar;
			items->length = items->nesting = 0;
			text_clear(&items->part);
		} else if (action >= OPEN && action < ODD && !follow_path(items, token)) {
			return astray(items, "no array is at the path", at);
		} else {
			at = act(items, action, token, at);
		}
		if (!inside || items->array == 0)
			keep_envelope(items, start, at);
	}
	return at;
}

/* ---- elements ---- */

/* The piece ends within an element. */
static const char *keep_element(struct items *items, const char *from, const char *to)
{
	items->length += (size_t)(to - from);
	if (items->length <= items->limit)
		text_add(&items->part, from, (size_t)(to - from));
	else
		text_free(&items->part);
	return to;
}

static const char *element_done(struct items *items, const char *from, const char *to, const char *end)
{
	size_t length = items->length + (size_t)(to - from);
	const char *bytes = from;

	if (length > items->limit) {
		bytes = NULL;
	} else if (items->length > 0 || end - to < JSON_PADDING) {
		text_add(&items->part, from, (size_t)(to - from));
		json_pad(&items->part);
		bytes = items->part.data;
	}
	items->count++;
	value_done(items);
	items->stopped = !items->found(items->context, bytes, length);
	return to;
}

/* A string, an array or an object: up to the quote or bracket that closes it. */
static const char *element(struct items *items, const char *at, const char *end)
{
	static const bool marks[256] = {['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true};
	const char *start = at;

	while (at < end) {
		if (items->escaped) {
			items->escaped = false;
			at++;
		} else if (items->quoted) {
			at = json_token_stop(at, end);
			if (at == end)
				break;
			items->escaped = *at == '\\';
			items->quoted = items->escaped;
			if (*at++ == '"' && items->nesting == 0)
				return element_done(items, start, at, end);
		} else {
			while (at < end && !marks[(unsigned char)*at])
				at++;
			if (at == end)
				break;
			if (*at == '"')
				items->quoted = true;
			else if (*at == '{' || *at == '[')
				items->nesting++;
			else
				items->nesting--;
			if (*at++ != '"' && items->nesting == 0)
				return element_done(items, start, at, end);
		}
	}
	return keep_element(items, start, at);
}

/* Anything else: up to where no number or word goes on. */
static const char *element_scalar(struct items *items, const char *at, const char *end)
{
	const char *start = at;

	for (; at < end; at++) {
		enum token token = tokens[(unsigned char)*at];

		if (token != OTHER && token != DIGIT && token != LETTER && token != MARK)
			return element_done(items, start, at, end);
	}
	return keep_element(items, start, at);
}

/* ---- the text ---- */

bool items_add(struct items *items, const char *bytes, size_t length)
{
	const char *at = bytes, *end = bytes + length;

	if (!items->mode)
		items->mode = structure;
	items->piece = bytes;
	while (at < end && !items->stopped)
		at = items->mode(items, at, end);
	items->before += length;
	return !items->stopped;
}

bool items_end(struct items *items)
{
	if (items->stopped)
		return false;
	if (items->mode == scalar && json_token_end(&items->token))
		value_done(items);
	items->at = items->before;
	items->astray = items->state == AT_END && !items->seen;
	if (items->before == 0)
		items->error = "empty";
	else if (items->state != AT_END)
		items->error = "ends in the middle of a value";
	else if (items->astray)
		items->error = "no array is at the path";
	return !items->error;
}
