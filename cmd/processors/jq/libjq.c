/*
 * The engine through libjq, versions 1.6 to 1.8.
 *
 * Every function of libjq that takes a jv takes it over, except jv_get_kind, jv_is_valid, jv_number_value and
 * jv_string_value. After jq_next has returned something invalid it must not be called again before jq_start, and after
 * a halt the state must not be used again (1.6 ends with an assertion, or corrupts its memory).
 */
#include "cmd/processors/jq/libjq.h"

#include <jq.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/message.h"

/* Since 1.7; before, libjq itself writes what stderr is given. */
__attribute__((weak)) void jq_set_stderr_cb(jq_state *, jq_msg_cb, void *);

enum { HALT_ERROR = 5 }; /* halt_error without a status */

struct libjq {
	const struct engine_program *program;
	const struct engine_host *host;
	jq_state *jq;
	jv_parser *parser; /* of the current line; NULL: all its values are taken */
	jv_parser *plain; /* of all lines that are one object or array */
	bool running; /* within jq_next */
	bool begun; /* with null_input: its one run */
	bool slurped; /* with slurp: the array has been given out */
	bool halted;
	int status;
};

/*
 * Where the text has a byte that no JSON has, and which 1.6 does not refuse: of a number or word it overlooks what comes
 * after a NUL, and at a record separator it forgets what is unfinished. NULL: nowhere.
 */
static const char *stray_byte(const char *bytes, size_t length)
{
	const char *stray = memchr(bytes, '\0', length);

	return stray ? stray : memchr(bytes, 0x1e, length);
}

static jv stray_byte_error(const char *bytes, const char *stray)
{
	return jv_string_fmt("parse error: byte 0x%02x at column %zu", (unsigned)*stray, (size_t)(stray - bytes) + 1);
}

/* A parser for one text; it gives something invalid, without a message, at the end. */
static jv_parser *parse(const char *bytes, size_t length)
{
	jv_parser *parser = jv_parser_new(0);

	/* A parser skips a byte order mark in front of its input. That is for the host to do, once per stream. */
	if (length > 0 && (unsigned char)bytes[0] == 0xef) {
		jv_parser_set_buf(parser, " ", 1, 1);
		jv_free(jv_parser_next(parser));
	}
	jv_parser_set_buf(parser, bytes, (int)length, 0);
	return parser;
}

/* All values of a text as an array, or invalid with a message. */
static jv parse_all(const char *bytes, size_t length)
{
	const char *stray = stray_byte(bytes, length);
	jv_parser *parser;
	jv all, value;

	if (stray)
		return jv_invalid_with_msg(stray_byte_error(bytes, stray));
	parser = parse(bytes, length);
	all = jv_array();
	while (jv_is_valid(value = jv_parser_next(parser)))
		all = jv_array_append(all, value);
	jv_parser_free(parser);
	if (jv_invalid_has_msg(jv_copy(value))) {
		jv_free(all);
		return value;
	}
	jv_free(value);
	return all;
}

static void end_line(struct libjq *libjq)
{
	if (libjq->parser)
		jv_parser_free(libjq->parser);
	libjq->parser = NULL;
}

/* The current line cannot be handled: what it still holds is dropped. */
static void bad_line(struct libjq *libjq, jv reason)
{
	end_line(libjq);
	libjq->host->bad(libjq->host->context, true, jv_string_value(reason));
	jv_free(reason);
}

/* Every line is a text of its own, so that libjq's "line 1" says nothing. */
static jv parse_error(jv message)
{
	static const char first_line[] = " at line 1, column ";
	const char *text = jv_string_value(message), *place = strstr(text, first_line);
	jv reason;

	if (place)
		reason = jv_string_fmt("parse error: %.*s at column %s", (int)(place - text), text,
		                       place + strlen(first_line));
	else
		reason = jv_string_fmt("parse error: %s", text);
	jv_free(message);
	return reason;
}

