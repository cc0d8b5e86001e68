/*
 * sorter: puts the members of objects in the order of their keys, for --sort-keys.
 *
 * The order is that of the keys' bytes, without escapes, in the value and in all that is in it. The text only moves about: it is
 * sorted where it lies.
 */
#ifndef PYPE_JQ_SORTER_H
#define PYPE_JQ_SORTER_H

#include <stdint.h>

#include "cmd/processors/jq/value.h"

struct sorter_member {
	const char *at; /* from the key on … */
	size_t length; /* … to the end of the value */
	const char *key; /* its bytes */
	size_t key_length;
	uint64_t beginning; /* of the key: the first eight bytes as a number, zeros behind a shorter one */
};

/* Zero-initialise; sorter_free. */
struct sorter {
	/* private: of the objects around the current place */
	struct sorter_member *members;
	size_t count, capacity;
	struct text moved;
	struct arena arena; /* keys without their escapes */
};

/* Sorts a canonical text (value.h) that holds one value from its first byte on. */
void sorter_sort(struct sorter *sorter, struct text *text);
void sorter_free(struct sorter *sorter);

#endif
