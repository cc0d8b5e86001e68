/*
 * http_rate: when the next request may be sent: no more often than --rate allows, and not before the time that a server has named
 * when it said that its limit is reached. Policy only: no clock, no timer.
 *
 * HTTP_RATE_OPTIONS is the part of a program's option table that sets it.
 */
#ifndef PYPE_HTTP_RATE_H
#define PYPE_HTTP_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/option.h"

struct http_rate_settings {
	char *rate; /* N/TIME; NULL: no limit of our own */
	int64_t burst;
	int per; /* 0: each host has its own, 1: one for all */
	bool ignore; /* what servers say of their limits */
	int64_t most; /* nanoseconds: the longest pause that a server may ask for; the caller sets it */
};

/* clang-format off */
#define HTTP_RATE_OPTIONS(s) \
	OPTION_STRING(0, "rate", "N/TIME", &(s)->rate, "send at most N requests in that time, evenly (10/s)"), \
	OPTION_NUMBER(0, "rate-burst", "N", &(s)->burst, "up to N of them at once after a quiet time (1)"), \
	OPTION_CHOICE(0, "rate-per", "host|all", &(s)->per, "what has a rate of its own (host)"), \
	OPTION_FLAG(0, "ignore-rate-limit", &(s)->ignore, "do not wait when a server says that its limit is reached")
/* clang-format on */

/* The defaults, which are those of the texts above. */
void http_rate_settings_init(struct http_rate_settings *settings);
/* Ends the program (2) if something in them cannot be right. */
void http_rate_settings_check(const struct http_rate_settings *settings);

struct http_rate;

/* The settings are borrowed. */
struct http_rate *http_rate_new(const struct http_rate_settings *settings);
void http_rate_free(struct http_rate *rate);

/* Times are monotonic nanoseconds (moment.h). A request takes its turn: how long it has to wait for it, by --rate alone. */
int64_t http_rate_turn(struct http_rate *rate, const char *url, int64_t now);
/* How long this host has still asked to wait; to be asked again after a wait, since more may have been said meanwhile. */
int64_t http_rate_hold(struct http_rate *rate, const char *url, int64_t now);
/* No request to this host before then. */
void http_rate_held(struct http_rate *rate, const char *url, int64_t until);

/*
 * What an answer says of the server's limit: nanoseconds until more requests are allowed, if none is left now; else -1. header
 * looks up a header by name and number, or is NULL. Read are RateLimit (draft-ietf-httpapi-ratelimit-headers, old and new),
 * RateLimit-, X-RateLimit- and X-Rate-Limit-Remaining with -Reset: in seconds, as a duration, or as Unix time, in seconds or
 * milliseconds, which counts from date, the server's own time in nanoseconds.
 */
int64_t http_rate_reset(const char *(*header)(void *context, const char *name, size_t number), void *context,
                        int64_t date);

#endif
