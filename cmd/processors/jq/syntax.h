/*
 * syntax: from the text of a jq program to a tree (tree.h), if the native path can run all of it.
 *
 * What is accepted is part of the grammar that jq 1.6 to 1.8 have in common; every program that is accepted compiles there,
 * and means the same. Whatever else a program has, right or wrong, is for libjq, which also owns the messages.
 */
#ifndef PYPE_JQ_SYNTAX_H
#define PYPE_JQ_SYNTAX_H

#include "cmd/processors/jq/engine.h"
#include "cmd/processors/jq/tree.h"

/* False: the program is for libjq; *reason says why, and *at where in the program, in bytes. */
bool syntax_parse(struct tree *tree, const struct engine_program *program, const char **reason, size_t *at);

#endif
