#include "common/zone.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/unit.h"

enum {
	DAY = 86400,
	/* How far a change of the offset is looked for, and how far back so that `before` is known for two days. */
	HORIZON = 64 * DAY,
	LOOK_BACK = 3 * DAY,
	DAYS_400_YEARS = 146097,
};

bool zone_set(const char *name)
{
	const char *directory = getenv("TZDIR");
	char path[PATH_MAX], magic[4] = "";
	int fd;

	if (*name == ':')
		name++;
	if (snprintf(path, sizeof(path), "%s/%s", directory ? directory : "/usr/share/zoneinfo", name) >= PATH_MAX)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, magic, sizeof(magic)) != sizeof(magic))
		magic[0] = '\0';
	close(fd);
	if (memcmp(magic, "TZif", sizeof(magic)) != 0 || setenv("TZ", name, 1) < 0)
		return false;
	tzset();
	return true;
}

static int32_t offset_at(int64_t time)
{
	time_t seconds = time;
	struct tm tm;

	return localtime_r(&seconds, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The first instant after time with another offset, or HORIZON later. */
static int64_t next_change(int64_t time, int32_t offset)
{
	int64_t same = time, other;

	for (other = time + DAY; offset_at(other) == offset; other += DAY) {
		same = other;
		if (other >= time + HORIZON)
			return other;
	}
	while (other - same > 1) {
		int64_t middle = same + (other - same) / 2;

		if (offset_at(middle) == offset)
			same = middle;
		else
			other = middle;
	}
	return other;
}

static void enter(struct zone_span *span, int64_t start)
{
	span->start = start;
	span->offset = offset_at(start);
	span->end = next_change(start, span->offset);
}

void zone_span_find(struct zone_span *span, int64_t time)
{
	if (span->start == span->end || time < span->start || time >= span->end + HORIZON) {
		enter(span, time - LOOK_BACK);
		span->before = span->offset;
	}
	while (time >= span->end) {
		span->before = span->offset;
		enter(span, span->end);
	}
}

int64_t zone_time(int64_t wall)
{
	struct zone_span span = {0};

	/* No offset is larger than a day, so this span begins before the wall time does. */
	zone_span_find(&span, wall - 2 * DAY);
	while (wall - span.offset >= span.end)
		zone_span_find(&span, span.end);
	return wall - span.offset > span.start ? wall - span.offset : span.start;
}

static bool leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int zone_month_length(int64_t year, int month)
{
	static const char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return lengths[month - 1] + (month == 2 && leap(year));
}

/*
 * Years are counted from March, so that the leap day is the last of them; then the days before a month are
 * (153 m + 2) / 5 for the mth month after March. 719468 days lie between 0000-03-01 and 1970-01-01.
 */
int64_t zone_day(int64_t year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int m = month > 2 ? month - 3 : month + 9;
	int64_t era = zone_floor(y, 400), of_era = zone_rest(y, 400);

	return era * DAYS_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + (153 * m + 2) / 5 + day - 1 - 719468;
}

int zone_weekday(int64_t day)
{
	return (int)zone_rest(day + 4, 7);
}

int64_t zone_wall(const struct zone_date *date)
{
	return zone_day(date->year, date->month, date->day) * DAY + date->hour * 3600 + date->minute * 60 +
	       date->second;
}

void zone_date(int64_t wall, struct zone_date *date)
{
	int64_t day = zone_floor(wall, DAY) + 719468;
	int second = (int)zone_rest(wall, DAY);
	int64_t era = zone_floor(day, DAYS_400_YEARS);
	int of_era = (int)zone_rest(day, DAYS_400_YEARS);
	int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = of_era - (365 * year + year / 4 - year / 100);
	int month = (5 * of_year + 2) / 153;

	date->day = of_year - (153 * month + 2) / 5 + 1;
	date->month = month < 10 ? month + 3 : month - 9;
	date->year = era * 400 + year + (date->month <= 2);
	date->hour = second / 3600;
	date->minute = second / 60 % 60;
	date->second = second % 60;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly that many digits, as a number from low to high; advances *string. */
static bool digits(const char **string, int count, int low, int high, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*string)++) {
		if (!is_digit(**string))
			return false;
		*value = *value * 10 + (**string - '0');
	}
	return *value >= low && *value <= high;
}

/* ".5" after a second, if it is there, in nanoseconds; digits beyond the ninth are dropped. */
static bool fraction(const char **string, int64_t *nanoseconds)
{
	int64_t scale = UNIT_S;

	*nanoseconds = 0;
	if (**string != '.')
		return true;
	if (!is_digit((*string)[1]))
		return false;
	for ((*string)++; is_digit(**string); (*string)++)
		*nanoseconds += (**string - '0') * (scale /= 10);
	return true;
}

/* "Z" or "+01:00": true and the offset in seconds; else *string stays where it is ("-2h" is a duration). */
static bool utc_offset(const char **string, int *offset)
{
	const char *s = *string + 1;
	int hours, minutes;

	if (**string == 'Z' || **string == 'z') {
		*offset = 0;
		*string = s;
		return true;
	}
	if ((**string != '+' && **string != '-') || !digits(&s, 2, 0, 23, &hours) || *s++ != ':' ||
	    !digits(&s, 2, 0, 59, &minutes))
		return false;
	*offset = (hours * 60 + minutes) * (**string == '-' ? -60 : 60);
	*string = s;
	return true;
}

/* A date with or without a time of day; advances *string. */
static bool parse_date(const char **string, int64_t *seconds, int64_t *nanoseconds)
{
	struct zone_date date = {0};
	const char *s = *string;
	int year, offset;

	*nanoseconds = 0;
	if (!digits(&s, 4, 1678, 2261, &year) || *s++ != '-' || !digits(&s, 2, 1, 12, &date.month) || *s++ != '-' ||
	    !digits(&s, 2, 1, zone_month_length(year, date.month), &date.day))
		return false;
	date.year = year;
	if (*s == 'T' || *s == 't' || *s == ' ') {
		s++;
		if (!digits(&s, 2, 0, 23, &date.hour) || *s++ != ':' || !digits(&s, 2, 0, 59, &date.minute))
			return false;
		/* 60: a leap second, which Unix time does not count. */
		if (*s == ':' && (s++, !digits(&s, 2, 0, 60, &date.second) || !fraction(&s, nanoseconds)))
			return false;
		if (utc_offset(&s, &offset)) {
			*seconds = zone_wall(&date) - offset;
			*string = s;
			return true;
		}
	}
	*seconds = zone_time(zone_wall(&date));
	*string = s;
	return true;
}

static bool parse_seconds(const char **string, int64_t *seconds, int64_t *nanoseconds)
{
	const char *s = *string + (**string == '@');
	bool negative = *s == '-';

	s += negative;
	if (!is_digit(*s))
		return false;
	for (*seconds = 0; is_digit(*s); s++) {
		*seconds = *seconds * 10 + (*s - '0');
		if (*seconds > ZONE_SECOND_MAX)
			return false;
	}
	if (!fraction(&s, nanoseconds))
		return false;
	if (negative) {
		*seconds = -*seconds;
		*nanoseconds = -*nanoseconds;
	}
	*string = s;
	return true;
}

bool zone_parse(const char *string, int64_t now, int64_t *nanoseconds)
{
	int64_t seconds, rest, difference = 0, time;

	if (strncmp(string, "now", 3) == 0) {
		time = now;
		string += 3;
	} else if (parse_date(&string, &seconds, &rest) || parse_seconds(&string, &seconds, &rest)) {
		time = seconds * UNIT_S + rest;
	} else {
		return false;
	}
	if (*string == '+' || *string == '-') {
		/* With a unit, lest "2026-11" be 11 seconds before 2026. */
		if (is_digit(string[strlen(string) - 1]) || !unit_duration(string + 1, &difference))
			return false;
		if (*string == '-')
			difference = -difference;
	} else if (*string) {
		return false;
	}
	if (__builtin_add_overflow(time, difference, &time) || time < ZONE_SECOND_MIN * UNIT_S ||
	    time > ZONE_SECOND_MAX * UNIT_S)
		return false;
	*nanoseconds = time;
	return true;
}

char *zone_text(char *buffer, int64_t nanoseconds)
{
	int64_t time = zone_floor(nanoseconds, UNIT_S), rest = zone_rest(nanoseconds, UNIT_S);
	int offset = offset_at(time), minutes = abs(offset) / 60, length;
	struct zone_date date;

	zone_date(time + offset, &date);
	length = snprintf(buffer, ZONE_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)date.year, date.month,
	                  date.day, date.hour, date.minute, date.second);
	if (rest) {
		length += snprintf(buffer + length, ZONE_TEXT_MAX - (size_t)length, ".%09lld", (long long)rest);
		while (buffer[length - 1] == '0')
			length--;
	}
	snprintf(buffer + length, ZONE_TEXT_MAX - (size_t)length, "%c%02d:%02d", offset < 0 ? '-' : '+', minutes / 60,
	         minutes % 60);
	return buffer;
}
