/*
 * What puts values together: arrays, objects, strings, updates.
 */
#include "cmd/processors/jq/evaluate.h"

#include <math.h>
#include <stdlib.h>

#include "common/vector.h"

struct element_sink {
	struct sink sink;
	struct text *text;
};

static enum run_outcome add_element(struct run *run, struct sink *sink, const struct value *value)
{
	const struct element_sink *elements = (struct element_sink *)sink;
	struct value ready;
	enum run_outcome outcome = run_ready(run, value, &ready);

	if (outcome != RUN_DONE)
		return outcome;
	if (elements->text->length > 1)
		text_add_char(elements->text, ',');
	value_add(elements->text, &ready);
	return RUN_DONE;
}

/* The next member of an object whose keys may be anything. */
static enum run_outcome add_member(struct run *run, struct text *text, const struct value *key,
                                   const struct value *value)
{
	if (key->kind != JSON_STRING)
		return run_fallback(run, "a key that is no string");
	run_add_member(text, key, value);
	return RUN_DONE;
}

/* … whose keys are known, and each but once. */
static void add_constant_member(struct text *text, const struct value *key, const struct value *value)
{
	if (text->length > 1)
		text_add_char(text, ',');
	text_add(text, key->at, key->length);
	text_add_char(text, ':');
	value_add(text, value);
}

/* Copies a text behind which as many bytes more may be read as may be written behind its copy: JSON_PADDING. */
static inline char *put(char *to, const char *from, size_t length)
{
	char *end = to + length;

	for (; to < end; to += sizeof(vector), from += sizeof(vector))
		vector_store(to, vector_load(from));
	return end;
}

/* Most objects: of members that the scanner has found in the line as they are printed. False: it is another. */
static bool construct_quickly(struct run *run, const struct node *node, struct value *result)
{
	size_t length = 1;
	char *start, *at;

	for (size_t i = 0; i < node->count; i += 2) {
		const struct json_span *span = &run->spans[node->list[i + 1]->slot];

		if (span->kind == JSON_NONE || (span->flags & ~(unsigned)JSON_ESCAPED))
			return false;
		length += node->list[i]->literal.length + span->length + 2;
	}
	start = at = arena_alloc(&run->arena, length + 1);
	*at++ = '{';
	for (size_t i = 0; i < node->count; i += 2) {
		const struct value *key = &node->list[i]->literal;
		const struct json_span *span = &run->spans[node->list[i + 1]->slot];

		at = put(at, key->at, key->length);
		*at++ = ':';
		at = put(at, span->at, span->length);
		*at++ = ',';
	}
	at -= node->count > 0;
	*at++ = '}';
	run->made++;
	*result = (struct value){.kind = JSON_OBJECT, .at = start, .length = (size_t)(at - start)};
	return true;
}

enum run_outcome run_object(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result)
{
	struct text *text;
	enum run_outcome outcome = RUN_DONE;

	if (node->quick && in->root && construct_quickly(run, node, result))
		return RUN_DONE;
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '{');
	for (size_t i = 0; outcome == RUN_DONE && i < node->count; i += 2) {
		struct value spaces[2];
		const struct value *key, *value;

		outcome = run_operand(run, node->list[i], in, environment, &spaces[0], &key);
		if (outcome == RUN_DONE && key->root)
			outcome = run_ready(run, key, &spaces[0]);
		if (outcome == RUN_DONE)
			outcome = run_operand(run, node->list[i + 1], in, environment, &spaces[1], &value);
		if (outcome == RUN_DONE && value->root)
			outcome = run_ready(run, value, &spaces[1]);
		if (outcome != RUN_DONE)
			break;
		if (node->letter == 'd')
			add_constant_member(text, key, value);
		else
			outcome = add_member(run, text, key, value);
	}
	if (outcome == RUN_DONE) {
		text_add_char(text, '}');
		*result = run_text_value(run);
	} else {
		run_text_back(run);
	}
	return outcome;
}

