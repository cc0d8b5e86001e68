/*
 * The time of an event from one of its fields.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/processors/parse/parse.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/unit.h"
#include "common/zone.h"

void when_init(struct when *when, const char *option)
{
	static const struct {
		const char *name;
		int64_t unit;
	} units[] = {{"s", UNIT_S}, {"ms", UNIT_MS}, {"us", UNIT_US}, {"ns", 1}};
	const char *equals = strchr(option, '='), *fraction;

	*when = (struct when){.field = equals ? xstrndup(option, (size_t)(equals - option)) : xstrdup(option)};
	if (!equals)
		return;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(equals + 1, units[i].name) == 0)
			when->unit = units[i].unit;
	if (when->unit)
		return;
	if (!strchr(equals + 1, '%'))
		die("--time '%s': the format is s, ms, us, ns, or one of strptime(3), such as '%%Y-%%m-%%d "
		    "%%H:%%M:%%S'",
		    option);
	fraction = strstr(equals + 1, "%f");
	when->format = fraction ? xstrndup(equals + 1, (size_t)(fraction - equals - 1)) : xstrdup(equals + 1);
	when->rest = fraction ? xstrdup(fraction + 2) : NULL;
}

void when_free(struct when *when)
{
	free(when->field);
	free(when->format);
	free(when->rest);
}

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* A number of units, a fraction allowed, to nanoseconds; what is less than one is cut off. */
static bool read_units(const char *s, int64_t unit, int64_t *nanoseconds)
{
	bool negative = *s == '-';
	int64_t value = 0, rest = 0;

	s += negative;
	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s - '0', &value))
			return false;
	if (__builtin_mul_overflow(value, unit, &value))
		return false;
	if (*s == '.' && is_digit(s[1])) {
		for (s++; is_digit(*s); s++)
			rest += (*s - '0') * (unit /= 10);
	}
	if (*s || __builtin_add_overflow(value, rest, &value))
		return false;
	*nanoseconds = negative ? -value : value;
	return *nanoseconds / UNIT_S >= ZONE_SECOND_MIN && *nanoseconds / UNIT_S <= ZONE_SECOND_MAX;
}

static const char *read_fraction(const char *s, int64_t *nanoseconds)
{
	int64_t unit = UNIT_S;

	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++)
		*nanoseconds += (*s - '0') * (unit /= 10);
	return s;
}

/* What the format does not say is that of 1970-01-01, 00:00:00; without an offset it is local time. */
static bool read_format(const struct when *when, const char *s, int64_t *nanoseconds)
{
	static const long nowhere = 1000000;
	struct tm tm = {.tm_mday = 1, .tm_year = 70, .tm_gmtoff = nowhere};
	struct zone_date date;
	int64_t rest = 0, seconds;

	s = strptime(s, when->format, &tm);
	if (s && when->rest) {
		s = read_fraction(s, &rest);
		s = s ? strptime(s, when->rest, &tm) : NULL;
	}
	if (!s || *s)
		return false;
	date = (struct zone_date){
		tm.tm_year + 1900LL, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	};
	if (date.day > zone_month_length(date.year, date.month) || date.year < 1678 || date.year > 2261)
		return false;
	seconds = zone_wall(&date);
	seconds = tm.tm_gmtoff == nowhere ? zone_time(seconds) : seconds - tm.tm_gmtoff;
	*nanoseconds = seconds * UNIT_S + rest;
	return true;
}

bool when_common_log(const char *string, int64_t *nanoseconds)
{
	static const char format[] = "%d/%b/%Y:%H:%M:%S %z";
	struct when when = {.format = (char[sizeof(format)]){0}};

	memcpy(when.format, format, sizeof(format));
	return strlen(string) == 26 && read_format(&when, string, nanoseconds);
}

bool when_read(const struct when *when, const char *string, int64_t *nanoseconds)
{
	if (when->unit)
		return read_units(string, when->unit, nanoseconds);
	if (when->format)
		return read_format(when, string, nanoseconds);
	/* "now" and sums are for people. */
	return when_common_log(string, nanoseconds) ||
	       (is_digit(string[strspn(string, "-")]) && !strpbrk(string, "dhmnsuw") &&
	        zone_parse(string, 0, nanoseconds));
}
