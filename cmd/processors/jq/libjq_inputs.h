/*
 * libjq_inputs: what libjq is given: texts, the values of arguments, and where modules are.
 */
#ifndef PYPE_JQ_LIBJQ_INPUTS_H
#define PYPE_JQ_LIBJQ_INPUTS_H

#include "cmd/processors/jq/engine.h"
#include "cmd/processors/jq/library.h"

/*
 * Where the text has a byte that no JSON has, and which 1.6 does not refuse: of a number or word it overlooks what comes
 * after a NUL, and at a record separator it forgets what is unfinished. NULL: nowhere.
 */
const char *inputs_stray_byte(const char *bytes, size_t length);
/* … what is said of it. */
jv inputs_stray_error(const struct library *jq, const char *bytes, const char *stray);

/* A parser for one text; it gives something invalid, without a message, at the end. */
jv_parser *inputs_parse(const struct library *jq, const char *bytes, size_t length);

/* The program's variables: those named, and $ARGS. Invalid if an argument is no JSON: this has been said. */
jv inputs_variables(const struct library *jq, const struct engine_program *program);

/* Where modules are looked for. An import without JQ_LIBRARY_PATH is an assertion that fails (1.6). */
void inputs_set_paths(const struct library *jq, jq_state *state, const struct engine_program *program);

#endif
