#include "common/crontab.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/option.h"
#include "common/zone.h"

enum {
	DAY = 86400,
	MONTHS_400_YEARS = 4800,
};

/* Days 0, 7, 14, 21 and 28, as a set. */
#define EVERY_SEVENTH 0x10204081ULL
#define BLANKS        " \t\r\n"

/* ---- the calendar ---- */

/* The first member of a set that is not below from; -1: none. */
static int next_bit(uint64_t set, int from)
{
	set = from < 64 ? set >> from : 0;
	return set ? from + __builtin_ctzll(set) : -1;
}

/* The working day nearest to a day of a month, in the month; first is the weekday the month begins with. */
static int workday(int day, int first, int length)
{
	int weekday = (first + day - 1) % 7;

	if (weekday == 6)
		return day > 1 ? day - 1 : day + 2;
	if (weekday == 0)
		return day < length ? day + 1 : day - 2;
	return day;
}

static bool has_year(const struct crontab *crontab, int64_t year)
{
	int64_t bit = year - CRONTAB_YEAR;

	return !crontab->some_years || (bit >= 0 && bit < CRONTAB_YEARS && (crontab->years[bit / 64] >> bit % 64 & 1));
}

/* The days of a month that match: bit N for the Nth. */
static uint64_t month_days(const struct crontab *crontab, int64_t year, int month)
{
	int length = zone_month_length(year, month), first = zone_weekday(zone_day(year, month, 1));
	uint64_t days = crontab->days, weekdays = 0;

	if (!(crontab->months >> month & 1) || !has_year(crontab, year))
		return 0;
	for (int i = next_bit(crontab->days_to_last, 0); i >= 0 && i < length;
	     i = next_bit(crontab->days_to_last, i + 1))
		days |= 1ULL << (length - i);
	for (int i = next_bit(crontab->workdays, 0); i >= 0 && i <= length; i = next_bit(crontab->workdays, i + 1))
		days |= 1ULL << workday(i ? i : length, first, length);
	for (int i = next_bit(crontab->weekdays, 0); i >= 0; i = next_bit(crontab->weekdays, i + 1))
		weekdays |= EVERY_SEVENTH << (1 + (i - first + 7) % 7);
	for (int i = next_bit(crontab->nth_weekdays, 0); i >= 0; i = next_bit(crontab->nth_weekdays, i + 1)) {
		int day = 1 + (i % 7 - first + 7) % 7;

		weekdays |= 1ULL << (i < 7 ? day + (length - day) / 7 * 7 : day + (i / 7 - 1) * 7);
	}
	return (crontab->either_day ? days | weekdays : days & weekdays) & ((2ULL << length) - 2);
}

/* The first day that matches, not before day but before end. */
static bool next_day(const struct crontab *crontab, int64_t day, int64_t end, int64_t *match)
{
	struct zone_date date;
	int found;

	zone_date(day * DAY, &date);
	while (day < end) {
		found = next_bit(month_days(crontab, date.year, date.month), date.day);
		if (found >= 0) {
			*match = day + found - date.day;
			return *match < end;
		}
		day += zone_month_length(date.year, date.month) - date.day + 1;
		date.day = 1;
		date.year += date.month == 12;
		date.month = date.month % 12 + 1;
	}
	return false;
}

/* The first second of a day that matches and is not before second; -1: none. */
static int next_second(const struct crontab *crontab, int second)
{
	int hour = second / 3600, minute = second / 60 % 60;
	int first = next_bit(crontab->seconds, 0);
	int found = next_bit(crontab->hours, hour);

	if (found == hour) {
		found = next_bit(crontab->minutes, minute);
		if (found == minute) {
			found = next_bit(crontab->seconds, second % 60);
			if (found >= 0)
				return hour * 3600 + minute * 60 + found;
			found = next_bit(crontab->minutes, minute + 1);
		}
		if (found >= 0)
			return hour * 3600 + found * 60 + first;
		found = next_bit(crontab->hours, hour + 1);
	}
	return found < 0 ? -1 : found * 3600 + next_bit(crontab->minutes, 0) * 60 + first;
}

bool crontab_next(const struct crontab *crontab, int64_t wall, int64_t end, int64_t *match)
{
	int64_t today = zone_floor(wall, DAY), last = zone_floor(end - 1, DAY) + 1, day;
	int second;

	if (!next_day(crontab, today, last, &day))
		return false;
	second = next_second(crontab, day == today ? (int)zone_rest(wall, DAY) : 0);
	if (second < 0) {
		if (!next_day(crontab, today + 1, last, &day))
			return false;
		second = next_second(crontab, 0);
	}
	*match = day * DAY + second;
	return *match < end;
}

