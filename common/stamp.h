/*
 * stamp: the time in an event, read, and written anew in the same way. Unix nanoseconds.
 */
#ifndef PYPE_STAMP_H
#define PYPE_STAMP_H

#include <stddef.h>
#include <stdint.h>

#include "common/json_span.h"

/* What numbers count, in the order of OPTION_CHOICE's "s|ms|us|ns". */
enum stamp_unit { STAMP_S, STAMP_MS, STAMP_US, STAMP_NS };

/* NONE: missing or null. */
enum stamp { STAMP_NONE, STAMP_WRONG, STAMP_GOOD };

/*
 * A number, or a string of one, to the nanosecond; or a string with a date as in RFC 3339, in local time if it has no offset. Behind
 * the text that the member is in, JSON_PADDING bytes must be readable.
 */
enum stamp stamp_read(const struct json_span *member, int unit, int64_t *time);

enum { STAMP_MAX = 64 };
/* The time as JSON, in the way that the member is written in; returns its length. */
size_t stamp_write(char buffer[STAMP_MAX], const struct json_span *member, int unit, int64_t time);

/* The sum, or the nearest to it that there is. */
int64_t stamp_add(int64_t a, int64_t b);

#endif
