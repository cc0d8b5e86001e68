/*
 * The picture for a browser: one SVG, which needs nothing else. The whole command of a stage is its tooltip.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/draw/draw.h"
#include "cmd/flow/draw/layout.h"
#include "common/memory.h"
#include "common/utf8.h"

enum {
	MARGIN = 20,
	TITLE = 34, /* a pipeline's name and what is below it */
	BOX = 46, /* height of a stage */
	ROW = 68, /* from one to the next */
	LETTER = 8, /* width of a character of a name, at most */
	SMALL = 7, /* the same of commands and labels */
	LEAST = 110, /* width of a stage */
	COMMAND = 30, /* characters of a command that are shown */
	GAP = 60, /* between columns, beside the labels there */
};

struct column {
	size_t left, width; /* of its stages */
	size_t letters; /* of the longest label in front of it */
};

struct picture {
	const struct manifest_pipeline *pipeline;
	struct draw_edge *edges;
	size_t edge_count;
	struct layout layout;
	struct column *columns;
	size_t width, height;
};

static const char style[] =
	"<style>\n"
	"svg{color-scheme:light dark;--ink:#1f2933;--box:#f5f7fa;--line:#7b8794;--paper:#fff;--source:#e3f2e6}\n"
	"@media (prefers-color-scheme:dark){svg{--ink:#e4e7eb;--box:#323f4b;--line:#9aa5b1;--paper:#1f2933;"
	"--source:#2f4a38}}\n"
	".paper{fill:var(--paper)}text{fill:var(--ink);font:13px ui-monospace,monospace}.title{font-weight:bold;"
	"font-size:15px}.name{font-weight:bold}.command,.label{font-size:11px}.command{opacity:.75}\n"
	".label{text-anchor:middle;stroke:var(--paper);stroke-width:4px;paint-order:stroke}\n"
	".stage{fill:var(--box);stroke:var(--line)}.source{fill:var(--source)}\n"
	".edge{fill:none;stroke:var(--line);stroke-width:1.5px}.head{fill:var(--line)}\n"
	"</style>\n";

/* Adds text as XML: what cannot stand there is U+FFFD. */
static void add_escaped(struct text *text, const char *string)
{
	for (const unsigned char *s = (const unsigned char *)string; *s; s++) {
		if (*s == '&')
			text_add_string(text, "&amp;");
		else if (*s == '<')
			text_add_string(text, "&lt;");
		else if (*s == '>')
			text_add_string(text, "&gt;");
		else if (*s == '"')
			text_add_string(text, "&quot;");
		else if (*s < ' ' && *s != '\t' && *s != '\n')
			text_add_string(text, "\xef\xbf\xbd");
		else if (s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe) {
			/* U+FFFE and U+FFFF are no characters. */
			text_add_string(text, "\xef\xbf\xbd");
			s += 2;
		} else
			text_add_char(text, (char)*s);
	}
}

static void add_line(struct text *text, const char *string, size_t most)
{
	struct text line = {0};

	text_init(&line);
	draw_add_line(&line, string, most);
	add_escaped(text, line.data);
	text_free(&line);
}

static size_t shown(const char *command)
{
	struct text line = {0};
	size_t length;

	text_init(&line);
	length = draw_add_line(&line, command, COMMAND);
	text_free(&line);
	return length;
}

static void widen(size_t *width, size_t least)
{
	if (*width < least)
		*width = least;
}

/* Each column is as wide as its widest stage, and as far from the one before as the longest label there takes. */
static void measure(struct picture *picture)
{
	const struct layout *layout = &picture->layout;
	size_t left = MARGIN;

	picture->columns = xcalloc(layout->columns + 1, sizeof(*picture->columns));
	for (size_t i = 0; i < picture->pipeline->count; i++) {
		const struct manifest_stage *stage = &picture->pipeline->stages[i];
		size_t *width = &picture->columns[layout->boxes[i].column].width;

		widen(width, LEAST);
		widen(width, strlen(stage->name) * LETTER + 20);
		widen(width, shown(stage->run) * SMALL + 20);
	}
	for (size_t i = 0; i < picture->edge_count; i++)
		widen(&picture->columns[layout->boxes[layout->first[i]].column].letters,
		      utf8_count(picture->edges[i].label));
	for (size_t i = 0; i < layout->columns; i++) {
		struct column *column = &picture->columns[i];

		column->left = left + (i > 0 ? GAP + column->letters * SMALL : 0);
		left = column->left + column->width;
	}
	picture->width = left + MARGIN;
	widen(&picture->width, strlen(picture->pipeline->name) * (LETTER + 2) + 2 * MARGIN);
	picture->height = TITLE + (size_t)(layout->rows * ROW) + MARGIN;
}

static size_t middle(const struct layout_box *box)
{
	return TITLE + (size_t)(box->row * ROW) + BOX / 2;
}