/*
 * The value of a line that is one object or array to the letter, as nearly all are: a parser that has taken such a text whole
 * is as good as new, and serves for all of them. Else invalid, without a message.
 */
static jv plain_value(struct libjq *libjq, const char *line, size_t length)
{
	struct json_result result;
	jv value;

	if (!json_scan(line, length, NULL, NULL, 0, &result) ||
	    (result.kind != JSON_OBJECT && result.kind != JSON_ARRAY))
		return jv_invalid();
	jv_parser_set_buf(libjq->plain, line + result.start, (int)(result.end - result.start), 1);
	value = jv_parser_next(libjq->plain);
	if (jv_is_valid(value))
		return value;
	/* libjq has limits that the scanner does not know: the line goes the long way, which says them. */
	jv_free(value);
	jv_parser_free(libjq->plain);
	libjq->plain = jv_parser_new(0);
	return jv_invalid();
}

/* The next value of the current line, or of the lines after it; invalid if there is none. */
static jv next_value(struct libjq *libjq)
{
	const char *line, *stray;
	size_t length;
	jv value;

	for (;;) {
		if (libjq->parser) {
			value = jv_parser_next(libjq->parser);
			if (jv_is_valid(value))
				return value;
			if (jv_invalid_has_msg(jv_copy(value)))
				bad_line(libjq, parse_error(jv_invalid_get_msg(jv_copy(value))));
			jv_free(value);
			end_line(libjq);
		}
		if (!libjq->host->line(libjq->host->context, libjq->running, &line, &length))
			return jv_invalid();
		if (length > ENGINE_TEXT_MOST)
			bad_line(libjq, jv_string_fmt("longer than libjq can take (%luM)", ENGINE_TEXT_MOST >> 20));
		else if (libjq->program->raw_input)
			return jv_string_sized(line, (int)length);
		else if (jv_is_valid(value = plain_value(libjq, line, length)))
			return value;
		else if ((stray = stray_byte(line, length)))
			bad_line(libjq, stray_byte_error(line, stray));
		else
			libjq->parser = parse(line, length);
	}
}

/* The next input, as the options define it; invalid if there is none. */
static jv next_input(struct libjq *libjq)
{
	jv all, value;

	if (!libjq->program->slurp || libjq->program->raw_input)
		return next_value(libjq);
	if (libjq->slurped)
		return jv_invalid();
	libjq->slurped = true;
	all = jv_array();
	while (jv_is_valid(value = next_value(libjq)))
		all = jv_array_append(all, value);
	jv_free(value);
	return all;
}

static jv on_input(jq_state *jq, void *data)
{
	(void)jq;
	return next_input(data);
}

static void on_debug(void *data, jv value)
{
	(void)data;
	value = jv_dump_string(JV_ARRAY(jv_string("DEBUG:"), value), 0);
	fprintf(stderr, "%s\n", jv_string_value(value));
	jv_free(value);
}

/* Strings as they are: the one way to say something without its quotes. */
static void on_stderr(void *data, jv value)
{
	(void)data;
	if (jv_get_kind(value) != JV_KIND_STRING)
		value = jv_dump_string(value, 0);
	fwrite(jv_string_value(value), 1, (size_t)jv_string_length_bytes(jv_copy(value)), stderr);
	jv_free(value);
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
	const char *line;

	(void)data;
	message = jq_format_error(message);
	for (line = jv_string_value(message); *line;) {
		size_t length = strcspn(line, "\n");

		say_mistake(line, length);
		line += length + (line[length] == '\n');
	}
	jv_free(message);
}

static void on_no_memory(void *data)
{
	(void)data;
	fail("out of memory");
}

