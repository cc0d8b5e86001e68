/*
 * pype-cron: an event for each slot of a schedule.
 *
 * A tick is the time at which something is due. Its slot is the tick itself or, with --interval, the start of the last
 * interval that is over by then; the event's time is the slot less --offset. Ticks are taken in order, each at most once:
 * those of the past (--from) at once, the others when the clock gets there. What to do with those that were slept
 * through is --missed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/schedule.h"
#include "common/signals.h"
#include "common/source.h"
#include "common/text.h"
#include "common/unit.h"
#include "common/zone.h"

static const struct option_program program = {
	.name = "pype-cron",
	.summary = "emit events on a schedule, or the slots of a span of time",
	.operands = "[SPEC]",
	.least = 0,
	.most = 1,
};

/* A tick that is later than this has been missed, for --missed=skip. */
#define GRACE UNIT_S
#define NEVER INT64_MAX
#define UNSET (-1)

enum missed { MISSED_SKIP, MISSED_ONCE, MISSED_ALL };

/* Of --interval: [start, end) is the last one that is over at any time from end to before next. */
struct intervals {
	struct schedule schedule;
	int64_t start, end, next;
};

struct cron {
	/* from the command line */
	char *spec, *zone, *from_text, *to_text, *data_text, *name, *now, *speed;
	int64_t every, interval, offset, jitter, count, list;
	int dst, missed;
	bool once, start_now;

	struct source source;
	struct clock clock;
	struct schedule ticks;
	struct intervals intervals;
	struct text data;
	int64_t from, to;
	int64_t tick, next; /* the current tick and the one after it, or NEVER */
	int64_t due; /* when the current tick is to be emitted: itself, or later by --jitter */
	int64_t left; /* so many events, or lines of --list, are still to come */
	bool resumed; /* it goes on from the place that it, or one before it, has noted */
	bool caught_up; /* with the past that --from asked for: a late tick is a missed one from now on */
	struct message_limit limit;
};

/* ---- the command line ---- */

static int64_t time_option(const struct cron *cron, const char *option, const char *text)
{
	int64_t time;

	if (!zone_parse(text, clock_now(&cron->clock), &time))
		die("--%s: '%s' is not a time, such as 1795392000, 2026-11-23, 2026-11-23T10:00:00Z or now-2h", option,
		    text);
	return time;
}

static void set_clock(struct cron *cron)
{
	double speed = 1;
	char *end;

	clock_init(&cron->clock);
	if (!cron->now && !cron->speed)
		return;
	if (cron->speed && strcmp(cron->speed, "max") == 0) {
		speed = 0;
	} else if (cron->speed) {
		speed = strtod(cron->speed, &end);
		if (end == cron->speed || *end || !(speed >= 1e-6 && speed <= 1e6))
			die("--speed: '%s' is neither a number from 0.000001 to 1000000 nor 'max'", cron->speed);
	}
	clock_make_up(&cron->clock, cron->now ? time_option(cron, "now", cron->now) : clock_now(&cron->clock), speed);
}

static void set_data(struct cron *cron)
{
	size_t length = strlen(cron->data_text);
	char *copy = xcalloc(length + JSON_PADDING, 1);
	struct json_result result;

	memcpy(copy, cron->data_text, length);
	if (!json_scan(copy, length, NULL, NULL, 0, &result))
		die("--data: not a JSON text: %s at byte %zu", result.error, result.at);
	json_add_compact(&cron->data, copy + result.start, result.end - result.start);
	free(copy);
}

/* The name goes into the events as it is. */
static void check_name(const char *name)
{
	struct text quoted = {0};
	size_t length = strlen(name);

	json_add_string(&quoted, name, length);
	if (!length || quoted.length != length + 2 || memcmp(quoted.data + 1, name, length) != 0)
		die("--name: '%s' is empty or has characters that JSON would have to escape", name);
	text_free(&quoted);
}

static bool scheduled(const struct cron *cron)
{
	return cron->spec || cron->every != UNSET || cron->interval != UNSET;
}

