/*
 * The engine through libjq, versions 1.6 to 1.8.
 *
 * Every function of libjq that takes a jv takes it over, except jv_get_kind, jv_is_valid, jv_number_value and
 * jv_string_value. After jq_next has returned something invalid it must not be called again before jq_start, and after
 * a halt the state must not be used again (1.6 ends with an assertion, or corrupts its memory).
 */
#include "cmd/processors/jq/libjq.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/jq/convert.h"
#include "cmd/processors/jq/library.h"
#include "cmd/processors/jq/libjq_inputs.h"
#include "cmd/processors/jq/sorter.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/message.h"

enum { HALT_ERROR = 5 }; /* halt_error without a status */

struct libjq {
	const struct engine_program *program;
	const struct engine_host *host;
	struct library library;
	jq_state *state;
	jv_parser *parser; /* of the current line; NULL: all its values are taken */
	jv_parser *plain; /* of all lines that are one object or array */
	bool doubles; /* this libjq's numbers are doubles */
	struct text text; /* of a result */
	struct sorter sorter;
	bool running; /* within jq_next */
	bool begun; /* with null_input: its one run */
	bool slurped; /* with slurp: the array has been given out */
	bool halted;
	int status;
};

static void end_line(struct libjq *libjq)
{
	const struct library *jq = &libjq->library;

	if (libjq->parser)
		jq->jv_parser_free(libjq->parser);
	libjq->parser = NULL;
}

/* The current line cannot be handled: what it still holds is dropped. */
static void bad_line(struct libjq *libjq, jv reason)
{
	const struct library *jq = &libjq->library;

	end_line(libjq);
	libjq->host->bad(libjq->host->context, true, jq->jv_string_value(reason));
	jq->jv_free(reason);
}

/* Every line is a text of its own, so that libjq's "line 1" says nothing. */
static jv parse_error(const struct library *jq, jv message)
{
	static const char first_line[] = " at line 1, column ";
	const char *text = jq->jv_string_value(message), *place = strstr(text, first_line);
	jv reason;

	if (place)
		reason = jq->jv_string_fmt("parse error: %.*s at column %s", (int)(place - text), text,
		                           place + strlen(first_line));
	else
		reason = jq->jv_string_fmt("parse error: %s", text);
	jq->jv_free(message);
	return reason;
}

/*
 * The value of a line that is one object or array to the letter, as nearly all are: a parser that has taken such a text whole
 * is as good as new, and serves for all of them. Else invalid, without a message.
 */
static jv plain_value(struct libjq *libjq, const char *line, size_t length)
{
	const struct library *jq = &libjq->library;

	struct json_result result;
	jv value;

	if (!json_scan(line, length, NULL, NULL, 0, &result) ||
	    (result.kind != JSON_OBJECT && result.kind != JSON_ARRAY))
		return jq->jv_invalid();
	if (libjq->doubles) {
		value = convert_in(jq, line + result.start);
		if (library_valid(jq, value))
			return value;
		jq->jv_free(value);
	}
	jq->jv_parser_set_buf(libjq->plain, line + result.start, (int)(result.end - result.start), 1);
	value = jq->jv_parser_next(libjq->plain);
	if (library_valid(jq, value))
		return value;
	/* libjq has limits that the scanner does not know: the line goes the long way, which says them. */
	jq->jv_free(value);
	jq->jv_parser_free(libjq->plain);
	libjq->plain = jq->jv_parser_new(0);
	return jq->jv_invalid();
}

/* The next value of the current line, or of the lines after it; invalid if there is none. */
static jv next_value(struct libjq *libjq)
{
	const struct library *jq = &libjq->library;
	const char *line, *stray;
	size_t length;
	jv value;

	for (;;) {
		if (libjq->parser) {
			value = jq->jv_parser_next(libjq->parser);
			if (library_valid(jq, value))
				return value;
			if (jq->jv_invalid_has_msg(jq->jv_copy(value)))
				bad_line(libjq, parse_error(jq, jq->jv_invalid_get_msg(jq->jv_copy(value))));
			jq->jv_free(value);
			end_line(libjq);
		}
		if (!libjq->host->line(libjq->host->context, libjq->running, &line, &length))
			return jq->jv_invalid();
		if (length > ENGINE_TEXT_MOST)
			bad_line(libjq, jq->jv_string_fmt("longer than libjq can take (%luM)", ENGINE_TEXT_MOST >> 20));
		else if (libjq->program->raw_input)
			return jq->jv_string_sized(line, (int)length);
		else if (library_valid(jq, value = plain_value(libjq, line, length)))
			return value;
		else if ((stray = inputs_stray_byte(line, length)))
			bad_line(libjq, inputs_stray_error(jq, line, stray));
		else
			libjq->parser = inputs_parse(jq, line, length);
	}
}

