/*
 * Conditions: comparisons and what is made of them, as true or false, without values of their own.
 */
#include "cmd/processors/jq/evaluate.h"

enum run_outcome run_compare(struct run *run, char letter, const struct value *left, const struct value *right,
                             bool *truth)
{
	struct value l, r;
	enum run_outcome outcome;
	int order;

	if (left->kind == JSON_NUMBER && right->kind == JSON_NUMBER && !left->root && !right->root) {
		order = value_compare_numbers(left, right);
	} else {
		outcome = run_ready(run, left, &l);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, right, &r);
		if (outcome != RUN_DONE)
			return outcome;
		if (letter == '=' || letter == '!')
			order = !value_equal(&run->arena, &l, &r);
		else
			order = value_compare(&run->arena, &l, &r);
	}
	*truth = letter == '<'   ? order < 0
	         : letter == 'l' ? order <= 0
	         : letter == '>' ? order > 0
	         : letter == 'g' ? order >= 0
	                         : (order == 0) == (letter == '=');
	return RUN_DONE;
}

static enum run_outcome compare(struct run *run, const struct node *node, const struct value *in,
                                const struct environment *environment, bool *truth)
{
	struct value spaces[2];
	const struct value *left, *right;
	enum run_outcome outcome = run_operand(run, node->b, in, environment, &spaces[1], &right);

	if (outcome == RUN_DONE)
		outcome = run_operand(run, node->a, in, environment, &spaces[0], &left);
	return outcome == RUN_DONE ? run_compare(run, node->letter, left, right, truth) : outcome;
}

enum run_outcome run_truth(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, bool *truth)
{
	bool is_or = node->operation == OP_OR;
	struct value value;
	enum run_outcome outcome;

	if (node->operation == OP_COMPARE)
		return compare(run, node, in, environment, truth);
	if (node->operation == OP_AND || node->operation == OP_OR) {
		outcome = run_truth(run, node->a, in, environment, truth);
		if (outcome == RUN_DONE && *truth != is_or)
			outcome = run_truth(run, node->b, in, environment, truth);
		return outcome;
	}
	outcome = run_single(run, node, in, environment, &value);
	*truth = outcome == RUN_DONE && value_truth(&value);
	return outcome;
}

/* ---- any, all ---- */

struct any_sink {
	struct sink sink;
	const struct node *node;
	const struct environment *environment;
	bool all, found;
};

static enum run_outcome any_truth(struct run *run, struct sink *sink, const struct value *value)
{
	struct any_sink *any = (struct any_sink *)sink;

	(void)run;
	if (value_truth(value) == any->all)
		return RUN_DONE;
	any->found = true;
	return RUN_STOP;
}

static enum run_outcome any_of(struct run *run, struct sink *sink, const struct value *value)
{
	struct any_sink *any = (struct any_sink *)sink;
	struct any_sink inner = *any;
	enum run_outcome outcome;

	inner.sink.take = any_truth;
	outcome = run_node(run, any->node->b, value, any->environment, &inner.sink);
	any->found = inner.found;
	return outcome;
}

enum run_outcome run_any(struct run *run, const struct node *node, const struct value *in,
                         const struct environment *environment, struct value *result)
{
	struct any_sink any = {.sink = {any_of}, .node = node, .environment = environment, .all = node->letter == 'l'};
	enum run_outcome outcome = run_node(run, node->a, in, environment, &any.sink);

	if (outcome == RUN_STOP && any.found)
		outcome = RUN_DONE;
	*result = value_bool(any.found != any.all);
	return outcome;
}
