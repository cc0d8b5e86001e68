/*
 * What jq's operators and paths make of values.
 */
#include <math.h>
#include <stdlib.h>

#include "cmd/processors/jq/functions.h"
#include "cmd/processors/jq/run.h"
#include "cmd/processors/jq/trails.h"

/* ---- texts, and values of the line ---- */

struct text *run_text(struct run *run)
{
	if (run->texts_taken == RUN_TEXTS) {
		run_fallback(run, "nested too deep, or too large");
		return NULL;
	}
	text_clear(&run->texts[run->texts_taken]);
	return &run->texts[run->texts_taken++];
}

void run_text_back(struct run *run)
{
	run->texts_taken--;
}

struct value run_text_value(struct run *run)
{
	const struct text *text = &run->texts[--run->texts_taken];

	run->made++;
	return value_copy(&run->arena, text->data, text->length);
}

/* What of the flags keeps a text from being what jq prints. */
static unsigned faults(struct run *run, unsigned flags)
{
	if ((flags & (JSON_RENUMBER | JSON_RENUMBER_EXACT)) && !run->asked) {
		run->doubles = run->prints_doubles();
		run->asked = true;
	}
	if (!(flags & JSON_RESTRING))
		flags &= ~(unsigned)JSON_ESCAPED;
	return flags & ~(unsigned)(run->doubles ? JSON_RENUMBER_EXACT : 0);
}

static enum run_outcome usable(struct run *run, unsigned *flags)
{
	*flags = faults(run, *flags);
	if (*flags & JSON_DUPLICATE)
		return run_fallback(run, "a key that is there twice, or has escapes");
	if (!run->doubles && (*flags & (JSON_RENUMBER | JSON_RENUMBER_EXACT)))
		return run_fallback(run, "a number that jq does not print as it is written");
	return RUN_DONE;
}

enum run_outcome run_span(struct run *run, const struct json_span *span, struct value *value)
{
	unsigned flags = span->flags;
	struct text *text;
	enum run_outcome outcome = usable(run, &flags);

	if (outcome != RUN_DONE)
		return outcome;
	*value = (struct value){.kind = span->kind, .at = span->at, .length = span->length};
	if (!flags)
		return RUN_DONE;
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	if (!value_add_canonical(text, span->at, span->length, flags, run->doubles))
		return run_fallback(run, "a number that is too large or too small");
	*value = run_text_value(run);
	return RUN_DONE;
}

enum run_outcome run_root(struct run *run, struct value *ready)
{
	unsigned flags = run->json.flags;

	if (!run->root_ready) {
		if (flags && usable(run, &flags) != RUN_DONE)
			return RUN_FALLBACK;
		run->root.at = run->line + run->json.start;
		run->root.length = run->json.end - run->json.start;
		if (flags) {
			text_clear(&run->root_text);
			if (!value_add_canonical(&run->root_text, run->root.at, run->root.length, flags, run->doubles))
				return run_fallback(run, "a number that is too large or too small");
			run->root.length = run->root_text.length;
			json_pad(&run->root_text);
			run->root.at = run->root_text.data;
		}
		run->root_ready = true;
	}
	*ready = (struct value){.kind = run->root.kind, .at = run->root.at, .length = run->root.length};
	return RUN_DONE;
}

/* ---- paths ---- */

enum run_outcome run_step(struct run *run, const struct value *container, const struct step *step, struct value *result)
{
	const struct trail *trail;
	struct value value;
	enum run_outcome outcome = run_ready(run, container, &value);
	bool found;

	if (outcome != RUN_DONE)
		return outcome;
	trail = value_trail(&value);
	if (value.kind == JSON_NULL)
		found = false;
	else if (step->key && value.kind == JSON_OBJECT)
		found = value_member(&value, step->key, step->length, result);
	else if (!step->key && value.kind == JSON_ARRAY)
		found = value_element(&value, step->index, result);
	else
		return run_error(run, "an index that does not fit");
	if (!found)
		*result = value_constant(JSON_NULL);
	if (trail)
		trail_step(run, trail, step, result);
	return RUN_DONE;
}

