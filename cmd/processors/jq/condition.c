/*
 * Conditions: comparisons and what is made of them, as true or false, without values of their own.
 */
#include "cmd/processors/jq/evaluate.h"

/* What an order of left and right makes of a comparison. */
static inline bool holds(char letter, bool below, bool equal)
{
	switch (letter) {
	case '<':
		return below;
	case 'l':
		return below || equal;
	case '>':
		return !below && !equal;
	case 'g':
		return !below;
	case '=':
		return equal;
	default:
		return !equal;
	}
}

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
	*truth = holds(letter, order < 0, order == 0);
	return RUN_DONE;
}

/*
 * Mostly the digits before the point tell: fewer of them, or, if there are as many, smaller ones. Those of the literal are in the
 * node. False: they are the same, or the number is negative, or a long one.
 */
static inline bool compare_wholes(const struct node *node, const struct json_span *number, bool *truth)
{
	uint64_t word = decimal_load(number->at), others = decimal_others(word), digits;
	unsigned whole = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;

	if (whole == 0 || whole == 8)
		return false;
	digits = htobe64(word) >> (64 - 8 * whole);
	if (whole == node->whole && digits == node->digits)
		return false;
	*truth = holds(node->letter, whole < node->whole || (whole == node->whole && digits < node->digits), false);
	return true;
}

/* Most comparisons: of a number or string that the scanner has found in the line with one in the program. False: it is another. */
static inline bool compare_quickly(const struct run *run, const struct node *node, const struct value *in, bool *truth)
{
	const struct node *path = node->a;
	const struct value *literal = &node->b->literal;
	const struct json_span *span;
	double number;

	if (node->b->operation != OP_LITERAL || path->operation != OP_PATH || !path->sought || !in->root)
		return false;
	span = &run->spans[path->slot];
	if (span->kind != literal->kind || span->flags != 0)
		return false;
	if (node->whole > 0 && compare_wholes(node, span, truth))
		return true;
	if (span->kind == JSON_NUMBER && literal->known && decimal_double(span->at, span->length, &number)) {
		*truth = holds(node->letter, number < literal->number, number == literal->number);
		return true;
	}
	if (span->kind != JSON_STRING || (node->letter != '=' && node->letter != '!'))
		return false;
	*truth = holds(node->letter, false,
	               span->length == literal->length && memcmp(span->at, literal->at, span->length) == 0);
	return true;
}

static enum run_outcome compare(struct run *run, const struct node *node, const struct value *in,
                                const struct environment *environment, bool *truth)
{
	struct value spaces[2];
	const struct value *left, *right;
	enum run_outcome outcome;

	if (compare_quickly(run, node, in, truth))
		return RUN_DONE;
	outcome = run_operand(run, node->b, in, environment, &spaces[1], &right);
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
