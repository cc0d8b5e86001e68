#include "common/expression.h"

#include <jq.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"

struct expression {
	struct json_want want; /* a path … */
	jq_state *jq; /* … or, if this is not NULL, a program */
	size_t names;
	char *mistake; /* the first that the compiler found */
};

/* The first line of what the compiler says, without its name and without the place, which is that in our wrapping. */
static void on_mistake(void *context, jv message)
{
	struct expression *expression = context;
	const char *text, *end, *place;

	message = jq_format_error(message);
	text = jv_string_value(message);
	if (strncmp(text, "jq: error: ", 11) == 0)
		text += 11;
	end = text + strcspn(text, "\n");
	place = strstr(text, " (Unix shell quoting issues?)");
	if (place && place < end)
		end = place;
	place = strstr(text, " at <top-level>");
	if (place && place < end)
		end = place;
	if (!expression->mistake)
		expression->mistake = xstrndup(text, (size_t)(end - text));
	jv_free(message);
}

static void on_no_memory(void *context)
{
	(void)context;
	fail("out of memory");
}

/* The input is an array of the text and the variables' values. */
static char *wrap(const char *program, const char *const *names)
{
	struct text text = {0};

	for (size_t i = 0; names && names[i]; i++)
		text_addf(&text, ".[%zu] as $%s | ", i + 1, names[i]);
	text_addf(&text, ".[0] | (%s\n)", program);
	return text_detach(&text);
}

static bool compile(struct expression *expression, const char *program, const char *const *names)
{
	char *wrapped = wrap(program, names);
	bool good;

	expression->jq = jq_init();
	if (!expression->jq)
		fail("out of memory");
	jq_set_nomem_handler(expression->jq, on_no_memory, NULL);
	jq_set_error_cb(expression->jq, on_mistake, expression);
	/* An import without these is an assertion that fails (1.6). */
	jq_set_attr(expression->jq, jv_string("JQ_LIBRARY_PATH"), jv_array());
	jq_set_attr(expression->jq, jv_string("JQ_ORIGIN"), jv_string("/"));
	jq_set_attr(expression->jq, jv_string("PROGRAM_ORIGIN"), jv_string("/"));
	good = jq_compile(expression->jq, wrapped);
	free(wrapped);
	return good;
}

struct expression *expression_new(const char *program, const char *const *names, char **mistake)
{
	struct expression *expression = xcalloc(1, sizeof(*expression));
	const char *no_path;

	while (names && names[expression->names])
		expression->names++;
	if (*program == '.' && json_want_path(&expression->want, program, &no_path) >= 0)
		return expression;
	if (compile(expression, program, names))
		return expression;
	*mistake = expression->mistake ? expression->mistake : xstrdup("it does not compile");
	expression->mistake = NULL;
	expression_free(expression);
	return NULL;
}

void expression_free(struct expression *expression)
{
	if (!expression)
		return;
	json_want_free(&expression->want);
	if (expression->jq)
		jq_teardown(&expression->jq);
	free(expression->mistake);
	free(expression);
}

static enum expression_result look_up(struct expression *expression, const char *json, size_t length,
                                      struct text *result)
{
	struct json_result scanned;
	struct json_span span;

	if (!json_scan(json, length, &expression->want, &span, 0, &scanned)) {
		text_add_string(result, scanned.error);
		return EXPRESSION_ERROR;
	}
	if (span.kind == JSON_NONE || span.kind == JSON_NULL)
		return EXPRESSION_NOTHING;
	json_add_compact(result, span.at, span.length);
	return EXPRESSION_VALUE;
}

static jv input_of(const struct expression *expression, const char *json, size_t length, const char *const *values)
{
	char *copy = xstrndup(json, length);
	jv input = JV_ARRAY(jv_parse(copy));

	free(copy);
	for (size_t i = 0; i < expression->names; i++)
		input = jv_array_append(input, jv_parse(values[i]));
	return input;
}

/* jq's own limits are not those of json_scan: nesting, and what it makes of numbers. */
static bool parsed(jv input)
{
	jv text = jv_array_get(jv_copy(input), 0);
	bool good = jv_is_valid(text);

	jv_free(text);
	return good;
}

static enum expression_result take(jv value, struct text *result)
{
	enum expression_result kind = EXPRESSION_NOTHING;

	if (jv_is_valid(value) && jv_get_kind(value) != JV_KIND_NULL) {
		kind = EXPRESSION_VALUE;
		value = jv_dump_string(value, 0);
	} else if (!jv_is_valid(value) && jv_invalid_has_msg(jv_copy(value))) {
		kind = EXPRESSION_ERROR;
		value = jv_invalid_get_msg(value);
		if (jv_get_kind(value) != JV_KIND_STRING)
			value = jv_dump_string(value, 0);
	}
	if (kind != EXPRESSION_NOTHING)
		text_add(result, jv_string_value(value), (size_t)jv_string_length_bytes(jv_copy(value)));
	jv_free(value);
	return kind;
}

enum expression_result expression_run(struct expression *expression, const char *json, size_t length,
                                      const char *const *values, struct text *result)
{
	enum expression_result kind;
	jv input;

	text_clear(result);
	if (!expression->jq)
		return look_up(expression, json, length, result);
	input = input_of(expression, json, length, values);
	if (!parsed(input)) {
		jv_free(input);
		text_add_string(result, "jq cannot take the text");
		return EXPRESSION_ERROR;
	}
	jq_start(expression->jq, input, 0);
	kind = take(jq_next(expression->jq), result);
	if (jq_halted(expression->jq))
		fail("an expression must not halt");
	return kind;
}

bool expression_true(const struct text *result)
{
	return result->length > 0 && strcmp(result->data, "false") != 0 && strcmp(result->data, "null") != 0;
}