bool crontab_every_hour(const struct crontab *crontab)
{
	return crontab->hours == (1ULL << 24) - 1;
}

/* ---- compiling ---- */

/* Adds what only one field has; false: the item is nothing of the kind. */
typedef bool special_function(struct crontab *crontab, const char *item);

struct field {
	const char *name;
	int low, high;
	int cycle; /* how many different values there are: 0 and 7 are the same weekday */
	size_t set; /* where its bits are in struct crontab */
	const char *const *names; /* of low, low + 1, … */
	const char *or_names; /* for messages */
	special_function *special;
};

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

enum { SECOND, MINUTE, HOUR, MONTH_DAY, MONTH, WEEKDAY, YEAR, FIELDS };

static special_function add_month_day, add_weekday;

/* clang-format off */
static const struct field fields[FIELDS] = {
	[SECOND]    = {"second",       0, 59, 60, offsetof(struct crontab, seconds),  NULL,          "",           NULL},
	[MINUTE]    = {"minute",       0, 59, 60, offsetof(struct crontab, minutes),  NULL,          "",           NULL},
	[HOUR]      = {"hour",         0, 23, 24, offsetof(struct crontab, hours),    NULL,          "",           NULL},
	[MONTH_DAY] = {"day of month", 1, 31, 31, offsetof(struct crontab, days),     NULL,          "",           add_month_day},
	[MONTH]     = {"month",        1, 12, 12, offsetof(struct crontab, months),   month_names,   " or JAN-DEC", NULL},
	[WEEKDAY]   = {"weekday",      0,  7,  7, offsetof(struct crontab, weekdays), weekday_names, " or SUN-SAT", add_weekday},
	[YEAR]      = {"year", CRONTAB_YEAR, CRONTAB_YEAR + CRONTAB_YEARS - 1, CRONTAB_YEARS, offsetof(struct crontab, years), NULL, "", NULL},
};
/* clang-format on */

struct shorthand {
	const char *name, *fields;
};

