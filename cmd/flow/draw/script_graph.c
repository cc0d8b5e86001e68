/*
 * A graph in plain shell. Each stage is a job in the background; each edge is a named pipe "$pipes/FROM.TO". What
 * several stages read is copied by tee, which goes on without those that have ended (-p). What comes from several is
 * merged line by line: grep writes each line at once, and a pipe takes up to 4096 bytes in one piece. Every process opens
 * what it reads before what it writes, so none waits for ever.
 *
 * As in the runner a signal ends the sources, and the rest drains. So that $! is the source itself, it has a pipe of its
 * own, "$pipes/SOURCE", if several stages read it.
 */
#include <stdlib.h>

#include "cmd/flow/draw/draw.h"
#include "cmd/flow/draw/script.h"
#include "common/memory.h"

struct work {
	struct text *script;
	const struct manifest_pipeline *pipeline;
	struct draw_edge *edges;
	size_t edge_count;
	size_t *readers; /* of each stage */
	size_t *reads;
	size_t tabs;
};

static const char *name_of(const struct work *work, size_t stage)
{
	return work->pipeline->stages[stage].name;
}

static void add_pipes(const struct work *work)
{
	struct text *script = work->script;

	script_add_tabs(script, work->tabs);
	text_add_string(script, "pipes=$(mktemp -d) || exit\n");
	script_add_tabs(script, work->tabs);
	text_add_string(script, "sources=\n");
	script_add_tabs(script, work->tabs);
	text_add_string(script, "trap 'rm -rf \"$pipes\"' EXIT\n");
	script_add_tabs(script, work->tabs);
	text_add_string(script, "trap 'kill $sources 2>/dev/null' HUP INT TERM\n");
	for (size_t i = 0; i < work->edge_count; i++) {
		script_add_tabs(script, work->tabs);
		text_addf(script, "mkfifo \"$pipes/%s.%s\"\n", name_of(work, work->edges[i].from),
		          name_of(work, work->edges[i].to));
	}
	for (size_t i = 0; i < work->pipeline->count; i++) {
		if (work->reads[i] > 0 || work->readers[i] < 2)
			continue;
		script_add_tabs(script, work->tabs);
		text_addf(script, "mkfifo \"$pipes/%s\"\n", name_of(work, i));
	}
}

/* The stage wants some events only of what `from` writes. */
static bool is_filtered(const struct manifest_stage *stage, size_t from)
{
	size_t i = 0;

	while (stage->from[i].stage != from)
		i++;
	return stage->from[i].event;
}

/* The way in where a redirection does not do: a filter, or several ways merged. */
static void add_input(const struct work *work, size_t stage)
{
	const struct manifest_stage *reader = &work->pipeline->stages[stage];
	struct text *script = work->script;
	bool several = work->reads[stage] > 1;

	if (several)
		text_add_string(script, "{\n");
	for (size_t i = 0; i < work->edge_count; i++) {
		const struct draw_edge *edge = &work->edges[i];

		if (edge->to != stage)
			continue;
		if (several)
			script_add_tabs(script, work->tabs + 1);
		if (is_filtered(reader, edge->from)) {
			script_add_filter(script, reader, edge->from);
			text_addf(script, " <\"$pipes/%s.%s\"%s", name_of(work, edge->from), reader->name,
			          several ? " | grep --line-buffered ''" : "");
		} else {
			text_addf(script, "grep --line-buffered '' <\"$pipes/%s.%s\"", name_of(work, edge->from),
			          reader->name);
		}
		if (several)
			text_add_string(script, " &\n");
	}
	if (several) {
		script_add_tabs(script, work->tabs + 1);
		text_add_string(script, "wait\n");
		script_add_tabs(script, work->tabs);
		text_add_char(script, '}');
	}
	text_add_string(script, " | ");
}

/* The ways out, the last of them being tee's standard output; from: what it reads, or "". */
static void add_tee(const struct work *work, size_t stage, const char *from)
{
	size_t left = work->readers[stage];

	text_add_string(work->script, "tee -p");
	if (*from)
		text_addf(work->script, " <\"$pipes/%s\"", from);
	for (size_t i = 0; i < work->edge_count; i++)
		if (work->edges[i].from == stage)
			text_addf(work->script, " %s\"$pipes/%s.%s\"", --left == 0 ? ">" : "", name_of(work, stage),
			          name_of(work, work->edges[i].to));
}

/* The redirections of a stage. */
static void add_ends(struct text *ends, const struct work *work, size_t stage, bool piped)
{
	bool source = work->reads[stage] == 0;

	for (size_t i = 0; i < work->edge_count; i++)
		if (work->edges[i].to == stage && !piped)
			text_addf(ends, "<\"$pipes/%s.%s\"", name_of(work, work->edges[i].from), name_of(work, stage));
	for (size_t i = 0; i < work->edge_count; i++)
		if (work->edges[i].from == stage && work->readers[stage] == 1)
			text_addf(ends, "%s>\"$pipes/%s.%s\"", ends->length > 0 ? " " : "", name_of(work, stage),
			          name_of(work, work->edges[i].to));
	if (source && work->readers[stage] > 1)
		text_addf(ends, ">\"$pipes/%s\"", name_of(work, stage));
}

static void add_stage(const struct work *work, size_t index)
{
	const struct manifest_stage *stage = &work->pipeline->stages[index];
	struct text *script = work->script, ends = {0};
	bool source = work->reads[index] == 0, fans = work->readers[index] > 1;
	bool piped = work->reads[index] > 1 || (!source && stage->from[0].event);

	text_init(&ends);
	script_add_tabs(script, work->tabs);
	if (piped)
		add_input(work, index);
	add_ends(&ends, work, index, piped);
	script_add_stage(script, stage, work->pipeline->settings.env.count, work->tabs, ends.data);
	if (fans && !source) {
		text_add_string(script, " | ");
		add_tee(work, index, "");
	}
	text_add_string(script, " &\n");
	if (source) {
		script_add_tabs(script, work->tabs);
		text_add_string(script, "sources=\"$sources $!\"\n");
	}
	if (fans && source) {
		script_add_tabs(script, work->tabs);
		add_tee(work, index, stage->name);
		text_add_string(script, " &\n");
	}
	text_free(&ends);
}

void script_add_graph(struct text *script, const struct manifest_pipeline *pipeline, size_t tabs)
{
	struct work work = {.script = script, .pipeline = pipeline, .tabs = tabs};

	work.edges = draw_edges(pipeline, &work.edge_count);
	work.readers = xcalloc(pipeline->count + 1, sizeof(*work.readers));
	work.reads = xcalloc(pipeline->count + 1, sizeof(*work.reads));
	for (size_t i = 0; i < work.edge_count; i++) {
		work.readers[work.edges[i].from]++;
		work.reads[work.edges[i].to]++;
	}
	add_pipes(&work);
	for (size_t i = 0; i < pipeline->count; i++)
		add_stage(&work, i);
	script_add_tabs(script, tabs);
	text_add_string(script, "wait || wait\n");
	draw_edges_free(work.edges, work.edge_count);
	free(work.readers);
	free(work.reads);
}
