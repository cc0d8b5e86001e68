/*
 * json_shape: json_scan (json.h) for streams whose lines look alike.
 *
 * Lines of a stream mostly have the same members in the same order, and differ in strings and numbers only. What is between
 * those, keys and brackets, is remembered from earlier lines, as a tree: behind a string or number comes one of the few things
 * that came there before. Where the next line has the same bytes, they need not be understood again. The values are checked as
 * ever, and a line that looks otherwise is scanned by json_scan: the answer is the same in each case, but that a container has
 * flags (json_span.h) of more than itself.
 *
 * How much is remembered is bounded. While lines do not look like those before, all this is given up for a time, so that a stream
 * of many shapes is hardly slower than without it.
 */
#ifndef PYPE_JSON_SHAPE_H
#define PYPE_JSON_SHAPE_H

#include "common/json.h"

/* Zero-initialise; json_shapes_free. */
struct json_shapes {
	/* private */
	struct shape_tree *tree; /* NULL: nothing is remembered */
	size_t wants; /* nodes of the want that it was made for */
	int ask; /* … and what was asked */
	unsigned hits; /* lines that matched since one did not */
	int credit; /* matches, less what did not match: below zero it does not pay */
	int spare; /* what may be spent on learning */
	unsigned resting; /* lines until it is tried again */
	const char *missed; /* where json_shapes_ahead has just found nothing */
};

void json_shapes_free(struct json_shapes *shapes);

/*
 * As json_scan. The same want is given each time, or one with more paths. It is quick only if a newline is behind the text.
 */
bool json_shapes_scan(struct json_shapes *shapes, const char *text, size_t length, const struct json_want *want,
                      struct json_span *spans, int ask, struct json_result *result);

/*
 * The same for a line whose end is not known: of the `rest` bytes, behind which JSON_PADDING more must be readable, the last
 * is a newline. True: it looks like earlier ones and is valid, *length says how long it is without its newline. False: no more is
 * known about it; json_shapes_scan is called next.
 */
bool json_shapes_ahead(struct json_shapes *shapes, const char *text, size_t rest, const struct json_want *want,
                       struct json_span *spans, int ask, struct json_result *result, size_t *length);

#endif
