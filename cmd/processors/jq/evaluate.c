#include "cmd/processors/jq/evaluate.h"

#include <math.h>
#include <stdlib.h>

enum { ARENA_MOST = 256 << 20 };

/* Most fallbacks begin here; the reason counts in --stats. */
enum run_outcome run_fallback(struct run *run, const char *reason)
{
	run->reason = reason;
	return RUN_FALLBACK;
}

static enum run_outcome pipe_on(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;

	return run_node(run, stage->node->b, value, stage->environment, stage->out);
}

static enum run_outcome binary(struct run *run, const struct node *node, const struct value *left,
                               const struct value *right, struct value *result)
{
	enum run_outcome outcome;
	bool truth;

	if (node->operation == OP_BINARY)
		return run_binary(run, node->letter, left, right, result);
	outcome = run_compare(run, node->letter, left, right, &truth);
	if (outcome == RUN_DONE)
		*result = value_bool(truth);
	return outcome;
}

static enum run_outcome with_left(struct run *run, struct sink *sink, const struct value *left)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct value result;
	enum run_outcome outcome;

	if (stage->node->operation == OP_INDEX)
		return run_give_index(run, stage->node, left, &stage->value, stage->out);
	outcome = binary(run, stage->node, left, &stage->value, &result);
	return outcome == RUN_DONE ? run_give(run, stage->out, &result) : outcome;
}

/* The right operand, or the key of an index, is the outer loop. */
static enum run_outcome with_right(struct run *run, struct sink *sink, const struct value *right)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct stage_sink inner = *stage;

	inner.sink.take = with_left;
	inner.value = *right;
	return run_node(run, stage->node->a, stage->in, stage->environment, &inner.sink);
}

static enum run_outcome second_truth(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	const struct value truth = value_bool(value_truth(value));

	return run_give(run, stage->out, &truth);
}

static enum run_outcome first_truth(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct stage_sink second = *stage;
	bool is_or = stage->node->operation == OP_OR;
	const struct value truth = value_bool(is_or);

	if (value_truth(value) == is_or)
		return run_give(run, stage->out, &truth);
	second.sink.take = second_truth;
	return run_node(run, stage->node->b, stage->in, stage->environment, &second.sink);
}

static enum run_outcome true_only(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;

	if (!value_truth(value))
		return RUN_DONE;
	stage->found = true;
	return run_give(run, stage->out, value);
}

static enum run_outcome choose(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;

	return run_node(run, value_truth(value) ? stage->node->b : stage->node->c, stage->in, stage->environment,
	                stage->out);
}

/* The ends of a slice come first: an error in them is one, whatever is sliced. */
static enum run_outcome run_ends(struct run *run, const struct node *node, const struct value *in,
                                 const struct environment *environment)
{
	struct value ignored;
	enum run_outcome outcome = node->b ? run_single(run, node->b, in, environment, &ignored) : RUN_DONE;

	return outcome == RUN_DONE && node->c ? run_single(run, node->c, in, environment, &ignored) : outcome;
}

static enum run_outcome give_slice(struct run *run, struct sink *sink, const struct value *base)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct value result;
	enum run_outcome outcome;

	if (stage->node->optional && base->kind != JSON_NULL && base->kind != JSON_ARRAY && base->kind != JSON_STRING)
		return run_ends(run, stage->node, stage->in, stage->environment);
	outcome = run_slice(run, stage->node, stage->in, stage->environment, base, &result);
	return outcome == RUN_DONE ? run_give(run, stage->out, &result) : outcome;
}

static enum run_outcome give_elements(struct run *run, struct sink *sink, const struct value *container)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;

	return run_iterate(run, stage->node, container, stage->out);
}

static enum run_outcome take_first(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;
	enum run_outcome outcome;

	outcome = run_give(run, stage->out, value);
	if (outcome != RUN_DONE)
		return outcome;
	stage->found = true;
	return RUN_STOP;
}

struct limit_sink {
	struct sink sink;
	struct sink *out;
	double left;
	bool over;
};

