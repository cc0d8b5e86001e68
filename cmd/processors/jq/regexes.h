/*
 * regexes: test, match, capture, scan, split with flags, splits, sub and gsub. All are OP_OTHER: a is the expression, b the
 * flags or NULL, c what sub puts in.
 */
#ifndef PYPE_JQ_REGEXES_H
#define PYPE_JQ_REGEXES_H

#include "cmd/processors/jq/tree.h"

/*
 * Gives node what it needs (data), and has constants compiled. NULL: done; else the reason why the node is for libjq.
 */
const char *regex_prepare(struct tree *tree, struct node *node);

node_function1 one_test, one_split, one_sub; /* sub: letter 'g': gsub */
node_function many_match, many_capture, many_scan, many_splits;

#endif
