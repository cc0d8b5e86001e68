/*
 * Paths: what is at an index, in a slice, within a container.
 */
#include "cmd/processors/jq/evaluate.h"
#include "cmd/processors/jq/trails.h"

#include <math.h>
#include <stdlib.h>

enum run_outcome run_path(struct run *run, const struct node *path, const struct value *in, struct value *result)
{
	struct value value = *in;
	enum run_outcome outcome = RUN_DONE;

	for (size_t i = 0; outcome == RUN_DONE && i < path->count; i++)
		outcome = run_step(run, &value, &path->steps[i], &value);
	*result = value;
	return outcome;
}

/* A path that is not in the line is null, if it could be there: what it leads through tells. */
static enum run_outcome look_missing(struct run *run, const struct node *path, struct value *result)
{
	size_t i = path->count - 1;
	struct json_result scanned;
	enum json_kind kind;

	if (i > 0 && !run->prefixes_ready) {
		json_shapes_scan(&run->prefix_shapes, run->line, run->length, &run->want_prefixes, run->prefixes, 0,
		                 &scanned);
		run->prefixes_ready = true;
	}
	while (i > 0 && run->prefixes[path->prefixes[i - 1]].kind == JSON_NONE)
		i--;
	kind = i > 0 ? run->prefixes[path->prefixes[i - 1]].kind : run->json.kind;
	if (kind != JSON_NULL && kind != (path->steps[i].key ? JSON_OBJECT : JSON_ARRAY))
		return run_fallback(run, "an index that does not fit");
	*result = value_constant(JSON_NULL);
	return RUN_DONE;
}

/* The same in the line itself, where the scanner has found it. */
enum run_outcome run_look_up(struct run *run, const struct node *path, struct value *result)
{
	const struct json_span *span = &run->spans[path->slot];

	if (span->kind != JSON_NONE && !(span->flags & ~(unsigned)JSON_ESCAPED)) {
		*result = (struct value){.kind = span->kind, .at = span->at, .length = span->length};
		return RUN_DONE;
	}
	return span->kind != JSON_NONE ? run_span(run, span, result) : look_missing(run, path, result);
}

static bool fits(const struct value *container, const struct value *key)
{
	return container->kind == JSON_NULL ? key->kind == JSON_STRING || key->kind == JSON_NUMBER
	                                    : (container->kind == JSON_OBJECT && key->kind == JSON_STRING) ||
	                                              (container->kind == JSON_ARRAY && key->kind == JSON_NUMBER);
}

/* An index with '?' gives nothing where it does not fit. */
enum run_outcome run_give_index(struct run *run, const struct node *node, const struct value *container,
                                const struct value *key, struct sink *sink)
{
	struct value result;
	enum run_outcome outcome;

	if (node->optional && !fits(container, key))
		return key->kind == JSON_STRING || key->kind == JSON_NUMBER ? RUN_DONE : run_fallback(run, "an index");
	outcome = run_index(run, container, key, &result);
	return outcome == RUN_DONE ? run_give(run, sink, &result) : outcome;
}

static enum run_outcome slice_ends(struct run *run, const struct node *node, const struct value *in,
                                   const struct environment *environment, long length, long ends[2])
{
	const struct node *nodes[] = {node->b, node->c};

	ends[0] = 0;
	ends[1] = length;
	for (int i = 0; i < 2; i++) {
		struct value value;
		double number;
		enum run_outcome outcome = nodes[i] ? run_single(run, nodes[i], in, environment, &value) : RUN_DONE;

		if (outcome == RUN_DONE && nodes[i])
			outcome = run_ready(run, &value, &value);
		if (outcome != RUN_DONE)
			return outcome;
		if (!nodes[i] || value.kind == JSON_NULL)
			continue;
		number = value.kind == JSON_NUMBER ? value_double(&value) : NAN;
		if (!(fabs(number) < 1e9) || number != floor(number))
			return run_fallback(run, "a slice");
		ends[i] = (long)number + (number < 0 ? length : 0);
		ends[i] = ends[i] < 0 ? 0 : ends[i] > length ? length : ends[i];
	}
	if (ends[1] < ends[0])
		ends[1] = ends[0];
	return RUN_DONE;
}

