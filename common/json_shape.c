#include "common/json_shape.h"

#include <stdlib.h>

#include "common/shape_match.h"

enum {
	LINE_MOST = 16 * 1024, /* bytes of a line that is learned */
	CREDIT_FIRST = 8,
	CREDIT_MOST = 32,
	SPARE_FIRST = 16,
	SPARE_MOST = 64,
	PRICE = 4, /* of learning a line, in lines that matched */
	REST = 256,
};

void json_shapes_free(struct json_shapes *shapes)
{
	free(shapes->tree);
	*shapes = (struct json_shapes){0};
}

/* The length of the line that begins at text, of which, with its newline, no more than `rest` bytes are looked at; or -1. */
static inline ssize_t try_match(struct json_shapes *shapes, const char *text, size_t rest, const struct json_want *want,
                                struct json_span *spans, struct json_result *result)
{
	ssize_t matched;

	/* Those that shape_match does not set. */
	for (size_t i = 64; want && i < want->slots; i++)
		spans[i].kind = JSON_NONE;
	matched = shape_match(shapes->tree, text, text + rest, spans, shapes->ask & JSON_FACTS, result);
	shapes->hits += matched >= 0;
	return matched;
}

/* ---- whether it pays ---- */

static __attribute__((cold)) void begin(struct json_shapes *shapes, size_t wants, int ask)
{
	json_shapes_free(shapes);
	*shapes = (struct json_shapes){.wants = wants, .ask = ask, .credit = CREDIT_FIRST, .spare = SPARE_FIRST};
}

static int least(int number, int most)
{
	return number < most ? number : most;
}

/* A valid line did not match: is it to be learned? */
static bool pays(struct json_shapes *shapes)
{
	int hits = shapes->hits < SPARE_MOST ? (int)shapes->hits : SPARE_MOST;

	shapes->hits = 0;
	shapes->credit = least(shapes->credit + hits, CREDIT_MOST) - 1;
	shapes->spare = least(shapes->spare + hits, SPARE_MOST);
	if (shapes->credit < 0) {
		begin(shapes, shapes->wants, shapes->ask);
		shapes->resting = REST;
	}
	return shapes->resting == 0 && shapes->spare >= PRICE;
}

/* A key that comes twice makes a value count for nothing that came before: no tree of what may follow says that. */
static bool is_plain(const struct json_shapes *shapes, const char *text, size_t length,
                     const struct json_result *result)
{
	struct json_result facts = *result;

	if (result->kind < JSON_ARRAY || length > LINE_MOST)
		return false;
	if (!(shapes->ask & JSON_FACTS))
		json_scan(text, length, NULL, NULL, JSON_FACTS, &facts);
	return !(facts.flags & JSON_DUPLICATE);
}

bool json_shapes_scan(struct json_shapes *shapes, const char *text, size_t length, const struct json_want *want,
                      struct json_span *spans, int ask, struct json_result *result)
{
	size_t wants = want ? want->count : 0;
	bool missed = shapes->missed == text;

	shapes->missed = NULL;
	if (shapes->wants != wants || shapes->ask != ask || (!shapes->tree && !shapes->resting))
		begin(shapes, wants, ask);
	if (shapes->resting > 0) {
		shapes->resting--;
		return json_scan(text, length, want, spans, ask, result);
	}
	if (shapes->tree && !missed && text[length] == '\n' &&
	    try_match(shapes, text, length + 1, want, spans, result) == (ssize_t)length)
		return true;
	if (!json_scan(text, length, want, spans, ask, result))
		return false;
	if (pays(shapes) && is_plain(shapes, text, length, result)) {
		shapes->spare -= PRICE;
		if (!shapes->tree)
			shapes->tree = shape_tree_new();
		shape_tree_learn(shapes->tree, text, length, spans, want ? want->slots : 0, result, ask & JSON_FACTS);
	}
	return true;
}

bool json_shapes_ahead(struct json_shapes *shapes, const char *text, size_t rest, const struct json_want *want,
                       struct json_span *spans, int ask, struct json_result *result, size_t *length)
{
	ssize_t matched;

	if (!shapes->tree || shapes->wants != (want ? want->count : 0) || shapes->ask != ask)
		return false;
	matched = try_match(shapes, text, rest, want, spans, result);
	*length = (size_t)matched;
	if (matched < 0)
		shapes->missed = text;
	return matched >= 0;
}