static enum run_outcome count_down(struct run *run, struct sink *sink, const struct value *value)
{
	struct limit_sink *limit = (struct limit_sink *)sink;
	enum run_outcome outcome;

	limit->left--;
	outcome = run_give(run, limit->out, value);
	if (outcome == RUN_DONE && limit->left <= 0) {
		limit->over = true;
		return RUN_STOP;
	}
	return outcome;
}

static enum run_outcome keep_only(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;

	if (stage->found)
		return run_fallback(run, "more than one value");
	stage->found = true;
	stage->value = *value;
	return RUN_DONE;
}

/* Exactly one value of any node. */
enum run_outcome run_only(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result)
{
	struct stage_sink sink = {.sink = {keep_only}};
	enum run_outcome outcome;

	if (node->single)
		return run_single(run, node, in, environment, result);
	outcome = run_node(run, node, in, environment, &sink.sink);
	if (outcome == RUN_DONE && !sink.found)
		return run_fallback(run, "no value");
	*result = sink.value;
	return outcome;
}

/* ---- the two ways to run a node ---- */

static enum run_outcome single_alternative(struct run *run, const struct node *node, const struct value *in,
                                           const struct environment *environment, struct value *result)
{
	enum run_outcome outcome = run_single(run, node->a, in, environment, result);

	if (outcome == RUN_DONE && !value_truth(result))
		outcome = run_single(run, node->b, in, environment, result);
	return outcome;
}

static enum run_outcome single_truth(struct run *run, const struct node *node, const struct value *in,
                                     const struct environment *environment, struct value *result)
{
	bool truth;
	enum run_outcome outcome = run_truth(run, node, in, environment, &truth);

	*result = value_bool(outcome == RUN_DONE && truth);
	return outcome;
}

static enum run_outcome single_binary(struct run *run, const struct node *node, const struct value *in,
                                      const struct environment *environment, struct value *result)
{
	struct value spaces[2];
	const struct value *left, *right;
	enum run_outcome outcome = run_operand(run, node->b, in, environment, &spaces[1], &right);

	if (outcome == RUN_DONE)
		outcome = run_operand(run, node->a, in, environment, &spaces[0], &left);
	if (outcome != RUN_DONE)
		return outcome;
	if (node->operation == OP_INDEX)
		return run_index(run, left, right, result);
	return run_binary(run, node->letter, left, right, result);
}

static enum run_outcome single_function(struct run *run, const struct node *node, const struct value *in,
                                        const struct environment *environment, struct value *result)
{
	const struct node *nodes[] = {node->a, node->b};
	struct value value, arguments[2];
	enum run_outcome outcome = run_ready(run, in, &value);

	for (int i = 0; i < 2 && nodes[i] && outcome == RUN_DONE; i++) {
		outcome = run_single(run, nodes[i], in, environment, &arguments[i]);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, &arguments[i], &arguments[i]);
	}
	if (outcome != RUN_DONE)
		return outcome;
	outcome = !node->a   ? node->function(run, &value, result)
	          : !node->b ? node->function2(run, &value, &arguments[0], result)
	                     : node->function3(run, &value, &arguments[0], &arguments[1], result);
	if (outcome == RUN_DONE)
		value_leave(result);
	return outcome;
}

static enum run_outcome with_one(struct run *run, const struct node *node, const struct value *in,
                                 const struct environment *environment, struct value *result);

enum run_outcome run_single(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result)
{
	struct value value;
	enum run_outcome outcome;
	bool truth;