/* The next input, as the options define it; invalid if there is none. */
static jv next_input(struct libjq *libjq)
{
	const struct library *jq = &libjq->library;
	jv all, value;

	if (!libjq->program->slurp || libjq->program->raw_input)
		return next_value(libjq);
	if (libjq->slurped)
		return jq->jv_invalid();
	libjq->slurped = true;
	all = jq->jv_array();
	while (library_valid(jq, value = next_value(libjq)))
		all = jq->jv_array_append(all, value);
	jq->jv_free(value);
	return all;
}

static jv on_input(jq_state *state, void *data)
{
	(void)state;
	return next_input(data);
}

static void on_debug(void *data, jv value)
{
	const struct library *jq = data;

	value = jq->jv_dump_string(
		jq->jv_array_append(jq->jv_array_append(jq->jv_array(), jq->jv_string("DEBUG:")), value), 0);
	fprintf(stderr, "%s\n", jq->jv_string_value(value));
	jq->jv_free(value);
}

/* Strings as they are: the one way to say something without its quotes. */
static void on_stderr(void *data, jv value)
{
	const struct library *jq = data;

	if (jq->jv_get_kind(value) != JV_KIND_STRING)
		value = jq->jv_dump_string(value, 0);
	fwrite(jq->jv_string_value(value), 1, (size_t)jq->jv_string_length_bytes(jq->jv_copy(value)), stderr);
	jq->jv_free(value);
}

/* A line of what the compiler says, without its name and the white space behind. */
static void say_mistake(const char *line, size_t length)
{
	static const char *const names[] = {"jq: error: ", "jq: "};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t name = strlen(names[i]);

		if (length >= name && memcmp(line, names[i], name) == 0) {
			line += name;
			length -= name;
		}
	}
	while (length > 0 && line[length - 1] == ' ')
		length--;
	if (length > 0)
		message_error("%.*s", (int)length, line);
}

static void on_mistake(void *data, jv message)
{
	const struct library *jq = data;
	const char *line;

	message = jq->jq_format_error(message);
	for (line = jq->jv_string_value(message); *line;) {
		size_t length = strcspn(line, "\n");

		say_mistake(line, length);
		line += length + (line[length] == '\n');
	}
	jq->jv_free(message);
}

static void on_no_memory(void *data)
{
	(void)data;
	fail("out of memory");
}

struct libjq *libjq_open(const struct engine_program *program, const struct engine_host *host)
{
	struct libjq *libjq = xcalloc(1, sizeof(*libjq));
	const struct library *jq = &libjq->library;
	jv arguments;

	library_load(&libjq->library);
	libjq->program = program;
	libjq->host = host;
	libjq->plain = jq->jv_parser_new(0);
	libjq->doubles = libjq_prints_doubles();
	libjq->state = jq->jq_init();
	if (!libjq->state)
		fail("out of memory");
	jq->jq_set_nomem_handler(libjq->state, on_no_memory, NULL);
	jq->jq_set_error_cb(libjq->state, on_mistake, &libjq->library);
	jq->jq_set_input_cb(libjq->state, on_input, libjq);
	jq->jq_set_debug_cb(libjq->state, on_debug, &libjq->library);
	if (jq->jq_set_stderr_cb)
		jq->jq_set_stderr_cb(libjq->state, on_stderr, &libjq->library);
	inputs_set_paths(jq, libjq->state, program);
	arguments = inputs_variables(jq, program);
	if (!library_valid(jq, arguments) || !jq->jq_compile_args(libjq->state, program->text, arguments)) {
		libjq_free(libjq);
		return NULL;
	}
	return libjq;
}

static void give(struct libjq *libjq, jv result)
{
	const struct library *jq = &libjq->library;
	const struct engine_program *program = libjq->program;
	const struct engine_host *host = libjq->host;
	jv_kind kind = jq->jv_get_kind(result);
	bool truth = kind != JV_KIND_FALSE && kind != JV_KIND_NULL, raw = program->raw_output && kind == JV_KIND_STRING;

	text_clear(&libjq->text);
	if (!raw && !program->ascii && convert_out(jq, &libjq->text, result, libjq->doubles)) {
		if (program->sort_keys)
			sorter_sort(&libjq->sorter, &libjq->text);
		host->result(host->context, libjq->text.data, libjq->text.length, truth);
		jq->jv_free(result);
		return;
	}
	if (!raw || program->ascii)
		result = jq->jv_dump_string(result, (program->ascii ? JV_PRINT_ASCII : 0) |
		                                            (program->sort_keys ? JV_PRINT_SORTED : 0));
	host->result(host->context, jq->jv_string_value(result),
	             (size_t)jq->jv_string_length_bytes(jq->jv_copy(result)), truth);
	jq->jv_free(result);
}

