/*
 * backoff: how long to wait before the next try of something that keeps failing. Policy only: no clock, no timer.
 *
 * The pause is chosen by chance between nothing and a bound ("full jitter"), so that many who lost the same server do not come
 * back at the same moment. The bound is min at first and doubles with each failure in a row, up to max. What lasted for
 * `reset` counts as good: the next failure is a first one.
 */
#ifndef PYPE_BACKOFF_H
#define PYPE_BACKOFF_H

#include <stdint.h>

#include "common/option.h"

struct backoff {
	/* the caller's; nanoseconds */
	int64_t min, max, reset;

	uint64_t failures; /* in a row, so far */
};

/* The options of a source that keeps a connection: a struct backoff *, and the int64_t * of the most that a server may ask for. */
/* clang-format off */
#define BACKOFF_OPTIONS(b, most) \
	OPTION_DURATION(0, "retry-min", "TIME", &(b)->min, "bound of the first pause after a failure (1s)"), \
	OPTION_DURATION(0, "retry-max", "TIME", &(b)->max, "longest pause after a failure (60s)"), \
	OPTION_DURATION(0, "retry-reset", "TIME", &(b)->reset, "a connection that lasted so long is no failure (5s)"), \
	OPTION_DURATION(0, "retry-after-max", "TIME", most, "longest pause that a server may ask for (1h)")
/* clang-format on */

/* Ends the program (2) if --retry-min and --retry-max, nanoseconds, cannot be. */
void backoff_check(int64_t min, int64_t max);

/*
 * One more failure, of what went well for `lasted` before (0: not at all, as when a connection does not come up; reset 0: any
 * time above 0 is good). Returns the pause in nanoseconds. random is any 64 random bits (moment_random).
 */
int64_t backoff_failed(struct backoff *backoff, int64_t lasted, uint64_t random);

/*
 * The pause that is made of it if a server has asked for one (-1 or 0: it has not), of which no more than `most` is heeded: the longer
 * one, in whole milliseconds.
 */
int64_t backoff_heed(int64_t pause, int64_t asked, int64_t most);

#endif
