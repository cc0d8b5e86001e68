/*
 * loops: what goes on or ends by what it finds: try, label, recurse(f), while and the like. All are OP_OTHER.
 */
#ifndef PYPE_JQ_LOOPS_H
#define PYPE_JQ_LOOPS_H

#include "cmd/processors/jq/tree.h"

node_function many_try; /* a; b: what is behind catch, or NULL */
node_function1 one_error; /* error, error(a) */
node_function many_label; /* b, with one more name bound */
node_function many_break; /* hops */
node_function many_recurse; /* recurse(a), recurse(a; b) */
node_function many_while, many_until; /* a; b */
node_function1 one_last; /* last(a) */
node_function1 one_isempty; /* isempty(a) */
node_function1 one_in; /* IN(a) */
node_function1 one_in_of; /* IN(a; b), b being the same whatever its input is */
node_function1 one_nth; /* nth(a; b), a being single */
node_function1 one_walk; /* walk(a), a being single */
node_function1 one_any; /* any(a; b) and all (letter): b single; a generates */

#endif