static void slice_array(struct text *text, const struct value *array, const long ends[2])
{
	const char *p = value_inside(array);
	struct value element;

	text_add_char(text, '[');
	for (long i = 0; i < ends[1] && value_next(&p, &element); i++) {
		if (i < ends[0])
			continue;
		if (i > ends[0])
			text_add_char(text, ',');
		value_add(text, &element);
	}
	text_add_char(text, ']');
}

static long count_characters(const char *bytes, size_t length)
{
	long count = 0;

	for (size_t i = 0; i < length; i++)
		count += (bytes[i] & 0xc0) != 0x80;
	return count;
}

static const char *skip_characters(const char *bytes, const char *end, long count)
{
	for (; count > 0 && bytes < end; count--)
		for (bytes++; bytes < end && (*bytes & 0xc0) == 0x80;)
			bytes++;
	return bytes;
}

enum run_outcome run_slice(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, const struct value *base, struct value *result)
{
	struct value value;
	const char *bytes = NULL, *from;
	size_t length = 0;
	long ends[2];
	struct text *text;
	enum run_outcome outcome = run_ready(run, base, &value);

	if (outcome != RUN_DONE)
		return outcome;
	if (value.kind == JSON_NULL) {
		*result = value_constant(JSON_NULL);
		return slice_ends(run, node, in, environment, 0, ends);
	}
	if (value.kind != JSON_ARRAY && value.kind != JSON_STRING)
		return run_fallback(run, "a slice");
	if (value.kind == JSON_STRING)
		bytes = value_bytes(&run->arena, &value, &length);
	outcome = slice_ends(run, node, in, environment,
	                     bytes ? count_characters(bytes, length) : (long)value_count(&value), ends);
	if (outcome != RUN_DONE)
		return outcome;
	if (bytes) {
		from = skip_characters(bytes, bytes + length, ends[0]);
		*result = value_string(&run->arena, from,
		                       (size_t)(skip_characters(from, bytes + length, ends[1] - ends[0]) - from));
		return RUN_DONE;
	}
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	slice_array(text, &value, ends);
	*result = run_text_value(run);
	return RUN_DONE;
}

enum run_outcome run_iterate(struct run *run, const struct node *node, const struct value *container, struct sink *sink)
{
	struct value value, key, element;
	enum run_outcome outcome = run_ready(run, container, &value);
	const char *p;

	if (outcome != RUN_DONE)
		return outcome;
	if (value_trail(&value) && (value.kind == JSON_ARRAY || value.kind == JSON_OBJECT))
		return trail_iterate(run, &value, sink);
	p = value_inside(&value);
	if (value.kind == JSON_ARRAY)
		while (outcome == RUN_DONE && value_next(&p, &element))
			outcome = run_give(run, sink, &element);
	else if (value.kind == JSON_OBJECT)
		while (outcome == RUN_DONE && value_next_member(&p, &key, &element))
			outcome = run_give(run, sink, &element);
	else if (!node->optional)
		return run_error(run, "a value that cannot be iterated over");
	return outcome;
}

enum run_outcome run_recurse(struct run *run, const struct value *value, struct sink *sink, size_t depth)
{
	enum run_outcome outcome = run_give(run, sink, value);
	const char *p = value_inside(value);
	struct value key, element;

	if (depth > JSON_DEPTH)
		return run_fallback(run, "nested too deep");
	if (outcome == RUN_DONE && value_trail(value) && (value->kind == JSON_ARRAY || value->kind == JSON_OBJECT))
		return trail_recurse(run, value, sink, depth);
	if (value->kind == JSON_ARRAY)
		while (outcome == RUN_DONE && value_next(&p, &element))
			outcome = run_recurse(run, &element, sink, depth + 1);
	else if (value->kind == JSON_OBJECT)
		while (outcome == RUN_DONE && value_next_member(&p, &key, &element))
			outcome = run_recurse(run, &element, sink, depth + 1);
	return outcome;
}

bool run_too_deep(const struct run *run, const struct value *value)
{
	const char *p = value->at, *end;
	size_t depth = 0;

	if (run->made < 60 || !p || (value->kind != JSON_ARRAY && value->kind != JSON_OBJECT))
		return false;
	end = p + value->length;
	while (p < end) {
		if (*p == '"') {
			p = value_end(p);
			continue;
		}
		depth += *p == '[' || *p == '{';
		depth -= *p == ']' || *p == '}';
		if (depth > JSON_DEPTH)
			return true;
		p++;
	}
	return false;
}