/* halt has no code; halt_error has a number, 5 by default. Its message is said without any decoration. */
static void halt(struct libjq *libjq)
{
	const struct library *jq = &libjq->library;
	jv code = jq->jq_get_exit_code(libjq->state), message = jq->jq_get_error_message(libjq->state);

	libjq->halted = true;
	libjq->status = library_valid(jq, code) ? HALT_ERROR : STATUS_OK;
	if (jq->jv_get_kind(code) == JV_KIND_NUMBER && isfinite(jq->jv_number_value(code)))
		libjq->status = (int)fmod(jq->jv_number_value(code), 256) & 255;
	jq->jv_free(code);
	if (library_valid(jq, message) && jq->jv_get_kind(message) != JV_KIND_NULL) {
		if (jq->jv_get_kind(message) != JV_KIND_STRING)
			message = jq->jv_string_concat(jq->jv_dump_string(message, 0), jq->jv_string("\n"));
		on_stderr(&libjq->library, message);
	} else {
		jq->jv_free(message);
	}
}

/* The program has raised an error that it did not catch. */
static void failed(struct libjq *libjq, jv message)
{
	const struct library *jq = &libjq->library;
	const struct engine_host *host = libjq->host;

	if (jq->jv_get_kind(message) != JV_KIND_STRING)
		message = jq->jv_string_concat(jq->jv_string("(not a string): "), jq->jv_dump_string(message, 0));
	if (!libjq->program->slurp && host->number(host->context) > 0) {
		bad_line(libjq, message);
	} else {
		host->bad(host->context, false, jq->jv_string_value(message));
		jq->jv_free(message);
	}
}

bool libjq_next(struct libjq *libjq)
{
	const struct library *jq = &libjq->library;
	jv input, result;

	if (!libjq->program->null_input)
		input = next_input(libjq);
	else
		input = libjq->begun ? jq->jv_invalid() : jq->jv_null();
	libjq->begun = true;
	if (!library_valid(jq, input)) {
		jq->jv_free(input);
		return false;
	}
	jq->jq_start(libjq->state, input, 0);
	libjq->running = true;
	while (library_valid(jq, result = jq->jq_next(libjq->state)))
		give(libjq, result);
	libjq->running = false;
	if (jq->jq_halted(libjq->state))
		halt(libjq);
	else if (jq->jv_invalid_has_msg(jq->jv_copy(result)))
		failed(libjq, jq->jv_invalid_get_msg(jq->jv_copy(result)));
	jq->jv_free(result);
	return !libjq->halted;
}

bool libjq_halted(const struct libjq *libjq, int *status)
{
	*status = libjq->status;
	return libjq->halted;
}

void libjq_free(struct libjq *libjq)
{
	const struct library *jq = &libjq->library;

	if (libjq->parser)
		jq->jv_parser_free(libjq->parser);
	jq->jv_parser_free(libjq->plain);
	jq->jq_teardown(&libjq->state);
	text_free(&libjq->text);
	sorter_free(&libjq->sorter);
	free(libjq);
}

/*
 * libjq asks these functions of its own for input_line_number and input_filename; they know its own reader only. Being
 * public (jq.h), they are bound to the program's definition before the library's. Where a libjq
 * is bound to its own instead, both builtins fail with its message.
 */
static const struct libjq *from_state(jq_state *state)
{
	void (*get_input)(jq_state *, jq_input_cb *, void **);
	jq_input_cb callback;
	void *data;

	/* Nothing but the state leads to the library that calls. */
	*(void **)&get_input = dlsym(RTLD_DEFAULT, "jq_get_input_cb");
	get_input(state, &callback, &data);
	return data;
}

jv jq_util_input_get_current_line(jq_state *state)
{
	const struct libjq *libjq = from_state(state);

	return libjq->library.jv_number((double)libjq->host->number(libjq->host->context));
}

jv jq_util_input_get_current_filename(jq_state *state)
{
	const struct libjq *libjq = from_state(state);
	const char *name = libjq->host->name(libjq->host->context);

	return name ? libjq->library.jv_string(name) : libjq->library.jv_null();
}

bool libjq_before_1_7(void)
{
	struct library jq;

	library_load(&jq);
	return !jq.jq_set_stderr_cb;
}

bool libjq_prints_doubles(void)
{
	struct library jq;
	jv text;
	bool doubles;

	library_load(&jq);
	text = jq.jv_dump_string(jq.jv_parse("1.10"), 0);
	doubles = strcmp(jq.jv_string_value(text), "1.1") == 0;
	jq.jv_free(text);
	return doubles;
}
