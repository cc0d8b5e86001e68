/*
 * counts: what a stage and its manager have noted in the stage's memory, for whoever asks (`pype ps`).
 *
 * It is read, not mapped: nothing is held for that, and the stage is not disturbed.
 */
#ifndef PYPE_FLOW_COUNTS_H
#define PYPE_FLOW_COUNTS_H

#include "cmd/flow/run/board.h"
#include "cmd/flow/manager/plumbing.h"

/* Puts down what can be known of the stage whose index is set: a board_fill. */
void counts_read(const struct plumbing *plumbing, struct board_stage *stage);

#endif
