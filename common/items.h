/*
 * items: the elements of one array, cut out of a JSON text that arrives in pieces.
 *
 *     items_init(&items, ".data.list", limit, found, context, &mistake);
 *     while (there is a piece)
 *             if (!items_add(&items, piece, length)) …    items.error, items.at
 *     if (!items_end(&items)) …                            the same
 *     items_free(&items);
 *
 * Everything around the elements is checked against RFC 8259 as it passes, without being kept: what is held is one
 * element, if it came in several pieces. An element itself is only cut, by its quotes and brackets: who gets
 * it gives it to json_scan. An element is handed over as soon as it is complete, so before the text is known to be whole.
 *
 * A key of the path that comes twice in its object is an error, since the elements behind the first one are gone already
 * (json.h would take the last). A byte order mark before the text is skipped.
 *
 * Who wants what is around the elements as well, the envelope, sets envelope_limit after items_init: after items_end the text of it is
 * the whole with an empty array in place of the one that was cut.
 */
#ifndef PYPE_ITEMS_H
#define PYPE_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/json_token.h"
#include "common/text.h"

/*
 * One element: its bytes, without white space around them, valid until the function returns, with JSON_PADDING readable
 * bytes behind them. An element longer than the limit is not held: bytes is then NULL, and length what it
 * would have been. False: stop, items_add returns false too (with no error).
 */
typedef bool items_found(void *context, const char *bytes, size_t length);

struct items;
typedef const char *items_mode(struct items *items, const char *at, const char *end);

struct items {
	uint64_t count; /* elements so far */
	const char *error; /* what is wrong, or NULL */
	uint64_t at; /* where: bytes since the beginning */
	bool astray; /* that is not the syntax: the path leads to no array, or to more than one */
	size_t envelope_limit; /* the caller's: the longest envelope to keep; 0: none is kept */
	struct text envelope; /* so far; empty if it is longer than the limit */
	size_t envelope_length; /* what it has, or would have */

	/* private */
	items_found *found;
	void *context;
	size_t limit;
	uint64_t before; /* bytes in earlier pieces */
	const char *piece;
	bool stopped;
	items_mode *mode; /* what the next byte belongs to: structure, a string, an element … */
	int state; /* in the grammar */
	int marked; /* bytes of a byte order mark */

	struct items_step *steps;
	size_t step_count;
	size_t along; /* how many of the containers around lie on the path */
	bool hit, seen; /* the next value is the path's next; the array has been there */
	size_t depth; /* containers around */
	size_t array; /* the depth in the array that is cut, 0 outside of it */
	bool objects[JSON_DEPTH];

	/* a scalar or a key, outside of elements */
	struct json_token token;
	bool key, keep; /* it is a key; it may be the path's */

	/* an element */
	struct text part; /* what came of it in earlier pieces; or of a key */
	size_t length; /* of that, kept or not */
	size_t nesting;
	bool quoted, escaped;
};

/*
 * path is as in json_want_path; jq's "[]" may stand at its end. limit is the longest element in bytes. False if the path
 * is malformed, and then *mistake says why.
 */
bool items_init(struct items *items, const char *path, size_t limit, items_found *found, void *context,
                const char **mistake);
void items_free(struct items *items);

/* The next piece of the text, which may be cut anywhere. False: error, or found said stop. */
bool items_add(struct items *items, const char *bytes, size_t length);

/* The text is at its end. False if it was not whole, or had no array at the path. */
bool items_end(struct items *items);

#endif
