#include "cmd/sources/cron/cron.h"
#include "common/signals.h"

static void find_intervals(struct cron_intervals *intervals, int64_t tick)
{
	struct schedule *schedule = &intervals->schedule;

	/* Mostly it is the next one. */
	if (tick >= intervals->end) {
		intervals->start = intervals->end;
		intervals->end = intervals->next;
	}
	if (tick < intervals->end || !schedule_next(schedule, intervals->end, &intervals->next) ||
	    tick >= intervals->next) {
		if (!schedule_before(schedule, tick + 1, &intervals->end) ||
		    !schedule_before(schedule, intervals->end, &intervals->start))
			fail("there is no interval so early");
		if (!schedule_next(schedule, intervals->end, &intervals->next))
			intervals->next = CRON_NEVER;
	}
}

int64_t ticks_slot(struct cron *cron, int64_t tick)
{
	if (cron->interval == CRON_UNSET)
		return tick;
	if (tick < cron->intervals.end || tick >= cron->intervals.next)
		find_intervals(&cron->intervals, tick);
	return cron->intervals.start;
}

static int64_t tick_after(struct cron *cron, int64_t time)
{
	int64_t tick;

	return time != CRON_NEVER && schedule_next(&cron->ticks, time, &tick) ? tick : CRON_NEVER;
}

void ticks_start_after(struct cron *cron, int64_t time)
{
	cron->tick = tick_after(cron, time);
	cron->next = tick_after(cron, cron->tick);
}

void ticks_advance(struct cron *cron)
{
	cron->tick = cron->next;
	cron->next = tick_after(cron, cron->tick);
}

/* Goes to the first tick of which the slot is not before --from, or else to the first one after now. */
void ticks_start(struct cron *cron)
{
	struct schedule *intervals = &cron->intervals.schedule;
	int64_t first;

	if (!cron->from_text) {
		ticks_start_after(cron, clock_now(&cron->clock));
	} else if (cron->interval == CRON_UNSET) {
		ticks_start_after(cron, cron->from - 1);
	} else if (schedule_next(intervals, cron->from - 1, &first) && schedule_next(intervals, first, &first)) {
		ticks_start_after(cron, first - 1);
	} else {
		ticks_start_after(cron, CRON_NEVER);
	}
}

void ticks_skip_to(struct cron *cron, int64_t time)
{
	if (cron->next > time)
		return;
	schedule_before(&cron->ticks, time + 1, &cron->tick);
	cron->next = tick_after(cron, cron->tick);
	cron->due = cron->tick;
}

int64_t ticks_between(struct cron *cron, int64_t from, int64_t to)
{
	int64_t count = 0;

	for (; from < to && !signals_stop(); from = tick_after(cron, from))
		count++;
	return count;
}

bool ticks_wanted(struct cron *cron)
{
	return cron->place.left > 0 && cron->tick != CRON_NEVER && ticks_slot(cron, cron->tick) < cron->to;
}
