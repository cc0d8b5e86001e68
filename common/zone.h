/*
 * zone: the calendar and the time zone of the process.
 *
 * A wall time is what a clock on the wall shows, as seconds since its own 1970-01-01T00:00:00: Unix seconds plus the offset
 * of the zone. Not every wall time exists, and some exist twice. A zone is a chain of spans in which the offset
 * stays the same.
 *
 * The zone is that of the process (TZ, tzset(3)): $TZ, else the system's, until zone_set. Offsets come from the C library;
 * a span shorter than a day would not be seen (the shortest in the tz database has four).
 */
#ifndef PYPE_ZONE_H
#define PYPE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

/* The seconds that a Unix time in int64_t nanoseconds can hold: years 1677 to 2262. */
#define ZONE_SECOND_MIN (-9223372036LL)
#define ZONE_SECOND_MAX 9223372035LL

struct zone_span {
	int64_t start, end; /* Unix seconds, end not included */
	int32_t offset; /* seconds east of Greenwich */
	int32_t before; /* the offset just before start; equals offset if nothing changes there */
};

struct zone_date {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second;
};

/*
 * Makes a zone of the tz database ("Europe/Berlin", "UTC") that of the process. False if there is no such file,
 * which the C library alone would take for UTC.
 */
bool zone_set(const char *name);

/*
 * Makes *span one that time (Unix seconds) lies in; if it is already, nothing is done. A zeroed span lies nowhere. Spans
 * may end where nothing changes, since the search for a change must end somewhere.
 */
void zone_span_find(struct zone_span *span, int64_t time);

/* The Unix time of a wall time: the first of two; the first instant after the gap if it does not exist. */
int64_t zone_time(int64_t wall);

/* The wall time of a date of the proleptic Gregorian calendar, and back. */
int64_t zone_wall(const struct zone_date *date);
void zone_date(int64_t wall, struct zone_date *date);

/* Days since 1970-01-01, weekday (0: Sunday) of such a day, and length of a month. */
int64_t zone_day(int64_t year, int month, int day);
int zone_weekday(int64_t day);
int zone_month_length(int64_t year, int month);

/* Division that rounds down, and the remainder of it. */
static inline int64_t zone_floor(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static inline int64_t zone_rest(int64_t a, int64_t b)
{
	return a % b + (a % b < 0 ? b : 0);
}

/*
 * A time as people write it, to Unix nanoseconds: Unix seconds ("1795392000", "-1.5", "@1795392000"); RFC 3339
 * ("2026-11-23T10:00:00.5+01:00", seconds may be left out, a blank may stand for the T); the same without an offset, or a date
 * alone, in local time ("2026-11-23T10:00", "2026-11-23"); "now". A duration with its unit may be added or taken away: "now-2h",
 * "2026-11-23+90m". False if it is none, or before 1678 or after 2261.
 */
bool zone_parse(const char *string, int64_t now, int64_t *nanoseconds);

enum { ZONE_TEXT_MAX = 48 };

/* Local time as in RFC 3339: "2026-11-23T10:00:00+01:00", with a fraction if there is one. ZONE_TEXT_MAX bytes; returns buffer. */
char *zone_text(char *buffer, int64_t nanoseconds);

#endif