/* One member after the other, the first the outermost loop. */
struct object_sink {
	struct sink sink;
	const struct node *node;
	const struct value *in;
	const struct environment *environment;
	struct sink *out;
	const struct text *before;
	size_t index;
	struct value key;
};

static enum run_outcome object_from(struct run *run, const struct object_sink *object, const struct text *before,
                                    size_t index);

static enum run_outcome object_value(struct run *run, struct sink *sink, const struct value *value)
{
	const struct object_sink *object = (struct object_sink *)sink;
	struct value ready;
	enum run_outcome outcome = run_ready(run, value, &ready);
	struct text *text = outcome == RUN_DONE ? run_text(run) : NULL;

	if (!text)
		return RUN_FALLBACK;
	text_add(text, object->before->data, object->before->length);
	run_add_member(text, &object->key, &ready);
	outcome = object_from(run, object, text, object->index + 2);
	run_text_back(run);
	return outcome;
}

static enum run_outcome object_key(struct run *run, struct sink *sink, const struct value *key)
{
	const struct object_sink *object = (struct object_sink *)sink;
	struct object_sink inner = *object;
	enum run_outcome outcome = run_ready(run, key, &inner.key);

	if (outcome != RUN_DONE)
		return outcome;
	if (inner.key.kind != JSON_STRING)
		return run_fallback(run, "a key that is no string");
	inner.sink.take = object_value;
	return run_node(run, object->node->list[object->index + 1], object->in, object->environment, &inner.sink);
}

static enum run_outcome object_from(struct run *run, const struct object_sink *object, const struct text *before,
                                    size_t index)
{
	struct object_sink inner = *object;

	if (index == object->node->count) {
		struct text *text = run_text(run);
		struct value value;

		if (!text)
			return RUN_FALLBACK;
		text_add(text, before->data, before->length);
		text_add_char(text, '}');
		value = run_text_value(run);
		return run_give(run, object->out, &value);
	}
	inner.sink.take = object_key;
	inner.before = before;
	inner.index = index;
	return run_node(run, object->node->list[index], object->in, object->environment, &inner.sink);
}

enum run_outcome run_objects(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *out)
{
	const struct object_sink object = {.node = node, .in = in, .environment = environment, .out = out};
	struct text *text = run_text(run);
	enum run_outcome outcome;

	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '{');
	outcome = object_from(run, &object, text, 0);
	run_text_back(run);
	return outcome;
}

enum run_outcome run_string(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result)
{
	struct text *text = run_text(run);
	enum run_outcome outcome = text ? RUN_DONE : RUN_FALLBACK;

	if (!text)
		return outcome;
	text_add_char(text, '"');
	for (size_t i = 0; outcome == RUN_DONE && i < node->count; i++) {
		struct value part;

		outcome = run_single(run, node->list[i], in, environment, &part);
		if (outcome == RUN_DONE)
			outcome = run_add_string(run, text, &part);
	}
	if (outcome == RUN_DONE) {
		text_add_char(text, '"');
		*result = run_text_value(run);
	} else {
		run_text_back(run);
	}
	return outcome;
}

/* One part after the other, from the last, which is the outermost loop. */
struct string_sink {
	struct sink sink;
	const struct node *node;
	const struct value *in;
	const struct environment *environment;
	struct sink *out;
	size_t index;
	struct value behind; /* what stands behind the part, as a string */
};

static enum run_outcome string_from(struct run *run, const struct string_sink *string, size_t index);

static enum run_outcome string_part(struct run *run, struct sink *sink, const struct value *value)
{
	const struct string_sink *string = (struct string_sink *)sink;
	struct string_sink inner = *string;
	struct text *text = run_text(run);
	enum run_outcome outcome;

	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '"');
	outcome = run_add_string(run, text, value);
	text_add(text, string->behind.at + 1, string->behind.length - 1);
	inner.behind = run_text_value(run);
	return outcome == RUN_DONE ? string_from(run, &inner, string->index) : outcome;
}

