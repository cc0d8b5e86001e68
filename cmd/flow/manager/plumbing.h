/*
 * plumbing: the shared memory of a pipeline's stages, and their bells. It belongs to the flow process and outlives
 * managers and stages, so that their successors go on where they were.
 *
 * A stage's memory is one file (a memfd): its page, the ring it writes, the ring of its own that it reads, and what has
 * been moved into that (inlet.h). Only what is used takes memory.
 */
#ifndef PYPE_FLOW_PLUMBING_H
#define PYPE_FLOW_PLUMBING_H

#include <sys/types.h>

#include "cmd/flow/manager/plan.h"
#include "common/page.h"

/* Where things are in a stage's memory. */
enum {
	PLUMBING_OUT = PAGE_LENGTH,
	PLUMBING_IN = PLUMBING_OUT + RING_SHARED,
	PLUMBING_MOVES = PLUMBING_IN + RING_SHARED,
	PLUMBING_MOVES_LENGTH = 8192,
};

struct plumbing {
	struct plan plan;
	int *memories, *bells; /* of each stage; -1: none, where the plan has no use for it */
	int bell; /* the manager's */
};

/* 0, or -1: errno. plumbing_free in either case; the pipeline is borrowed. */
int plumbing_make(struct plumbing *plumbing, const struct manifest_pipeline *pipeline);
void plumbing_free(struct plumbing *plumbing);

#endif
