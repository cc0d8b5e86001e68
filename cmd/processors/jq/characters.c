/*
 * Functions of strings as sequences of characters, and of what is in a value.
 */
#include "cmd/processors/jq/functions.h"

#include <math.h>
#include <string.h>

#include "cmd/processors/jq/run.h"

enum run_outcome function_explode(struct run *run, const struct value *in, struct value *result)
{
	struct value number;
	struct text *text;
	const char *bytes;
	size_t length;

	if (in->kind != JSON_STRING)
		return run_wrong(run);
	bytes = value_bytes(&run->arena, in, &length);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	for (size_t i = 0; i < length;) {
		unsigned char first = (unsigned char)bytes[i];
		size_t count = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
		unsigned code = count == 1 ? first : first & (0x7f >> count);

		for (size_t k = 1; k < count; k++)
			code = code << 6 | ((unsigned char)bytes[i + k] & 0x3f);
		if (i > 0)
			text_add_char(text, ',');
		number = value_number(code);
		value_add(text, &number);
		i += count;
	}
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}

static void add_character(struct text *text, unsigned code)
{
	if (code < 0x80) {
		text_add_char(text, (char)code);
		return;
	}
	if (code < 0x800) {
		text_add_char(text, (char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			text_add_char(text, (char)(0xe0 | code >> 12));
		} else {
			text_add_char(text, (char)(0xf0 | code >> 18));
			text_add_char(text, (char)(0x80 | (code >> 12 & 0x3f)));
		}
		text_add_char(text, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	text_add_char(text, (char)(0x80 | (code & 0x3f)));
}

enum run_outcome function_implode(struct run *run, const struct value *in, struct value *result)
{
	const char *p = value_inside(in);
	struct text *text;
	struct value element;

	if (in->kind != JSON_ARRAY)
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	while (value_next(&p, &element)) {
		double code = element.kind == JSON_NUMBER ? value_double(&element) : NAN;

		/* What is no character ends some versions with an assertion. */
		if (!(code >= 0 && code <= 0x10ffff) || code != floor(code) || (code >= 0xd800 && code < 0xe000)) {
			run_text_back(run);
			return run_unfit(run);
		}
		add_character(text, (unsigned)code);
	}
	*result = value_string(&run->arena, text->data ? text->data : "", text->length);
	run_text_back(run);
	return RUN_DONE;
}

/* ---- where something is ---- */

static bool is_ascii(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)bytes[i] >= 0x80)
			return false;
	return true;
}

/* The versions count bytes or characters, and go on behind a place or within it: where that is all the same. */
static enum run_outcome string_places(struct run *run, const struct value *in, const struct value *wanted,
                                      struct text *text)
{
	size_t length, wanted_length;
	const char *bytes = value_bytes(&run->arena, in, &length);
	const char *wanted_bytes = value_bytes(&run->arena, wanted, &wanted_length);
	const char *at = bytes, *end = bytes + length, *last = NULL;

	if (wanted_length == 0)
		return run_unfit(run);
	while ((at = memmem(at, (size_t)(end - at), wanted_bytes, wanted_length))) {
		if (last && (size_t)(at - last) < wanted_length)
			return run_unfit(run);
		text_addf(text, "%s%zu", text->length > 1 ? "," : "", (size_t)(at - bytes));
		last = at++;
	}
	return last && !is_ascii(bytes, (size_t)(last - bytes)) ? run_unfit(run) : RUN_DONE;
}

enum run_outcome function_indices(struct run *run, const struct value *in, const struct value *wanted,
                                  struct value *result)
{
	const char *p = value_inside(in);
	struct value element;
	struct text *text;
	enum run_outcome outcome = RUN_DONE;

	if (in->kind == JSON_NULL && wanted->kind == JSON_STRING) {
		*result = value_constant(JSON_NULL);
		return RUN_DONE;
	}
	if (!(in->kind == JSON_STRING && wanted->kind == JSON_STRING) &&
	    (in->kind != JSON_ARRAY || wanted->kind == JSON_ARRAY))
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	if (in->kind == JSON_STRING)
		outcome = string_places(run, in, wanted, text);
	else
		for (size_t i = 0; value_next(&p, &element); i++)
			if (value_equal(&run->arena, &element, wanted))
				text_addf(text, "%s%zu", text->length > 1 ? "," : "", i);
	text_add_char(text, ']');
	*result = run_text_value(run);
	return outcome;
}

static enum run_outcome one_index(struct run *run, const struct value *in, const struct value *wanted, long index,
                                  struct value *result)
{
	struct value all;
	enum run_outcome outcome = function_indices(run, in, wanted, &all);

	if (outcome == RUN_DONE && (all.kind == JSON_NULL || !value_element(&all, index, result)))
		*result = value_constant(JSON_NULL);
	return outcome;
}

enum run_outcome function_index(struct run *run, const struct value *in, const struct value *wanted,
                                struct value *result)
{
	return one_index(run, in, wanted, 0, result);
}

enum run_outcome function_rindex(struct run *run, const struct value *in, const struct value *wanted,
                                 struct value *result)
{
	return one_index(run, in, wanted, -1, result);
}

/* ---- contains ---- */

static bool contains(struct run *run, const struct value *whole, const struct value *part, bool *certain)
{
	struct value key, element, other;
	const char *p = value_inside(part), *q, *bytes, *part_bytes;
	size_t length, part_length;
	bool found = true;

	if (whole->kind != part->kind)
		return false;
	switch (whole->kind) {
	case JSON_OBJECT:
		while (found && value_next_member(&p, &key, &element))
			found = value_member(whole, key.at, key.length, &other) &&
			        contains(run, &other, &element, certain);
		return found;
	case JSON_ARRAY:
		while (found && value_next(&p, &element))
			for (q = value_inside(whole), found = false; !found && value_next(&q, &other);)
				found = contains(run, &other, &element, certain);
		return found;
	case JSON_STRING:
		bytes = value_bytes(&run->arena, whole, &length);
		part_bytes = value_bytes(&run->arena, part, &part_length);
		/* For jq 1.6 a NUL is the end. */
		*certain &= !memchr(bytes, '\0', length) && !memchr(part_bytes, '\0', part_length);
		return memmem(bytes, length, part_bytes, part_length);
	default:
		return value_equal(&run->arena, whole, part);
	}
}

enum run_outcome function_contains(struct run *run, const struct value *in, const struct value *part,
                                   struct value *result)
{
	bool certain = true;

	if (in->kind != part->kind)
		return run_unfit(run);
	*result = value_bool(contains(run, in, part, &certain));
	return certain ? RUN_DONE : run_unfit(run);
}

enum run_outcome function_inside(struct run *run, const struct value *in, const struct value *whole,
                                 struct value *result)
{
	return function_contains(run, whole, in, result);
}

/* ---- arrays of arrays, and the leaves of a value ---- */

enum run_outcome function_transpose(struct run *run, const struct value *in, struct value *result)
{
	const char *p = value_inside(in);
	struct value row, element;
	struct text *text;
	size_t columns = 0, rows = 0;

	if (in->kind != JSON_ARRAY)
		return run_unfit(run);
	while (value_next(&p, &row)) {
		size_t count = row.kind == JSON_ARRAY ? value_count(&row) : 0;

		if (row.kind != JSON_ARRAY)
			return run_unfit(run);
		columns = count > columns ? count : columns;
		rows++;
	}
	if (rows * columns > 100000)
		return run_fallback(run, "nested too deep, or too large");
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	for (size_t i = 0; i < columns; i++) {
		text_add_string(text, i > 0 ? ",[" : "[");
		p = value_inside(in);
		for (bool first = true; value_next(&p, &row); first = false) {
			if (!first)
				text_add_char(text, ',');
			if (!value_element(&row, (long)i, &element))
				element = value_constant(JSON_NULL);
			value_add(text, &element);
		}
		text_add_char(text, ']');
	}
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}
