/*
 * plan: how the stages of a pipeline are joined: by pipes, or by rings (common/ring.h), by whom they are filled and read.
 *
 *   pipe     `delivery: fast`, one writer and one reader of all its events: the kernel's pipe, nobody in between
 *   shared   the reader reads the ring that the writer writes: one writer, all its events, when_full: block
 *   own      the reader has a ring of its own, which the manager fills from those of the writers (inlet.h): several
 *            writers, a choice of events, another when_full; and all of a pipeline with delivery: durable
 *
 * What a stage writes that nobody reads goes to the runner's standard output. Pure.
 */
#ifndef PYPE_FLOW_PLAN_H
#define PYPE_FLOW_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/manifest/manifest.h"

enum plan_in { IN_NONE, IN_PIPE, IN_SHARED, IN_OWN };
enum plan_out { OUT_INHERITED, OUT_PIPE, OUT_RING };

struct plan_stage {
	enum plan_in in;
	enum plan_out out;
	bool paged; /* it is offered a page */
	bool drained; /* OUT_RING that no stage reads: the manager reads slot 0, for the standard output */
	size_t from; /* IN_PIPE, IN_SHARED: the stage it reads */
	unsigned slot; /* IN_SHARED: … in that slot of its ring; IN_OWN: 0 */
	unsigned slots; /* OUT_RING: how many read it */
	unsigned journal_slot; /* … in a durable pipeline, if it is not drained: the journal, for all its readers */
	uint64_t in_size, out_size; /* of the rings, IN_OWN and OUT_RING */
};

/* What the manager moves from one ring to another: one for each two stages, however many edges there are, so that order is kept. */
struct plan_link {
	size_t from, to;
	unsigned slot; /* of the ring of `from` */
	bool all; /* else those events that the edges from there to here name */
};

struct plan {
	struct plan_stage *stages; /* as in the pipeline */
	size_t count;
	struct plan_link *links; /* those to one stage side by side, in the order of its `from` */
	size_t link_count;
	bool sync;
	bool durable; /* one stage makes all edges so */
};

void plan_make(struct plan *plan, const struct manifest_pipeline *pipeline);
void plan_free(struct plan *plan);

/* The stage has memory that it shares with its manager. */
static inline bool plan_has_memory(const struct plan_stage *stage)
{
	return stage->out == OUT_RING || stage->in == IN_OWN;
}

#endif
