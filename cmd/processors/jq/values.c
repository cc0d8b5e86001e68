/*
 * Functions about a value, and of numbers.
 */
#include "cmd/processors/jq/functions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/jq/run.h"

enum run_outcome function_not(struct run *run, const struct value *in, struct value *result)
{
	(void)run;
	*result = value_bool(!value_truth(in));
	return RUN_DONE;
}

enum run_outcome function_type(struct run *run, const struct value *in, struct value *result)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",     [JSON_FALSE] = "boolean", [JSON_TRUE] = "boolean", [JSON_NUMBER] = "number",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array",   [JSON_OBJECT] = "object"};

	*result = value_string(&run->arena, names[in->kind], strlen(names[in->kind]));
	return RUN_DONE;
}

enum run_outcome function_length(struct run *run, const struct value *in, struct value *result)
{
	size_t length, count = 0;
	const char *bytes;

	switch (in->kind) {
	case JSON_NULL:
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		count = value_count(in);
		break;
	case JSON_STRING:
		bytes = value_bytes(&run->arena, in, &length);
		for (size_t i = 0; i < length; i++)
			count += (bytes[i] & 0xc0) != 0x80;
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		return run_wrong(run);
	default:
		return run_unfit(run);
	}
	*result = value_number((double)count);
	return RUN_DONE;
}

enum run_outcome function_utf8bytelength(struct run *run, const struct value *in, struct value *result)
{
	size_t length;

	if (in->kind != JSON_STRING)
		return run_wrong(run);
	value_bytes(&run->arena, in, &length);
	*result = value_number((double)length);
	return RUN_DONE;
}

enum run_outcome function_has(struct run *run, const struct value *in, const struct value *key, struct value *result)
{
	struct value found;
	double index;

	if (in->kind == JSON_OBJECT && key->kind == JSON_STRING) {
		*result = value_bool(value_member(in, key->at, key->length, &found));
		return RUN_DONE;
	}
	if (in->kind != JSON_ARRAY || key->kind != JSON_NUMBER)
		return run_unfit(run);
	index = value_double(key);
	if (!(fabs(index) < 1e9) || index != floor(index))
		return run_unfit(run);
	*result = value_bool(index >= 0 && index < (double)value_count(in));
	return RUN_DONE;
}

enum run_outcome function_in(struct run *run, const struct value *in, const struct value *container,
                             struct value *result)
{
	return function_has(run, container, in, result);
}

/* ---- numbers ---- */

typedef double real_function(double);

static enum run_outcome number_function(struct run *run, const struct value *in, real_function *function,
                                        struct value *result)
{
	double number = in->kind == JSON_NUMBER ? function(value_double(in)) : NAN;

	if (number != 0 && !isnormal(number))
		return run_unfit(run);
	*result = value_number(number);
	return RUN_DONE;
}

enum run_outcome function_floor(struct run *run, const struct value *in, struct value *result)
{
	return number_function(run, in, floor, result);
}

enum run_outcome function_sqrt(struct run *run, const struct value *in, struct value *result)
{
	return number_function(run, in, sqrt, result);
}

enum run_outcome function_ceil(struct run *run, const struct value *in, struct value *result)
{
	return number_function(run, in, ceil, result);
}

enum run_outcome function_round(struct run *run, const struct value *in, struct value *result)
{
	return number_function(run, in, round, result);
}

enum run_outcome function_fabs(struct run *run, const struct value *in, struct value *result)
{
	return number_function(run, in, fabs, result);
}

/* Newer versions negate a number as it is written: it must be written as its double is. Of 0 they do not agree. */
enum run_outcome function_negate(struct run *run, const struct value *in, struct value *result)
{
	char digits[NUMBER_TEXT] = "";
	double number;

	if (in->kind != JSON_NUMBER)
		return run_wrong(run);
	number = value_double(in);
	if (!isnormal(number))
		return run_unfit(run);
	if (in->at && (number_text(digits, number) != in->length || memcmp(digits, in->at, in->length) != 0))
		return run_fallback(run, "a number that jq does not print as it is written");
	*result = value_number(-number);
	return RUN_DONE;
}

/* What begins with a letter is no number; with some letters it may be one for some versions. */
static bool json_nonsense(const char *bytes, size_t length)
{
	unsigned char first = length > 0 ? (unsigned char)bytes[0] | 0x20 : 0;

	return first >= 'a' && first <= 'z' && first != 'n' && first != 'i';
}

enum run_outcome function_tonumber(struct run *run, const struct value *in, struct value *result)
{
	struct json_result scanned;
	struct text *text;
	const char *bytes;
	size_t length;
	bool valid;

	if (in->kind == JSON_NUMBER) {
		*result = *in;
		return RUN_DONE;
	}
	if (in->kind != JSON_STRING)
		return run_wrong(run);
	bytes = value_bytes(&run->arena, in, &length);
	if (json_nonsense(bytes, length))
		return run_wrong(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add(text, bytes, length);
	json_pad(text);
	valid = json_scan(text->data, length, NULL, NULL, JSON_FACTS, &scanned) && scanned.kind == JSON_NUMBER &&
	        scanned.end - scanned.start == length && !(scanned.flags & (JSON_RENUMBER | JSON_RENUMBER_EXACT));
	if (!valid) {
		run_text_back(run);
		return run_unfit(run);
	}
	*result = run_text_value(run);
	return RUN_DONE;
}

/* Of numbers that JSON can hold. */
static enum run_outcome about_number(struct run *run, const struct value *in, bool truth, struct value *result)
{
	*result = value_bool(truth);
	return in->kind == JSON_NUMBER && isfinite(value_double(in)) ? RUN_DONE : run_unfit(run);
}

enum run_outcome function_isinfinite(struct run *run, const struct value *in, struct value *result)
{
	return about_number(run, in, false, result);
}

enum run_outcome function_isnan(struct run *run, const struct value *in, struct value *result)
{
	return about_number(run, in, false, result);
}

enum run_outcome function_isnormal(struct run *run, const struct value *in, struct value *result)
{
	return about_number(run, in, in->kind == JSON_NUMBER && isnormal(value_double(in)), result);
}

enum run_outcome one_real(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result)
{
	const struct node *nodes[] = {node->a, node->b};
	struct value values[2];
	double number;
	enum run_outcome outcome = run_ready(run, in, &values[0]);

	for (int i = 0; i < 2 && nodes[i] && outcome == RUN_DONE; i++) {
		outcome = run_single(run, nodes[i], in, environment, &values[i]);
		if (outcome == RUN_DONE)
			outcome = run_ready(run, &values[i], &values[i]);
	}
	if (outcome != RUN_DONE)
		return outcome;
	if (values[0].kind != JSON_NUMBER || (node->a && values[1].kind != JSON_NUMBER))
		return run_unfit(run);
	number = node->a ? node->real2(value_double(&values[0]), value_double(&values[1]))
	                 : node->real(value_double(&values[0]));
	if (number != 0 && !isnormal(number))
		return run_unfit(run);
	*result = value_number(number);
	return RUN_DONE;
}