static const struct shorthand shorthands[] = {
	{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"},  {"@minutely", "* * * * *"},
};

enum { SHORTHANDS = sizeof(shorthands) / sizeof(shorthands[0]) };

static bool mistaken(char *mistake, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool mistaken(char *mistake, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(mistake, CRONTAB_MISTAKE_MAX, format, arguments);
	va_end(arguments);
	return false;
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The number or name at *text, which is moved behind it; -1: there is none; a large one if it fits no field. */
static int value(const struct field *field, const char **text)
{
	int number = 0;

	for (int i = 0; field->names && field->names[i]; i++)
		if (strncasecmp(*text, field->names[i], 3) == 0) {
			*text += 3;
			return field->low + i;
		}
	if (!digit(**text))
		return -1;
	for (; digit(**text); (*text)++)
		number = number < 1000 ? number * 10 + (**text - '0') : number;
	return number;
}

static bool in_range(const struct field *field, int number)
{
	return number >= field->low && number <= field->high;
}

/* value() where there must be one. */
static bool take_value(const struct field *field, const char **text, int *number, char *mistake)
{
	const char *at = *text;

	*number = value(field, text);
	if (in_range(field, *number))
		return true;
	if (*text > at)
		return mistaken(mistake, "%s: %.*s is not in %d-%d", field->name, (int)(*text - at), at, field->low,
		                field->high);
	return mistaken(mistake, "%s: '%.30s' is not in %d-%d%s", field->name, at, field->low, field->high,
	                field->or_names);
}

/* The forms that only the day of month has; false: it is none of them. */
static bool add_month_day(struct crontab *crontab, const char *item)
{
	int day = 0;

	if (strcasecmp(item, "LW") == 0) {
		crontab->workdays |= 1;
		return true;
	}
	if (*item == 'L' || *item == 'l') {
		if (*++item == '-') {
			item++;
			day = value(&fields[MONTH_DAY], &item);
		}
		if (*item || day < 0 || day > 30)
			return false;
		crontab->days_to_last |= 1ULL << day;
		return true;
	}
	day = value(&fields[MONTH_DAY], &item);
	if (!in_range(&fields[MONTH_DAY], day) || strcasecmp(item, "W") != 0)
		return false;
	crontab->workdays |= 1ULL << day;
	return true;
}

/* The forms that only the weekday has. */
static bool add_weekday(struct crontab *crontab, const char *item)
{
	int day = value(&fields[WEEKDAY], &item), nth = 0;

	if (!in_range(&fields[WEEKDAY], day))
		return false;
	if (*item == '#' && item[1] >= '1' && item[1] <= '5' && !item[2])
		nth = item[1] - '0';
	else if (strcasecmp(item, "L") != 0)
		return false;
	crontab->nth_weekdays |= 1ULL << (7 * nth + day % 7);
	return true;
}

/* What all fields have: '*', A or A-B, and /S. */
static bool add_range(struct crontab *crontab, const struct field *field, const char *item, char *mistake)
{
	uint64_t *set = (uint64_t *)((char *)crontab + field->set);
	int base = field == &fields[YEAR] ? CRONTAB_YEAR : 0;
	int from = field->low, to = field->low + field->cycle - 1, step = 1;
	const char *at = item;

	if (*at == '*' || (*at == '?' && field->special)) {
		at++;
	} else {
		if (!take_value(field, &at, &from, mistake))
			return false;
		if (*at == '-') {
			at++;
			if (!take_value(field, &at, &to, mistake))
				return false;
		} else if (*at != '/') {
			to = from;
		}
	}
	if (*at == '/') {
		at++;
		step = digit(*at) ? value(field, &at) : 0;
		if (step < 1 || step > field->cycle)
			return mistaken(mistake, "%s: the step of '%.30s' is not in 1-%d", field->name, item,
			                field->cycle);
	}
	if (*at)
		return mistaken(mistake, "%s: '%.30s' is not understood from '%.30s' on", field->name, item, at);
	if (to < from && base)
		return mistaken(mistake, "%s: the range '%.30s' goes backwards", field->name, item);
	if (to < from)
		to += field->cycle;
	for (int i = from; i <= to; i += step) {
		int bit = field->low + (i - field->low) % field->cycle - base;

		set[bit / 64] |= 1ULL << bit % 64;
	}
	return true;
}

static bool add_field(struct crontab *crontab, const struct field *field, char *list, char *mistake)
{
	char *item;

	while ((item = strsep(&list, ",")))
		if (!(field->special && field->special(crontab, item)) && !add_range(crontab, field, item, mistake))
			return false;
	return true;
}

static bool star(const char *text)
{
	return *text == '*' || *text == '?';
}

/* The calendar repeats itself after 400 years. */
static bool ever_due(const struct crontab *crontab)
{
	int first = crontab->some_years ? CRONTAB_YEAR : 2000;

	for (int i = 0; i < MONTHS_400_YEARS; i++)
		if (month_days(crontab, first + i / 12, 1 + i % 12))
			return true;
	return false;
}

static bool parse_fields(struct crontab *crontab, const char *spec, char *mistake)
{
	char copy[CRONTAB_SPEC_MAX], *rest = copy, *word, *words[FIELDS];
	int count = 0, first;

	snprintf(copy, sizeof(copy), "%s", spec);
	while ((word = strsep(&rest, BLANKS))) {
		if (*word && count < FIELDS)
			words[count] = word;
		count += *word != '\0';
	}
	if (count > FIELDS || count < FIELDS - 2)
		return mistaken(
			mistake,
			"'%.30s' has %d field%s, not 5 (minute hour day month weekday), 6 (second first) or 7 (and "
			"year last)",
			spec, count, count == 1 ? "" : "s");
	first = count == 5 ? MINUTE : SECOND;
	crontab->some_years = count == FIELDS && strcmp(words[YEAR], "*") != 0;
	if (first == MINUTE)
		crontab->seconds = 1;
	for (int i = 0; i < count; i++)
		if (!add_field(crontab, &fields[first + i], words[i], mistake))
			return false;
	crontab->either_day = !star(words[MONTH_DAY - first]) && !star(words[WEEKDAY - first]);
	if (!ever_due(crontab))
		return mistaken(mistake, "'%.60s' is never due: there is no such day", spec);
	return true;
}

bool crontab_parse(struct crontab *crontab, const char *spec, char *mistake)
{
	const char *names[SHORTHANDS + 2] = {"@every"}, *nearest;

	*crontab = (struct crontab){0};
	if (*spec != '@')
		return parse_fields(crontab, spec, mistake);
	for (int i = 0; i < SHORTHANDS; i++) {
		if (strcasecmp(spec, shorthands[i].name) == 0)
			return parse_fields(crontab, shorthands[i].fields, mistake);
		names[i + 1] = shorthands[i].name;
	}
	nearest = option_nearest(spec, names);
	if (nearest)
		return mistaken(mistake, "there is no '%.30s'; did you mean '%s'?", spec, nearest);
	return mistaken(mistake, "there is no '%.30s', only @yearly @monthly @weekly @daily @hourly @minutely @every",
	                spec);
}
