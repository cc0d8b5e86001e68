#include "cmd/processors/jq/loops.h"

#include <math.h>

#include "cmd/processors/jq/evaluate.h"

enum { RANGE_MOST = 1000000 };

/* ---- errors ---- */

/* What jq 1.6 catches too, later versions do not: errors of what is done with the values. */
static enum run_outcome give_outside(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	enum run_outcome outcome = run_give(run, stage->out, value);

	return outcome == RUN_ERROR ? RUN_FALLBACK : outcome;
}

enum run_outcome many_try(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct sink *sink)
{
	struct stage_sink stage = {.sink = {give_outside}, .out = sink};
	size_t texts = run->texts_taken, depth = run->depth;
	enum run_outcome outcome = run_node(run, node->a, in, environment, &stage.sink);

	if (outcome != RUN_ERROR)
		return outcome;
	run->texts_taken = texts;
	run->depth = depth;
	if (!node->b)
		return RUN_DONE;
	if (node->b->operation == OP_LITERAL || node->b->operation == OP_EMPTY)
		outcome = run_node(run, node->b, in, environment, &stage.sink);
	else if (run->message)
		outcome = run_node(run, node->b, run->message, environment, &stage.sink);
	else
		outcome = run_fallback(run, run->reason);
	return outcome == RUN_ERROR ? RUN_FALLBACK : outcome;
}

enum run_outcome one_error(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct value *result)
{
	struct value *message = arena_alloc(&run->arena, sizeof(*message));
	enum run_outcome outcome = RUN_DONE;

	*message = *result = *in;
	if (node->a)
		outcome = run_single(run, node->a, in, environment, message);
	if (outcome == RUN_DONE)
		outcome = run_ready(run, message, message);
	if (outcome != RUN_DONE)
		return outcome;
	value_leave(message);
	/* null is no message, and with such an object jq says "break" to itself. */
	if (message->kind == JSON_NULL ||
	    (message->kind == JSON_OBJECT && value_member(message, "\"__jq\"", 6, &(struct value){0})))
		return run_fallback(run, "an odd error");
	outcome = run_error(run, "an error of the program");
	run->message = message;
	return outcome;
}

/* ---- label ---- */

enum run_outcome many_label(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct sink *sink)
{
	bool broken = false;
	const struct environment binding = {.up = environment, .broken = &broken};
	enum run_outcome outcome = run_node(run, node->b, in, &binding, sink);

	return outcome == RUN_STOP && broken ? RUN_DONE : outcome;
}

enum run_outcome many_break(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct sink *sink)
{
	(void)run;
	(void)in;
	(void)sink;
	*run_up(environment, node->hops)->broken = true;
	return RUN_STOP;
}

/* ---- over and over ---- */

static enum run_outcome recurse_on(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;

	return many_recurse(run, stage->node, value, stage->environment, stage->out);
}

/* recurse(f; condition): once for each truth. */
static enum run_outcome recurse_if(struct run *run, struct sink *sink, const struct value *truth)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;

	return value_truth(truth) ? many_recurse(run, stage->node, stage->in, stage->environment, stage->out)
	                          : RUN_DONE;
}

static enum run_outcome recurse_asked(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink inner = *(struct stage_sink *)sink;

	inner.sink.take = recurse_if;
	inner.in = value;
	return run_node(run, inner.node->b, value, inner.environment, &inner.sink);
}

enum run_outcome many_recurse(struct run *run, const struct node *node, const struct value *in,
                              const struct environment *environment, struct sink *sink)
{
	struct stage_sink stage = {
		.sink = {node->b ? recurse_asked : recurse_on}, .node = node, .environment = environment, .out = sink};
	struct value value;
	enum run_outcome outcome = run_ready(run, in, &value);

	if (outcome == RUN_DONE)
		outcome = run_give(run, sink, &value);
	if (outcome != RUN_DONE)
		return outcome;
	if (run->depth >= RUN_DEPTH / 2)
		return run_fallback(run, "nested too deep, or too large");
	run->depth++;
	outcome = run_node(run, node->a, &value, environment, &stage.sink);
	run->depth--;
	return outcome;
}

/* while(a; b) and until(a; b), with a and b single: no recursion then. */
static enum run_outcome loop(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *sink, bool until)
{
	enum { ROUNDS_MOST = 100000 };
	struct value value, truth;
	enum run_outcome outcome = run_ready(run, in, &value);

