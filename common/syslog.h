/*
 * syslog: one message of syslog (RFC 5424, RFC 3164) to the data of an event. Pure but for the time zone of the process.
 *
 *   {"priority":34,"facility":"auth","severity":"crit","host":"h","app":"su","procid":"1","msgid":"ID47",
 *    "structured":{"id@1":{"key":"value"}},"message":"…"}
 *
 * What a message does not have is left out. A message that is not as the RFCs want it is one all the same: what cannot be
 * made out belongs to "message". One with bytes that are not UTF-8 has U+FFFD there, and all of it as it came in "base64".
 */
#ifndef PYPE_SYSLOG_H
#define PYPE_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

/* What a message has: SYSLOG_PRIORITY, SYSLOG_TIME. With neither of them it is hardly one. */
enum { SYSLOG_PRIORITY = 1, SYSLOG_TIME = 2 };

/*
 * Appends the data. *time is that of the message in Unix nanoseconds, or now if it has none. A time without a year (RFC 3164) is
 * in the year that is nearest to now, and in local time. stored: it may be a line of a file that a syslog daemon wrote, which begins
 * with the time. Returns what it has.
 */
int syslog_add(struct text *data, const char *bytes, size_t length, int64_t now, bool stored, int64_t *time);

#endif
