/*
 * retry_after: the header Retry-After (RFC 9110 10.2.3). Pure, but for the time of day.
 */
#ifndef PYPE_RETRY_AFTER_H
#define PYPE_RETRY_AFTER_H

#include <stdint.h>

/*
 * The nanoseconds a header's value (or NULL) asks to wait: whole seconds, or the date until when, by the server's own clock if that
 * is known (date: Unix time in nanoseconds; -1: not). -1: none.
 */
int64_t retry_after(const char *value, int64_t date);

#endif
