/*
 * pype-cron: an event for each slot of a schedule.
 *
 * A tick is the time at which something is due. Its slot is the tick itself or, with --interval, the start of the last
 * interval that is over by then; the event's time is the slot less --offset. Ticks are taken in order, each at most once:
 * those of the past (--from) at once, the others when the clock gets there. What to do with those that were slept
 * through is --missed.
 *
 *   main.c    the command line
 *   ticks.c   which ticks there are, and the slot of one
 *   run.c     waits for ticks and makes events of them; the place for whoever goes on
 *   list.c    --list and --explain
 */
#ifndef PYPE_CRON_H
#define PYPE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/message.h"
#include "common/place_file.h"
#include "common/schedule.h"
#include "common/source.h"
#include "common/text.h"

#define CRON_NEVER INT64_MAX
#define CRON_UNSET (-1)

enum cron_missed { MISSED_SKIP, MISSED_ONCE, MISSED_ALL };

/* Of --interval: [start, end) is the last one that is over at any time from end to before next. */
struct cron_intervals {
	struct schedule schedule;
	int64_t start, end, next;
};

/* What a successor, or the next run, needs to go on. */
struct cron_place {
	int64_t tick; /* the last one that was dealt with */
	int64_t left; /* so many events, or lines of --list, are still to come */
	int64_t seq; /* events so far */
	int64_t missed; /* ticks that were left out since the last event; counted for --meta only */
	int64_t caught_up; /* with the past that --from asked for: a late tick is a missed one from now on */
};

enum { CRON_NUMBERS = sizeof(struct cron_place) / sizeof(int64_t) };

struct cron {
	/* from the command line */
	char *spec, *zone, *from_text, *to_text, *data_text, *name, *now, *speed, *stable, *state_path;
	int64_t every, interval, offset, jitter, count, list;
	int dst, missed;
	bool once, start_now, meta, explain;

	struct source source;
	struct place_file file;
	struct clock clock;
	struct schedule ticks;
	struct cron_intervals intervals;
	struct text data, described; /* --data; the same with --meta around it */
	int64_t from, to;
	int64_t tick, next; /* the current tick and the one after it, or CRON_NEVER */
	int64_t due; /* when the current tick is to be emitted: itself, or later by --jitter */
	struct cron_place place;
	bool resumed; /* it goes on from the place that it, or one before it, has noted */
	struct message_limit limit;
};

static inline bool cron_is_scheduled(const struct cron *cron)
{
	return cron->spec || cron->every != CRON_UNSET || cron->interval != CRON_UNSET;
}

/* ticks.c */
int64_t ticks_slot(struct cron *cron, int64_t tick);
/* Makes the first tick after a time the current one; goes to the next; to the first of which the slot is not before --from, or else after now. */
void ticks_start_after(struct cron *cron, int64_t time);
void ticks_advance(struct cron *cron);
void ticks_start(struct cron *cron);
/* Of the ticks that have passed by a time, the current one and maybe more, the last becomes the current one. */
void ticks_skip_to(struct cron *cron, int64_t time);
/* How many there are, from one to before another. */
int64_t ticks_between(struct cron *cron, int64_t from, int64_t to);
/* True if the current tick is to be emitted; false if all that was asked for has been. */
bool ticks_wanted(struct cron *cron);

/* run.c, list.c */
void run_cron(struct cron *cron);
void list_ticks(struct cron *cron);

#endif
