#include "common/schedule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/crontab_explain.h"
#include "common/unit.h"

enum {
	DAY = 86400,
	/* 1969-12-29, a Monday: where weeks are counted from. */
	MONDAY = -3,
};

#define BLANKS " \t\r\n"

/* ---- periods ---- */

/* Such a period, and only such, has to do with the calendar. */
static bool whole_days(const struct schedule *schedule)
{
	return schedule->period && schedule->period % UNIT_DAY == 0;
}

void schedule_every(struct schedule *schedule, int64_t period)
{
	*schedule = (struct schedule){.period = period};
	if (period % (7 * UNIT_DAY) == 0)
		schedule->origin = MONDAY * DAY;
}

void schedule_from(struct schedule *schedule, int64_t origin)
{
	struct zone_span span = {0};

	schedule->origin = origin;
	if (whole_days(schedule)) {
		schedule->fraction = zone_rest(origin, UNIT_S);
		schedule->origin = zone_floor(origin, UNIT_S);
		zone_span_find(&span, schedule->origin);
		schedule->origin += span.offset;
	}
}

/* The last multiple of the period that is not after a time, and then so many more. */
static bool multiple(const struct schedule *schedule, int64_t time, int more, int64_t *slot)
{
	__int128 distance = (__int128)time - schedule->origin;
	__int128 index = distance / schedule->period - (distance % schedule->period < 0) + more;
	__int128 result = schedule->origin + index * schedule->period;

	*slot = (int64_t)result;
	return result >= ZONE_SECOND_MIN * UNIT_S && result <= ZONE_SECOND_MAX * UNIT_S;
}

/* ---- compiling ---- */

/* "TZ=ZONE " or "CRON_TZ=ZONE " in front: sets the zone and moves *spec behind it. */
static bool parse_zone(char **spec, char *mistake)
{
	size_t prefix = strncmp(*spec, "TZ=", 3) == 0 ? 3 : strncmp(*spec, "CRON_TZ=", 8) == 0 ? 8 : 0;
	char *name;

	if (!prefix)
		return true;
	*spec += prefix;
	name = strsep(spec, BLANKS);
	if (!zone_set(name)) {
		snprintf(mistake, CRONTAB_MISTAKE_MAX, "there is no time zone '%.60s'", name);
		return false;
	}
	if (!*spec)
		*spec = name + strlen(name);
	*spec += strspn(*spec, BLANKS);
	return true;
}

static bool parse_period(struct schedule *schedule, const char *duration)
{
	int64_t period;

	duration += strspn(duration, BLANKS);
	if (unit_duration(duration, &period) && period > 0) {
		schedule_every(schedule, period);
		return true;
	}
	snprintf(schedule->mistake, CRONTAB_MISTAKE_MAX,
	         "@every: '%.60s' is not a duration above 0, such as 90s or 1h30m", duration);
	return false;
}

bool schedule_parse(struct schedule *schedule, const char *text, const char **mistake)
{
	char copy[CRONTAB_SPEC_MAX], *spec = copy;

	*schedule = (struct schedule){0};
	*mistake = schedule->mistake;
	text += strspn(text, BLANKS);
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
		*mistake = "it is longer than a schedule can be";
		return false;
	}
	for (size_t end = strlen(copy); end > 0 && strchr(BLANKS, copy[end - 1]); end--)
		copy[end - 1] = '\0';
	if (!parse_zone(&spec, schedule->mistake))
		return false;
	if (strncasecmp(spec, "@every", 6) == 0 && (!spec[6] || strchr(BLANKS, spec[6])))
		return parse_period(schedule, spec + 6);
	return crontab_parse(&schedule->crontab, spec, schedule->mistake);
}

/* ---- in words ---- */

