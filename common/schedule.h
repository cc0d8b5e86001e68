/*
 * schedule: when something is due, as cron fields or a period, and the slots this gives in the zone of the process.
 *
 * A slot is a Unix time in nanoseconds, between the years 1678 and 2261. A schedule is written
 *   as fields or one of their names: "30 9 * * MON-FRI", "@daily" (crontab.h);
 *   as a period: "@every DURATION" (unit.h). One of whole days counts days of the local calendar and is due at midnight, one
 *     of whole weeks on Mondays. Any other is due at the multiples of it since 1970-01-01T00:00:00Z, whatever the
 *     zone. schedule_from has a period count from another time.
 *
 * Where local time jumps: fields that name every hour ("*", "0-23") follow the face of the clock and are due whenever it
 * shows a matching time, so that every 15 minutes is every 15 minutes, in the night that lacks an hour and in the one that
 * has it twice. All other fields, and periods of whole days, are due once for each local time that matches:
 *   if the clock jumps over it, at the first instant after the gap (several that fall into one gap, and what is due at its
 *     end anyway, are one slot); with SCHEDULE_SKIP not at all;
 *   if the clock shows it twice, the first time; with SCHEDULE_BOTH both times.
 */
#ifndef PYPE_SCHEDULE_H
#define PYPE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/crontab.h"
#include "common/text.h"
#include "common/zone.h"

/* In the order of OPTION_CHOICE's "shift|skip|both". */
enum schedule_dst { SCHEDULE_SHIFT, SCHEDULE_SKIP, SCHEDULE_BOTH };

struct schedule {
	int dst; /* enum schedule_dst; to be set after schedule_parse or schedule_every if it is not SCHEDULE_SHIFT */

	/* private */
	struct crontab crontab; /* if period is 0 */
	int64_t period; /* nanoseconds */
	int64_t origin; /* what it is counted from: Unix nanoseconds, or a wall time if it is whole days */
	int64_t fraction; /* nanoseconds that each slot lies behind a whole second (whole days only) */
	struct zone_span span; /* where the last slot was looked for */
	char mistake[CRONTAB_MISTAKE_MAX];
};

/*
 * Compiles spec; "TZ=ZONE " or "CRON_TZ=ZONE " in front of it sets the zone of the process. False if it is wrong or can
 * never be due: *mistake then says why ("hour: 25 is not in 0-23") and is part of the schedule. Nothing is to be freed.
 */
bool schedule_parse(struct schedule *schedule, const char *spec, const char **mistake);

/* The same as "@every": a period > 0 in nanoseconds. */
void schedule_every(struct schedule *schedule, int64_t period);

/* Says in words when it is due, in lines; appended to text. dst must be set. */
void schedule_explain(const struct schedule *schedule, struct text *text);

/* Has a period count from a time, which is then a slot itself; whole days keep its time of day. No effect on fields. */
void schedule_from(struct schedule *schedule, int64_t origin);

/*
 * The first slot after a time (not at it), or the last one before a time (not at it). False if there is none. The first
 * mostly takes less than a microsecond; the second some 100, unless the schedule is a period.
 */
bool schedule_next(struct schedule *schedule, int64_t after, int64_t *slot);
bool schedule_before(struct schedule *schedule, int64_t before, int64_t *slot);

#endif