static enum run_outcome string_from(struct run *run, const struct string_sink *string, size_t index)
{
	struct string_sink inner = *string;

	if (index == 0)
		return run_give(run, string->out, &string->behind);
	inner.sink.take = string_part;
	inner.index = index - 1;
	return run_node(run, string->node->list[index - 1], string->in, string->environment, &inner.sink);
}

enum run_outcome run_strings(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *out)
{
	const struct string_sink string = {.node = node,
	                                   .in = in,
	                                   .environment = environment,
	                                   .out = out,
	                                   .behind = {.kind = JSON_STRING, .at = "\"\"", .length = 2}};

	return string_from(run, &string, node->count);
}

enum run_outcome run_array(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct value *result)
{
	struct element_sink sink = {.sink = {add_element}, .text = run_text(run)};
	enum run_outcome outcome;

	if (!sink.text)
		return RUN_FALLBACK;
	text_add_char(sink.text, '[');
	outcome = run_node(run, node->a, in, environment, &sink.sink);
	if (outcome == RUN_DONE) {
		text_add_char(sink.text, ']');
		*result = run_text_value(run);
	} else {
		run_text_back(run);
	}
	return outcome;
}

/* What is at the path becomes, by the operator, with the value on the right. */
static enum run_outcome updated(struct run *run, const struct node *node, const struct value *in,
                                const struct value *right, struct value *result)
{
	struct value old, value = *right;
	enum run_outcome outcome = RUN_DONE;

	if (node->letter != '=' && node->letter != '|') {
		outcome = run_path(run, node->a, in, &old);
		if (outcome == RUN_DONE && node->letter == '?' && value_truth(&old))
			value = old;
		else if (outcome == RUN_DONE && node->letter != '?')
			outcome = run_binary(run, node->letter, &old, right, &value);
	}
	if (outcome == RUN_DONE)
		outcome = run_ready(run, &value, &value);
	if (outcome == RUN_DONE)
		outcome = run_ready(run, in, &old);
	return outcome == RUN_DONE ? run_set(run, &old, node->a->steps, node->a->count, &value, result) : outcome;
}

enum run_outcome run_update(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result)
{
	struct value value, base;
	enum run_outcome outcome = RUN_DONE;

	if (node->letter == 'd') {
		outcome = run_ready(run, in, &base);
		return outcome == RUN_DONE ? run_set(run, &base, node->a->steps, node->a->count, NULL, result)
		                           : outcome;
	}
	base = *in;
	if (node->letter == '|')
		outcome = run_path(run, node->a, in, &base);
	if (outcome == RUN_DONE)
		outcome = run_single(run, node->b, &base, environment, &value);
	return outcome == RUN_DONE ? updated(run, node, in, &value, result) : outcome;
}

static enum run_outcome give_updated(struct run *run, struct sink *sink, const struct value *value)
{
	struct stage_sink *stage = (struct stage_sink *)sink;
	struct value result;
	enum run_outcome outcome = updated(run, stage->node, stage->in, value, &result);

	if (outcome == RUN_DONE)
		outcome = run_give(run, stage->out, &result);
	if (outcome != RUN_DONE || stage->node->letter != '|')
		return outcome;
	stage->found = true;
	return RUN_STOP;
}

enum run_outcome run_updates(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *out)
{
	struct stage_sink sink = {.sink = {give_updated}, .node = node, .in = in, .out = out};
	struct value base = *in;
	enum run_outcome outcome = node->letter == '|' ? run_path(run, node->a, in, &base) : RUN_DONE;

	if (outcome == RUN_DONE)
		outcome = run_node(run, node->b, &base, environment, &sink.sink);
	if (node->letter != '|')
		return outcome;
	if (outcome == RUN_DONE && !sink.found)
		return run_fallback(run, "an update without a value");
	return outcome == RUN_STOP && sink.found ? RUN_DONE : outcome;
}
