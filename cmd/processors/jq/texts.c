/*
 * Functions of strings.
 */
#include "cmd/processors/jq/functions.h"

#include <string.h>

#include "cmd/processors/jq/run.h"

enum run_outcome function_tostring(struct run *run, const struct value *in, struct value *result)
{
	struct text *text;
	enum run_outcome outcome;

	if (in->kind == JSON_STRING) {
		*result = *in;
		return RUN_DONE;
	}
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '"');
	outcome = run_add_string(run, text, in);
	text_add_char(text, '"');
	*result = run_text_value(run);
	return outcome;
}

enum run_outcome function_tojson(struct run *run, const struct value *in, struct value *result)
{
	if (in->kind != JSON_STRING)
		return function_tostring(run, in, result);
	*result = value_string(&run->arena, in->at, in->length);
	return RUN_DONE;
}

enum run_outcome function_fromjson(struct run *run, const struct value *in, struct value *result)
{
	struct json_result scanned;
	struct json_span span;
	struct text *text = run_text(run);
	const char *bytes;
	char *copy;
	size_t length;

	if (!text)
		return RUN_FALLBACK;
	run_text_back(run);
	if (in->kind != JSON_STRING)
		return run_unfit(run);
	bytes = value_bytes(&run->arena, in, &length);
	copy = arena_alloc(&run->arena, length + 1);
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	if (!json_scan(copy, length, NULL, NULL, JSON_FACTS, &scanned))
		return run_unfit(run);
	span = (struct json_span){.at = copy + scanned.start,
	                          .length = scanned.end - scanned.start,
	                          .kind = scanned.kind,
	                          .flags = scanned.flags};
	return run_span(run, &span, result);
}

static enum run_outcome change_case(struct run *run, const struct value *in, char first, struct value *result)
{
	const char *bytes;
	char *copy;
	size_t length;

	if (in->kind != JSON_STRING)
		return run_wrong(run);
	bytes = value_bytes(&run->arena, in, &length);
	copy = arena_alloc(&run->arena, length + 1);
	for (size_t i = 0; i < length; i++)
		copy[i] = (char)(bytes[i] >= first && bytes[i] < first + 26 ? bytes[i] ^ 0x20 : bytes[i]);
	*result = value_string(&run->arena, copy, length);
	return RUN_DONE;
}

enum run_outcome function_ascii_downcase(struct run *run, const struct value *in, struct value *result)
{
	return change_case(run, in, 'A', result);
}

enum run_outcome function_ascii_upcase(struct run *run, const struct value *in, struct value *result)
{
	return change_case(run, in, 'a', result);
}

/* Two strings, as bytes. */
struct two {
	const char *a, *b;
	size_t a_length, b_length;
};

static bool two_strings(struct run *run, const struct value *a, const struct value *b, struct two *two)
{
	if (a->kind != JSON_STRING || b->kind != JSON_STRING)
		return false;
	two->a = value_bytes(&run->arena, a, &two->a_length);
	two->b = value_bytes(&run->arena, b, &two->b_length);
	return true;
}

static bool begins(const struct two *two)
{
	return two->a_length >= two->b_length && memcmp(two->a, two->b, two->b_length) == 0;
}

static bool ends(const struct two *two)
{
	return two->a_length >= two->b_length &&
	       memcmp(two->a + two->a_length - two->b_length, two->b, two->b_length) == 0;
}

enum run_outcome function_startswith(struct run *run, const struct value *in, const struct value *argument,
                                     struct value *result)
{
	struct two two;

	if (!two_strings(run, in, argument, &two))
		return run_wrong(run);
	*result = value_bool(begins(&two));
	return RUN_DONE;
}

enum run_outcome function_endswith(struct run *run, const struct value *in, const struct value *argument,
                                   struct value *result)
{
	struct two two;

	if (!two_strings(run, in, argument, &two))
		return run_wrong(run);
	*result = value_bool(ends(&two));
	return RUN_DONE;
}

enum run_outcome function_ltrimstr(struct run *run, const struct value *in, const struct value *argument,
                                   struct value *result)
{
	struct two two;

	if (!two_strings(run, in, argument, &two))
		return run_unfit(run);
	*result = begins(&two) ? value_string(&run->arena, two.a + two.b_length, two.a_length - two.b_length) : *in;
	return RUN_DONE;
}

enum run_outcome function_rtrimstr(struct run *run, const struct value *in, const struct value *argument,
                                   struct value *result)
{
	struct two two;

	if (!two_strings(run, in, argument, &two) || two.b_length == 0)
		return run_unfit(run);
	*result = ends(&two) ? value_string(&run->arena, two.a, two.a_length - two.b_length) : *in;
	return RUN_DONE;
}

enum run_outcome function_split(struct run *run, const struct value *in, const struct value *argument,
                                struct value *result)
{
	struct two two;
	struct text *text;
	const char *at, *end, *next;

	if (!two_strings(run, in, argument, &two) || two.b_length == 0)
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '[');
	at = two.a;
	end = two.a + two.a_length;
	while (at < end) {
		next = memmem(at, (size_t)(end - at), two.b, two.b_length);
		if (text->length > 1)
			text_add_char(text, ',');
		json_add_string(text, at, (size_t)((next ? next : end) - at));
		if (!next)
			break;
		at = next + two.b_length;
		if (at == end)
			text_add_string(text, ",\"\"");
	}
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}

enum run_outcome function_join(struct run *run, const struct value *in, const struct value *separator,
                               struct value *result)
{
	const char *p = value_inside(in);
	struct value element;
	struct text *text;
	enum run_outcome outcome = RUN_DONE;
	bool first = true;

	if (in->kind != JSON_ARRAY || separator->kind != JSON_STRING)
		return run_unfit(run);
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '"');
	while (outcome == RUN_DONE && value_next(&p, &element)) {
		if (!first)
			text_add(text, separator->at + 1, separator->length - 2);
		first = false;
		if (element.kind == JSON_ARRAY || element.kind == JSON_OBJECT)
			outcome = run_unfit(run);
		else if (element.kind != JSON_NULL)
			outcome = run_add_string(run, text, &element);
	}
	text_add_char(text, '"');
	*result = run_text_value(run);
	return outcome;
}
