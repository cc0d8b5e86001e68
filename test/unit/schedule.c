/*
 * crontab, schedule and zone: slots forwards and backwards are the same, texts of times, and mistakes.
 * Slots against an independent reading of the rules: cron.bats.
 */
#include <stdlib.h>
#include <string.h>

#include "common/schedule.h"
#include "common/unit.h"
#include "test/unit/tap.h"

enum { DAY = 86400, SLOTS = 2000 };

static int64_t parsed(const char *text)
{
	int64_t time;

	return zone_parse(text, 0, &time) ? time : INT64_MIN;
}

static void is_time(struct tap *tap, const char *text, const char *wanted)
{
	char got[ZONE_TEXT_MAX] = "none";
	int64_t time = parsed(text);

	if (time != INT64_MIN)
		zone_text(got, time);
	tap_is(tap, got, strlen(got), wanted, strlen(wanted), text);
}

/* Each day of 800 years, from the day before it by the rules of a calendar. */
static void calendar(struct tap *tap)
{
	struct zone_date date, next = {.year = 1600, .month = 1, .day = 1};
	int64_t day = zone_day(1600, 1, 1);
	int weekday = 6, wrong = 0;

	for (; next.year < 2400; day++, weekday = (weekday + 1) % 7) {
		zone_date(day * DAY + 86399, &date);
		wrong += date.year != next.year || date.month != next.month || date.day != next.day ||
		         date.hour != 23 || date.minute != 59 || date.second != 59 ||
		         zone_day(next.year, next.month, next.day) != day || zone_weekday(day) != weekday ||
		         zone_wall(&date) != day * DAY + 86399;
		if (next.day++ == zone_month_length(next.year, next.month)) {
			next.day = 1;
			next.year += next.month == 12;
			next.month = next.month % 12 + 1;
		}
	}
	tap_ok(tap, wrong == 0 && zone_day(1970, 1, 1) == 0, "the days of 800 years");
}

/* Forwards from a time, then backwards from the last slot: the same ones, and none in between. */
static void there_and_back(struct tap *tap, const char *spec, const char *from)
{
	static int64_t slots[SLOTS];
	struct schedule schedule;
	int64_t time = parsed(from), slot = 0;
	const char *mistake;
	int count = 0, wrong = 0;

	if (!tap_ok(tap, schedule_parse(&schedule, spec, &mistake), "%s", spec))
		return;
	while (count < SLOTS && schedule_next(&schedule, time, &slot)) {
		wrong += slot <= time;
		wrong += count > 0 && (!schedule_next(&schedule, slot - 1, &time) || time != slot);
		time = slots[count++] = slot;
	}
	for (int i = count - 1; i > 0; i -= count / 100 + 1) {
		wrong += !schedule_before(&schedule, slots[i], &slot) || slot != slots[i - 1];
		wrong += !schedule_before(&schedule, slots[i] + 1, &slot) || slot != slots[i];
		wrong += !schedule_before(&schedule, slots[i - 1] + 1, &slot) || slot != slots[i - 1];
	}
	tap_ok(tap, wrong == 0 && count > 50, "%s there and back: %d slots, %d wrong", spec, count, wrong);
}

static void is_mistake(struct tap *tap, const char *spec, const char *wanted)
{
	struct schedule schedule;
	const char *mistake = "";

	if (schedule_parse(&schedule, spec, &mistake))
		mistake = "none";
	tap_is(tap, mistake, strlen(mistake), wanted, strlen(wanted), spec);
}

static void is_next(struct tap *tap, const char *spec, const char *after, const char *wanted)
{
	struct schedule schedule;
	const char *mistake;
	char got[ZONE_TEXT_MAX] = "none";
	int64_t slot;

	if (!schedule_parse(&schedule, spec, &mistake))
		strcpy(got, "mistake");
	else if (schedule_next(&schedule, parsed(after), &slot))
		zone_text(got, slot);
	tap_is(tap, got, strlen(got), wanted, strlen(wanted), spec);
}

