/*
 * poison: an event that kills its stage POISON_DEATHS times in a row goes to the dead letters, and the stage passes it over.
 *
 * Which event that is a stage says in its page (`handling`); with ack: lines it is the first one that was not answered. A
 * stage that waits for something when it dies does not die of an event.
 */
#ifndef PYPE_FLOW_POISON_H
#define PYPE_FLOW_POISON_H

#include <stdbool.h>

enum { POISON_DEATHS = 3 };

struct child;

/* To be called when a child has died, after port_died. Looks at its status. */
void poison_note(struct child *child);

/* Events were kept away from it, so all did not go well, and it does not know: for ack: lines. */
bool poison_taken(const struct child *child);

#endif
