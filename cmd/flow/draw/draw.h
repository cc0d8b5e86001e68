/*
 * draw: the pipelines of a flow as a picture, in one of several languages. Each function adds a whole document.
 *
 * Edges from one stage to another that differ in nothing but the event are drawn as one. Its label has what is not the
 * default: the events, sync, delivery, when_full. Texts of the manifest are escaped as the language wants it.
 */
#ifndef PYPE_FLOW_DRAW_H
#define PYPE_FLOW_DRAW_H

#include <stdbool.h>

#include "cmd/flow/manifest/manifest.h"
#include "common/text.h"

struct drawing {
	const char *name; /* of the flow */
	const struct manifest_pipeline **pipelines;
	size_t count;
	bool utf8; /* text: with line-drawing characters and whole events */
	size_t width; /* text: columns of the terminal; 0: as many as it takes */
};

void draw_text(struct text *text, const struct drawing *drawing);
void draw_dot(struct text *text, const struct drawing *drawing);
void draw_mermaid(struct text *text, const struct drawing *drawing);
void draw_svg(struct text *text, const struct drawing *drawing);

/* One line between two stages. */
struct draw_edge {
	size_t from, to;
	char *events; /* "price, error"; "" for all */
	char *label; /* the same with the settings: "price (durable)", "(durable)"; "" for none */
};

/* The edges of a pipeline, by the stage they lead to: count of them, for draw_edges_free. */
struct draw_edge *draw_edges(const struct manifest_pipeline *pipeline, size_t *count);
void draw_edges_free(struct draw_edge *edges, size_t count);

/*
 * Adds a text on one line: white space is one blank, none at the ends, other control characters are '?'; of more than
 * `most` characters (0: any number) the last one that stays is '…'. Returns how many characters there are.
 */
size_t draw_add_line(struct text *text, const char *string, size_t most);

#endif