static void set_ticks(struct cron *cron)
{
	const char *mistake;

	if (cron->spec && cron->every != UNSET)
		die("there can be only one of --every and a schedule");
	if (!scheduled(cron) && (!cron->once || cron->list != UNSET))
		die("nothing to do: give a schedule such as '*/5 * * * *', --every, --interval or --once");
	if (cron->every == 0 || cron->interval == 0)
		die("--%s must be more than 0", cron->every == 0 ? "every" : "interval");
	if (cron->spec) {
		if (!schedule_parse(&cron->ticks, cron->spec, &mistake))
			die("schedule '%s': %s", cron->spec, mistake);
	} else if (cron->every != UNSET || cron->interval != UNSET) {
		schedule_every(&cron->ticks, cron->every != UNSET ? cron->every : cron->interval);
	}
	cron->ticks.dst = cron->dst;
	if (cron->interval != UNSET) {
		schedule_every(&cron->intervals.schedule, cron->interval);
		cron->intervals.schedule.dst = cron->dst;
		cron->intervals.end = NEVER;
	}
}

/* What is given with --from and --to; the zone must be set. */
static void set_range(struct cron *cron)
{
	cron->start_now |= cron->once;
	if (cron->start_now && cron->from_text)
		die("--%s and --from exclude each other", cron->once ? "once" : "start-now");
	cron->from = cron->from_text ? time_option(cron, "from", cron->from_text) : INT64_MIN;
	cron->to = cron->to_text ? time_option(cron, "to", cron->to_text) : NEVER;
	cron->left = cron->once ? 1 : cron->list != UNSET ? cron->list : cron->count != UNSET ? cron->count : NEVER;
	cron->caught_up = !cron->from_text;
	if (!cron->from_text)
		return;
	if (cron->ticks.period)
		schedule_from(&cron->ticks, cron->from);
	if (cron->interval != UNSET)
		schedule_from(&cron->intervals.schedule, cron->from);
}

static void compile(struct cron *cron)
{
	if (cron->zone && !zone_set(cron->zone))
		die("--tz: there is no time zone '%s'", cron->zone);
	if (cron->data_text)
		set_data(cron);
	if (cron->name)
		check_name(cron->name);
	set_ticks(cron);
	set_clock(cron);
	set_range(cron);
}

/* ---- ticks and slots ---- */

static void find_intervals(struct intervals *intervals, int64_t tick)
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
			intervals->next = NEVER;
	}
}

static int64_t slot_of(struct cron *cron, int64_t tick)
{
	if (cron->interval == UNSET)
		return tick;
	if (tick < cron->intervals.end || tick >= cron->intervals.next)
		find_intervals(&cron->intervals, tick);
	return cron->intervals.start;
}

static int64_t tick_after(struct cron *cron, int64_t time)
{
	int64_t tick;

	return time != NEVER && schedule_next(&cron->ticks, time, &tick) ? tick : NEVER;
}

static void start_after(struct cron *cron, int64_t time)
{
	cron->tick = tick_after(cron, time);
	cron->next = tick_after(cron, cron->tick);
}

static void advance(struct cron *cron)
{
	cron->tick = cron->next;
	cron->next = tick_after(cron, cron->tick);
}

/* Goes to the first tick of which the slot is not before --from, or else to the first one after now. */
static void start(struct cron *cron)
{
	struct schedule *intervals = &cron->intervals.schedule;
	int64_t first;

	if (!cron->from_text) {
		start_after(cron, clock_now(&cron->clock));
	} else if (cron->interval == UNSET) {
		start_after(cron, cron->from - 1);
	} else if (schedule_next(intervals, cron->from - 1, &first) && schedule_next(intervals, first, &first)) {
		start_after(cron, first - 1);
	} else {
		start_after(cron, NEVER);
	}
}

/* ---- the place, which a runner keeps ---- */

struct place {
	int64_t tick, left; /* the last one that was dealt with; the events that were still to come then */
};

