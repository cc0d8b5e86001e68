/*
 * The pictures that other programs lay out: the languages of Graphviz and of Mermaid.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/draw/draw.h"

/* Adds a text on one line, in double quotes, with what stands for the characters that cannot stand there. */
static void add_quoted(struct text *text, const char *string, const char *(*escape)(char byte))
{
	struct text line = {0};

	text_init(&line);
	draw_add_line(&line, string, 0);
	text_add_char(text, '"');
	for (const char *s = line.data; *s; s++) {
		const char *instead = escape(*s);

		if (instead)
			text_add_string(text, instead);
		else
			text_add_char(text, *s);
	}
	text_add_char(text, '"');
	text_free(&line);
}

static const char *escape_dot(char byte)
{
	return byte == '"' ? "\\\"" : byte == '\\' ? "\\\\" : NULL;
}

static void draw_dot_pipeline(struct text *text, const struct manifest_pipeline *pipeline, size_t number)
{
	size_t count;
	struct draw_edge *edges = draw_edges(pipeline, &count);

	text_addf(text, "\tsubgraph cluster_%zu {\n\t\tlabel=\"%s\"\n", number, pipeline->name);
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		text_addf(text, "\t\tp%zus%zu [label=\"%s\"%s, tooltip=", number, i, stage->name,
		          stage->from_count == 0 ? ", style=rounded" : "");
		add_quoted(text, stage->run, escape_dot);
		text_add_string(text, "]\n");
	}
	for (size_t i = 0; i < count; i++) {
		text_addf(text, "\t\tp%zus%zu -> p%zus%zu", number, edges[i].from, number, edges[i].to);
		if (*edges[i].label) {
			text_add_string(text, " [label=");
			add_quoted(text, edges[i].label, escape_dot);
			text_add_char(text, ']');
		}
		text_add_char(text, '\n');
	}
	text_add_string(text, "\t}\n");
	draw_edges_free(edges, count);
}

void draw_dot(struct text *text, const struct drawing *drawing)
{
	text_addf(text,
	          "digraph \"%s\" {\n\trankdir=LR\n\tnode [shape=box, fontname=\"sans-serif\"]\n"
	          "\tedge [fontname=\"sans-serif\", fontsize=10]\n",
	          drawing->name);
	for (size_t i = 0; i < drawing->count; i++)
		draw_dot_pipeline(text, drawing->pipelines[i], i);
	text_add_string(text, "}\n");
}

/* Mermaid takes entities with '#' in place of '&'. */
static const char *escape_mermaid(char byte)
{
	static const struct {
		char byte;
		const char *entity;
	} entities[] = {{'"', "#quot;"}, {'#', "#35;"}, {'<', "#lt;"},  {'>', "#gt;"},
	                {'&', "#amp;"},  {'`', "#96;"}, {'|', "#124;"}, {'\\', "#92;"}};

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (entities[i].byte == byte)
			return entities[i].entity;
	return NULL;
}

static void draw_mermaid_pipeline(struct text *text, const struct manifest_pipeline *pipeline, size_t number)
{
	size_t count;
	struct draw_edge *edges = draw_edges(pipeline, &count);

	text_addf(text, "    subgraph p%zu[\"%s\"]\n", number, pipeline->name);
	for (size_t i = 0; i < pipeline->count; i++) {
		bool source = pipeline->stages[i].from_count == 0;

		text_addf(text, "        p%zus%zu%s\"%s\"%s\n", number, i, source ? "([" : "[",
		          pipeline->stages[i].name, source ? "])" : "]");
	}
	for (size_t i = 0; i < count; i++) {
		text_addf(text, "        p%zus%zu -->", number, edges[i].from);
		if (*edges[i].label) {
			text_add_char(text, '|');
			add_quoted(text, edges[i].label, escape_mermaid);
			text_add_char(text, '|');
		}
		text_addf(text, " p%zus%zu\n", number, edges[i].to);
	}
	text_add_string(text, "    end\n");
	draw_edges_free(edges, count);
}

void draw_mermaid(struct text *text, const struct drawing *drawing)
{
	text_add_string(text, "flowchart LR\n");
	for (size_t i = 0; i < drawing->count; i++)
		draw_mermaid_pipeline(text, drawing->pipelines[i], i);
}
