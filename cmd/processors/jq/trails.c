#include "cmd/processors/jq/trails.h"

#include <math.h>

static const struct trail *new_trail(struct run *run, const struct trail *up, const struct value *key)
{
	struct trail *trail = arena_alloc(&run->arena, sizeof(*trail));

	*trail = (struct trail){.up = up, .key = *key};
	value_leave(&trail->key);
	return trail;
}

enum run_outcome trail_begin(struct run *run, const struct value *in, struct value *tracked)
{
	enum run_outcome outcome = run_ready(run, in, tracked);
	const struct value none = value_number(0);

	if (outcome != RUN_DONE)
		return outcome;
	/* A number that was computed has a text from now on. */
	if (!tracked->at) {
		struct text *text = run_text(run);

		if (!text)
			return RUN_FALLBACK;
		value_add(text, tracked);
		*tracked = run_text_value(run);
	}
	tracked->known = false;
	tracked->trail = new_trail(run, NULL, &none);
	return RUN_DONE;
}

void trail_step(struct run *run, const struct trail *trail, const struct step *step, struct value *found)
{
	const struct value key = step->key
	                                 ? (struct value){.kind = JSON_STRING, .at = step->key, .length = step->length}
	                                 : value_number((double)step->index);

	found->trail = new_trail(run, trail, &key);
}

enum run_outcome trail_iterate(struct run *run, const struct value *container, struct sink *sink)
{
	const char *p = value_inside(container);
	struct value key, element;
	enum run_outcome outcome = RUN_DONE;
	size_t index = 0;

	while (outcome == RUN_DONE) {
		if (container->kind == JSON_OBJECT ? !value_next_member(&p, &key, &element) : !value_next(&p, &element))
			break;
		if (container->kind == JSON_ARRAY)
			key = value_number((double)index++);
		element.trail = new_trail(run, container->trail, &key);
		outcome = run_give(run, sink, &element);
	}
	return outcome;
}

struct recurse_sink {
	struct sink sink;
	struct sink *out;
	size_t depth;
};

static enum run_outcome recurse_on(struct run *run, struct sink *sink, const struct value *value)
{
	const struct recurse_sink *recurse = (struct recurse_sink *)sink;

	return run_recurse(run, value, recurse->out, recurse->depth);
}

enum run_outcome trail_recurse(struct run *run, const struct value *container, struct sink *sink, size_t depth)
{
	struct recurse_sink recurse = {.sink = {recurse_on}, .out = sink, .depth = depth + 1};

	return trail_iterate(run, container, &recurse.sink);
}

static void add_keys(struct text *text, const struct trail *trail)
{
	if (!trail->up)
		return;
	add_keys(text, trail->up);
	if (text->length > 1)
		text_add_char(text, ',');
	value_add(text, &trail->key);
}

enum run_outcome trail_path(struct run *run, const struct value *value, struct value *path)
{
	const struct trail *trail = value->root ? NULL : value_trail(value);
	struct text *text;

	if (!trail)
		return run_fallback(run, "a path that leads nowhere");
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	add_keys(text, trail);
	text_add_char(text, ']');
	*path = run_text_value(run);
	return RUN_DONE;
}

/* ---- paths as arrays ---- */

enum { STEPS_MOST = 64 };

static enum run_outcome steps_of(struct run *run, const struct value *path, struct step steps[STEPS_MOST],
                                 size_t *count)
{
	const char *p = value_inside(path);
	struct value key;

	if (path->kind != JSON_ARRAY)
		return run_unfit(run);
	for (*count = 0; value_next(&p, &key); ++*count) {
		double number;

		if (*count == STEPS_MOST)
			return run_fallback(run, "nested too deep, or too large");
		if (key.kind == JSON_STRING) {
			steps[*count] = (struct step){.key = key.at, .length = key.length};
			continue;
		}
		number = key.kind == JSON_NUMBER ? value_double(&key) : NAN;
		if (!(fabs(number) < 1e9) || number != floor(number))
			return run_unfit(run);
		steps[*count] = (struct step){.index = (long)number};
	}
	return RUN_DONE;
}

enum run_outcome path_get(struct run *run, const struct value *in, const struct value *path, struct value *result)
{
	struct step steps[STEPS_MOST];
	size_t count = 0;
	struct value value = *in;
	enum run_outcome outcome = steps_of(run, path, steps, &count);

	for (size_t i = 0; outcome == RUN_DONE && i < count; i++)
		outcome = run_step(run, &value, &steps[i], &value);
	*result = value;
	return outcome;
}

