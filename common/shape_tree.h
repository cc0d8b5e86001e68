/*
 * shape_tree: what lines of a stream have in common (json_shape.h), as a tree of constant bytes with strings, numbers and words
 * between them: behind each of these comes one of the few things that came there before.
 *
 * How much is remembered is bounded; what there is no room for is not.
 */
#ifndef PYPE_SHAPE_TREE_H
#define PYPE_SHAPE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

enum {
	SHAPE_PARTS = 2048,
	SHAPE_BYTES = 32 * 1024, /* of all parts */
	SHAPE_MARKS = 512,
	SHAPE_WHOLES = 256,
	SHAPE_HEAD = 16,
	SHAPE_NOTHING = 0, /* the part that fits nothing */
};

/* Where a container that is wanted begins or ends: at this byte of a part. */
struct shape_mark {
	uint32_t offset;
	int slot;
	enum json_kind kind;
	uint8_t flags; /* of all parts up to here: which of them white space and keys are in is not kept */
	bool ends;
};

/* A container that is wanted, while it is open. */
struct shape_open {
	const char *at;
	unsigned before; /* flags of what came before it */
};

/* What is known of a line when its last part is. */
struct shape_whole {
	uint32_t start, behind; /* bytes of white space around it */
	uint32_t members;
	enum json_kind kind;
	unsigned flags; /* of all its parts: JSON_SPACED and what keys have */
	uint64_t missing; /* a bit for each slot of the first 64 that it has nothing for */
};

enum {
	/* What a part's `special` says: most have none of it. */
	SHAPE_LAST = 1, /* of a line */
	SHAPE_MARKED = 2, /* containers that are wanted begin or end in it */
	SHAPE_SHORTER = 4, /* another that may be here begins with it */
};

/* Constant bytes: with a string, number or word behind them, or the last of a line. */
struct shape_part {
	char head[SHAPE_HEAD]; /* the first bytes */
	uint32_t heeded; /* a bit for each byte of the head that counts */
	uint32_t length;
	uint32_t at; /* all of them, among the tree's bytes */
	int slot; /* of the leaf, or JSON_WANT_SLOTLESS */
	uint16_t next; /* what may come behind the leaf; of the last part: which whole it is */
	uint16_t other; /* what may be here instead */
	uint16_t mark, mark_count;
	uint8_t special;
	uint8_t chosen; /* how often it was not the first one that was tried … */
	uint32_t since; /* … since the tree had seen so many lines */
};

struct shape_tree {
	struct shape_part
		parts[SHAPE_PARTS]; /* the first one is SHAPE_NOTHING; behind it comes what lines begin with */
	char bytes[SHAPE_BYTES + JSON_PADDING];
	struct shape_mark marks[SHAPE_MARKS];
	struct shape_whole wholes[SHAPE_WHOLES];
	size_t part_count, byte_count, mark_count, whole_count;
	uint32_t lines; /* that were looked at */
	struct shape_open open[JSON_DEPTH + 1]; /* while a line is matched: those that are wanted */
};

/* Ended by free. */
struct shape_tree *shape_tree_new(void);

/*
 * Takes a valid line apart, an array or object without a key that comes twice; of which json_scan has given the spans of these
 * slots and the result. facts: it was asked for them.
 */
void shape_tree_learn(struct shape_tree *tree, const char *text, size_t length, const struct json_span *spans,
                      size_t slots, const struct json_result *result, bool facts);

#endif
