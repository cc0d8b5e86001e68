/*
 * What the two parts of inlet share: inlet.c makes it and keeps its notes, inlet_move.c moves lines.
 */
#ifndef PYPE_FLOW_INLET_MOVE_H
#define PYPE_FLOW_INLET_MOVE_H

#include "cmd/flow/manager/inlet.h"

/* Puts inlet->note into the stage's memory. */
void inlet_store_note(struct inlet *inlet);
/* What is noted of a link holds for the rings. */
void inlet_publish(struct inlet *inlet, size_t number);

/* Moves from one writer. True: something happened. */
bool inlet_move(struct inlet *inlet, size_t number);

#endif
