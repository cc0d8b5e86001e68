/*
 * json_want: which members of a JSON text are wanted: paths, compiled into a tree that the scanner walks along (json.h).
 */
#ifndef PYPE_JSON_WANT_H
#define PYPE_JSON_WANT_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The wanted members: paths compiled into a tree. Zero-initialise; json_want_free. */
struct json_want {
	struct json_want_node *nodes;
	size_t count, capacity;
	size_t slots;
};

/*
 * Adds a path and gives it the next slot (0, 1, …), which is returned; -1 if the path is
 * malformed, and then *mistake says why. A path given twice has one slot. Paths are jq's: ".a.b[0]", ".\"odd name\"", ".[\"odd\"]";
 * the dot in front may be left out; "." is the whole. Indexes count from 0. Within quotes a backslash stands before a
 * quote or a backslash only.
 */
int json_want_path(struct json_want *want, const char *path, const char **mistake);
/* The member of the top object with this very name. */
int json_want_member(struct json_want *want, const char *name, size_t length);
void json_want_free(struct json_want *want);

/* What follows is for the scanner. */

enum { JSON_WANT_NOWHERE = 0, JSON_WANT_SLOTLESS = -1 };

/* A step of a wanted path; node 0 is the whole text. The children of a node are a ring, the first behind the last. */
struct json_want_node {
	char *name; /* of a member; NULL: an element */
	uint64_t head; /* json_want_head of the name */
	size_t length, index;
	int slot;
	uint32_t last, next; /* the last child; the next child of the same parent */
};

/* The first eight bytes, or all, zeros behind them: most keys differ in these or in their length. Reads eight bytes. */
static inline uint64_t json_want_head(const char *key, size_t length)
{
	uint64_t head;

	memcpy(&head, key, sizeof(head));
	head = le64toh(head);
	return length < 8 ? head & ((1ULL << length * 8) - 1) : head;
}

#endif
