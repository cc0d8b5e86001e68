/*
 * unit: durations, sizes and times as people write them, to numbers and back. Pure.
 *
 * Durations are nanoseconds in an int64_t: a number, a fraction allowed, and a unit
 * (ns us ms s m h d w); several may follow each other: "1h30m". Without a unit: seconds.
 * Sizes are bytes in a uint64_t: a whole number, or a number and k M G T (powers of 1024, as are kB and KiB).
 * All return false for anything else, a negative or an overflowing value, and then
 * leave the result alone.
 */
#ifndef PYPE_UNIT_H
#define PYPE_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_US     1000LL
#define UNIT_MS     (1000LL * UNIT_US)
#define UNIT_S      (1000LL * UNIT_MS)
#define UNIT_MINUTE (60 * UNIT_S)
#define UNIT_HOUR   (60 * UNIT_MINUTE)
#define UNIT_DAY    (24 * UNIT_HOUR)

bool unit_duration(const char *string, int64_t *nanoseconds);
bool unit_size(const char *string, uint64_t *bytes);
/* A whole number, decimal, sign allowed. */
bool unit_number(const char *string, int64_t *number);

enum { UNIT_TEXT_MAX = 40 };

/* The shortest way to write it: "1h30m", "250ms", "64k". The buffer holds UNIT_TEXT_MAX bytes; returns it. */
char *unit_duration_text(char *buffer, int64_t nanoseconds);
char *unit_size_text(char *buffer, uint64_t bytes);

/*
 * Unix time in nanoseconds as the JSON number of the event's "time" member: seconds, with
 * as many of the digits behind the point (at most nine) as are not zero. Returns its length.
 */
size_t unit_time_text(char *buffer, int64_t nanoseconds);

#endif
