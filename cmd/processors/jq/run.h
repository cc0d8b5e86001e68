/*
 * run: a tree at work on one line.
 *
 * What cannot be done as every version of jq does it, an error above all, is RUN_FALLBACK: nothing of the line is used then, and
 * libjq does it again from the beginning.
 */
#ifndef PYPE_JQ_RUN_H
#define PYPE_JQ_RUN_H

#include "cmd/processors/jq/tree.h"
#include "common/json_shape.h"

enum { RUN_TEXTS = 64, RUN_DEPTH = 1500 };

struct run {
	bool (*prints_doubles)(
		void); /* whether jq prints numbers as the doubles they are (1.6), or as they were written … */
	bool asked, doubles; /* … asked only when it makes a difference, since libjq has to be loaded for it */
	struct arena arena;
	struct json_want want; /* the paths of the tree that are looked for in the line */
	struct json_span *spans;
	struct json_want want_prefixes; /* … and what leads to them, which is looked for where one of them is missing */
	struct json_span *prefixes;
	struct json_shapes prefix_shapes;

	/* of the current line */
	struct json_result json;
	struct value root;
	bool root_ready; /* root.at is canonical: in the line, or in root_text */
	struct text root_text;
	bool prefixes_ready;
	const char *line;
	size_t length;
	size_t depth; /* of evaluation */
	size_t made; /* how many texts have been put together: only many can have made a deep one */

	/* private */
	struct text texts[RUN_TEXTS]; /* taken and given back like a stack */
	size_t texts_taken;
	const char *reason; /* of RUN_FALLBACK */
	const struct value *message; /* of RUN_ERROR: what `error` was given, in the arena; NULL: jq's own words */
};

/* What takes the values that a node gives, one by one: RUN_DONE to get the next one. */
struct sink;
typedef enum run_outcome sink_function(struct run *run, struct sink *sink, const struct value *value);
struct sink {
	sink_function *take;
};

/* Bindings of names at run time, the newest first; as struct scope. */
struct environment {
	const struct environment *up;
	struct value value; /* of a variable */
	const struct node *node; /* of a function: its definition; of a parameter: the argument … */
	const struct environment *scope; /* … and where that was written */
	bool definition;
	bool *broken; /* of a label */
};

/* Gives sink all values of the node for the input. */
enum run_outcome run_node(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct sink *sink);
/* The value of a node that is single. */
enum run_outcome run_single(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct value *result);

/* RUN_FALLBACK, for this reason. */
enum run_outcome run_fallback(struct run *run, const char *reason);

/* RUN_ERROR; what jq says of it differs. */
static inline enum run_outcome run_error(struct run *run, const char *reason)
{
	run_fallback(run, reason);
	run->message = NULL;
	return RUN_ERROR;
}

/* An input that a function is not made for, as all versions say. */
static inline enum run_outcome run_wrong(struct run *run)
{
	return run_error(run, "an input that a function is not made for");
}

/* … because an input is not what a function is made for. */
static inline enum run_outcome run_unfit(struct run *run)
{
	return run_fallback(run, "an input that a function is not made for");
}

/* The line as a value with its text. */
enum run_outcome run_root(struct run *run, struct value *ready);

/* A value as text: of the root only now, if need be. */
static inline enum run_outcome run_ready(struct run *run, const struct value *value, struct value *ready)
{
	if (value->root)
		return run_root(run, ready);
	*ready = *value;
	return RUN_DONE;
}
/* A span of the line as a value. */
enum run_outcome run_span(struct run *run, const struct json_span *span, struct value *value);

/* An empty text for the time being; NULL: there are too many. Given back in reverse order. */
struct text *run_text(struct run *run);
void run_text_back(struct run *run);
/* … with its content as a value. */
struct value run_text_value(struct run *run);

/* A value is nested deeper than a line can be, and then the versions print and compare it differently. */
bool run_too_deep(const struct run *run, const struct value *value);

/* `container | .[key]`; a number key is an index. RUN_FALLBACK if jq would complain. */
enum run_outcome run_index(struct run *run, const struct value *container, const struct value *key,
                           struct value *result);
enum run_outcome run_step(struct run *run, const struct value *container, const struct step *step,
                          struct value *result);
/* left + right and the like (letter). */
enum run_outcome run_binary(struct run *run, char letter, const struct value *left, const struct value *right,
                            struct value *result);
/* What `path` (steps) becomes with a new value; value NULL: it is taken away. */
enum run_outcome run_set(struct run *run, const struct value *container, const struct step *steps, size_t count,
                         const struct value *value, struct value *result);
/* Appends value as jq's tostring gives it, as the inside of a canonical string. */
enum run_outcome run_add_string(struct run *run, struct text *text, const struct value *value);
/* Appends a member to the object that is put together in text (from "{" on), or replaces it. */
void run_add_member(struct text *text, const struct value *key, const struct value *value);

/* sort_by and the like (by.c): the letter says which. */
enum run_outcome run_by(struct run *run, char letter, const struct node *key, const struct value *in,
                        const struct environment *environment, struct value *result);

#endif