	for (size_t i = 0; outcome == RUN_DONE; i++) {
		if (i == ROUNDS_MOST || run->arena.total > 64 << 20 || ((i & 15) == 15 && run_too_deep(run, &value)))
			return run_fallback(run, "a long loop");
		outcome = run_single(run, node->a, &value, environment, &truth);
		if (outcome != RUN_DONE)
			return outcome;
		if (until && value_truth(&truth))
			return run_give(run, sink, &value);
		if (!until && !value_truth(&truth))
			return RUN_DONE;
		if (!until)
			outcome = run_give(run, sink, &value);
		if (outcome == RUN_DONE)
			outcome = run_single(run, node->b, &value, environment, &value);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, &value, &value);
	}
	return outcome;
}

enum run_outcome many_while(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct sink *sink)
{
	return loop(run, node, in, environment, sink, false);
}

enum run_outcome many_until(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct sink *sink)
{
	return loop(run, node, in, environment, sink, true);
}

/* ---- range ---- */

enum run_outcome run_range(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct sink *sink)
{
	const struct node *nodes[] = {node->a, node->b, node->c};
	double numbers[3] = {0, 0, 1};
	enum run_outcome outcome = RUN_DONE;
	long count = 0;

	for (int i = 0; i < 3 && outcome == RUN_DONE; i++) {
		struct value value = value_number(0);

		if (!nodes[i])
			continue;
		outcome = run_single(run, nodes[i], in, environment, &value);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, &value, &value);
		if (outcome == RUN_DONE && value.kind != JSON_NUMBER)
			return run_fallback(run, "a range");
		if (outcome == RUN_DONE)
			numbers[i] = value_double(&value);
	}
	if (outcome == RUN_DONE && numbers[2] == 0)
		return run_fallback(run, "a range");
	for (double at = numbers[0]; outcome == RUN_DONE && (numbers[2] > 0 ? at < numbers[1] : at > numbers[1]);
	     at += numbers[2]) {
		const struct value value = value_number(at);

		if (++count > RANGE_MOST)
			return run_fallback(run, "a long range");
		outcome = run_give(run, sink, &value);
	}
	return outcome;
}

/* ---- one of many ---- */

static enum run_outcome keep_last(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;

	(void)run;
	stage->found = true;
	stage->value = *value;
	return RUN_DONE;
}

enum run_outcome one_last(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result)
{
	struct stage_sink stage = {.sink = {keep_last}};
	enum run_outcome outcome = run_node(run, node->a, in, environment, &stage.sink);

	if (outcome == RUN_DONE && !stage.found)
		return run_fallback(run, "no value");
	*result = stage.value;
	value_leave(result);
	return outcome;
}

static enum run_outcome stop_at_first(struct run *run, struct sink *sink, const struct value *value)
{
	(void)run;
	(void)value;
	((struct stage_sink *)sink)->found = true;
	return RUN_STOP;
}

enum run_outcome one_isempty(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct value *result)
{
	struct stage_sink stage = {.sink = {stop_at_first}};
	enum run_outcome outcome = run_node(run, node->a, in, environment, &stage.sink);

	*result = value_bool(!stage.found);
	return outcome == RUN_STOP && stage.found ? RUN_DONE : outcome;
}

static enum run_outcome stop_at_equal(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;
	struct value ready;
	enum run_outcome outcome = run_ready(run, value, &ready);

	if (outcome != RUN_DONE || !value_equal(&run->arena, &ready, stage->in))
		return outcome;
	stage->found = true;
	return RUN_STOP;
}

enum run_outcome one_in(struct run *run, const struct node *node, const struct value *in,
                        const struct environment *environment, struct value *result)
{
	struct value value;
	struct stage_sink stage = {.sink = {stop_at_equal}, .in = &value};
	enum run_outcome outcome = run_ready(run, in, &value);

	if (outcome == RUN_DONE)
		outcome = run_node(run, node->a, in, environment, &stage.sink);
	*result = value_bool(stage.found);
	return outcome == RUN_STOP && stage.found ? RUN_DONE : outcome;
}

/* Each of the values is looked at in jq 1.6, and not in later versions: an error is for libjq. */
static enum run_outcome look_in(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;
	struct value ready;
	struct stage_sink inner = {.sink = {stop_at_equal}, .in = &ready};
	enum run_outcome outcome = run_ready(run, value, &ready);

	if (outcome == RUN_DONE)
		outcome = run_node(run, stage->node->b, &ready, stage->environment, &inner.sink);
	stage->found |= inner.found;
	return outcome == RUN_STOP && inner.found ? RUN_DONE : outcome;
}

