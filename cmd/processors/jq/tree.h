/*
 * tree: a jq program, or the part of one that the native path runs, as a tree of operations.
 *
 * Every node takes one value and gives any number of them, in jq's order. What is `single` gives exactly one, or the line is left
 * to libjq.
 */
#ifndef PYPE_JQ_TREE_H
#define PYPE_JQ_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/processors/jq/value.h"

enum operation {
	OP_IDENTITY,
	OP_PATH, /* .a.b[0]: steps, all of them constant */
	OP_INDEX, /* a[b] */
	OP_SLICE, /* a[b:c]; b or c may be NULL */
	OP_ITERATE, /* a[] */
	OP_RECURSE, /* .. */
	OP_PIPE,
	OP_COMMA,
	OP_LITERAL,
	OP_STRING, /* a string with interpolations: list; literals are strings, all else is made one */
	OP_ARRAY, /* [a] */
	OP_OBJECT, /* list: key, value, key, value …; letter 'd': the keys are constant and distinct */
	OP_BINARY, /* a + b …: letter */
	OP_COMPARE, /* letter: '=' '!' '<' '>' 'l' (<=) 'g' (>=) */
	OP_AND,
	OP_OR,
	OP_ALTERNATIVE, /* a // b */
	OP_IF, /* a then b else c */
	OP_EMPTY,
	OP_VARIABLE, /* hops */
	OP_BIND, /* a as pattern | b */
	OP_REDUCE, /* a as pattern (b; c) */
	OP_FOREACH, /* a as pattern (b; c; d); d may be NULL */
	OP_DEFINE, /* def function: a; b */
	OP_CALL, /* of a function of the program, or of a parameter: hops, list */
	OP_VALUE, /* a function of the input alone: function */
	OP_VALUES, /* … and of the value of a (single): function2; and of that of b (single): function3 */
	OP_BY, /* sort_by(a) and the like: letter */
	OP_FIRST, /* first(a) */
	OP_LIMIT, /* limit(a; b) */
	OP_RANGE, /* range(a; b), range(a; b; c) */
	OP_UPDATE, /* path a, '=' '|' '+' …: letter, with b; or 'd' (del) */
	OP_OTHER, /* many, and one if it is single */
};

/* One step of a constant path: a member, or an element. */
struct step {
	const char *key; /* a canonical JSON string with its quotes; NULL: index */
	size_t length;
	long index;
};

/* What `as` binds, in order: a path of steps into the value for each variable. */
struct pattern {
	struct pattern_variable {
		struct step *steps;
		size_t count;
	} * variables;
	size_t count;
};

struct run;
struct node;
struct environment;
struct sink;

/* What a function makes of a value: RUN_DONE, or RUN_FALLBACK. */
typedef enum run_outcome value_function(struct run *run, const struct value *in, struct value *result);
typedef enum run_outcome value_function2(struct run *run, const struct value *in, const struct value *argument,
                                         struct value *result);
typedef enum run_outcome value_function3(struct run *run, const struct value *in, const struct value *first,
                                         const struct value *second, struct value *result);

/* How OP_OTHER is run: as run_node, and as run_single. */
typedef enum run_outcome node_function(struct run *run, const struct node *node, const struct value *in,
                                       const struct environment *environment, struct sink *sink);
typedef enum run_outcome node_function1(struct run *run, const struct node *node, const struct value *in,
                                        const struct environment *environment, struct value *result);

struct node {
	enum operation operation;
	bool single;
	bool optional; /* an index or iteration followed by '?' */
	char letter;
	size_t hops; /* how far up the bindings a variable or function is */
	struct node *a, *b, *c, *d;
	struct node **list;
	size_t count;
	struct value literal;
	struct step *steps; /* OP_PATH, OP_UPDATE: count of them */
	bool sought; /* OP_PATH: it is looked for in the line … */
	int slot; /* … and is found there; */
	unsigned whole; /* OP_COMPARE: how many digits the literal b has before its point; 0: it is no such number … */
	uint64_t digits; /* … and these digits, a byte each, the last the lowest */
	bool quick; /* OP_OBJECT: each key is a literal, and there once; each value is a path that is sought */
	int *prefixes; /* what leads to it is looked for only if it is not */
	struct pattern pattern;
	value_function *function;
	value_function2 *function2;
	value_function3 *function3;
	double (*real)(double); /* … of the input, or of a and b: one_real */
	double (*real2)(double, double);
	node_function *many;
	node_function1 *one;
	unsigned inside; /* OP_OTHER: which of a, b and c are given the input itself, as bits */
	bool plain; /* many_assign: a leads to each place once */
	void *data; /* … what else it needs */
	struct parameter {
		bool variable; /* $name: its value, and name as a function */
	} * parameters; /* of OP_DEFINE: count of them */
};

/* The memory of a tree, given back at once. */
struct tree {
	struct node *root;
	void **blocks;
	size_t block_count;
	bool before_1_7; /* it has what jq 1.7 no longer has */
	bool clock; /* it asks what time it is: each time it is run there is another answer */
	struct tree_end {
		void (*function)(void *);
		void *data;
	} * ends;
	size_t end_count;
};

void *tree_alloc(struct tree *tree, size_t size);
/* function(data) is called when the tree is freed. */
void tree_at_end(struct tree *tree, void (*function)(void *), void *data);
void tree_free(struct tree *tree);

#endif
