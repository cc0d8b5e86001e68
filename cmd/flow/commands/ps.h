/*
 * ps: the table of a running flow's pipelines and stages.
 */
#ifndef PYPE_FLOW_PS_H
#define PYPE_FLOW_PS_H

#include "cmd/flow/commands/ask.h"
#include "common/text.h"

/* Asks for it and appends it: a heading, and a line for each pipeline and stage; not whole if ask->status is not 0. */
void ps_table(struct ask *ask, struct text *table);

#endif