enum run_outcome one_in_of(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct value *result)
{
	struct stage_sink stage = {.sink = {look_in}, .node = node, .environment = environment};
	enum run_outcome outcome = run_node(run, node->a, in, environment, &stage.sink);

	*result = value_bool(stage.found);
	return outcome == RUN_ERROR ? RUN_FALLBACK : outcome;
}

struct nth_sink {
	struct sink sink;
	double left;
	struct value value;
	bool found;
};

static enum run_outcome count_to(struct run *run, struct sink *sink, const struct value *value)
{
	struct nth_sink *nth = (struct nth_sink *)sink;

	(void)run;
	if (nth->left-- > 0)
		return RUN_DONE;
	nth->value = *value;
	nth->found = true;
	return RUN_STOP;
}

/* Where there are not so many values, the versions differ. */
enum run_outcome one_nth(struct run *run, const struct node *node, const struct value *in,
                         const struct environment *environment, struct value *result)
{
	struct nth_sink nth = {.sink = {count_to}};
	struct value count;
	enum run_outcome outcome = run_single(run, node->a, in, environment, &count);

	if (outcome == RUN_DONE)
		outcome = run_ready(run, &count, &count);
	if (outcome != RUN_DONE)
		return outcome;
	nth.left = count.kind == JSON_NUMBER ? value_double(&count) : -1;
	if (!(nth.left >= 0) || nth.left != floor(nth.left))
		return run_fallback(run, "an index");
	outcome = run_node(run, node->b, in, environment, &nth.sink);
	if (outcome == RUN_DONE)
		return run_fallback(run, "no value");
	*result = nth.value;
	value_leave(result);
	return outcome == RUN_STOP && nth.found ? RUN_DONE : outcome;
}

/* jq 1.6 looks at one value more than it needs: what goes wrong with that one is for libjq. */
static enum run_outcome take_truth(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;
	struct value truth;
	enum run_outcome outcome;

	if (stage->found)
		return RUN_STOP;
	outcome = run_single(run, stage->node->b, value, stage->environment, &truth);
	stage->found = outcome == RUN_DONE && value_truth(&truth) != (stage->node->letter == 'l');
	return outcome;
}

enum run_outcome one_any(struct run *run, const struct node *node, const struct value *in,
                         const struct environment *environment, struct value *result)
{
	struct stage_sink stage = {.sink = {take_truth}, .node = node, .environment = environment};
	enum run_outcome outcome = run_node(run, node->a, in, environment, &stage.sink);

	*result = value_bool(stage.found != (node->letter == 'l'));
	if (outcome == RUN_STOP && stage.found)
		return RUN_DONE;
	return outcome == RUN_ERROR && stage.found ? RUN_FALLBACK : outcome;
}

/* ---- walk ---- */

static enum run_outcome walk(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct value *result, size_t depth)
{
	const char *p = value_inside(in);
	bool is_object = in->kind == JSON_OBJECT;
	struct value key = value_constant(JSON_NULL), element, whole = *in;
	struct text *text;
	enum run_outcome outcome = RUN_DONE;

	if (depth > JSON_DEPTH)
		return run_fallback(run, "nested too deep");
	if (is_object || in->kind == JSON_ARRAY) {
		text = run_text(run);
		if (!text)
			return RUN_FALLBACK;
		text_add_char(text, is_object ? '{' : '[');
		while (outcome == RUN_DONE &&
		       (is_object ? value_next_member(&p, &key, &element) : value_next(&p, &element))) {
			outcome = walk(run, node, &element, environment, &element, depth + 1);
			if (text->length > 1)
				text_add_char(text, ',');
			if (is_object) {
				value_add(text, &key);
				text_add_char(text, ':');
			}
			if (outcome == RUN_DONE)
				value_add(text, &element);
		}
		text_add_char(text, is_object ? '}' : ']');
		whole = run_text_value(run);
	}
	if (outcome == RUN_DONE)
		outcome = run_single(run, node->a, &whole, environment, result);
	return outcome == RUN_DONE ? run_ready(run, result, result) : outcome;
}

enum run_outcome one_walk(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result)
{
	struct value value;
	enum run_outcome outcome = run_ready(run, in, &value);

	if (outcome != RUN_DONE)
		return outcome;
	value_leave(&value);
	outcome = walk(run, node, &value, environment, result, 0);
	if (outcome == RUN_DONE)
		value_leave(result);
	return outcome;
}