	switch (node->operation) {
	case OP_IDENTITY:
		*result = *in;
		return RUN_DONE;
	case OP_PATH:
		return in->root && node->sought ? run_look_up(run, node, result) : run_path(run, node, in, result);
	case OP_LITERAL:
		*result = node->literal;
		return RUN_DONE;
	case OP_VARIABLE:
		*result = run_up(environment, node->hops)->value;
		return RUN_DONE;
	case OP_PIPE:
		outcome = run_single(run, node->a, in, environment, &value);
		return outcome == RUN_DONE ? run_single(run, node->b, &value, environment, result) : outcome;
	case OP_IF:
		outcome = run_truth(run, node->a, in, environment, &truth);
		return outcome == RUN_DONE ? run_single(run, truth ? node->b : node->c, in, environment, result)
		                           : outcome;
	case OP_SLICE:
		outcome = run_single(run, node->a, in, environment, &value);
		return outcome == RUN_DONE ? run_slice(run, node, in, environment, &value, result) : outcome;
	case OP_INDEX:
	case OP_BINARY:
		return single_binary(run, node, in, environment, result);
	case OP_COMPARE:
	case OP_AND:
	case OP_OR:
		return single_truth(run, node, in, environment, result);
	case OP_ALTERNATIVE:
		return single_alternative(run, node, in, environment, result);
	case OP_STRING:
		return run_string(run, node, in, environment, result);
	case OP_ARRAY:
		return run_array(run, node, in, environment, result);
	case OP_OBJECT:
		return run_object(run, node, in, environment, result);
	case OP_VALUE:
	case OP_VALUES:
		return single_function(run, node, in, environment, result);
	case OP_BY:
		return run_by(run, node->letter, node->a, in, environment, result);
	case OP_UPDATE:
		return run_update(run, node, in, environment, result);
	case OP_OTHER:
		return node->one ? node->one(run, node, in, environment, result)
		                 : with_one(run, node, in, environment, result);
	default:
		return with_one(run, node, in, environment, result);
	}
}

/* What binds names goes by way of a sink. */
static enum run_outcome with_one(struct run *run, const struct node *node, const struct value *in,
                                 const struct environment *environment, struct value *result)
{
	struct stage_sink sink = {.sink = {keep_only}};
	enum run_outcome outcome = run_node(run, node, in, environment, &sink.sink);

	if (outcome == RUN_DONE && !sink.found)
		return run_fallback(run, "no value");
	*result = sink.value;
	return outcome;
}

static bool binds_names(enum operation operation)
{
	return operation == OP_BIND || operation == OP_REDUCE || operation == OP_DEFINE;
}

static enum run_outcome run_many(struct run *run, const struct node *node, const struct value *in,
                                 const struct environment *environment, struct sink *out)
{
	struct stage_sink sink = {.node = node, .in = in, .environment = environment, .out = out};
	struct limit_sink limit = {.sink = {count_down}, .out = out};
	struct environment binding = {.up = environment, .node = node, .definition = true};
	struct value value;
	enum run_outcome outcome;

	switch (node->operation) {
	case OP_COMMA:
		outcome = run_node(run, node->a, in, environment, out);
		return outcome == RUN_DONE ? run_node(run, node->b, in, environment, out) : outcome;
	case OP_PIPE:
		sink.sink.take = pipe_on;
		return run_node(run, node->a, in, environment, &sink.sink);
	case OP_ITERATE:
		sink.sink.take = give_elements;
		return run_node(run, node->a, in, environment, &sink.sink);
	case OP_RECURSE:
		outcome = run_ready(run, in, &value);
		return outcome == RUN_DONE ? run_recurse(run, &value, out, 0) : outcome;
	case OP_SLICE:
		sink.sink.take = give_slice;
		return run_node(run, node->a, in, environment, &sink.sink);
	case OP_INDEX:
	case OP_BINARY:
	case OP_COMPARE:
		sink.sink.take = with_right;
		return run_node(run, node->b, in, environment, &sink.sink);
	case OP_AND:
	case OP_OR:
		sink.sink.take = first_truth;
		return run_node(run, node->a, in, environment, &sink.sink);
	case OP_ALTERNATIVE:
		sink.sink.take = true_only;
		outcome = run_node(run, node->a, in, environment, &sink.sink);
		return outcome == RUN_DONE && !sink.found ? run_node(run, node->b, in, environment, out) : outcome;
	case OP_IF:
		sink.sink.take = choose;
		return run_node(run, node->a, in, environment, &sink.sink);
	case OP_EMPTY:
		return RUN_DONE;
	case OP_STRING:
		return run_strings(run, node, in, environment, out);
	case OP_OBJECT:
		return run_objects(run, node, in, environment, out);
	case OP_BIND:
		sink.sink.take = run_bound;
		return run_node(run, node->a, in, environment, &sink.sink);
	case OP_REDUCE:
	case OP_FOREACH:
		sink.sink.take = run_fold_from;
		return run_node(run, node->b, in, environment, &sink.sink);
	case OP_DEFINE:
		return run_node(run, node->b, in, &binding, out);
	case OP_CALL:
		return run_call(run, node, in, environment, out);
	case OP_FIRST:
		sink.sink.take = take_first;
		outcome = run_node(run, node->a, in, environment, &sink.sink);
		return outcome == RUN_STOP && sink.found ? RUN_DONE : outcome;
	case OP_LIMIT:
		outcome = run_single(run, node->a, in, environment, &value);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, &value, &value);
		if (outcome != RUN_DONE)
			return outcome;
		limit.left = value.kind == JSON_NUMBER ? value_double(&value) : 0;
		if (!(limit.left >= 1) || limit.left != floor(limit.left))
			return run_fallback(run, "a limit");
		outcome = run_node(run, node->b, in, environment, &limit.sink);
		return outcome == RUN_STOP && limit.over ? RUN_DONE : outcome;
	case OP_RANGE:
		return run_range(run, node, in, environment, out);
	case OP_UPDATE:
		return run_updates(run, node, in, environment, out);
	case OP_OTHER:
		return node->many(run, node, in, environment, out);
	default:
		return run_fallback(run, "an operation");
	}
}