enum run_outcome run_index(struct run *run, const struct value *container, const struct value *key,
                           struct value *result)
{
	struct step step = {0};
	struct value ready;
	double number;
	enum run_outcome outcome = run_ready(run, key, &ready);

	if (outcome != RUN_DONE)
		return outcome;
	if (ready.kind == JSON_STRING) {
		step.key = ready.at;
		step.length = ready.length;
	} else if (ready.kind == JSON_NUMBER) {
		number = value_double(&ready);
		if (!(fabs(number) < 1e9) || number != floor(number))
			return run_fallback(run, "an index");
		step.index = (long)number;
	} else {
		return run_fallback(run, "an index");
	}
	return run_step(run, container, &step, result);
}

/* ---- updates ---- */

void run_add_member(struct text *text, const struct value *key, const struct value *value)
{
	const char *p;
	struct value name, old;
	size_t at, end;

	text_add_char(text, '}');
	text_reserve(text, JSON_PADDING);
	for (p = text->data + 1; value_next_member(&p, &name, &old);) {
		if (name.length != key->length || memcmp(name.at, key->at, key->length) != 0)
			continue;
		/* The key keeps its place. */
		at = (size_t)(old.at - text->data);
		end = at + old.length;
		struct text rest = {0};

		text_add(&rest, text->data + end, text->length - 1 - end);
		text->length = at;
		value_add(text, value);
		if (rest.length > 0)
			text_add(text, rest.data, rest.length);
		text_free(&rest);
		return;
	}
	text->length--;
	if (text->length > 1)
		text_add_char(text, ',');
	text_add(text, key->at, key->length);
	text_add_char(text, ':');
	value_add(text, value);
}

/* The object with a member set to value, or, if that is NULL, without it. */
static void set_member(struct text *text, const struct value *object, const struct step *step,
                       const struct value *value)
{
	const char *p = value_inside(object);
	const struct value wanted = {.kind = JSON_STRING, .at = step->key, .length = step->length};
	struct value key, old;
	bool found = false;

	text_add_char(text, '{');
	while (value_next_member(&p, &key, &old)) {
		bool same = key.length == step->length && memcmp(key.at, step->key, step->length) == 0;

		found |= same;
		if (same && !value)
			continue;
		if (text->length > 1)
			text_add_char(text, ',');
		text_add(text, key.at, key.length);
		text_add_char(text, ':');
		value_add(text, same ? value : &old);
	}
	if (!found && value)
		run_add_member(text, &wanted, value);
	text_add_char(text, '}');
}

static enum run_outcome set_element(struct run *run, struct text *text, const struct value *array, long index,
                                    const struct value *value)
{
	const char *p = value_inside(array);
	long count = (long)value_count(array);
	struct value old;

	if (index < 0)
		index += count;
	if (index < 0 && value)
		return run_fallback(run, "an index before the first element");
	if (index > count + 10000)
		return run_fallback(run, "an index far behind the last element");
	text_add_char(text, '[');
	for (long i = 0; i < count || (value && i <= index); i++) {
		bool is_old = i < count && value_next(&p, &old);

		if (i == index && !value)
			continue;
		if (text->length > 1)
			text_add_char(text, ',');
		if (i == index)
			value_add(text, value);
		else if (is_old)
			value_add(text, &old);
		else
			text_add_string(text, "null");
	}
	text_add_char(text, ']');
	return RUN_DONE;
}

/* What the container is, if there is none yet. */
static struct value empty_for(const struct step *step)
{
	const char *text = step->key ? "{}" : "[]";

	return (struct value){.kind = step->key ? JSON_OBJECT : JSON_ARRAY, .at = text, .length = 2};
}