static void note_place(struct cron *cron)
{
	struct place place = {cron->tick, cron->left};

	source_cursor(&cron->source, &place, sizeof(place));
}

static void find_place(struct cron *cron)
{
	struct place place;
	size_t length;
	const void *cursor = source_resumed(&cron->source, &length);

	if (!cursor || length != sizeof(place))
		return;
	memcpy(&place, cursor, sizeof(place));
	cron->resumed = true;
	cron->tick = place.tick;
	cron->left = place.left;
}

/* ---- running ---- */

/* True if the current tick is to be emitted; false if all that was asked for has been. */
static bool wanted(struct cron *cron)
{
	return cron->left > 0 && cron->tick != NEVER && slot_of(cron, cron->tick) < cron->to;
}

static void emit(struct cron *cron)
{
	bool data = cron->data_text != NULL;
	int64_t time;

	cron->left--;
	if (__builtin_sub_overflow(slot_of(cron, cron->tick), cron->offset, &time))
		fail("--offset leads out of the range of times");
	if (!source_event(&cron->source, cron->name ? cron->name : "cron", time, data ? cron->data.data : NULL,
	                  cron->data.length))
		source_bad(&cron->source, NULL, 0, "an event is longer than --max-line");
	note_place(cron);
}

/* The last tick that is not after now, or now if nothing is scheduled. */
static void emit_current(struct cron *cron)
{
	cron->tick = clock_now(&cron->clock);
	if (scheduled(cron) && !schedule_before(&cron->ticks, cron->tick + 1, &cron->tick))
		fail("there is no slot before now");
	if (wanted(cron))
		emit(cron);
}

/* How long a tick is put off: anything below --jitter, but not up to the next tick. */
static int64_t delay(const struct cron *cron)
{
	int64_t limit = cron->jitter;
	uint64_t random;

	if (cron->next != NEVER && cron->next - cron->tick < limit)
		limit = cron->next - cron->tick;
	if (limit <= 0)
		return 0;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		fail("cannot get a random number:");
	return (int64_t)(random % (uint64_t)limit);
}

static void clock_was_set(const struct cron *cron)
{
	char now[ZONE_TEXT_MAX], next[ZONE_TEXT_MAX];

	message_info("the clock was set to %s; the next slot is %s", zone_text(now, clock_now(&cron->clock)),
	             zone_text(next, cron->tick));
}

/* Waits until the current tick is due. False: the program is to end. */
static bool wait_for_tick(struct cron *cron)
{
	cron->due = cron->tick;
	if (cron->tick > clock_now(&cron->clock) && __builtin_add_overflow(cron->tick, delay(cron), &cron->due))
		cron->due = NEVER;
	while (clock_now(&cron->clock) < cron->due) {
		cron->caught_up = true;
		source_flush(&cron->source);
		switch (clock_wait(&cron->clock, cron->due, STDOUT_FILENO)) {
		case CLOCK_STOP:
		case CLOCK_GONE:
			return false;
		case CLOCK_SET:
			clock_was_set(cron);
			break;
		case CLOCK_DUE:
			break;
		}
	}
	return !signals_stop();
}

static void missed(struct cron *cron, int64_t from, int64_t to)
{
	char first[ZONE_TEXT_MAX], last[ZONE_TEXT_MAX];

	if (message_pass(&cron->limit))
		message_warning("slots were missed: those from %s to before %s", zone_text(first, from),
		                zone_text(last, to));
}

/* Applies --missed to the ticks that have passed by now, the current one and maybe more. False: emit none. */
static bool choose(struct cron *cron)
{
	int64_t now = clock_now(&cron->clock), first = cron->tick;

	if (!cron->caught_up || cron->missed == MISSED_ALL)
		return true;
	if (cron->next <= now) {
		schedule_before(&cron->ticks, now + 1, &cron->tick);
		cron->next = tick_after(cron, cron->tick);
		cron->due = cron->tick;
	}
	if (cron->missed == MISSED_ONCE || now - cron->due <= GRACE) {
		if (cron->tick > first)
			missed(cron, first, cron->tick);
		return true;
	}
	missed(cron, first, cron->next);
	return false;
}

