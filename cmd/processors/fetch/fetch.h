/*
 * fetch: what the files of pype-fetch share.
 *
 *   main.c      the options
 *   run.c       events in and out: in which order, and how far the marks go
 *   request.c   what is asked for an event: templates (template.h)
 *   call.c      a request, until there is an answer for good: again after failures
 *   answer.c    makes JSON of what comes
 *   cache.c     answers that are kept, or on their way, for other events
 *   result.c    what becomes of an event: a line with its answer
 *
 * An event is held (struct item) from when it is read until its line is out. Its call is its own, or with --cache one of several.
 */
#ifndef PYPE_FETCH_H
#define PYPE_FETCH_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/processors/fetch/template.h"
#include "common/json_put.h"
#include "common/backoff.h"
#include "common/expression.h"
#include "common/fingerprint.h"
#include "common/http_ask.h"
#include "common/http_status.h"
#include "common/key_map.h"
#include "common/source_loop.h"
#include "common/stage.h"
#include "common/text.h"

enum {
	JOBS_MOST = 500, /* so that files do not run out where 1024 may be open */
	AHEAD = 4, /* times --jobs: events that are held at a time */
	HELD_BYTES = 64 << 20, /* lines and answers that are held, beyond which no more are read */
	CACHE_BYTES = 64 << 20, /* answers that are kept */
	STEPS_MOST = 8, /* of the path of --into */
};

/* What is asked; the strings are its own. */
struct request {
	char *method, *url;
	struct option_list headers;
	struct text body;
	bool has_body;
};

enum call_state {
	CALL_WAITING, /* it has not begun */
	CALL_RUNNING, /* under way, or in a pause before the next try */
	CALL_GOOD,
	CALL_FAILED, /* for good */
	CALL_FATAL, /* … and so is the program */
	CALL_LEFT, /* told to stop before there was an answer: for the successor */
};

struct call {
	struct fetch *fetch;
	unsigned references;
	struct call *next, **link; /* of those that run */
	enum call_state state;
	struct request request;
	struct fingerprint key; /* with --cache */
	struct http_ask *ask;
	struct ev_timer timer; /* a pause */
	struct backoff backoff;
	int64_t begun; /* of the last try; monotonic */
	struct text body; /* as it came */

	/* the answer */
	int status; /* 0: none came */
	int64_t time; /* Unix nanoseconds */
	int64_t duration, tries;
	struct text value; /* a JSON text in one line: the body, or with --meta an object with it */
	struct text reason; /* if it has failed */
};

/* An event that is held. */
struct item {
	struct item *next;
	struct stage_place place;
	struct text line; /* as it came */
	size_t start, end; /* the object in it */
	struct json_gap into, error; /* of the event, whose first byte is at start */
	struct call *call; /* NULL: it asks nothing, reason says why, or it is gone */
	struct text reason; /* no line can be made of it */
	bool stuck; /* … and it waits for those before it, to be put away */
	bool gone; /* its line is out, but not that of an older one */
};

struct cache {
	struct key_map map;
	struct fingerprint_seed seed;
	uint64_t bytes;
};

struct fetch {
	/* as asked for */
	struct http_settings settings;
	struct http_auth_settings auth;
	struct http_rate_settings rate;
	struct http_statuses statuses;
	int64_t retry_min, retry_max, retry_after_max, cache_time, cache_errors; /* nanoseconds */
	int64_t jobs, max_failures, cache_most;
	uint64_t max_body;
	bool unordered, meta, bare, emit_errors;
	int as; /* enum, -1: JSON if it is, else text */
	char *name, *url_text, *method_text, *data_text, *body_text, *into_text;
	struct option_list meta_headers, origins;

	/* compiled */
	struct template path, *query, method, *headers, data;
	size_t query_count, header_count;
	bool anywhere; /* the events say which host is asked */
	struct expression *body;
	struct json_put into, error;

	/* while it runs */
	struct stage stage;
	struct source_loop loop;
	struct ev_io input;
	struct http_asks *asks;
	struct cache cache;
	struct item *first, *last; /* in the order of the input */
	size_t item_count;
	struct call *calls; /* that run */
	struct call *waiting; /* for one of those to end */
	int64_t running;
	bool readable, stopping;
	bool dry; /* no whole line is there but those that were taken */
	struct stage_place barrier; /* of a bad line, until the next event */
	bool barred;
	unsigned char done[PAGE_CURSOR]; /* a bit for each event behind `done_from`: it was done by a predecessor */
	uint64_t done_from;
	struct text head, tail, line, scratch;
	struct message_limit retries;
};

/* ---- request.c ---- */

/* Compiles the templates; ends the program (2) if one is wrong. */
void requests_init(struct fetch *fetch);
void requests_free(struct fetch *fetch);
/* What is asked for the current event. False: reason says why nothing can be. request_free in either case. */
bool request_init(struct request *request, struct fetch *fetch, struct text *reason);
void request_free(struct request *request);
/* Appends all that makes it the same as another one. */
void request_identify(const struct request *request, struct text *text);

/* ---- call.c ---- */

/* A call of this request, which becomes its own, for one holder. */
struct call *call_new(struct fetch *fetch, struct request *request);
void call_start(struct call *call);
void call_release(struct call *call);
/* Told to stop: what fails now is not tried again. */
void calls_stop(struct fetch *fetch);
/* The URL for messages, without what may be secret. The caller's. */
char *call_shown(const struct call *call);

static inline bool call_is_over(const struct call *call)
{
	return call->state > CALL_RUNNING;
}

/* ---- answer.c ---- */

/* http_request's piece: a piece of the body. */
bool answer_piece(void *context, const struct http_response *response, const char *bytes, size_t length);

enum verdict {
	ANSWER_GOOD,
	ANSWER_AGAIN, /* another try may help */
	ANSWER_BAD,
	ANSWER_FATAL,
};
/* The response is complete, or has failed: sets the call's answer, or its reason. */
enum verdict answer_end(struct call *call, const struct http_response *response);

/* ---- cache.c ---- */

void cache_init(struct fetch *fetch);
void cache_free(struct fetch *fetch);
/* The call that has, or will have, the answer for this request: a reference to it; or NULL. Sets the key for cache_add. */
struct call *cache_find(struct fetch *fetch, const struct request *request, struct fingerprint *key);
void cache_add(struct fetch *fetch, struct call *call);
/* The call is over: it is kept or forgotten. */
void cache_settle(struct call *call);

/* ---- result.c ---- */

void results_init(struct fetch *fetch);
void results_free(struct fetch *fetch);
/* Where the answer goes in the current event. False: nowhere, item->reason says why. */
bool result_prepare(struct fetch *fetch, struct item *item);
/* Makes fetch->line of an item whose call is over, or which has a reason. False: there is no line, item->reason says why. */
bool result_make(struct fetch *fetch, struct item *item);

/* ---- run.c ---- */

/* Until the end of input. Returns the exit status. */
int run(struct fetch *fetch);

#endif