enum run_outcome run_set(struct run *run, const struct value *container, const struct step *steps, size_t count,
                         const struct value *value, struct value *result)
{
	struct value child, changed, base = *container;
	struct text *text;
	enum run_outcome outcome = run_step(run, &base, steps, &child);

	if (outcome != RUN_DONE)
		return outcome;
	/* Nothing is taken away from nothing. */
	if (!value && (base.kind == JSON_NULL || (count > 1 && child.kind == JSON_NULL))) {
		*result = base;
		return RUN_DONE;
	}
	if (base.kind == JSON_NULL)
		base = empty_for(steps);
	if (count > 1) {
		outcome = run_set(run, &child, steps + 1, count - 1, value, &changed);
		if (outcome != RUN_DONE)
			return outcome;
		value = &changed;
	}
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	if (base.kind == JSON_OBJECT)
		set_member(text, &base, steps, value);
	else
		outcome = set_element(run, text, &base, steps->index, value);
	if (outcome == RUN_DONE)
		*result = run_text_value(run);
	else
		run_text_back(run);
	return outcome;
}

/* ---- operators ---- */

/* Two texts in one, without the last byte of the first and the first of the second; between them a comma if it is one. */
static enum run_outcome join(struct run *run, const struct value *left, const struct value *right, const char *comma,
                             struct value *result)
{
	char *at;
	size_t separator = strlen(comma);

	if (left->length == 2 || right->length == 2)
		separator = 0;
	at = arena_alloc(&run->arena, left->length + right->length + 1);
	memcpy(at, left->at, left->length - 1);
	memcpy(at + left->length - 1, comma, separator);
	memcpy(at + left->length - 1 + separator, right->at + 1, right->length - 1);
	*result = (struct value){.kind = left->kind, .at = at};
	result->length = left->length - 1 + separator + right->length - 1;
	at[result->length] = '\0';
	return RUN_DONE;
}

static enum run_outcome merge(struct run *run, const struct value *left, const struct value *right,
                              struct value *result)
{
	struct text *text = run_text(run);
	const char *p = value_inside(right);
	struct value key, value;

	if (!text)
		return RUN_FALLBACK;
	text_add(text, left->at, left->length - 1);
	while (value_next_member(&p, &key, &value))
		run_add_member(text, &key, &value);
	text_add_char(text, '}');
	*result = run_text_value(run);
	return RUN_DONE;
}

/* Objects in both are merged in turn. */
static enum run_outcome merge_deep(struct run *run, const struct value *left, const struct value *right,
                                   struct value *result, size_t depth)
{
	struct text *text = depth < JSON_DEPTH ? run_text(run) : NULL;
	const char *p = value_inside(right);
	struct value key, value, old;
	enum run_outcome outcome = RUN_DONE;

	if (!text)
		return run_fallback(run, "nested too deep, or too large");
	text_add(text, left->at, left->length - 1);
	while (outcome == RUN_DONE && value_next_member(&p, &key, &value)) {
		if (value.kind == JSON_OBJECT && value_member(left, key.at, key.length, &old) &&
		    old.kind == JSON_OBJECT)
			outcome = merge_deep(run, &old, &value, &value, depth + 1);
		if (outcome == RUN_DONE)
			run_add_member(text, &key, &value);
	}
	text_add_char(text, '}');
	*result = run_text_value(run);
	return outcome;
}

/* "ab" * 3. Of less than one the versions make different things. */
static enum run_outcome repeat(struct run *run, const struct value *string, double times, struct value *result)
{
	struct text *text;

	if (!(times >= 1 && times <= 100000) || times != floor(times) || times * (double)string->length > 1 << 20)
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '"');
	for (size_t i = 0; i < (size_t)times; i++)
		text_add(text, string->at + 1, string->length - 2);
	text_add_char(text, '"');
	*result = run_text_value(run);
	return RUN_DONE;
}

