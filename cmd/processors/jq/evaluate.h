/*
 * evaluate: what the files that run a tree (run.h) share. Each returns as run_node does; result is set if that is RUN_DONE.
 */
#ifndef PYPE_JQ_EVALUATE_H
#define PYPE_JQ_EVALUATE_H

#include "cmd/processors/jq/run.h"

/* What most sinks go on with: a node, for the input and the bindings it is in. */
struct stage_sink {
	struct sink sink;
	const struct node *node;
	const struct value *in;
	const struct environment *environment;
	struct sink *out;
	struct value value; /* one that was got before */
	bool found;
};

static inline enum run_outcome run_give(struct run *run, struct sink *sink, const struct value *value)
{
	return sink->take(run, sink, value);
}

/* The one value of any node; none, or more, is RUN_FALLBACK. */
enum run_outcome run_only(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result);

/* ---- condition.c ---- */

/* Whether a node that is single gives something true. */
enum run_outcome run_truth(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, bool *truth);
/* The letter of OP_COMPARE. */
enum run_outcome run_compare(struct run *run, char letter, const struct value *left, const struct value *right,
                             bool *truth);

/* OP_ANY */
enum run_outcome run_any(struct run *run, const struct node *node, const struct value *in,
                         const struct environment *environment, struct value *result);

/* ---- paths.c ---- */

/* OP_PATH of a value, and of the line itself. */
enum run_outcome run_path(struct run *run, const struct node *path, const struct value *in, struct value *result);
enum run_outcome run_look_up(struct run *run, const struct node *path, struct value *result);

/* The value of a node that is single: in the tree if it is a literal, else in space. */
static inline enum run_outcome run_operand(struct run *run, const struct node *node, const struct value *in,
                                           const struct environment *environment, struct value *space,
                                           const struct value **operand)
{
	*operand = node->operation == OP_LITERAL ? &node->literal : space;
	if (node->operation == OP_LITERAL)
		return RUN_DONE;
	if (node->operation == OP_PATH && node->sought && in->root)
		return run_look_up(run, node, space);
	return run_single(run, node, in, environment, space);
}

/* OP_INDEX; with '?' it may give nothing. */
enum run_outcome run_give_index(struct run *run, const struct node *node, const struct value *container,
                                const struct value *key, struct sink *sink);
/* OP_SLICE of base; the ends are evaluated on in. */
enum run_outcome run_slice(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, const struct value *base, struct value *result);
enum run_outcome run_iterate(struct run *run, const struct node *node, const struct value *container,
                             struct sink *sink);
/* A value and all in it. depth: 0. */
enum run_outcome run_recurse(struct run *run, const struct value *value, struct sink *sink, size_t depth);

/* ---- loops.c ---- */

/* OP_RANGE: a is where it begins, b the end, c the step or NULL. */
enum run_outcome run_range(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct sink *sink);

/* ---- construct.c ---- */

enum run_outcome run_array(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct value *result);
enum run_outcome run_string(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result);
enum run_outcome run_strings(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *out);
/* OP_OBJECT and OP_UPDATE that are single, and those that are not. */
enum run_outcome run_object(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result);
enum run_outcome run_objects(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *out);
enum run_outcome run_update(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result);
enum run_outcome run_updates(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *out);

/* The binding so many hops up. */
static inline const struct environment *run_up(const struct environment *environment, size_t hops)
{
	while (hops-- > 0)
		environment = environment->up;
	return environment;
}

/* ---- bindings.c: sink functions of a stage_sink, and calls ---- */

enum run_outcome run_bound(struct run *run, struct sink *sink, const struct value *value);
enum run_outcome run_fold_from(struct run *run, struct sink *sink, const struct value *start);
enum run_outcome run_call(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct sink *sink);

#endif
