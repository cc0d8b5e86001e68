/*
 * variables: {name} and {name:format} in URLs, headers and bodies.
 *
 * Only what is known is replaced, since JSON is full of braces; "{{" in front of a known name stands for a '{' that
 * is meant as it is. Pure.
 */
#ifndef PYPE_REST_VARIABLES_H
#define PYPE_REST_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

enum variable {
	VARIABLE_CURSOR,
	VARIABLE_TOKEN,
	VARIABLE_PAGE,
	VARIABLE_OFFSET,
	VARIABLE_SCHEDULED,
	VARIABLE_LAST_SUCCESS,
	VARIABLE_NOW,
	VARIABLES,
};

struct variables {
	const char *cursor, *token; /* the JSON text of a string or a number; NULL: there is none */
	int64_t page, offset;
	int64_t scheduled, last_success, now; /* Unix time in nanoseconds */
};

/* Where the text is, which decides how a value is written there: percent-encoded, as it is, or as within a JSON string. */
enum variables_place { VARIABLES_URL, VARIABLES_HEADER, VARIABLES_JSON };

/* Which are in the template: a bit (1 << variable) for each. */
unsigned variables_used(const char *template);

/*
 * What looks like a variable and is none: the first "{word}" or "{word:…}" in the template whose word is none, or is near to
 * one (near). Its length is put into *length, and a hint (option.h) into hint. NULL: there is none.
 */
const char *variables_unknown(const char *template, bool near, size_t *length, char *hint);

/* Appends the first length bytes of the template with the values in place. */
void variables_expand(struct text *text, const char *template, size_t length, const struct variables *values,
                      enum variables_place place);

/* The template (of that length) is nothing but a variable, and that has no value. */
bool variables_empty(const char *template, size_t length, const struct variables *values);

#endif
