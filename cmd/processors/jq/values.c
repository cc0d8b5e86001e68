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
		return run_unfit(run);
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
		return run_unfit(run);
	bytes = value_bytes(&run->arena, in, &length);
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
