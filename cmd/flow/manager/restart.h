/*
 * restart: when a dead child may start again. Policy only: no process, no clock, no timer.
 *
 * The first restart is at once; each further one waits twice as long as the one before, from min up to
 * max, with jitter (between half of it and all of it); a child that was up for reset starts over.
 * More than limit restarts within the window: the policy says no, and the next level up
 * decides (stage, then pipeline, then the flow goes on without it).
 */
#ifndef PYPE_FLOW_RESTART_H
#define PYPE_FLOW_RESTART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum restart_mode {
	RESTART_LIMITED, /* after a failure, within the limit */
	RESTART_NEVER,
	RESTART_ALWAYS, /* after a failure without a limit, and after an end with 0 too */
};

struct restart_policy {
	enum restart_mode mode;
	int64_t limit; /* restarts … */
	int64_t within, min, max, reset; /* nanoseconds */
};

extern const struct restart_policy restart_default; /* 10 within 5m, 100ms to 60s, reset 60s */

enum { RESTART_LIMIT_MAX = 1000 };

/* One child's history. Zero-initialise. */
struct restart {
	int64_t *starts; /* when the last `limit` restarts were, a ring */
	size_t next, count;
	int64_t delay; /* of the next restart but the first */
	uint64_t attempts; /* restarts since the last reset: what reports call the attempt */
};

/*
 * A child that started at `started` failed at `now` (monotonic nanoseconds): the delay before it starts again (0: at
 * once), or -1: it must not. random is any 64 random bits.
 */
int64_t restart_delay(struct restart *restart, const struct restart_policy *policy, int64_t started, int64_t now,
                      uint64_t random);
void restart_free(struct restart *restart);

#endif
