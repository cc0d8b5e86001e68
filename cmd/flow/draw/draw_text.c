/*
 * The picture for a terminal: a tree from each source, in which a stage that several others write to stands below the
 * first of them, and is only named below the others.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/draw/draw.h"
#include "common/memory.h"
#include "common/utf8.h"

struct line {
	char *tree; /* what stands in front of the command */
	size_t length; /* characters */
	const char *command; /* NULL: named before */
};

struct tree {
	const struct drawing *drawing;
	const struct manifest_pipeline *pipeline;
	struct draw_edge *edges;
	size_t edge_count;
	bool *seen; /* of each stage */
	struct text indent; /* of the branches that are open */
	struct line *lines;
	size_t count;
};

enum mark { MARK_BRANCH, MARK_LAST, MARK_OPEN, MARK_AGAIN };

static const char *mark(const struct tree *tree, enum mark mark)
{
	static const char *const marks[][2] = {
		[MARK_BRANCH] = {"|- ", "├─ "},
		[MARK_LAST] = {"`- ", "└─ "},
		[MARK_OPEN] = {"|  ", "│  "},
		[MARK_AGAIN] = {" ^", " ↑"},
	};

	return marks[mark][tree->drawing->utf8];
}

/* edge: on which the stage is come to; NULL: it is a source. */
static void add_line(struct tree *tree, const char *branch, const struct draw_edge *edge, size_t stage)
{
	const struct manifest_stage *named = &tree->pipeline->stages[stage];
	const char *label = edge ? edge->label : "", *events = edge ? edge->events : "";
	size_t length = strlen(events);
	bool again = tree->seen[stage];
	struct text text = {0};

	text_add(&text, tree->indent.data, tree->indent.length);
	text_addf(&text, "%s%s", branch, named->name);
	if (length > 0)
		text_addf(&text, " [%s]", events);
	/* What is behind the events begins with a blank, if there are any. */
	text_addf(&text, "%s%s", length == 0 && *label ? " " : "", label + length);
	if (again)
		text_add_string(&text, mark(tree, MARK_AGAIN));
	/* The room doubles at each power of two. */
	if ((tree->count & (tree->count - 1)) == 0)
		tree->lines = xreallocarray(tree->lines, tree->count ? tree->count * 2 : 1, sizeof(*tree->lines));
	tree->lines[tree->count].length = utf8_count(text.data);
	tree->lines[tree->count].command = again ? NULL : named->run;
	tree->lines[tree->count++].tree = text_detach(&text);
}

/* The next edge from a stage at or behind `at`; edge_count: none. */
static size_t next_edge(const struct tree *tree, size_t stage, size_t at)
{
	while (at < tree->edge_count && tree->edges[at].from != stage)
		at++;
	return at;
}

static void add_branches(struct tree *tree, size_t stage)
{
	size_t length = tree->indent.length;

	tree->seen[stage] = true;
	for (size_t at = next_edge(tree, stage, 0), next; at < tree->edge_count; at = next) {
		const struct draw_edge *edge = &tree->edges[at];
		bool last = (next = next_edge(tree, stage, at + 1)) == tree->edge_count;
		bool again = tree->seen[edge->to];

		add_line(tree, mark(tree, last ? MARK_LAST : MARK_BRANCH), edge, edge->to);
		if (again)
			continue;
		text_add_string(&tree->indent, last ? "   " : mark(tree, MARK_OPEN));
		add_branches(tree, edge->to);
		tree->indent.length = length;
		tree->indent.data[length] = '\0';
	}
}

/* Without UTF-8 what is not ASCII of a line is '?'. */
static void add_ascii(struct text *text, const char *line)
{
	for (; *line; line++)
		if ((unsigned char)*line < 0x80)
			text_add_char(text, *line);
		else if (((unsigned char)*line & 0xc0) != 0x80)
			text_add_char(text, '?');
}

static void add_lines(struct text *text, const struct tree *tree)
{
	const struct drawing *drawing = tree->drawing;
	size_t column = 0;
	struct text line = {0};

	for (size_t i = 0; i < tree->count; i++)
		if (tree->lines[i].command && tree->lines[i].length > column)
			column = tree->lines[i].length;
	for (size_t i = 0; i < tree->count; i++) {
		const struct line *part = &tree->lines[i];

		text_clear(&line);
		text_add_string(&line, part->tree);
		if (part->command) {
			text_addf(&line, "%*s", (int)(column - part->length + 2), "");
			/* Where there is no room for a command it takes the next lines. */
			draw_add_line(&line, part->command,
			              drawing->width > column + 12 ? drawing->width - column - 2 : 0);
		}
		if (drawing->utf8)
			text_add_string(text, line.data);
		else
			add_ascii(text, line.data);
		text_add_char(text, '\n');
		free(part->tree);
	}
	text_free(&line);
}

static void draw_pipeline(struct text *text, const struct drawing *drawing, const struct manifest_pipeline *pipeline)
{
	struct tree tree = {.drawing = drawing, .pipeline = pipeline};

	tree.edges = draw_edges(pipeline, &tree.edge_count);
	tree.seen = xcalloc(pipeline->count + 1, sizeof(*tree.seen));
	text_init(&tree.indent);
	text_addf(text, "%s:\n", pipeline->name);
	for (size_t i = 0; i < pipeline->count; i++)
		if (pipeline->stages[i].from_count == 0) {
			add_line(&tree, "", NULL, i);
			add_branches(&tree, i);
		}
	add_lines(text, &tree);
	draw_edges_free(tree.edges, tree.edge_count);
	text_free(&tree.indent);
	free(tree.seen);
	free(tree.lines);
}

void draw_text(struct text *text, const struct drawing *drawing)
{
	for (size_t i = 0; i < drawing->count; i++) {
		if (i > 0)
			text_add_char(text, '\n');
		draw_pipeline(text, drawing, drawing->pipelines[i]);
	}
}
