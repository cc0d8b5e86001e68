/*
 * vigil: watches over a connection on which something has to come: when to ask the other side for a sign of life, and when it is
 * dead. Policy only: no clock, no timer. Times are nanoseconds of one clock.
 */
#ifndef PYPE_VIGIL_H
#define PYPE_VIGIL_H

#include <stdint.h>

struct vigil {
	/* the caller's; 0: without */
	int64_t ping; /* after so long without anything it is asked */
	int64_t pong; /* … and has so long to answer; 0: as long as ping */
	int64_t idle; /* a message has to come within so long */

	int64_t heard, message; /* when something came last, and a message */
	int64_t asked; /* when it was asked and has not answered; 0: it has */
};

/* Begins anew: all is well now. */
void vigil_start(struct vigil *vigil, int64_t now);
/* Something came. */
void vigil_heard(struct vigil *vigil, int64_t now);

enum vigil_call {
	VIGIL_QUIET,
	VIGIL_ASK, /* now: it is noted */
	VIGIL_IDLE, /* it is over: no message */
	VIGIL_MUTE, /* it is over: no answer */
};

enum vigil_call vigil_look(struct vigil *vigil, int64_t now);
/* When vigil_look may have something to say next; INT64_MAX: never. */
int64_t vigil_due(const struct vigil *vigil);
/* How long it has to answer. */
int64_t vigil_pong(const struct vigil *vigil);

#endif