enum run_outcome path_set(struct run *run, const struct value *in, const struct value *path, const struct value *value,
                          struct value *result)
{
	struct step steps[STEPS_MOST];
	size_t count = 0;
	enum run_outcome outcome = steps_of(run, path, steps, &count);

	if (outcome != RUN_DONE)
		return outcome;
	if (count > 0)
		return run_set(run, in, steps, count, value, result);
	*result = value ? *value : value_constant(JSON_NULL);
	value_leave(result);
	return RUN_DONE;
}

enum run_outcome function_setpath(struct run *run, const struct value *in, const struct value *path,
                                  const struct value *value, struct value *result)
{
	return path_set(run, in, path, value, result);
}

enum run_outcome one_getpath(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct value *result)
{
	struct value value, path;
	enum run_outcome outcome = run_ready(run, in, &value);

	if (outcome == RUN_DONE)
		outcome = run_single(run, node->a, in, environment, &path);
	if (outcome == RUN_DONE)
		outcome = run_ready(run, &path, &path);
	return outcome == RUN_DONE ? path_get(run, &value, &path, result) : outcome;
}

/* ---- path(f) ---- */

static enum run_outcome give_path(struct run *run, struct sink *sink, const struct value *value)
{
	const struct stage_sink *stage = (struct stage_sink *)sink;
	struct value path;
	enum run_outcome outcome = trail_path(run, value, &path);

	return outcome == RUN_DONE ? run_give(run, stage->out, &path) : outcome;
}

enum run_outcome many_path(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct sink *sink)
{
	struct stage_sink stage = {.sink = {give_path}, .out = sink};
	struct value tracked;
	enum run_outcome outcome = trail_begin(run, in, &tracked);

	if (outcome == RUN_DONE)
		outcome = run_node(run, node->a, &tracked, environment, &stage.sink);
	/* paths(f): only newer versions ask f about the value itself. */
	return outcome == RUN_ERROR && node->letter == 'f' ? RUN_FALLBACK : outcome;
}

enum run_outcome one_path(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result)
{
	struct value tracked, value;
	enum run_outcome outcome = trail_begin(run, in, &tracked);

	if (outcome == RUN_DONE)
		outcome = run_single(run, node->a, &tracked, environment, &value);
	return outcome == RUN_DONE ? trail_path(run, &value, result) : outcome;
}

/* ---- deleting ---- */

/* The paths to delete, in jq's order; one within the other is left out. */
struct deletion {
	struct value *keys; /* of all paths, those of a path one behind the other */
	size_t *starts; /* of each path in keys, and one more */
	size_t count;
};

static bool same_key(struct run *run, const struct deletion *deletion, size_t a, size_t b, size_t depth)
{
	return value_equal(&run->arena, &deletion->keys[deletion->starts[a] + depth],
	                   &deletion->keys[deletion->starts[b] + depth]);
}

static size_t length_of(const struct deletion *deletion, size_t i)
{
	return deletion->starts[i + 1] - deletion->starts[i];
}

/* Which of the paths from..to begin with the key, at this depth; false: none. */
static bool find_group(struct run *run, const struct deletion *deletion, const struct value *key, enum json_kind kind,
                       size_t depth, size_t *from, size_t *to)
{
	size_t i = *from;

	while (i < *to && !value_equal(&run->arena, key, &deletion->keys[deletion->starts[i] + depth])) {
		if (kind == JSON_ARRAY)
			return false;
		i++;
	}
	if (i == *to)
		return false;
	*from = i;
	while (i + 1 < *to && same_key(run, deletion, *from, i + 1, depth))
		i++;
	*to = i + 1;
	return true;
}

