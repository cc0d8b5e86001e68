/*
 * The records of a pipeline's journal, and what the two parts of store share: store.c writes, store_open.c reads back.
 *
 *   DATA   struct backlog_head, the mark, the lines
 *   MARK   the same without lines
 *   ROUTE  struct store_route: what was moved into the stream of a stage that does not read all of one other
 *   DONE   the stage has finished
 *   NAMES  the stages and their edges, as text: first in each segment; then of each stage
 *   STATE  struct store_state and the mark
 *   CLEAN  last of all: the flow was stopped, and nothing is left to be handled: another pipeline may begin anew
 *
 * A mark is a struct page_mark up to the end of its cursor. `who` is the stage's number in the pipeline.
 */
#ifndef PYPE_FLOW_STORE_RECORD_H
#define PYPE_FLOW_STORE_RECORD_H

#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/journal/store.h"

enum { STORE_MARK = 2, STORE_ROUTE, STORE_DONE, STORE_NAMES, STORE_STATE, STORE_CLEAN };

struct store_state {
	uint64_t stored, marked, done, to;
	uint64_t from[MANIFEST_EDGES], handled[MANIFEST_EDGES];
	uint64_t mark_size;
};

static inline uint64_t store_mark_size(const struct page_mark *mark)
{
	return offsetof(struct page_mark, cursor) + mark->cursor_length;
}

/* Lines on their way to it may be dropped. */
static inline bool store_may_drop(const struct manifest_stage *stage)
{
	return stage->settings.when_full == WHEN_FULL_DROP_OLDEST || stage->settings.when_full == WHEN_FULL_DROP_NEWEST;
}

/* The stage reads all of one other: the positions of its input are those of the other's output. */
static inline bool store_is_straight(const struct manifest_stage *stage)
{
	return stage->from_count == 1 && !stage->from[0].event && !store_may_drop(stage);
}

/* store.c */
void store_note_handled(struct store *store, size_t number);
void store_note_held(struct store_stage *stage, uint64_t segment, uint64_t to);
void store_note_route(struct store_stage *stage, const struct store_route *route);
void store_timer(struct store *store);

#endif
