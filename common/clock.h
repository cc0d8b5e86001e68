/*
 * clock: what time it is, and waiting for a time; on the clock of the system, or on a made-up one that starts where it
 * is told to and runs faster, for tests and rehearsals.
 *
 * Times are Unix times in nanoseconds. The clock of the system may be set while somebody waits, and stands for him while the
 * machine sleeps: both are noticed, the waiting is for the time of day and not for a span of time.
 */
#ifndef PYPE_CLOCK_H
#define PYPE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
	/* private */
	bool made_up;
	double speed; /* of a made-up clock; 0: it only moves when somebody waits */
	int64_t start; /* what it showed */
	int64_t monotonic; /* … when CLOCK_MONOTONIC was at */
	int timer; /* timerfd; -1 until somebody waits */
};

enum clock_wake {
	CLOCK_DUE, /* the time has come */
	CLOCK_SET, /* somebody has set the clock: look at it again */
	CLOCK_STOP, /* signals_stop(): the program is to end */
	CLOCK_GONE, /* nobody reads the descriptor any more */
};

/* The clock of the system. */
void clock_init(struct clock *clock);

/* "--speed N|max": a number from 0.000001 to 1000000, or 0 for "max". False if it is neither. */
bool clock_speed(const char *string, double *speed);

/*
 * A made-up clock that shows start now and runs speed times as fast as the system's. Speed 0: it does not wait for
 * anything but is at once where somebody wants to wait for.
 */
void clock_make_up(struct clock *clock, int64_t start, double speed);
void clock_free(struct clock *clock);

int64_t clock_now(const struct clock *clock);

/*
 * Waits until the clock shows a time (which may have passed), or something else happens. If the last reader of the pipe or
 * socket fd has gone, that is CLOCK_GONE; fd -1: there is none to look at.
 */
enum clock_wake clock_wait(struct clock *clock, int64_t until, int fd);

#endif