/* clang-format off */
static const char *const no_times[] = {
	"", "n", "nowx", "now-5", "2026-11", "now-", "now-2x", "2026-13-01", "12x", "2026-02-29",
	"2026-11-23T", "2026-11-23T24:00", "2026-11-23T10", "1500-01-01", "9223372037", "2261-12-31+20y",
	"1.", "--1", "2026-11-23T10:00:00+1:00", "9223372035+1w", "-9223372036-1s", NULL,
};
/* clang-format on */

static void texts(struct tap *tap)
{
	zone_set("Europe/Berlin");
	is_time(tap, "0", "1970-01-01T01:00:00+01:00");
	is_time(tap, "-1.5", "1970-01-01T00:59:58.5+01:00");
	is_time(tap, "@1795428000.000000001", "2026-11-23T11:00:00.000000001+01:00");
	is_time(tap, "2026-11-23", "2026-11-23T00:00:00+01:00");
	is_time(tap, "2026-11-23-1h", "2026-11-22T23:00:00+01:00");
	is_time(tap, "2026-11-23 10:00+90m", "2026-11-23T11:30:00+01:00");
	is_time(tap, "2026-11-23T10:00:00+00:30", "2026-11-23T10:30:00+01:00");
	is_time(tap, "2026-11-23t10:00:00.25z", "2026-11-23T11:00:00.25+01:00");
	is_time(tap, "2026-11-23T10:00-03:00-1d", "2026-11-22T14:00:00+01:00");
	is_time(tap, "2026-03-29T02:30", "2026-03-29T03:00:00+02:00");
	is_time(tap, "2026-10-25T02:30", "2026-10-25T02:30:00+02:00");
	is_time(tap, "2024-02-29", "2024-02-29T00:00:00+01:00");
	is_time(tap, "now-2h", "1969-12-31T23:00:00+01:00");
	is_time(tap, "now", "1970-01-01T01:00:00+01:00");
	for (int i = 0; no_times[i]; i++)
		is_time(tap, no_times[i], "none");
	tap_ok(tap, !zone_set("Europe/Bielefeld"), "an unknown zone");
	tap_ok(tap, !zone_set("../../../etc/passwd"), "a file that is no zone");
	tap_ok(tap, !zone_set("Europe"), "a folder");
	tap_ok(tap, !zone_set(""), "no zone");
}