/* The value of an argument; invalid if it is no JSON: this has been said. */
static jv argument_value(const struct argument *argument)
{
	jv value;

	if (argument->kind == ARGUMENT_STRING)
		return jv_string_sized(argument->bytes, (int)argument->length);
	value = parse_all(argument->bytes, argument->length);
	if (jv_is_valid(value) && argument->kind == ARGUMENT_JSON) {
		if (jv_array_length(jv_copy(value)) == 1)
			return jv_array_get(value, 0);
		jv_free(value);
		value = jv_invalid_with_msg(jv_string("not one JSON value"));
	}
	if (!jv_is_valid(value)) {
		value = jv_invalid_get_msg(value);
		message_error("%s %s: %s", argument->option, argument->name ? argument->name : argument->bytes,
		              jv_string_value(value));
		jv_free(value);
		value = jv_invalid();
	}
	return value;
}

/* The program's variables: those named, and $ARGS. Invalid if an argument is no JSON. */
static jv variables(const struct engine_program *program)
{
	jv named = jv_object(), positional = jv_array();

	for (size_t i = 0; i < program->argument_count; i++) {
		const struct argument *argument = &program->arguments[i];
		jv value = argument_value(argument);

		if (!jv_is_valid(value)) {
			jv_free(named);
			jv_free(positional);
			return value;
		}
		if (!argument->name)
			positional = jv_array_append(positional, value);
		else if (jv_object_has(jv_copy(named), jv_string(argument->name)))
			jv_free(value);
		else
			named = jv_object_set(named, jv_string(argument->name), value);
	}
	return jv_object_set(jv_copy(named), jv_string("ARGS"),
	                     JV_OBJECT(jv_string("positional"), positional, jv_string("named"), named));
}

static jv resolved(const char *path)
{
	char *real = realpath(path, NULL);
	jv result = jv_string(real ? real : path);

	free(real);
	return result;
}

/* Where modules are looked for. An import without JQ_LIBRARY_PATH is an assertion that fails (1.6). */
static void set_paths(struct libjq *libjq)
{
	const struct option_list *library = &libjq->program->library;
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	jv paths = jv_array();

	for (size_t i = 0; i < library->count; i++)
		paths = jv_array_append(paths, resolved(library->items[i]));
	if (library->count == 0) {
		jv_free(paths);
		paths = JV_ARRAY(jv_string("~/.jq"), jv_string("$ORIGIN/../lib/jq"), jv_string("$ORIGIN/../lib"));
	}
	self[length > 0 ? length : 0] = '\0';
	jq_set_attr(libjq->jq, jv_string("JQ_LIBRARY_PATH"), paths);
	jq_set_attr(libjq->jq, jv_string("JQ_ORIGIN"), jv_string(dirname(self)));
	jq_set_attr(libjq->jq, jv_string("PROGRAM_ORIGIN"), resolved(libjq->program->origin));
}

struct libjq *libjq_open(const struct engine_program *program, const struct engine_host *host)
{
	struct libjq *libjq = xcalloc(1, sizeof(*libjq));
	jv arguments;

	libjq->program = program;
	libjq->host = host;
	libjq->plain = jv_parser_new(0);
	libjq->jq = jq_init();
	if (!libjq->jq)
		fail("out of memory");
	jq_set_nomem_handler(libjq->jq, on_no_memory, NULL);
	jq_set_error_cb(libjq->jq, on_mistake, NULL);
	jq_set_input_cb(libjq->jq, on_input, libjq);
	jq_set_debug_cb(libjq->jq, on_debug, NULL);
	if (jq_set_stderr_cb)
		jq_set_stderr_cb(libjq->jq, on_stderr, NULL);
	set_paths(libjq);
	arguments = variables(program);
	if (!jv_is_valid(arguments) || !jq_compile_args(libjq->jq, program->text, arguments)) {
		libjq_free(libjq);
		return NULL;
	}
	return libjq;
}