static void run(struct cron *cron)
{
	bool at_once = cron->from_text && cron->to_text;

	find_place(cron);
	if (cron->start_now && !cron->resumed)
		emit_current(cron);
	if (scheduled(cron) && cron->resumed)
		start_after(cron, cron->tick);
	else if (scheduled(cron))
		start(cron);
	else
		cron->tick = NEVER;
	for (; wanted(cron); advance(cron)) {
		if (at_once ? signals_stop() : !wait_for_tick(cron))
			break;
		if (at_once || (choose(cron) && wanted(cron)))
			emit(cron);
	}
	if (message_hidden(&cron->limit))
		message_warning("slots were missed %llu times in all", (unsigned long long)cron->limit.count);
}

/* Prints when the next ticks are. */
static void list(struct cron *cron)
{
	struct line_writer *out = &cron->source.out;
	char text[ZONE_TEXT_MAX];

	for (start(cron); wanted(cron) && !signals_stop(); advance(cron)) {
		cron->left--;
		zone_text(text, cron->tick);
		line_writer_add(out, text, strlen(text));
		if (line_writer_end(out) < 0)
			source_flush(&cron->source); /* meets the same error, and says it */
	}
}

int main(int argc, char **argv)
{
	struct cron cron = {
		.every = UNSET,
		.interval = UNSET,
		.count = UNSET,
		.list = UNSET,
		.missed = MISSED_ONCE,
	};
	/* clang-format off */
	const struct option options[] = {
		OPTION_DURATION('e', "every", "TIME", &cron.every, "emit at every multiple of TIME"),
		OPTION_DURATION(0, "interval", "TIME", &cron.interval, "the event's time is the start of the last whole interval of TIME"),
		OPTION_DURATION(0, "offset", "TIME", &cron.offset, "take TIME away from the event's time"),
		OPTION_STRING(0, "tz", "ZONE", &cron.zone, "time zone of the schedule and of local times ($TZ)"),
		OPTION_CHOICE(0, "dst", "shift|skip|both", &cron.dst, "local times that the clock jumps over, or shows twice (shift)"),
		OPTION_STRING(0, "from", "TIME", &cron.from_text, "begin with the slots of the past since TIME"),
		OPTION_STRING(0, "to", "TIME", &cron.to_text, "end before the slot at TIME"),
		OPTION_FLAG(0, "once", &cron.once, "one event, now"),
		OPTION_FLAG(0, "start-now", &cron.start_now, "one event now, then those of the schedule"),
		OPTION_NUMBER('n', "count", "N", &cron.count, "end after N events"),
		OPTION_CHOICE(0, "missed", "skip|once|all", &cron.missed, "what to do with slots that were slept through (once)"),
		OPTION_DURATION(0, "jitter", "TIME", &cron.jitter, "emit up to TIME later, by chance"),
		OPTION_STRING(0, "data", "JSON", &cron.data_text, "what the events carry"),
		OPTION_STRING(0, "name", "NAME", &cron.name, "name of the events (cron)"),
		OPTION_NUMBER(0, "list", "N", &cron.list, "print when the next N are, and end"),
		OPTION_STRING(0, "now", "TIME", &cron.now, "a made-up clock that shows TIME at first"),
		OPTION_STRING(0, "speed", "N|max", &cron.speed, "a made-up clock that runs N times as fast, or does not wait"),
		OPTION_END,
	};
	/* clang-format on */
	(void)argc;
	cron.spec = option_parse_both(&program, options, source_options(&cron.source), argv)[0];
	compile(&cron);
	if (option_checking())
		return STATUS_OK;
	source_open(&cron.source);
	if (cron.list != UNSET)
		list(&cron);
	else
		run(&cron);
	clock_free(&cron.clock);
	text_free(&cron.data);
	return source_close(&cron.source);
}
