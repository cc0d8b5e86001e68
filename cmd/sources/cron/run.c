#include <string.h>
#include <unistd.h>

#include "cmd/sources/cron/cron.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

/* A tick that is later than this has been missed, for --missed=skip. */
#define GRACE UNIT_S

/* How many events may pass before the clock is looked at for --state. */
enum { SAVE_EVERY = 4096 };

/* Of struct cron_place, in its order. */
static const char *const names[] = {"tick", "left", "seq", "missed", "caught_up"};
_Static_assert(sizeof(names) / sizeof(names[0]) == CRON_NUMBERS, "each number has its name");

/* ---- the place ---- */

static void note_place(struct cron *cron, int64_t tick)
{
	cron->place.tick = tick;
	source_cursor(&cron->source, &cron->place, sizeof(cron->place));
}

static void save_place(struct cron *cron)
{
	source_flush(&cron->source);
	place_file_save(&cron->file, &cron->place.tick);
}

/* A predecessor's under the runner, or that of the state file. */
static void find_place(struct cron *cron)
{
	int64_t left = cron->place.left, caught_up = cron->place.caught_up;
	size_t length;
	const void *cursor = source_resumed(&cron->source, &length);

	cron->resumed = place_file_open(&cron->file, cron->state_path, names, &cron->place.tick, CRON_NUMBERS);
	cron->place.left = left; /* --count is for each run */
	if (cursor && length == sizeof(cron->place)) {
		memcpy(&cron->place, cursor, sizeof(cron->place));
		cron->resumed = true;
	}
	cron->place.caught_up |= caught_up;
	cron->tick = cron->place.tick;
}

/* ---- events ---- */

static void add_time(struct text *text, const char *name, int64_t time)
{
	char seconds[UNIT_TEXT_MAX];

	unit_time_text(seconds, time - time % UNIT_US);
	text_addf(text, "\"%s\":%s,", name, seconds);
}

/* What --meta says, with what --data says in it. */
static const struct text *describe(struct cron *cron)
{
	struct text *text = &cron->described;

	text_clear(text);
	text_add_char(text, '{');
	add_time(text, "scheduled", cron->tick);
	add_time(text, "fired", clock_now(&cron->clock));
	text_addf(text, "\"seq\":%lld,\"missed\":%lld", (long long)cron->place.seq, (long long)cron->place.missed);
	if (cron->data_text) {
		text_add_string(text, ",\"data\":");
		text_add(text, cron->data.data, cron->data.length);
	}
	text_add_char(text, '}');
	return text;
}

static void emit(struct cron *cron)
{
	const struct text *data = &cron->data;
	int64_t time;

	cron->place.left--;
	cron->place.seq++;
	if (cron->meta)
		data = describe(cron);
	if (__builtin_sub_overflow(ticks_slot(cron, cron->tick), cron->offset, &time))
		fail("--offset leads out of the range of times");
	if (!source_event(&cron->source, cron->name ? cron->name : "cron", time, data->data, data->length))
		source_bad(&cron->source, NULL, 0, "an event is longer than --max-line");
	cron->place.missed = 0;
	note_place(cron, cron->tick);
	if (cron->place.seq % SAVE_EVERY == 0 && place_file_due(&cron->file, 0))
		save_place(cron);
}

/* The last tick that is not after now, or now if nothing is scheduled. */
static void emit_current(struct cron *cron)
{
	cron->tick = clock_now(&cron->clock);
	if (cron_is_scheduled(cron) && !schedule_before(&cron->ticks, cron->tick + 1, &cron->tick))
		fail("there is no slot before now");
	if (ticks_wanted(cron))
		emit(cron);
}

/* ---- waiting ---- */

/* The same for the same text, on every machine: 64-bit FNV-1a, and its bits mixed once more, lest similar texts be near. */
static uint64_t hash(const char *text)
{
	uint64_t value = 0xcbf29ce484222325;

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001b3;
	value = (value ^ (value >> 33)) * 0xff51afd7ed558ccd;
	return value ^ (value >> 33);
}

/* How long a tick is put off: anything below --jitter, but not up to the next tick. */
static int64_t delay(const struct cron *cron)
{
	int64_t limit = cron->jitter, stable;

	if (cron->jitter <= 0)
		return 0;
	if (cron->next != CRON_NEVER && cron->next - cron->tick < limit)
		limit = cron->next - cron->tick;
	if (!cron->stable)
		return (int64_t)(moment_random() % (uint64_t)limit);
	/* Of the whole --jitter, so that it is the same before a tick that is near and one that is far. */
	stable = (int64_t)(hash(cron->stable) % (uint64_t)cron->jitter);
	return stable < limit ? stable : stable % limit;
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
		cron->due = CRON_NEVER;
	while (clock_now(&cron->clock) < cron->due) {
		cron->place.caught_up = true;
		source_flush(&cron->source);
		if (place_file_due(&cron->file, cron->due - clock_now(&cron->clock)))
			place_file_save(&cron->file, &cron->place.tick);
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

static void leave_out(struct cron *cron, int64_t from, int64_t to)
{
	missed(cron, from, to);
	if (cron->meta)
		cron->place.missed += ticks_between(cron, from, to);
}

/* Applies --missed to the ticks that have passed by now, the current one and maybe more. False: emit none. */
static bool choose(struct cron *cron)
{
	int64_t now = clock_now(&cron->clock), first = cron->tick;

	if (!cron->place.caught_up || cron->missed == MISSED_ALL)
		return true;
	ticks_skip_to(cron, now);
	if (cron->missed == MISSED_ONCE || now - cron->due <= GRACE) {
		if (cron->tick > first)
			leave_out(cron, first, cron->tick);
		return true;
	}
	leave_out(cron, first, cron->next);
	note_place(cron, cron->tick);
	return false;
}

/* The place is noted before the first tick, too: it may pass while nobody is there. */
static void begin(struct cron *cron)
{
	if (!cron_is_scheduled(cron)) {
		cron->tick = CRON_NEVER;
	} else if (cron->resumed) {
		ticks_start_after(cron, cron->tick);
	} else {
		ticks_start(cron);
		if (cron->tick != CRON_NEVER)
			note_place(cron, cron->tick - 1);
	}
}

void run_cron(struct cron *cron)
{
	bool at_once = cron->from_text && cron->to_text;

	find_place(cron);
	if (cron->start_now && !cron->resumed)
		emit_current(cron);
	begin(cron);
	for (; ticks_wanted(cron); ticks_advance(cron)) {
		if (at_once ? signals_stop() : !wait_for_tick(cron))
			break;
		if (at_once || (choose(cron) && ticks_wanted(cron)))
			emit(cron);
	}
	save_place(cron);
	if (message_hidden(&cron->limit))
		message_warning("slots were missed %llu times in all", (unsigned long long)cron->limit.count);
}