static enum run_outcome subtract_arrays(struct run *run, const struct value *left, const struct value *right,
                                        struct value *result)
{
	struct text *text = run_text(run);
	const char *p = value_inside(left);
	struct value element, other;

	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	while (value_next(&p, &element)) {
		const char *q = value_inside(right);
		bool there = false;

		while (!there && value_next(&q, &other))
			there = value_equal(&run->arena, &element, &other);
		if (there)
			continue;
		if (text->length > 1)
			text_add_char(text, ',');
		value_add(text, &element);
	}
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}

static enum run_outcome compute(struct run *run, char letter, double left, double right, struct value *result)
{
	static const double most = 9007199254740992;
	double number;

	switch (letter) {
	case '+':
		number = left + right;
		break;
	case '-':
		number = left - right;
		break;
	case '*':
		number = left * right;
		break;
	case '/':
		if (right == 0)
			return run_error(run, "a division by zero");
		number = left / right;
		break;
	default:
		if (!(fabs(left) < most) || !(fabs(right) < most) || trunc(right) == 0 || left < 0 || right < 0)
			return run_fallback(run, "a remainder");
		number = (double)((long long)left % (long long)right);
	}
	if (number != 0 && !isnormal(number))
		return run_fallback(run, "a number that is too large or too small");
	*result = value_number(number);
	return RUN_DONE;
}

enum run_outcome run_binary(struct run *run, char letter, const struct value *left, const struct value *right,
                            struct value *result)
{
	struct value l, r;
	enum run_outcome outcome = run_ready(run, left, &l);

	if (outcome == RUN_DONE)
		outcome = run_ready(run, right, &r);
	if (outcome != RUN_DONE)
		return outcome;
	if (letter == '+' && (l.kind == JSON_NULL || r.kind == JSON_NULL)) {
		*result = l.kind == JSON_NULL ? r : l;
		value_leave(result);
		return RUN_DONE;
	}
	if (letter == '*' && ((l.kind == JSON_STRING && r.kind == JSON_NUMBER)))
		return repeat(run, &l, value_double(&r), result);
	if (letter == '*' && ((l.kind == JSON_NUMBER && r.kind == JSON_STRING)))
		return repeat(run, &r, value_double(&l), result);
	if (l.kind != r.kind)
		return run_error(run, "operands that do not fit");
	if (l.kind == JSON_NUMBER)
		return compute(run, letter, value_double(&l), value_double(&r), result);
	if (letter == '+' && l.kind == JSON_STRING)
		return join(run, &l, &r, "", result);
	if (letter == '+' && l.kind == JSON_ARRAY)
		return join(run, &l, &r, ",", result);
	if (letter == '+' && l.kind == JSON_OBJECT)
		return merge(run, &l, &r, result);
	if (letter == '*' && l.kind == JSON_OBJECT)
		return merge_deep(run, &l, &r, result, 0);
	if (letter == '-' && l.kind == JSON_ARRAY)
		return subtract_arrays(run, &l, &r, result);
	if (letter == '/' && l.kind == JSON_STRING)
		return function_split(run, &l, &r, result);
	return run_error(run, "operands that do not fit");
}

enum run_outcome run_add_string(struct run *run, struct text *text, const struct value *value)
{
	struct value ready;
	enum run_outcome outcome = run_ready(run, value, &ready);

	if (outcome != RUN_DONE)
		return outcome;
	if (run_too_deep(run, &ready))
		return run_fallback(run, "nested too deep");
	if (ready.kind == JSON_STRING) {
		text_add(text, ready.at + 1, ready.length - 2);
	} else if (ready.kind == JSON_ARRAY || ready.kind == JSON_OBJECT) {
		size_t at = text->length;

		json_add_string(text, ready.at, ready.length);
		/* Its quotes are not wanted. */
		memmove(text->data + at, text->data + at + 1, text->length - at - 2);
		text->length -= 2;
		text->data[text->length] = '\0';
	} else {
		value_add(text, &ready);
	}
	return RUN_DONE;
}
