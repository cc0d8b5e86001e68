/*
 * What libjq is given besides lines: the values of arguments, and where modules are.
 */
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/processors/jq/library.h"
#include "cmd/processors/jq/libjq_inputs.h"
#include "common/message.h"

/*
 * Where the text has a byte that no JSON has, and which 1.6 does not refuse: of a number or word it overlooks what comes
 * after a NUL, and at a record separator it forgets what is unfinished. NULL: nowhere.
 */
const char *inputs_stray_byte(const char *bytes, size_t length)
{
	const char *stray = memchr(bytes, '\0', length);

	return stray ? stray : memchr(bytes, 0x1e, length);
}

jv inputs_stray_error(const struct library *jq, const char *bytes, const char *stray)
{
	return jq->jv_string_fmt("parse error: byte 0x%02x at column %zu", (unsigned)*stray,
	                         (size_t)(stray - bytes) + 1);
}

/* A parser for one text; it gives something invalid, without a message, at the end. */
jv_parser *inputs_parse(const struct library *jq, const char *bytes, size_t length)
{
	jv_parser *parser = jq->jv_parser_new(0);

	/* A parser skips a byte order mark in front of its input. That is for the host to do, once per stream. */
	if (length > 0 && (unsigned char)bytes[0] == 0xef) {
		jq->jv_parser_set_buf(parser, " ", 1, 1);
		jq->jv_free(jq->jv_parser_next(parser));
	}
	jq->jv_parser_set_buf(parser, bytes, (int)length, 0);
	return parser;
}

/* All values of a text as an array, or invalid with a message. */
static jv parse_all(const struct library *jq, const char *bytes, size_t length)
{
	const char *stray = inputs_stray_byte(bytes, length);
	jv_parser *parser;
	jv all, value;

	if (stray)
		return jq->jv_invalid_with_msg(inputs_stray_error(jq, bytes, stray));
	parser = inputs_parse(jq, bytes, length);
	all = jq->jv_array();
	while (library_valid(jq, value = jq->jv_parser_next(parser)))
		all = jq->jv_array_append(all, value);
	jq->jv_parser_free(parser);
	if (jq->jv_invalid_has_msg(jq->jv_copy(value))) {
		jq->jv_free(all);
		return value;
	}
	jq->jv_free(value);
	return all;
}

/* The value of an argument; invalid if it is no JSON: this has been said. */
static jv argument_value(const struct library *jq, const struct argument *argument)
{
	jv value;

	if (argument->kind == ARGUMENT_STRING)
		return jq->jv_string_sized(argument->bytes, (int)argument->length);
	value = parse_all(jq, argument->bytes, argument->length);
	if (library_valid(jq, value) && argument->kind == ARGUMENT_JSON) {
		if (jq->jv_array_length(jq->jv_copy(value)) == 1)
			return jq->jv_array_get(value, 0);
		jq->jv_free(value);
		value = jq->jv_invalid_with_msg(jq->jv_string("not one JSON value"));
	}
	if (!library_valid(jq, value)) {
		value = jq->jv_invalid_get_msg(value);
		message_error("%s %s: %s", argument->option, argument->name ? argument->name : argument->bytes,
		              jq->jv_string_value(value));
		jq->jv_free(value);
		value = jq->jv_invalid();
	}
	return value;
}

/* The program's variables: those named, and $ARGS. Invalid if an argument is no JSON. */
jv inputs_variables(const struct library *jq, const struct engine_program *program)
{
	jv named = jq->jv_object(), positional = jq->jv_array(), all;

	for (size_t i = 0; i < program->argument_count; i++) {
		const struct argument *argument = &program->arguments[i];
		jv value = argument_value(jq, argument);

		if (!library_valid(jq, value)) {
			jq->jv_free(named);
			jq->jv_free(positional);
			return value;
		}
		if (!argument->name)
			positional = jq->jv_array_append(positional, value);
		else if (jq->jv_object_has(jq->jv_copy(named), jq->jv_string(argument->name)))
			jq->jv_free(value);
		else
			named = jq->jv_object_set(named, jq->jv_string(argument->name), value);
	}
	all = jq->jv_object_set(jq->jv_object(), jq->jv_string("positional"), positional);
	all = jq->jv_object_set(all, jq->jv_string("named"), jq->jv_copy(named));
	return jq->jv_object_set(named, jq->jv_string("ARGS"), all);
}

static jv resolved(const struct library *jq, const char *path)
{
	char *real = realpath(path, NULL);
	jv result = jq->jv_string(real ? real : path);

	free(real);
	return result;
}

/* Where modules are looked for. An import without JQ_LIBRARY_PATH is an assertion that fails (1.6). */
void inputs_set_paths(const struct library *jq, jq_state *state, const struct engine_program *program)
{
	const struct option_list *library = &program->library;
	static const char *const own[] = {"~/.jq", "$ORIGIN/../lib/jq", "$ORIGIN/../lib"};
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	jv paths = jq->jv_array();

	for (size_t i = 0; i < library->count; i++)
		paths = jq->jv_array_append(paths, resolved(jq, library->items[i]));
	if (library->count == 0) {
		jq->jv_free(paths);
		paths = jq->jv_array();
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
			paths = jq->jv_array_append(paths, jq->jv_string(own[i]));
	}
	self[length > 0 ? length : 0] = '\0';
	jq->jq_set_attr(state, jq->jv_string("JQ_LIBRARY_PATH"), paths);
	jq->jq_set_attr(state, jq->jv_string("JQ_ORIGIN"), jq->jv_string(dirname(self)));
	jq->jq_set_attr(state, jq->jv_string("PROGRAM_ORIGIN"), resolved(jq, program->origin));
}
