/*
 * expression: a jq program that asks a JSON text for one value.
 *
 *     expression = expression_new(".next // empty", names, &mistake);
 *     if (expression_run(expression, json, length, values, &result) == EXPRESSION_VALUE)
 *             …                              the JSON text of the value
 *     expression_free(expression);
 *
 * A program that is nothing but a path (".meta.next", as json_want_path has it) is looked up by json_scan: that costs no start,
 * and a value is given byte for byte. A path that leads nowhere is null then, also where jq would call that an error. All else
 * is run by libjq, whose start takes some 15 ms (1.6).
 */
#ifndef PYPE_EXPRESSION_H
#define PYPE_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

struct expression;

enum expression_result {
	EXPRESSION_VALUE,
	EXPRESSION_NOTHING, /* null, or no result at all */
	EXPRESSION_ERROR, /* the program failed */
};

/*
 * names are the program's variables without their dollar, ended by NULL (NULL: none); borrowed. NULL if the program does not compile, and
 * then *mistake says why, which is the caller's to free.
 */
struct expression *expression_new(const char *program, const char *const *names, char **mistake);
void expression_free(struct expression *expression);

/*
 * Runs the program on a valid JSON text, behind which JSON_PADDING bytes are readable. values are the JSON texts of the
 * variables, in the order of names. The first result is put into result in place of what it held: a JSON text in one line, or what is wrong.
 */
enum expression_result expression_run(struct expression *expression, const char *json, size_t length,
                                      const char *const *values, struct text *result);

/* True unless it is the JSON text false or null: what jq's if takes for true. */
bool expression_true(const struct text *result);

#endif
