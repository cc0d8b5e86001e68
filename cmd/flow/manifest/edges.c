#include "cmd/flow/manifest/edges.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

/* One stage while the graph is being made. */
struct vertex {
	struct manifest_edge *from; /* what it reads */
	size_t count;
	size_t readers; /* edges that read it */
	size_t rank; /* its place in the order of the data, from 1; 0: none yet */
	size_t walk; /* the walk in search of a cycle that came here, from 1 */
};

struct graph {
	const struct schema *schema;
	const struct manifest_pipeline *pipeline;
	const struct schema_pair *froms;
	struct vertex *vertices;
	size_t *order; /* the stages in the order of the data */
	size_t ordered;
};

static bool find_stage(const struct graph *graph, const char *name, size_t length, size_t *index)
{
	for (*index = 0; *index < graph->pipeline->count; ++*index) {
		const char *stage = graph->pipeline->stages[*index].name;

		if (strncmp(stage, name, length) == 0 && !stage[length])
			return true;
	}
	return false;
}

static void add_unknown(const struct graph *graph, const struct node *node, size_t length)
{
	const char **names = xcalloc(graph->pipeline->count + 1, sizeof(*names));
	char *name = xstrndup(node->text, length), hint[OPTION_HINT];

	for (size_t i = 0; i < graph->pipeline->count; i++)
		names[i] = graph->pipeline->stages[i].name;
	mistakes_add(graph->schema->mistakes, node->place, "there is no stage '%s' in this pipeline%s", name,
	             option_hint(hint, name, names));
	free(name);
	free(names);
}

/* False, and said, if the stage gets these events already. */
static bool is_new(const struct graph *graph, const struct vertex *vertex, const struct node *node, size_t from,
                   const char *event)
{
	for (size_t i = 0; i < vertex->count; i++) {
		const struct manifest_edge *edge = &vertex->from[i];
		const char *stage = graph->pipeline->stages[from].name;

		if (edge->stage != from)
			continue;
		if (event ? edge->event && strcmp(event, edge->event) == 0 : !edge->event)
			mistakes_add(graph->schema->mistakes, node->place, "'%s' is named twice", node->text);
		else if (!event || !edge->event)
			mistakes_add(graph->schema->mistakes, node->place,
			             "'%s.%s' is named beside '%s', which is all its events", stage,
			             event ? event : edge->event, stage);
		else
			continue;
		return false;
	}
	return true;
}

static void add_edge(struct graph *graph, size_t stage, const struct node *node)
{
	struct vertex *vertex = &graph->vertices[stage];
	struct mistakes *mistakes = graph->schema->mistakes;
	size_t length, from;
	const char *event;

	if (!schema_scalar(graph->schema, graph->froms[stage].key, node, "STAGE, STAGE.EVENT or a list of them"))
		return;
	length = strcspn(node->text, ".");
	event = node->text[length] ? node->text + length + 1 : NULL;
	if (!find_stage(graph, node->text, length, &from))
		add_unknown(graph, node, length);
	else if (event && !*event)
		mistakes_add(mistakes, node->place, "no event behind the '.' of '%s'", node->text);
	else if (from == stage)
		mistakes_add(mistakes, node->place, "'%s' reads itself", graph->pipeline->stages[stage].name);
	else if (is_new(graph, vertex, node, from, event)) {
		/* The first one too many is said, the others are not. */
		if (++graph->vertices[from].readers == MANIFEST_EDGES + 1)
			mistakes_add(mistakes, node->place, "'%s' is read more than %d times",
			             graph->pipeline->stages[from].name, MANIFEST_EDGES);
		if (vertex->count == MANIFEST_EDGES)
			mistakes_add(mistakes, node->place, "'%s' reads more than %d times",
			             graph->pipeline->stages[stage].name, MANIFEST_EDGES);
		vertex->from = xreallocarray(vertex->from, vertex->count + 1, sizeof(*vertex->from));
		vertex->from[vertex->count++] = (struct manifest_edge){from, event ? xstrdup(event) : NULL};
	}
}

