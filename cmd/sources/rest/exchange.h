/*
 * exchange: what exchange.c, record.c and replay.c share: a request and its answer.
 *
 * A recording is a folder with two files for each exchange, numbered in their order: NUMBER.request has the method and the URL in its
 * first line, the headers, an empty line and the body; NUMBER.response "HTTP" and the status, the headers, an empty line and the
 * body, or, if there was no answer, "failed: " and why. What looks secret in a request is not in it. A request is
 * answered by the first recorded one with the same first line that has not been used.
 */
#ifndef PYPE_REST_EXCHANGE_H
#define PYPE_REST_EXCHANGE_H

#include <dirent.h>

#include "cmd/sources/rest/rest.h"

struct exchanges {
	struct exchange *first, *last; /* that wait for others to end (--parallel) */
	int64_t active; /* under way */

	struct recorded *recorded; /* to be replayed */
	size_t count;
	unsigned long number; /* of the last that was recorded */
};

struct exchange {
	struct rest *rest;
	struct http_request request;
	bool waiting;
	struct exchange *next, *before; /* of those that wait */
	struct http_ask *ask; /* over the network */

	/* --record */
	char *path; /* of the response; ".new" behind it while it is written */
	int fd;
	bool headed;

	/* --replay */
	struct ev_timer timer;
	struct recorded *recorded;
};

/* Method and URL, without what looks secret. The caller's. */
char *exchange_line(const struct http_request *request);
/* The same with headers and body, as it is recorded. */
void exchange_text(struct text *text, const struct rest *rest, const struct http_request *request);
/* The files of a folder's requests. For scandir. */
int exchange_is_request(const struct dirent *entry);

/* Goes on after the numbers that are in the folder. Fails (1) if it cannot be used. */
void record_open(struct rest *rest);
void record_request(struct exchange *exchange);
void record_piece(struct exchange *exchange, const struct http_response *response, const char *bytes, size_t length);
void record_end(struct exchange *exchange, const struct http_response *response);
/* Nothing will come. */
void record_drop(struct exchange *exchange);

/* Ends the program (2) if there is no such folder. */
void replay_open(struct rest *rest);
void replay_close(struct rest *rest);
/* Calls the request's piece and done, later. */
void replay_start(struct exchange *exchange);
void replay_abort(struct exchange *exchange);
/* The exchange is over: for what begins those that wait. */
void exchange_over(struct exchange *exchange);

#endif