static void add_stage(struct text *text, const struct picture *picture, size_t index)
{
	const struct manifest_stage *stage = &picture->pipeline->stages[index];
	const struct layout_box *box = &picture->layout.boxes[index];
	const struct column *column = &picture->columns[box->column];
	size_t top = middle(box) - BOX / 2;

	text_addf(text, "<g><title>");
	add_escaped(text, stage->run);
	text_addf(text, "</title><rect class=\"stage%s\" x=\"%zu\" y=\"%zu\" width=\"%zu\" height=\"%d\" rx=\"%d\"/>",
	          stage->from_count == 0 ? " source" : "", column->left, top, column->width, BOX,
	          stage->from_count == 0 ? BOX / 2 : 6);
	text_addf(text, "<text class=\"name\" x=\"%zu\" y=\"%zu\">%s</text>", column->left + 12, top + 19, stage->name);
	text_addf(text, "<text class=\"command\" x=\"%zu\" y=\"%zu\">", column->left + 12, top + 36);
	add_line(text, stage->run, COMMAND);
	text_add_string(text, "</text></g>\n");
}

/* A curve to each box on the way, and straight through those of bends. */
static void add_edge(struct text *text, const struct picture *picture, size_t index)
{
	const struct layout *layout = &picture->layout;
	const struct draw_edge *edge = &picture->edges[index];
	const struct layout_box *box = &layout->boxes[edge->from], *next = &layout->boxes[layout->first[index]];
	const struct column *column = &picture->columns[box->column];
	size_t x = column->left + column->width, y = middle(box);

	text_addf(text, "<path class=\"edge\" marker-end=\"url(#head)\" d=\"M%zu %zu", x, y);
	for (;;) {
		bool last = !next->bend;
		size_t to_x, to_y = middle(next), half;

		column = &picture->columns[next->column];
		to_x = column->left - (last ? 7 : 0);
		half = (to_x - x) / 2;
		text_addf(text, "C%zu %zu %zu %zu %zu %zu", x + half, y, x + half, to_y, to_x, to_y);
		if (last)
			break;
		x = column->left + column->width;
		y = to_y;
		text_addf(text, "H%zu", x);
		next = &layout->boxes[next->next];
	}
	text_add_string(text, "\"/>\n");
}

/* In the middle of the way to the first box. */
static void add_label(struct text *text, const struct picture *picture, size_t index)
{
	const struct layout *layout = &picture->layout;
	const struct draw_edge *edge = &picture->edges[index];
	const struct layout_box *box = &layout->boxes[edge->from], *next = &layout->boxes[layout->first[index]];
	const struct column *column = &picture->columns[box->column];

	if (!*edge->label)
		return;
	text_addf(text, "<text class=\"label\" x=\"%zu\" y=\"%zu\">",
	          (column->left + column->width + picture->columns[next->column].left) / 2,
	          (middle(box) + middle(next)) / 2 + 4);
	add_escaped(text, edge->label);
	text_add_string(text, "</text>\n");
}

static void add_picture(struct text *text, const struct picture *picture, size_t top)
{
	text_addf(text, "<g transform=\"translate(0 %zu)\">\n<text class=\"title\" x=\"%d\" y=\"20\">%s</text>\n", top,
	          MARGIN, picture->pipeline->name);
	for (size_t i = 0; i < picture->edge_count; i++)
		add_edge(text, picture, i);
	for (size_t i = 0; i < picture->edge_count; i++)
		add_label(text, picture, i);
	for (size_t i = 0; i < picture->pipeline->count; i++)
		add_stage(text, picture, i);
	text_add_string(text, "</g>\n");
}

void draw_svg(struct text *text, const struct drawing *drawing)
{
	struct picture *pictures = xcalloc(drawing->count + 1, sizeof(*pictures));
	size_t width = 0, height = 0, top = 0;

	for (size_t i = 0; i < drawing->count; i++) {
		struct picture *picture = &pictures[i];

		picture->pipeline = drawing->pipelines[i];
		picture->edges = draw_edges(picture->pipeline, &picture->edge_count);
		layout_make(&picture->layout, picture->pipeline->count, picture->edges, picture->edge_count);
		measure(picture);
		widen(&width, picture->width);
		height += picture->height;
	}
	text_addf(text,
	          "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" viewBox=\"0 0 %zu %zu\">\n"
	          "<title>%s</title>\n",
	          width, height, width, height, drawing->name);
	text_add_string(text, style);
	text_add_string(text, "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" markerWidth=\"8\" "
	                      "markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
	                      "<path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n");
	text_addf(text, "<rect class=\"paper\" width=\"%zu\" height=\"%zu\"/>\n", width, height);
	for (size_t i = 0; i < drawing->count; i++) {
		struct picture *picture = &pictures[i];

		add_picture(text, picture, top);
		top += picture->height;
		draw_edges_free(picture->edges, picture->edge_count);
		layout_free(&picture->layout);
		free(picture->columns);
	}
	text_add_string(text, "</svg>\n");
	free(pictures);
}
