/*
 * spill: when_full: spill: lines that a stage's ring has no room for, on disk until it has.
 *
 * They are not kept longer than the flow runs: its memory knows which there are, and they outlive a manager, but not the runner.
 */
#ifndef PYPE_FLOW_SPILL_H
#define PYPE_FLOW_SPILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/journal/journal.h"
#include "common/message.h"

struct spill_held {
	uint64_t segment, to;
	size_t link;
};

struct spill {
	char *path;
	uint64_t quota;
	bool open, full;
	struct journal journal;
	struct spill_held *held; /* by segment and link, oldest first */
	size_t count;
};

enum { SPILL_DATA = 1 };

/* Nothing is made before there is something to spill. The string becomes the spill's. */
void spill_init(struct spill *spill, char *path, uint64_t quota);
/* The files go, too. */
void spill_free(struct spill *spill, bool over);

/* Opens it; empty: what is there is of no use to anybody. False: errno. */
bool spill_open(struct spill *spill, bool empty);

/* Puts lines at that position of a link there. False: no room, or errno. */
bool spill_add(struct spill *spill, size_t link, uint64_t from, const char *lines, size_t length);
/* Where to look for a position; and what is before it is not needed any more. */
struct journal_place spill_place(const struct spill *spill, size_t link, uint64_t position);
void spill_release(struct spill *spill, size_t link, uint64_t position);

#endif
