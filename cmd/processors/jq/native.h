/*
 * native: runs a program on lines without libjq, if it can: the answer is the same, byte for byte.
 */
#ifndef PYPE_JQ_NATIVE_H
#define PYPE_JQ_NATIVE_H

#include <stdint.h>

#include "cmd/processors/jq/engine.h"
#include "cmd/processors/jq/run.h"
#include "cmd/processors/jq/sorter.h"
#include "common/json_shape.h"

struct native {
	struct tree tree;
	struct run run;
	struct json_shapes shapes;
	const char *scanned; /* the line that native_ahead has found */
	bool raw; /* strings are given as their bytes */
	bool sorted; /* objects are given with their members sorted */

	struct value *results; /* of the last line; they lie in it, or in run's memory */
	size_t count, capacity;
	struct text text; /* of a result that is a number, or is not written as it stands */
	struct sorter sorter;
};

/*
 * prints_doubles: as in struct run. False: the program is for libjq; *reason says why. Cleared in either case by
 * native_clear.
 */
bool native_init(struct native *native, const struct engine_program *program, bool (*prints_doubles)(void),
                 const char **reason);
void native_clear(struct native *native);

/* As json_shapes_ahead (common/json_shape.h), for the next line that native_line is given. */
bool native_ahead(struct native *native, const char *text, size_t rest, size_t *length);

/* NULL: done, and the results are there. Else the reason why the line is for libjq. JSON_PADDING bytes behind it are readable. */
const char *native_line(struct native *native, const char *line, size_t length);

/* The bytes of a result, until the next one's. */
const char *native_result(struct native *native, size_t result, size_t *length);

/* Finds out which paths of a tree are looked for in the line (analyse.c). root: the node works on the line itself. */
void analyse(struct tree *tree, struct run *run, struct node *node, bool root);

#endif