/* What the paths from..to, which are the same up to depth, leave of a container. */
static enum run_outcome delete_from(struct run *run, const struct deletion *deletion, size_t from, size_t to,
                                    size_t depth, const struct value *in, struct value *result)
{
	enum json_kind kind = in->kind;
	const char *p = value_inside(in);
	struct value key = value_constant(JSON_NULL), element;
	struct text *text;
	enum run_outcome outcome = RUN_DONE;

	*result = *in;
	if (kind == JSON_NULL)
		return RUN_DONE;
	/* An index that counts from the end is another one when others have gone. */
	for (size_t i = from; i < to; i++) {
		const struct value *wanted = &deletion->keys[deletion->starts[i] + depth];

		if (kind == JSON_OBJECT ? wanted->kind != JSON_STRING
		                        : kind != JSON_ARRAY || wanted->kind != JSON_NUMBER ||
		                                  !(value_double(wanted) >= 0) || signbit(value_double(wanted)) ||
		                                  value_double(wanted) != floor(value_double(wanted)))
			return run_unfit(run);
	}
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, kind == JSON_OBJECT ? '{' : '[');
	for (size_t index = 0; outcome == RUN_DONE; index++) {
		size_t first = from, last = to;
		bool found;

		if (kind == JSON_OBJECT ? !value_next_member(&p, &key, &element) : !value_next(&p, &element))
			break;
		if (kind == JSON_ARRAY)
			key = value_number((double)index);
		found = find_group(run, deletion, &key, kind, depth, &first, &last);
		/* The indexes are in order. */
		if (found && kind == JSON_ARRAY)
			from = last;
		if (found) {
			if (length_of(deletion, first) == depth + 1)
				continue;
			outcome = delete_from(run, deletion, first, last, depth + 1, &element, &element);
		}
		if (text->length > 1)
			text_add_char(text, ',');
		if (kind == JSON_OBJECT) {
			value_add(text, &key);
			text_add_char(text, ':');
		}
		value_add(text, &element);
	}
	text_add_char(text, kind == JSON_OBJECT ? '}' : ']');
	*result = run_text_value(run);
	return outcome;
}

enum { DELETIONS_MOST = 100000 };

enum run_outcome function_delpaths(struct run *run, const struct value *in, const struct value *paths,
                                   struct value *result)
{
	struct deletion deletion = {0};
	struct value sorted, path, key;
	size_t keys = 0;
	const char *p, *q;
	enum run_outcome outcome =
		paths->kind == JSON_ARRAY ? run_by(run, 's', NULL, paths, NULL, &sorted) : run_unfit(run);

	if (outcome != RUN_DONE)
		return outcome;
	if (value_count(&sorted) == 1) {
		p = value_inside(&sorted);
		value_next(&p, &path);
		if (path.kind == JSON_ARRAY && path.length > 2)
			return path_set(run, in, &path, NULL, result);
	}
	deletion.count = value_count(&sorted);
	if (deletion.count > DELETIONS_MOST)
		return run_fallback(run, "nested too deep, or too large");
	deletion.starts = arena_alloc(&run->arena, (deletion.count + 1) * sizeof(*deletion.starts));
	deletion.keys = arena_alloc(&run->arena, (sorted.length + 1) / 2 * sizeof(*deletion.keys));
	p = value_inside(&sorted);
	for (size_t i = 0; value_next(&p, &path); i++) {
		/* With an empty path nothing is left; a path that is none, or odd, is an error. */
		if (path.kind != JSON_ARRAY || path.length == 2)
			return run_unfit(run);
		deletion.starts[i] = keys;
		for (q = value_inside(&path); value_next(&q, &key);)
			deletion.keys[keys++] = key;
	}
	deletion.starts[deletion.count] = keys;
	if (deletion.count == 0) {
		*result = *in;
		return RUN_DONE;
	}
	return delete_from(run, &deletion, 0, deletion.count, 0, in, result);
}

struct collect_sink {
	struct sink sink;
	struct text *text;
};

static enum run_outcome collect_path(struct run *run, struct sink *sink, const struct value *value)
{
	const struct collect_sink *collect = (struct collect_sink *)sink;
	struct value path;
	enum run_outcome outcome = trail_path(run, value, &path);

	if (outcome != RUN_DONE)
		return outcome;
	if (collect->text->length > 1)
		text_add_char(collect->text, ',');
	value_add(collect->text, &path);
	return RUN_DONE;
}

enum run_outcome trail_collect(struct run *run, const struct node *node, const struct value *in,
                               const struct environment *environment, struct value *paths)
{
	struct collect_sink collect = {.sink = {collect_path}, .text = run_text(run)};
	struct value tracked;
	enum run_outcome outcome = collect.text ? trail_begin(run, in, &tracked) : RUN_FALLBACK;

	if (outcome != RUN_DONE)
		return outcome;
	text_add_char(collect.text, '[');
	outcome = run_node(run, node, &tracked, environment, &collect.sink);
	text_add_char(collect.text, ']');
	*paths = run_text_value(run);
	return outcome;
}

enum run_outcome one_delete(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result)
{
	struct value value, paths;
	enum run_outcome outcome = run_ready(run, in, &value);

	if (outcome == RUN_DONE)
		outcome = trail_collect(run, node->a, &value, environment, &paths);
	if (outcome == RUN_DONE)
		outcome = function_delpaths(run, &value, &paths, result);
	if (outcome == RUN_DONE)
		value_leave(result);
	return outcome;
}