static void mistakes(struct tap *tap)
{
	is_mistake(tap, "0 25 * * *", "hour: 25 is not in 0-23");
	is_mistake(tap, "60 * * * *", "minute: 60 is not in 0-59");
	is_mistake(tap, "0 60 * * * *", "minute: 60 is not in 0-59");
	is_mistake(tap, "99999999999 * * * * *", "second: 99999999999 is not in 0-59");
	is_mistake(tap, "0 0 0 * *", "day of month: 0 is not in 1-31");
	is_mistake(tap, "0 0 1 FOO *", "month: 'FOO' is not in 1-12 or JAN-DEC");
	is_mistake(tap, "0 0 * * 8", "weekday: 8 is not in 0-7");
	is_mistake(tap, "0 0 * * L", "weekday: 'L' is not in 0-7 or SUN-SAT");
	is_mistake(tap, "0 0 * * 1#6", "weekday: '1#6' is not understood from '#6' on");
	is_mistake(tap, "0 0 32W * *", "day of month: 32 is not in 1-31");
	is_mistake(tap, "0 0 L-31 * *", "day of month: 'L-31' is not in 1-31");
	is_mistake(tap, "1- * * * *", "minute: '' is not in 0-59");
	is_mistake(tap, "1,,2 * * * *", "minute: '' is not in 0-59");
	is_mistake(tap, "-5 * * * *", "minute: '-5' is not in 0-59");
	is_mistake(tap, "*/0 * * * *", "minute: the step of '*/0' is not in 1-60");
	is_mistake(tap, "0 */25 * * *", "hour: the step of '*/25' is not in 1-24");
	is_mistake(tap, "*/ * * * *", "minute: the step of '*/' is not in 1-60");
	is_mistake(tap, "? * * * *", "minute: '?' is not in 0-59");
	is_mistake(tap, "0 0 31 2 *", "'0 0 31 2 *' is never due: there is no such day");
	is_mistake(tap, "0 0 31W APR,JUN *", "'0 0 31W APR,JUN *' is never due: there is no such day");
	is_mistake(tap, "0 0 L-30 2 ?", "'0 0 L-30 2 ?' is never due: there is no such day");
	is_mistake(
		tap, "* * *",
		"'* * *' has 3 fields, not 5 (minute hour day month weekday), 6 (second first) or 7 (and year last)");
	is_mistake(tap, "",
	           "'' has 0 fields, not 5 (minute hour day month weekday), 6 (second first) or 7 (and year last)");
	is_mistake(tap, "* * * * * * * *",
	           "'* * * * * * * *' has 8 fields, not 5 (minute hour day month weekday), 6 (second first) or 7 (and "
	           "year last)");
	is_mistake(tap, "@dayly", "there is no '@dayly'; did you mean '@daily'?");
	is_mistake(tap, "@every", "@every: '' is not a duration above 0, such as 90s or 1h30m");
	is_mistake(tap, "@every 0s", "@every: '0s' is not a duration above 0, such as 90s or 1h30m");
	is_mistake(tap, "@every fortnight", "@every: 'fortnight' is not a duration above 0, such as 90s or 1h30m");
	is_mistake(tap, "TZ=Nowhere @daily", "there is no time zone 'Nowhere'");
}

static void slots(struct tap *tap)
{
	zone_set("UTC");
	is_next(tap, "  @Daily\n", "2026-11-23", "2026-11-24T00:00:00+00:00");
	is_next(tap, "CRON_TZ=Asia/Kathmandu  @daily", "2026-11-23T00:00Z", "2026-11-24T00:00:00+05:45");
	zone_set("UTC");
	is_next(tap, "59 59 23 31 12 ?", "2026-12-31T23:59:58", "2026-12-31T23:59:59+00:00");
	is_next(tap, "59 59 23 31 12 ?", "2026-12-31T23:59:59", "2027-12-31T23:59:59+00:00");
	is_next(tap, "0 0 29 2 *", "2096-03-01", "2104-02-29T00:00:00+00:00");
	is_next(tap, "0 0 * 2 mon#5", "2026-11-23", "2044-02-29T00:00:00+00:00");
	is_next(tap, "*/20 * * * * *", "2026-11-23T10:00:20.5", "2026-11-23T10:00:40+00:00");
	is_next(tap, "0 0 1 1 *", "2261-06-01", "2262-01-01T00:00:00+00:00");
	is_next(tap, "0 0 1 5 *", "2261-06-01", "none");
	is_next(tap, "@every 1w", "2026-11-25", "2026-11-30T00:00:00+00:00");
	is_next(tap, "@every 300000h", "2250-01-01", "none");
	zone_set("Europe/Berlin");
	there_and_back(tap, "*/7 * * * *", "2026-03-28");
	there_and_back(tap, "*/17 1-3 * * *", "2026-02-01");
	there_and_back(tap, "0 */10 2 * * *", "2026-10-01");
	there_and_back(tap, "0 0 1 * *", "1900-01-01");
	there_and_back(tap, "@yearly", "1800-01-01");
	there_and_back(tap, "@every 1d", "1975-01-01");
	there_and_back(tap, "@every 10d", "1965-01-01");
	there_and_back(tap, "@every 1ms", "1969-12-31T23:59:59");
	there_and_back(tap, "@every 7h", "1960-01-01");
}

int main(void)
{
	struct tap tap = {0};

	calendar(&tap);
	texts(&tap);
	mistakes(&tap);
	slots(&tap);
	return tap_end(&tap);
}
