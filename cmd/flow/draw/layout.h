/*
 * layout: where the stages of a pipeline stand in a picture: in columns in the order of the data, each below the others
 * of its column, with few crossings. An edge over several columns has a box of its own in each of those between.
 *
 * Pure, and the same each time.
 */
#ifndef PYPE_FLOW_LAYOUT_H
#define PYPE_FLOW_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/flow/draw/draw.h"

enum { LAYOUT_BENDS = 20000 }; /* boxes for edges; with more of them edges go straight */

struct layout_box {
	size_t column; /* from 0 */
	double row; /* from 0; a stage takes one, a bend half of one */
	bool bend; /* no stage, an edge goes through here */
	size_t next; /* of a bend: the box behind it */
};

struct layout {
	struct layout_box *boxes; /* the stages, then the bends */
	size_t count;
	size_t *first; /* of each edge: the box behind the one it comes from */
	size_t columns;
	double rows;
};

void layout_make(struct layout *layout, size_t stages, const struct draw_edge *edges, size_t edge_count);
void layout_free(struct layout *layout);

#endif
