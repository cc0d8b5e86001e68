/*
 * Assignments to any paths: a = b, a |= b, a += b.
 *
 * jq goes from path to path. Where each leads to a place of its own, as in .[].a, the value is put together in one go.
 */
#include "cmd/processors/jq/trails.h"

/* What has come of a place. */
enum place {
	PLACE_CHANGED,
	PLACE_GONE, /* there is no new value */
	PLACE_LEFT, /* no path has led to it: where there is none, none is made */
};

struct assignment {
	const struct node *node;
	const struct environment *environment;
	const struct value *right; /* of all but |= */
};

static enum run_outcome keep_first(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;

	(void)run;
	stage->found = true;
	stage->value = *value;
	return RUN_STOP;
}

/* What stands in a place becomes of the old value; gone: nothing. */
static enum run_outcome become(struct run *run, const struct assignment *assignment, const struct value *old,
                               struct value *result, enum place *place)
{
	const struct node *node = assignment->node;
	struct stage_sink stage = {.sink = {keep_first}};
	const struct value before = *old; /* result may be the same struct */
	enum run_outcome outcome;

	*place = PLACE_CHANGED;
	*result = assignment->right ? *assignment->right : before;
	switch (node->letter) {
	case '=':
		outcome = RUN_DONE;
		break;
	case '?':
		if (value_truth(&before))
			*result = before;
		outcome = RUN_DONE;
		break;
	case '|':
		outcome = run_node(run, node->b, &before, assignment->environment, &stage.sink);
		if (outcome == RUN_DONE && !stage.found)
			*place = PLACE_GONE;
		if (outcome == RUN_STOP && stage.found)
			outcome = RUN_DONE;
		if (stage.found)
			*result = stage.value;
		break;
	default:
		outcome = run_binary(run, node->letter, &before, assignment->right, result);
	}
	if (outcome == RUN_DONE)
		outcome = run_ready(run, result, result);
	if (outcome == RUN_DONE)
		value_leave(result);
	return outcome;
}

/* ---- in one go ---- */

/* What is to be done with the value that a path has led to so far. */
struct change;
typedef enum run_outcome change_function(struct run *run, const struct change *change, const struct value *in,
                                         struct value *result, enum place *place);
struct change {
	change_function *apply;
	const struct assignment *assignment;
	const struct node *node;
	const struct change *next;
	const struct step *steps;
	size_t count;
};

bool assign_plain(const struct node *path)
{
	switch (path->operation) {
	case OP_IDENTITY:
	case OP_PATH:
	case OP_EMPTY:
		return true;
	case OP_ITERATE:
		return assign_plain(path->a);
	case OP_PIPE:
		return assign_plain(path->a) && assign_plain(path->b);
	case OP_IF:
		return path->a->single && assign_plain(path->b) && assign_plain(path->c);
	default:
		return false;
	}
}

static enum run_outcome change_value(struct run *run, const struct node *path, const struct value *in,
                                     const struct change *change, struct value *result, enum place *place);

static enum run_outcome apply_last(struct run *run, const struct change *change, const struct value *in,
                                   struct value *result, enum place *place)
{
	return become(run, change->assignment, in, result, place);
}

static enum run_outcome apply_node(struct run *run, const struct change *change, const struct value *in,
                                   struct value *result, enum place *place)
{
	return change_value(run, change->node, in, change->next, result, place);
}

static enum run_outcome apply_each(struct run *run, const struct change *change, const struct value *in,
                                   struct value *result, enum place *place)
{
	const char *p = value_inside(in);
	bool is_object = in->kind == JSON_OBJECT;
	enum place inner;
	struct value key = value_constant(JSON_NULL), element;
	struct text *text;
	enum run_outcome outcome = RUN_DONE;

	*place = PLACE_LEFT;
	*result = *in;
	if (!is_object && in->kind != JSON_ARRAY)
		return change->node->optional ? RUN_DONE : run_error(run, "a value that cannot be iterated over");
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	*place = PLACE_CHANGED;
	text_add_char(text, is_object ? '{' : '[');
	while (outcome == RUN_DONE && (is_object ? value_next_member(&p, &key, &element) : value_next(&p, &element))) {
		outcome = change->next->apply(run, change->next, &element, &element, &inner);
		/* Of an array the versions leave different elements. */
		if (outcome == RUN_DONE && inner == PLACE_GONE && !is_object)
			outcome = run_fallback(run, "an update without a value");
		if (outcome != RUN_DONE || inner == PLACE_GONE)
			continue;
		if (text->length > 1)
			text_add_char(text, ',');
		if (is_object) {
			value_add(text, &key);
			text_add_char(text, ':');
		}
		value_add(text, &element);
	}
	text_add_char(text, is_object ? '}' : ']');
	*result = run_text_value(run);
	return outcome;
}