static void give(struct libjq *libjq, jv result)
{
	const struct engine_program *program = libjq->program;
	jv_kind kind = jv_get_kind(result);

	if (!program->raw_output || program->ascii || kind != JV_KIND_STRING)
		result = jv_dump_string(result, (program->ascii ? JV_PRINT_ASCII : 0) |
		                                        (program->sort_keys ? JV_PRINT_SORTED : 0));
	libjq->host->result(libjq->host->context, jv_string_value(result),
	                    (size_t)jv_string_length_bytes(jv_copy(result)),
	                    kind != JV_KIND_FALSE && kind != JV_KIND_NULL);
	jv_free(result);
}

/* halt has no code; halt_error has a number, 5 by default. Its message is said without any decoration. */
static void halt(struct libjq *libjq)
{
	jv code = jq_get_exit_code(libjq->jq), message = jq_get_error_message(libjq->jq);

	libjq->halted = true;
	libjq->status = jv_is_valid(code) ? HALT_ERROR : STATUS_OK;
	if (jv_get_kind(code) == JV_KIND_NUMBER && isfinite(jv_number_value(code)))
		libjq->status = (int)fmod(jv_number_value(code), 256) & 255;
	jv_free(code);
	if (jv_is_valid(message) && jv_get_kind(message) != JV_KIND_NULL) {
		if (jv_get_kind(message) != JV_KIND_STRING)
			message = jv_string_concat(jv_dump_string(message, 0), jv_string("\n"));
		on_stderr(NULL, message);
	} else {
		jv_free(message);
	}
}

/* The program has raised an error that it did not catch. */
static void failed(struct libjq *libjq, jv message)
{
	const struct engine_host *host = libjq->host;

	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_string_concat(jv_string("(not a string): "), jv_dump_string(message, 0));
	if (!libjq->program->slurp && host->number(host->context) > 0) {
		bad_line(libjq, message);
	} else {
		host->bad(host->context, false, jv_string_value(message));
		jv_free(message);
	}
}

bool libjq_next(struct libjq *libjq)
{
	jv input, result;

	if (!libjq->program->null_input)
		input = next_input(libjq);
	else
		input = libjq->begun ? jv_invalid() : jv_null();
	libjq->begun = true;
	if (!jv_is_valid(input)) {
		jv_free(input);
		return false;
	}
	jq_start(libjq->jq, input, 0);
	libjq->running = true;
	while (jv_is_valid(result = jq_next(libjq->jq)))
		give(libjq, result);
	libjq->running = false;
	if (jq_halted(libjq->jq))
		halt(libjq);
	else if (jv_invalid_has_msg(jv_copy(result)))
		failed(libjq, jv_invalid_get_msg(jv_copy(result)));
	jv_free(result);
	return !libjq->halted;
}

bool libjq_halted(const struct libjq *libjq, int *status)
{
	*status = libjq->status;
	return libjq->halted;
}

void libjq_free(struct libjq *libjq)
{
	if (libjq->parser)
		jv_parser_free(libjq->parser);
	jv_parser_free(libjq->plain);
	jq_teardown(&libjq->jq);
	free(libjq);
}

/*
 * libjq asks these functions of its own for input_line_number and input_filename; they know its own reader only. Being
 * public (jq.h), they are bound to the program's definition before the library's. Where a libjq
 * is bound to its own instead, both builtins fail with its message.
 */
jv jq_util_input_get_current_line(jq_state *jq)
{
	jq_input_cb callback;
	void *data;
	const struct libjq *libjq;

	jq_get_input_cb(jq, &callback, &data);
	libjq = data;
	return jv_number((double)libjq->host->number(libjq->host->context));
}

jv jq_util_input_get_current_filename(jq_state *jq)
{
	jq_input_cb callback;
	void *data;
	const struct libjq *libjq;
	const char *name;

	jq_get_input_cb(jq, &callback, &data);
	libjq = data;
	name = libjq->host->name(libjq->host->context);
	return name ? jv_string(name) : jv_null();
}

bool libjq_prints_doubles(void)
{
	jv text = jv_dump_string(jv_parse("1.10"), 0);
	bool doubles = strcmp(jv_string_value(text), "1.1") == 0;

	jv_free(text);
	return doubles;
}
