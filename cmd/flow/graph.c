#include "cmd/flow/graph.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

/* One stage while the graph is being made. */
struct vertex {
	size_t *from; /* what it reads */
	size_t count;
	size_t readers;
	size_t rank; /* its place in the order of the data, from 1; 0: none yet */
	size_t walk; /* the walk in search of a cycle that came here, from 1 */
};

struct graph {
	const struct schema *schema;
	const struct manifest_pipeline *pipeline;
	const struct node *const *keys;
	const struct schema_pair *froms;
	struct vertex *vertices;
	size_t *order; /* the stages in the order of the data */
	size_t ordered;
};

static bool find_stage(const struct graph *graph, const char *name, size_t *index)
{
	for (*index = 0; *index < graph->pipeline->count; ++*index)
		if (strcmp(graph->pipeline->stages[*index].name, name) == 0)
			return true;
	return false;
}

static void add_unknown(const struct graph *graph, const struct node *name)
{
	const char **names = xcalloc(graph->pipeline->count + 1, sizeof(*names)), *nearest;

	for (size_t i = 0; i < graph->pipeline->count; i++)
		names[i] = graph->pipeline->stages[i].name;
	nearest = option_nearest(name->text, names);
	mistakes_add(graph->schema->mistakes, name->place, "there is no stage '%s' in this pipeline%s%s%s", name->text,
	             nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
	free(names);
}

static void add_edge(struct graph *graph, size_t stage, const struct node *name)
{
	struct vertex *vertex = &graph->vertices[stage];
	struct mistakes *mistakes = graph->schema->mistakes;
	size_t from;

	if (!schema_scalar(graph->schema, graph->froms[stage].key, name, "the name of a stage"))
		return;
	if (!find_stage(graph, name->text, &from)) {
		if (!strchr(name->text, '.') || !schema_lacks(graph->schema, name, "from", "STAGE.EVENT"))
			add_unknown(graph, name);
		return;
	}
	if (from == stage) {
		mistakes_add(mistakes, name->place, "'%s' reads itself", name->text);
		return;
	}
	for (size_t i = 0; i < vertex->count; i++)
		if (vertex->from[i] == from) {
			mistakes_add(mistakes, name->place, "'%s' is named twice", name->text);
			return;
		}
	if (graph->vertices[from].readers++ > 0)
		schema_lacks(graph->schema, name, "from", "fan-out");
	vertex->from = xreallocarray(vertex->from, vertex->count + 1, sizeof(*vertex->from));
	vertex->from[vertex->count++] = from;
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
	if (value->count > 1 && schema_lacks(graph->schema, value, "from", "fan-in"))
		return;
	for (size_t i = 0; i < value->count; i++)
		add_edge(graph, stage, value->items[i]);
}

static void check_sources(const struct graph *graph)
{
	size_t first = graph->pipeline->count;

	for (size_t i = 0; i < graph->pipeline->count; i++) {
		if (graph->froms[i].key)
			continue;
		if (first == graph->pipeline->count)
			first = i;
		else
			mistakes_add(graph->schema->mistakes, graph->keys[i]->place,
			             "'%s' is a second source beside '%s': give it a 'from', or a pipeline of its own",
			             graph->pipeline->stages[i].name, graph->pipeline->stages[first].name);
	}
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
				ready = graph->vertices[vertex->from[j]].rank > 0;
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

	while (graph->vertices[vertex->from[i]].rank > 0)
		i++;
	return vertex->from[i];
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
			vertex->from[j] = graph->vertices[vertex->from[j]].rank - 1;
		vertex->from = NULL;
	}
	free(pipeline->stages);
	pipeline->stages = stages;
}

void graph_link(const struct schema *schema, struct manifest_pipeline *pipeline, const struct node *const *keys,
                const struct schema_pair *froms)
{
	struct graph graph = {
		.schema = schema,
		.pipeline = pipeline,
		.keys = keys,
		.froms = froms,
		.vertices = xcalloc(pipeline->count + 1, sizeof(*graph.vertices)),
		.order = xcalloc(pipeline->count + 1, sizeof(*graph.order)),
	};
	size_t before = schema->mistakes->fatal;

	for (size_t i = 0; i < pipeline->count; i++)
		add_edges(&graph, i);
	put_in_order(&graph);
	check_cycles(&graph);
	check_sources(&graph);
	if (schema->mistakes->fatal == before)
		apply(&graph, pipeline);
	for (size_t i = 0; i < pipeline->count; i++)
		free(graph.vertices[i].from);
	free(graph.vertices);
	free(graph.order);
}
