/*
 * schema: fills structs from the mappings of a document, by tables.
 *
 * A table says which keys a mapping may have, what their values are and where they go. Whatever does not fit is a
 * mistake at its place: an unknown key (with the nearest known one), a value of the wrong kind or out of range. The
 * keys that a list of lacks names are refused with words of their own: known, but not in this version.
 *
 * Numbers, durations, sizes and choices are read from the text of the scalar, quoted or not.
 */
#ifndef PYPE_FLOW_SCHEMA_H
#define PYPE_FLOW_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/manifest/document.h"
#include "cmd/flow/manifest/mistakes.h"

struct schema {
	struct mistakes *mistakes;
	const struct document *document;
	const char *const *lacks; /* keys that are known but not available; ends with NULL */
	const char *directory; /* where the manifest lies */
};

/* A key and its value as found; both NULL: absent. */
struct schema_pair {
	const struct node *key, *value;
};

/* Reads a value of which the tables know no more; key for messages. */
typedef void schema_function(const struct schema *schema, const struct schema_pair *pair, void *target);

enum schema_kind {
	SCHEMA_TEXT, /* char *, the caller's; not empty */
	SCHEMA_NUMBER, /* int64_t */
	SCHEMA_DURATION, /* int64_t, nanoseconds */
	SCHEMA_SIZE, /* uint64_t, bytes */
	SCHEMA_CHOICE, /* int: the index in choices */
	SCHEMA_FLAG, /* bool: true or false */
	SCHEMA_PAIR, /* struct schema_pair, to be read later */
	SCHEMA_CALL, /* whatever call makes of it */
};

struct schema_key {
	const char *name; /* NULL ends the table */
	enum schema_kind kind;
	size_t offset; /* of the target in its struct */
	int64_t least, most; /* of numbers, durations and sizes */
	const char *choices; /* "fast|exact" */
	schema_function *call;
};

/* One table and the struct it fills. A mapping may be read into several, each with keys of its own. */
struct schema_part {
	const struct schema_key *keys;
	void *target;
};

/* Reads a mapping; `what` it is, for the message that it is none. */
void schema_read(const struct schema *schema, const struct node *node, const char *what,
                 const struct schema_part *parts, size_t count);

/* True if the values of all keys but SCHEMA_PAIR and SCHEMA_CALL are the same in two structs that the table fills. */
bool schema_same(const struct schema_key *keys, const void *a, const void *b);

/* The node is a scalar with something in it; else that is said, with what was wanted, and it is false. */
bool schema_scalar(const struct schema *schema, const struct node *key, const struct node *value, const char *wanted);

#endif
