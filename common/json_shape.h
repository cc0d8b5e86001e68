/*
 * json_shape: json_scan (json.h) for streams whose lines look alike.
 *
 * Lines of a stream mostly have the same members in the same order, and differ in strings and numbers only. What is between
 * those, keys and brackets, is remembered from earlier lines; where the next line has the same bytes there, they need not be
 * understood again. The values are checked as ever, and a line that looks otherwise is scanned by json_scan: the answer is the
 * same in each case.
 *
 * A few shapes are remembered. While lines do not look like any of them, learning is given up for a time, so that a stream of
 * many shapes is hardly slower than without all this.
 */
#ifndef PYPE_JSON_SHAPE_H
#define PYPE_JSON_SHAPE_H

#include "common/json.h"

enum { JSON_SHAPES = 4 };

/* Zero-initialise; json_shapes_free. */
struct json_shapes {
	struct json_shape *shapes[JSON_SHAPES]; /* the one that matched last is the first */
	size_t wants; /* nodes of the want that they were made for */
	int ask; /* … and what was asked */
	int credit; /* what may still be spent on learning */
	unsigned resting; /* lines until it is tried again */
};

void json_shapes_free(struct json_shapes *shapes);

/* As json_scan. The same want is given each time, or one with more paths. */
bool json_shapes_scan(struct json_shapes *shapes, const char *text, size_t length, const struct json_want *want,
                      struct json_span *spans, int ask, struct json_result *result);

#endif
