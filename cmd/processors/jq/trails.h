/*
 * trails: the ways to values, for what works on paths: path(f), del(f), an assignment to f.
 *
 * f is run as it is on a value whose trail is trail_root(); what it finds there has trails then, and what it makes has none.
 * A path is an array of keys and indexes, as jq has it.
 */
#ifndef PYPE_JQ_TRAILS_H
#define PYPE_JQ_TRAILS_H

#include "cmd/processors/jq/evaluate.h"

struct trail {
	const struct trail *up; /* NULL: where it begins, without a key */
	struct value key;
};

/* *in, ready and at the beginning of a trail. */
enum run_outcome trail_begin(struct run *run, const struct value *in, struct value *tracked);
/* Puts `found` one step behind a trail. */
void trail_step(struct run *run, const struct trail *trail, const struct step *step, struct value *found);
/* run_iterate and run_recurse of a container that has a trail. */
enum run_outcome trail_iterate(struct run *run, const struct value *container, struct sink *sink);
enum run_outcome trail_recurse(struct run *run, const struct value *container, struct sink *sink, size_t depth);
/* The path to a value; RUN_FALLBACK if it has no trail: jq complains then, mostly. */
enum run_outcome trail_path(struct run *run, const struct value *value, struct value *path);

/* getpath and setpath; value NULL: delpaths of this one path. */
enum run_outcome path_get(struct run *run, const struct value *in, const struct value *path, struct value *result);
enum run_outcome path_set(struct run *run, const struct value *in, const struct value *path, const struct value *value,
                          struct value *result);

/* [path(node)] of a value that is ready. */
enum run_outcome trail_collect(struct run *run, const struct node *node, const struct value *in,
                               const struct environment *environment, struct value *paths);

/* What assign.c can do without putting the paths together: each leads to a place of its own. */
bool assign_plain(const struct node *path);

/* ---- OP_OTHER ---- */

node_function many_path; /* path(a) */
node_function many_tostream; /* streams.c */
node_function1 one_path, one_getpath, one_delete; /* getpath(a), del(a) */
node_function many_assign; /* a = b and the like (letter), a being any path (assign.c) */
node_function1 one_assign;
value_function2 function_delpaths;
value_function3 function_setpath;

#endif