static void add_edges(struct graph *graph, size_t stage)
{
	const struct node *value = graph->froms[stage].value;

	if (!value || value->kind == NODE_REFUSED)
		return;
	if (value->kind != NODE_LIST) {
		add_edge(graph, stage, value);
		return;
	}
	if (value->count == 0)
		mistakes_add(graph->schema->mistakes, value->place, "'from' names no stage: leave it out for a source");
	for (size_t i = 0; i < value->count; i++)
		add_edge(graph, stage, value->items[i]);
}

/* Those that wait for nobody first, then those that wait for them, each time in the order of the manifest. */
static void put_in_order(struct graph *graph)
{
	size_t count = graph->pipeline->count;
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			struct vertex *vertex = &graph->vertices[i];
			bool ready = vertex->rank == 0;

			for (size_t j = 0; ready && j < vertex->count; j++)
				ready = graph->vertices[vertex->from[j].stage].rank > 0;
			if (!ready)
				continue;
			graph->order[graph->ordered++] = i;
			vertex->rank = graph->ordered;
			more = true;
		}
	}
}

/* Of stages that wait for ever each reads one that does. */
static size_t waits_for(const struct graph *graph, size_t stage)
{
	const struct vertex *vertex = &graph->vertices[stage];
	size_t i = 0;

	while (graph->vertices[vertex->from[i].stage].rank > 0)
		i++;
	return vertex->from[i].stage;
}

static void add_cycle(const struct graph *graph, size_t start)
{
	const struct manifest_stage *stages = graph->pipeline->stages;
	struct text text = {0};
	size_t at = start;

	text_addf(&text, "a cycle: '%s'", stages[start].name);
	do {
		at = waits_for(graph, at);
		text_addf(&text, " reads '%s'", stages[at].name);
	} while (at != start);
	mistakes_add(graph->schema->mistakes, graph->froms[start].value->place, "%s", text.data);
	text_free(&text);
}

static void check_cycles(const struct graph *graph)
{
	for (size_t i = 0; i < graph->pipeline->count; i++) {
		size_t at = i;

		if (graph->vertices[i].rank > 0)
			continue;
		while (graph->vertices[at].walk == 0) {
			graph->vertices[at].walk = i + 1;
			at = waits_for(graph, at);
		}
		if (graph->vertices[at].walk == i + 1)
			add_cycle(graph, at);
	}
}

static void apply(const struct graph *graph, struct manifest_pipeline *pipeline)
{
	struct manifest_stage *stages = xcalloc(pipeline->count, sizeof(*stages));

	for (size_t i = 0; i < pipeline->count; i++) {
		struct vertex *vertex = &graph->vertices[graph->order[i]];

		stages[i] = pipeline->stages[graph->order[i]];
		stages[i].from = vertex->from;
		stages[i].from_count = vertex->count;
		for (size_t j = 0; j < vertex->count; j++)
			vertex->from[j].stage = graph->vertices[vertex->from[j].stage].rank - 1;
		vertex->from = NULL;
		vertex->count = 0;
	}
	free(pipeline->stages);
	pipeline->stages = stages;
	pipeline->linked = true;
}

static void free_edges(struct manifest_edge *edges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(edges[i].event);
	free(edges);
}

void edges_link(const struct schema *schema, struct manifest_pipeline *pipeline, const struct schema_pair *froms)
{
	struct graph graph = {
		.schema = schema,
		.pipeline = pipeline,
		.froms = froms,
		.vertices = xcalloc(pipeline->count + 1, sizeof(*graph.vertices)),
		.order = xcalloc(pipeline->count + 1, sizeof(*graph.order)),
	};
	size_t before = schema->mistakes->fatal;

	for (size_t i = 0; i < pipeline->count; i++)
		add_edges(&graph, i);
	put_in_order(&graph);
	check_cycles(&graph);
	if (schema->mistakes->fatal == before)
		apply(&graph, pipeline);
	for (size_t i = 0; i < pipeline->count; i++)
		free_edges(graph.vertices[i].from, graph.vertices[i].count);
	free(graph.vertices);
	free(graph.order);
}

void edges_free(struct manifest_stage *stage)
{
	free_edges(stage->from, stage->from_count);
}
