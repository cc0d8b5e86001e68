/*
 * What binds names: as, reduce, foreach, calls of functions.
 */
#include "cmd/processors/jq/evaluate.h"

#include <math.h>
#include <stdlib.h>

enum { BINDINGS_MOST = 16 };

/* Binds what a pattern names; bindings has room for all of it. */
static enum run_outcome bind(struct run *run, const struct pattern *pattern, const struct value *value,
                             const struct environment **environment, struct environment bindings[BINDINGS_MOST])
{
	enum run_outcome outcome = RUN_DONE;

	for (size_t i = 0; outcome == RUN_DONE && i < pattern->count; i++) {
		const struct pattern_variable *variable = &pattern->variables[i];

		bindings[i] = (struct environment){.up = *environment, .value = *value};
		for (size_t s = 0; outcome == RUN_DONE && s < variable->count; s++)
			outcome = run_step(run, &bindings[i].value, &variable->steps[s], &bindings[i].value);
		value_leave(&bindings[i].value);
		*environment = &bindings[i];
	}
	return outcome;
}

enum run_outcome run_bound(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	const struct environment *environment = stage->environment;
	struct environment bindings[BINDINGS_MOST];
	enum run_outcome outcome = bind(run, &stage->node->pattern, value, &environment, bindings);

	return outcome == RUN_DONE ? run_node(run, stage->node->b, stage->in, environment, stage->out) : outcome;
}

struct fold_sink {
	struct sink sink;
	const struct node *node;
	const struct environment *environment;
	struct sink *out; /* of foreach */
	struct value state;
	size_t steps;
	struct text *texts[2]; /* where the state is, and where the next one will be */
};

/* The state lives outside of the arena, so that what a step of reduce leaves behind there can be taken away. */
static enum run_outcome keep_state(struct run *run, struct fold_sink *fold, const struct value *state)
{
	struct text *text = fold->texts[1];
	struct value ready;
	enum run_outcome outcome = run_ready(run, state, &ready);

	if (outcome != RUN_DONE)
		return outcome;
	if ((++fold->steps & 15) == 0 && run_too_deep(run, &ready))
		return run_fallback(run, "nested too deep");
	value_leave(&ready);
	fold->state = ready;
	if (!ready.at)
		return RUN_DONE;
	text_clear(text);
	text_add(text, ready.at, ready.length);
	json_pad(text);
	fold->state.at = text->data;
	fold->texts[1] = fold->texts[0];
	fold->texts[0] = text;
	return RUN_DONE;
}

static enum run_outcome fold_step(struct run *run, struct sink *sink, const struct value *value)
{
	struct fold_sink *fold = (struct fold_sink *)sink;
	const struct node *node = fold->node;
	const struct environment *environment = fold->environment;
	struct environment bindings[BINDINGS_MOST];
	struct arena_mark mark = arena_mark(&run->arena);
	struct value next;
	enum run_outcome outcome = bind(run, &node->pattern, value, &environment, bindings);

	if (outcome == RUN_DONE)
		outcome = run_only(run, node->c, &fold->state, environment, &next);
	if (outcome == RUN_DONE)
		outcome = keep_state(run, fold, &next);
	if (outcome == RUN_DONE && node->operation == OP_REDUCE)
		arena_release(&run->arena, mark);
	if (outcome != RUN_DONE || node->operation == OP_REDUCE)
		return outcome;
	next = fold->state;
	if (next.at)
		next = value_copy(&run->arena, next.at, next.length);
	return node->d ? run_node(run, node->d, &next, environment, fold->out) : run_give(run, fold->out, &next);
}

/* For each value to begin with. */
enum run_outcome run_fold_from(struct run *run, struct sink *sink, const struct value *start)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct fold_sink fold = {
		.sink = {fold_step}, .node = stage->node, .environment = stage->environment, .out = stage->out};
	enum run_outcome outcome;

	fold.texts[0] = run_text(run);
	fold.texts[1] = fold.texts[0] ? run_text(run) : NULL;
	if (!fold.texts[1])
		return RUN_FALLBACK;
	outcome = keep_state(run, &fold, start);
	if (outcome == RUN_DONE)
		outcome = run_node(run, stage->node->a, stage->in, stage->environment, &fold.sink);
	if (outcome == RUN_DONE && stage->node->operation == OP_REDUCE) {
		if (fold.state.at)
			fold.state = value_copy(&run->arena, fold.state.at, fold.state.length);
		run_text_back(run);
		run_text_back(run);
		return run_give(run, stage->out, &fold.state);
	}
	run_text_back(run);
	run_text_back(run);
	return outcome;
}

/* A function of the program, or a parameter. */
enum run_outcome run_call(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct sink *sink)
{
	const struct environment *target = run_up(environment, node->hops), *inner = target;
	struct environment bindings[2 * 8];
	size_t count = 0;

	if (!target->definition)
		return run_node(run, target->node, in, target->scope, sink);
	for (size_t i = 0; i < node->count; i++) {
		if (target->node->parameters[i].variable) {
			struct environment *binding = &bindings[count++];
			enum run_outcome outcome;

			*binding = (struct environment){.up = inner};
			outcome = run_only(run, node->list[i], in, environment, &binding->value);
			if (outcome != RUN_DONE)
				return outcome;
			value_leave(&binding->value);
			inner = binding;
		}
		bindings[count] = (struct environment){.up = inner, .node = node->list[i], .scope = environment};
		inner = &bindings[count++];
	}
	return run_node(run, target->node->a, in, inner, sink);
}
