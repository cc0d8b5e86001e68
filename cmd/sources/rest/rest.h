/*
 * rest: what the files of pype-rest share.
 *
 * main.c reads the options and runs the loop; poll.c decides when a URL is asked, again after a failure too; answer.c
 * makes events of what comes.
 */
#ifndef PYPE_REST_H
#define PYPE_REST_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/http_ask.h"
#include "common/http_status.h"
#include "common/items.h"
#include "common/schedule.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/text.h"

struct rest {
	/* as asked for */
	struct http_settings settings;
	struct http_auth_settings auth;
	struct http_rate_settings rate;
	struct http_statuses statuses;
	struct source source;
	int64_t every, retry_min, retry_max, retry_after_max; /* nanoseconds */
	int64_t count, max_failures; /* 0: without end */
	uint64_t max_body; /* 0: no limit */
	bool once, overlap, meta;
	char *name, *cron, *zone, *method, *data, *items;
	struct schedule schedule; /* if cron */

	/* while it runs */
	struct source_loop loop;
	struct http_asks *asks;
	struct poll *polls;
	size_t poll_count;
	unsigned short random[3];
	bool ending; /* no poll begins any more */
	int status;
};

/* A URL and its place in time. */
struct poll {
	struct rest *rest;
	char *name, *url, *shown;
	struct ev_timer timer; /* the next poll: by --every, or after a failure */
	struct ev_periodic slot; /* … by --cron: on the clock on the wall */
	int64_t start, begun; /* of the first poll, and of the newest that was answered well; monotonic */
	struct answer *answers; /* under way */
	int64_t flying; /* how many */
	int64_t answered, failures; /* polls that brought data; failures in a row */
	struct message_limit limit, busy;
};

/* How many letters, digits, '_' and '-' the string begins with. */
size_t word_length(const char *string);

/* The operand is [NAME=]URL. Ends the program (2) if that is malformed. */
void poll_init(struct poll *poll, struct rest *rest, const char *operand);
/* Makes the first poll, or waits for its time. */
void poll_start(struct poll *poll);
/* Aborts what is under way. */
void poll_free(struct poll *poll);

/* One response on its way from bytes to events. */
struct answer {
	struct answer *next, **link;
	struct poll *poll;
	int64_t begun; /* monotonic */
	struct http_ask *ask;
	struct text body; /* without --items, and the beginning of what comes with an error */
	struct items items; /* with --items */
	struct text line; /* an event's data, in one line */
	const struct http_response *response;
};

/* What came of it; said: on stderr already; fatal: a try again is pointless. */
enum verdict { ANSWER_GOOD, ANSWER_FAILED, ANSWER_SAID, ANSWER_FATAL };

void answer_init(struct answer *answer, struct poll *poll);
void answer_free(struct answer *answer);

/* http_request's piece: a piece of the body. */
bool answer_piece(void *context, const struct http_response *response, const char *bytes, size_t length);
/* The response is complete, or has failed. Unless it was good, reason says why. */
enum verdict answer_end(struct answer *answer, const struct http_response *response, struct text *reason);

#endif