static enum run_outcome change_at(struct run *run, const struct node *path, const struct value *in,
                                  const struct change *change, struct value *result, enum place *place)
{
	struct value old, changed;
	enum place inner;
	enum run_outcome outcome = run_path(run, path, in, &old);

	if (outcome == RUN_DONE)
		outcome = change->apply(run, change, &old, &changed, &inner);
	if (outcome != RUN_DONE)
		return outcome;
	*place = inner == PLACE_LEFT ? PLACE_LEFT : PLACE_CHANGED;
	if (inner == PLACE_LEFT) {
		*result = *in;
		return RUN_DONE;
	}
	if (inner == PLACE_GONE && !path->steps[path->count - 1].key)
		return run_fallback(run, "an update without a value");
	return run_set(run, in, path->steps, path->count, inner == PLACE_GONE ? NULL : &changed, result);
}

static enum run_outcome change_value(struct run *run, const struct node *path, const struct value *in,
                                     const struct change *change, struct value *result, enum place *place)
{
	struct change inner = {.assignment = change->assignment, .next = change};
	struct value truth;
	enum run_outcome outcome;

	switch (path->operation) {
	case OP_IDENTITY:
		return change->apply(run, change, in, result, place);
	case OP_PATH:
		return change_at(run, path, in, change, result, place);
	case OP_ITERATE:
		inner.apply = apply_each;
		inner.node = path;
		return change_value(run, path->a, in, &inner, result, place);
	case OP_PIPE:
		inner.apply = apply_node;
		inner.node = path->b;
		return change_value(run, path->a, in, &inner, result, place);
	case OP_IF:
		outcome = run_single(run, path->a, in, change->assignment->environment, &truth);
		return outcome == RUN_DONE
		               ? change_value(run, value_truth(&truth) ? path->b : path->c, in, change, result, place)
		               : outcome;
	default: /* OP_EMPTY */
		*place = PLACE_LEFT;
		*result = *in;
		return RUN_DONE;
	}
}

/* ---- from path to path ---- */

static enum run_outcome assign_each(struct run *run, const struct assignment *assignment, const struct value *in,
                                    struct value *result)
{
	struct value paths, path, old, changed;
	enum place place = PLACE_CHANGED;
	const char *p;
	enum run_outcome outcome = trail_collect(run, assignment->node->a, in, assignment->environment, &paths);

	*result = *in;
	if (outcome != RUN_DONE)
		return outcome;
	for (p = value_inside(&paths); outcome == RUN_DONE && value_next(&p, &path);) {
		outcome = path_get(run, result, &path, &old);
		if (outcome == RUN_DONE)
			outcome = become(run, assignment, &old, &changed, &place);
		if (outcome == RUN_DONE && place == PLACE_GONE)
			outcome = run_fallback(run, "an update without a value");
		if (outcome == RUN_DONE)
			outcome = path_set(run, result, &path, &changed, result);
	}
	return outcome;
}

static enum run_outcome assign(struct run *run, const struct assignment *assignment, const struct value *in,
                               struct value *result)
{
	const struct change last = {.apply = apply_last, .assignment = assignment};
	enum place place = PLACE_CHANGED;
	enum run_outcome outcome;

	if (assignment->node->plain)
		outcome = change_value(run, assignment->node->a, in, &last, result, &place);
	else
		outcome = assign_each(run, assignment, in, result);
	if (outcome == RUN_DONE && place == PLACE_GONE)
		outcome = run_fallback(run, "an update without a value");
	if (outcome == RUN_DONE)
		value_leave(result);
	return outcome;
}

enum run_outcome one_assign(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result)
{
	struct assignment assignment = {.node = node, .environment = environment};
	struct value value, right;
	enum run_outcome outcome = run_ready(run, in, &value);

	if (outcome == RUN_DONE && node->letter != '|') {
		outcome = run_single(run, node->b, in, environment, &right);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, &right, &right);
		assignment.right = &right;
	}
	return outcome == RUN_DONE ? assign(run, &assignment, &value, result) : outcome;
}

static enum run_outcome assign_value(struct run *run, struct sink *sink, const struct value *right)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct value ready, result;
	const struct assignment assignment = {.node = stage->node, .environment = stage->environment, .right = &ready};
	enum run_outcome outcome = run_ready(run, right, &ready);

	if (outcome == RUN_DONE)
		outcome = assign(run, &assignment, stage->in, &result);
	return outcome == RUN_DONE ? run_give(run, stage->out, &result) : outcome;
}

enum run_outcome many_assign(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *sink)
{
	struct value value;
	struct stage_sink stage = {
		.sink = {assign_value}, .node = node, .in = &value, .environment = environment, .out = sink};
	enum run_outcome outcome = run_ready(run, in, &value);

	return outcome == RUN_DONE ? run_node(run, node->b, &value, environment, &stage.sink) : outcome;
}
