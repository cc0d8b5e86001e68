/*
 * Functions of arrays and objects.
 */
#include "cmd/processors/jq/functions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/jq/run.h"

static enum run_outcome add_keys(struct run *run, const struct value *in, struct text *text)
{
	const char *p = value_inside(in);
	struct value key, value;

	text_add_char(text, '[');
	if (in->kind == JSON_OBJECT) {
		while (value_next_member(&p, &key, &value)) {
			if (text->length > 1)
				text_add_char(text, ',');
			value_add(text, &key);
		}
	} else {
		for (size_t i = 0; value_next(&p, &value); i++)
			text_addf(text, "%s%zu", i > 0 ? "," : "", i);
	}
	text_add_char(text, ']');
	(void)run;
	return RUN_DONE;
}

enum run_outcome function_keys_unsorted(struct run *run, const struct value *in, struct value *result)
{
	struct text *text;

	if (in->kind != JSON_OBJECT && in->kind != JSON_ARRAY)
		return run_wrong(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	add_keys(run, in, text);
	*result = run_text_value(run);
	return RUN_DONE;
}

enum run_outcome function_keys(struct run *run, const struct value *in, struct value *result)
{
	struct value keys;
	enum run_outcome outcome = function_keys_unsorted(run, in, &keys);

	return outcome == RUN_DONE ? run_by(run, 's', NULL, &keys, NULL, result) : outcome;
}

enum run_outcome function_to_entries(struct run *run, const struct value *in, struct value *result)
{
	const char *p = value_inside(in);
	struct value key, value;
	struct text *text;

	if (in->kind != JSON_OBJECT)
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	while (value_next_member(&p, &key, &value)) {
		text_add_string(text, text->length > 1 ? ",{\"key\":" : "{\"key\":");
		value_add(text, &key);
		text_add_string(text, ",\"value\":");
		value_add(text, &value);
		text_add_char(text, '}');
	}
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}

/* The key of an entry: the first of these members that is neither null nor false, a string. */
static bool entry_key(const struct value *entry, struct value *key)
{
	static const char *const names[] = {"\"key\"", "\"Key\"", "\"name\"", "\"Name\""};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (value_member(entry, names[i], strlen(names[i]), key) && value_truth(key))
			return key->kind == JSON_STRING;
	return false;
}

enum run_outcome function_from_entries(struct run *run, const struct value *in, struct value *result)
{
	const char *p = value_inside(in);
	struct value entry, key, value;
	struct text *text;

	if (in->kind != JSON_ARRAY)
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '{');
	while (value_next(&p, &entry)) {
		if (entry.kind != JSON_OBJECT || !entry_key(&entry, &key)) {
			run_text_back(run);
			return run_unfit(run);
		}
		if (!value_member(&entry, "\"value\"", 7, &value) && !value_member(&entry, "\"Value\"", 7, &value))
			value = value_constant(JSON_NULL);
		run_add_member(text, &key, &value);
	}
	text_add_char(text, '}');
	*result = run_text_value(run);
	return RUN_DONE;
}

/* Sums of numbers are the most frequent. */
enum run_outcome function_add(struct run *run, const struct value *in, struct value *result)
{
	const char *p = value_inside(in);
	struct value sum = value_constant(JSON_NULL), key, element;
	enum run_outcome outcome = RUN_DONE;
	size_t bytes = 0;

	if (in->kind != JSON_ARRAY && in->kind != JSON_OBJECT)
		return run_unfit(run);
	while (outcome == RUN_DONE &&
	       (in->kind == JSON_ARRAY ? value_next(&p, &element) : value_next_member(&p, &key, &element))) {
		outcome = run_binary(run, '+', &sum, &element, &sum);
		/* Growing texts are copied again and again. */
		bytes += sum.at ? sum.length : 0;
		if (bytes > 64 << 20)
			return run_fallback(run, "nested too deep, or too large");
	}
	*result = sum;
	return outcome;
}

enum run_outcome function_reverse(struct run *run, const struct value *in, struct value *result)
{
	const char *p = value_inside(in);
	struct value element;
	char *at, *to;

	if (in->kind != JSON_ARRAY)
		return run_unfit(run);
	*result = *in;
	if (in->length == 2)
		return RUN_DONE;
	at = arena_alloc(&run->arena, in->length + 1);
	to = at + in->length;
	*to = '\0';
	*--to = ']';
	while (value_next(&p, &element)) {
		to -= element.length;
		memcpy(to, element.at, element.length);
		*--to = ',';
	}
	*to = '[';
	result->at = at;
	return RUN_DONE;
}

static void add_flat(struct text *text, const struct value *array, double depth)
{
	const char *p = value_inside(array);
	struct value element;

	while (value_next(&p, &element)) {
		if (element.kind == JSON_ARRAY && depth > 0) {
			add_flat(text, &element, depth - 1);
			continue;
		}
		if (text->length > 1)
			text_add_char(text, ',');
		value_add(text, &element);
	}
}

enum run_outcome function_flatten_to(struct run *run, const struct value *in, const struct value *depth,
                                     struct value *result)
{
	struct text *text;

	if (in->kind != JSON_ARRAY || depth->kind != JSON_NUMBER || !(value_double(depth) >= 0) ||
	    value_double(depth) != floor(value_double(depth)))
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	add_flat(text, in, value_double(depth));
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}

enum run_outcome function_flatten(struct run *run, const struct value *in, struct value *result)
{
	const struct value depth = value_number(JSON_DEPTH);

	return function_flatten_to(run, in, &depth, result);
}
