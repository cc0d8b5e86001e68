/*
 * child_pipes: the pipes around a child that died, as far as they are the kernel's; what stages with rings have is port.h's.
 */
#ifndef PYPE_FLOW_CHILD_PIPES_H
#define PYPE_FLOW_CHILD_PIPES_H

#include "cmd/flow/manager/child.h"

/* All input is handled and none can come: starting again would only see the end of it. */
bool child_input_ended(const struct child *child);

/* … and there is nothing to be gained by that. One that answers and was killed may have had something left to do. */
bool child_ended_badly(const struct child *child);

/* Whoever reads the child's output has gone for good. */
bool child_reader_gone(const struct child *child);

/* A child that was killed may have left half a line behind: end it, so that the next event is whole. */
void child_mend_output(struct child *child);

/*
 * A child that was killed may have read half a line. A program that skips bad lines gets over
 * the other half; one that fails on it would do so for ever. So from the second failure in a row on
 * the rest of the current line is dropped.
 */
void child_realign_input(struct child *child);

/* Its ends are its neighbours' to notice. */
void child_give_up_pipes(struct child *child);

#endif
