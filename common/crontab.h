/*
 * crontab: the fields of crontab(5), compiled: which wall times (zone.h) they name.
 *
 * "MINUTE HOUR DAY MONTH WEEKDAY", or with a field for the second in front of them, and then maybe one for the year (1970 to
 * 2261) behind them. A field is a list with commas of: '*'
 * (all), A, A-B, and any of these with /S behind it: every Sth from the start of the range, where A/S runs from A to
 * the end. A range may wrap around ("FRI-MON", "22-2"). Months and weekdays have names ("JAN", "mon"), Sunday is 0
 * and 7; '?' is '*' in the two day fields. The day of the month may also be L, the last; L-N, the Nth before the last;
 * NW, the working day (MON-FRI) of the month nearest to day N; LW, the last working day. The weekday may also be D#N,
 * the Nth D of the month; DL, the last D.
 *
 * Which days are due if both the day of the month and the weekday say something: if neither field begins with '*' or
 * '?', those that match one of them, else those that match both (the rule of Vixie's cron).
 *
 * Names: @yearly @annually @monthly @weekly @daily @midnight @hourly @minutely.
 *
 * Pure.
 */
#ifndef PYPE_CRONTAB_H
#define PYPE_CRONTAB_H

#include <stdbool.h>
#include <stdint.h>

enum { CRONTAB_YEAR = 1970, CRONTAB_YEARS = 292, CRONTAB_YEARS_WORDS = 5 };

/* Bit N of a set is for N unless said otherwise. */
struct crontab {
	uint64_t seconds, minutes, hours, months, weekdays;
	uint64_t days; /* of the month */
	uint64_t days_to_last; /* the Nth before the last */
	uint64_t workdays; /* the working day nearest to N; bit 0: the last working day */
	uint64_t nth_weekdays; /* bit 7 * N + D: the Nth D of the month; bit D: the last D */
	uint64_t years[CRONTAB_YEARS_WORDS]; /* bit N: the year CRONTAB_YEAR + N; only if some_years */
	bool some_years;
	bool either_day; /* day of month or weekday, not both */
};

enum { CRONTAB_SPEC_MAX = 256, CRONTAB_MISTAKE_MAX = 160 };

/*
 * Compiles fields or a name, shorter than CRONTAB_SPEC_MAX. False if they are wrong or name no time at all ("0 0 31 2 *"):
 * mistake, a buffer of CRONTAB_MISTAKE_MAX bytes, then says why ("hour: 25 is not in 0-23").
 */
bool crontab_parse(struct crontab *crontab, const char *spec, char *mistake);

/* The first wall time that is named, not before wall but before end. False if there is none. */
bool crontab_next(const struct crontab *crontab, int64_t wall, int64_t end, int64_t *match);

/* True if no hour of the day is left out. */
bool crontab_every_hour(const struct crontab *crontab);

#endif