static void explain_period(const struct schedule *schedule, struct text *text)
{
	char period[UNIT_TEXT_MAX], origin[ZONE_TEXT_MAX];

	text_addf(text, "every: %s", unit_duration_text(period, schedule->period));
	if (!whole_days(schedule))
		text_addf(text, ", counted from %s\n", zone_text(origin, schedule->origin));
	else if (schedule->period % (7 * UNIT_DAY) == 0 && schedule->origin == MONDAY * DAY)
		text_add_string(text, " of the local calendar, Mondays at midnight\n");
	else
		text_add_string(text, schedule->origin % DAY == 0 ? " of the local calendar, at midnight\n"
		                                                  : " of the local calendar\n");
}

void schedule_explain(const struct schedule *schedule, struct text *text)
{
	if (schedule->period)
		explain_period(schedule, text);
	else
		crontab_explain(&schedule->crontab, text);
	if (schedule->period && !whole_days(schedule))
		return;
	if (!schedule->period && crontab_every_hour(&schedule->crontab)) {
		text_add_string(text, "where the clock is changed: whenever it shows such a time\n");
		return;
	}
	text_addf(text, "local time that the clock jumps over: %s\n",
	          schedule->dst == SCHEDULE_SKIP ? "left out" : "due at the end of the jump");
	text_addf(text, "local time that the clock shows twice: %s\n",
	          schedule->dst == SCHEDULE_BOTH ? "due both times" : "due the first time");
}

/* ---- slots ---- */

/* The first wall time that is due, not before wall but before end. */
static bool next_wall(const struct schedule *schedule, int64_t wall, int64_t end, int64_t *match)
{
	if (!schedule->period)
		return crontab_next(&schedule->crontab, wall, end, match);
	*match = wall + zone_rest(schedule->origin - wall, schedule->period / UNIT_S);
	return *match < end;
}

bool schedule_next(struct schedule *schedule, int64_t after, int64_t *slot)
{
	bool face = !schedule->period && crontab_every_hour(&schedule->crontab);
	bool shift = !face && schedule->dst != SCHEDULE_SKIP, once = !face && schedule->dst != SCHEDULE_BOTH;
	struct zone_span *span = &schedule->span;
	int64_t time, wall;

	if (schedule->period && !whole_days(schedule))
		return multiple(schedule, after, 1, slot);
	time = zone_floor(after, UNIT_S) + (zone_rest(after, UNIT_S) >= schedule->fraction);
	if (time < ZONE_SECOND_MIN)
		time = ZONE_SECOND_MIN;
	for (; time < ZONE_SECOND_MAX; time = span->end) {
		zone_span_find(span, time);
		if (time == span->start && shift &&
		    next_wall(schedule, time + span->before, time + span->offset, &wall)) {
			*slot = time * UNIT_S + schedule->fraction;
			return true;
		}
		wall = time + span->offset;
		if (once && wall < span->start + span->before)
			wall = span->start + span->before;
		if (next_wall(schedule, wall, span->end + span->offset, &wall)) {
			if (wall - span->offset >= ZONE_SECOND_MAX)
				return false;
			*slot = (wall - span->offset) * UNIT_S + schedule->fraction;
			return true;
		}
	}
	return false;
}

bool schedule_before(struct schedule *schedule, int64_t before, int64_t *slot)
{
	int64_t low, middle, high = before, next, step = UNIT_S;

	if (schedule->period && !whole_days(schedule))
		return multiple(schedule, before - 1, 0, slot);
	/* So far back that there is a slot in between; then halving what lies between the last one found and the end. */
	do {
		if (__builtin_sub_overflow(before, step, &low) || low < ZONE_SECOND_MIN * UNIT_S)
			return false;
		step = step > INT64_MAX / 2 ? INT64_MAX : step * 2;
	} while (!schedule_next(schedule, low, slot) || *slot >= before);
	for (low = *slot; high - low > 1;) {
		middle = low + (high - low) / 2;
		if (schedule_next(schedule, middle, &next) && next < before)
			low = *slot = next;
		else
			high = middle;
	}
	return true;
}
