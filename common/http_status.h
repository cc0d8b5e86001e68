/*
 * http_status: which statuses of an answer are good, which are worth another try, and which are not.
 *
 * HTTP_STATUS_OPTIONS is the part of a program's option table that sets the lists.
 */
#ifndef PYPE_HTTP_STATUS_H
#define PYPE_HTTP_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/option.h"

/* Statuses from 0 to 639. */
struct http_status_set {
	uint64_t bits[10];
};

struct http_statuses {
	char *success, *retry, *fatal; /* lists as given; NULL: the defaults */

	/* private */
	struct http_status_set good, again, over;
};

enum http_verdict {
	HTTP_STATUS_GOOD,
	HTTP_STATUS_RETRY,
	HTTP_STATUS_FATAL, /* trying again is pointless */
};

/* clang-format off */
#define HTTP_STATUS_OPTIONS(s) \
	OPTION_STRING(0, "success", "LIST", &(s)->success, "statuses that are answers (200-299)"), \
	OPTION_STRING(0, "retry-status", "LIST", &(s)->retry, "the only other ones that are tried again (all)"), \
	OPTION_STRING(0, "fatal-status", "LIST", &(s)->fatal, "statuses that end it at once, with 2 (none)")
/* clang-format on */

/* Reads the lists; ends the program (2) if one is malformed or a status is in two of them. */
void http_statuses_check(struct http_statuses *statuses);

/* After http_statuses_check. What is in no list is tried again, unless there is a list of what is. */
enum http_verdict http_status_verdict(const struct http_statuses *statuses, int status);

/* True if the list of fatal ones has it. */
bool http_status_is_fatal(const struct http_statuses *statuses, int status);

/* Reads a list such as "200-299,404,5xx" into the set. False: it is malformed, or a status is not in 100-599. */
bool http_status_list(const char *list, struct http_status_set *set);

#endif