/* Down to what is behind conditions that are single: they have no values of their own. */
static inline enum run_outcome pass_conditions(struct run *run, const struct node **node, const struct value *in,
                                               const struct environment *environment)
{
	while ((*node)->operation == OP_IF && (*node)->a->single) {
		bool truth = false;
		enum run_outcome outcome = run_truth(run, (*node)->a, in, environment, &truth);

		if (outcome != RUN_DONE)
			return outcome;
		*node = truth ? (*node)->b : (*node)->c;
	}
	return RUN_DONE;
}

/* Down to what gives its values to the sink: the steps before it mostly are single. */
static __attribute__((noinline)) enum run_outcome run_steps(struct run *run, const struct node *node,
                                                            const struct value *in,
                                                            const struct environment *environment, struct sink *sink)
{
	struct value values[2]; /* what the last step gave, and the next one */
	enum run_outcome outcome;

	for (size_t i = 0; node->operation != OP_IDENTITY && node->operation != OP_EMPTY; i = !i) {
		if (node->single && !binds_names(node->operation)) {
			outcome = run_single(run, node, in, environment, &values[i]);
			return outcome == RUN_DONE ? run_give(run, sink, &values[i]) : outcome;
		}
		if (node->operation != OP_PIPE || !node->a->single) {
			if (run->depth >= RUN_DEPTH || run->arena.total > ARENA_MOST)
				return run_fallback(run, "nested too deep, or too large");
			run->depth++;
			outcome = run_many(run, node, in, environment, sink);
			run->depth--;
			return outcome;
		}
		outcome = run_single(run, node->a, in, environment, &values[i]);
		node = node->b;
		in = &values[i];
		if (outcome == RUN_DONE)
			outcome = pass_conditions(run, &node, in, environment);
		if (outcome != RUN_DONE)
			return outcome;
	}
	return node->operation == OP_EMPTY ? RUN_DONE : run_give(run, sink, in);
}

enum run_outcome run_node(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct sink *sink)
{
	enum run_outcome outcome = pass_conditions(run, &node, in, environment);

	/* What selects is done with that. */
	if (outcome != RUN_DONE || node->operation == OP_EMPTY)
		return outcome;
	return node->operation == OP_IDENTITY ? run_give(run, sink, in) : run_steps(run, node, in, environment, sink);
}
