/*
 * rest: what the files of pype-rest share.
 *
 *   main.c       the options
 *   poll.c       when a URL is asked, again after a failure too
 *   request.c    what is asked: templates and variables (variables.h)
 *   exchange.c   asks it: over the network, or out of a recording (replay.c); record.c makes one
 *   answer.c     makes events of what comes, meta.c what is said about it
 *   pages.c      what comes after an answer: another page, or nothing
 *   places.c     keeps where each URL is (place.h), for a successor
 */
#ifndef PYPE_REST_H
#define PYPE_REST_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/rest/place.h"
#include "cmd/sources/rest/variables.h"
#include "common/expression.h"
#include "common/http_ask.h"
#include "common/http_status.h"
#include "common/items.h"
#include "common/schedule.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/state_file.h"
#include "common/text.h"

/* How a poll gets from one page to the next. */
enum pages_kind {
	PAGES_NONE, /* one answer is all */
	PAGES_COUNTED, /* {page} or {offset}, until there are no elements */
	PAGES_TOKEN, /* {token}: --next-token */
	PAGES_URL, /* --next-url */
	PAGES_LINK, /* --next-link */
};

/* Where all URLs are, kept in the runner's page and with --state in a file. */
struct places {
	char *path;

	/* private */
	struct state_file file;
	uint64_t sequence; /* of what the file holds */
	struct ev_timer timer; /* the file is to be written */
	int64_t written; /* when it was; monotonic */
	struct text journal; /* what goes into the page */
	bool dirty, lost;
};

struct rest {
	/* as asked for */
	struct http_settings settings;
	struct http_auth_settings auth;
	struct http_rate_settings rate;
	struct http_statuses statuses;
	struct source source;
	int64_t every, retry_min, retry_max, retry_after_max; /* nanoseconds */
	int64_t count, max_failures, parallel; /* 0: without end */
	uint64_t max_body; /* 0: no limit */
	bool once, overlap, meta, conditional, emit_errors, dry_run;
	char *name, *cron, *zone, *method, *data, *items, *urls;
	struct option_list meta_headers;
	struct schedule schedule; /* if cron */

	enum pages_kind pages;
	bool next_link;
	char *next_url, *next_token, *until, *cursor, *cursor_start;
	int cursor_take; /* enum place_take */
	int64_t page_start, page_size, max_pages; /* page_size 0: as many as there are elements */
	struct option_list next_origins;
	struct expression *next_program, *until_program, *cursor_program;

	struct option_list headers; /* those with variables */
	struct option_list given; /* all, as they were given: secrets are never freed */
	bool form; /* the body is not JSON but as forms send it */

	char *record, *replay;

	/* while it runs */
	struct source_loop loop;
	struct http_asks *asks;
	struct exchanges *exchanges;
	struct places places;
	struct poll *polls;
	size_t poll_count;
	unsigned short random[3];
	bool ending; /* no poll begins any more */
	int status;
};

/* A URL and its place in time. */
struct poll {
	struct rest *rest;
	char *name, *url, *shown; /* url is a template */
	uint64_t id; /* the same in each run */
	size_t number; /* of the URLs that are the same */
	struct ev_timer timer; /* the next poll: by --every, or after a failure */
	struct ev_periodic slot; /* … by --cron: on the clock on the wall */
	int64_t start; /* of the first poll; monotonic */
	int64_t due; /* the slot that is waited for; Unix time */
	struct answer *answers; /* under way */
	int64_t flying; /* how many */
	int64_t failures; /* in a row */
	struct place place;
	bool resumed; /* a predecessor's */
	struct text noted; /* the place, as it was noted last */
	bool journaled; /* the page holds it, or is to */
	struct {
		uint64_t mark, steps, power; /* to find a loop: Brent's algorithm */
	} turtle;
	struct message_limit limit, left_out, changed, cut, no_cursor;
};

/* ---- poll.c ---- */

/* How many letters, digits, '_' and '-' the string begins with. */
size_t word_length(const char *string);

/* The operand is [NAME=]URL. Ends the program (2) if that is malformed. */
void poll_init(struct poll *poll, struct rest *rest, const char *operand);
/* Makes the first poll, or waits for its time. */
void poll_start(struct poll *poll);
/* Aborts what is under way. */
void poll_free(struct poll *poll);

/* ---- request.c ---- */

/* What is asked; the strings are its own. */
struct request {
	char *url, *body;
	struct option_list headers;
	uint64_t identity; /* hash of URL and body */
	bool asks_if; /* only for what is new: 304 is an answer */
};

/* Takes the templates of headers out of the settings, and ends the program (2) if any template is wrong. */
void requests_init(struct rest *rest);
void requests_free(struct rest *rest);
/* Makes the poll's next request. */
void request_init(struct request *request, struct poll *poll);
void request_free(struct request *request);
/* The URL of a template, as far as it can be known: with made-up values. The caller's. */
char *request_sample(const char *template);

/* ---- answer.c ---- */

/* One response on its way from bytes to events. */
struct answer {
	struct answer *next, **link;
	struct poll *poll;
	int64_t begun, asked; /* monotonic, and Unix time */
	int64_t scheduled;
	struct request request;
	struct exchange *exchange;
	struct text body; /* without --items, and the beginning of what comes with an error */
	struct items items; /* with --items */
	uint64_t hash; /* of the elements that are events already */
	bool changed; /* these are not the same as before */
	struct text line; /* an event's data, in one line */
	struct text scratch;
	const struct http_response *response;
};

/* What came of it; said: on stderr already. */
enum verdict {
	ANSWER_GOOD,
	ANSWER_UNCHANGED, /* 304 */
	ANSWER_CHANGED, /* the page is another one than before: it is to be asked for again, from its first element on */
	ANSWER_FAILED,
	ANSWER_SAID,
	ANSWER_FATAL, /* a try again is pointless */
};

void answer_init(struct answer *answer, struct poll *poll);
void answer_free(struct answer *answer);

/* http_request's piece: a piece of the body. */
bool answer_piece(void *context, const struct http_response *response, const char *bytes, size_t length);
/* The response is complete, or has failed. Unless it was good, reason says why. */
enum verdict answer_end(struct answer *answer, const struct http_response *response, struct text *reason);

/* ---- meta.c ---- */

/* Puts the event's data into answer->line: a valid text in one line, with --meta in an object that says where it is from. */
void meta_data(struct answer *answer, const char *json, size_t length, bool spaced);
/* Writes the event "error"; pause: until the next try, nanoseconds, or -1: none. */
void meta_error(const struct answer *answer, const char *reason, int64_t pause);

/* ---- pages.c ---- */

/* Compiles the expressions. Ends the program (2) if they are wrong, or do not fit together. */
void pages_init(struct rest *rest);
void pages_free(struct rest *rest);

/* What is wrong with the JSON text of a token or a cursor: no number, nor a string that may go into a header. NULL: nothing. */
const char *pages_mistake(const char *json);

enum pages_result { PAGES_OVER, PAGES_MORE, PAGES_FAILED };

/* After a good answer: moves the poll's place to the page behind it. PAGES_FAILED: reason says why. */
enum pages_result pages_next(struct answer *answer, struct text *reason);

/*
 * The URL that a page names as the next, absolute or relative to base, as the program may ask for it: at the origin of `first`, or one of
 * --next-origin, and without name and password. NULL: reason says why not. The caller's.
 */
char *next_url(const struct rest *rest, const char *base, const char *first, const char *given, struct text *reason);
/* The target of the first link with rel=next in the headers (RFC 8288), or NULL. The caller's. */
char *next_link(const char *headers);

/* ---- places.c ---- */

/* Reads where the polls are, from the runner's page and the file; before the first event. */
void places_open(struct rest *rest);
/* The same for --dry-run: nothing will be written. */
void places_look(struct rest *rest);
/* The poll is somewhere else, by what was written so far. whole: an answer is complete. */
void places_note(struct poll *poll, bool whole);
void places_close(struct rest *rest);

/* ---- exchange.c ---- */

struct exchange;

void exchanges_open(struct rest *rest);
void exchanges_close(struct rest *rest);
/* Prints the request to standard output, without what looks secret. */
void exchange_print(struct rest *rest, const struct http_request *request);
/* As http_ask and http_ask_abort. */
struct exchange *exchange_start(struct rest *rest, const struct http_request *request);
void exchange_abort(struct exchange *exchange);

/* ---- mask.c ---- */

/* A copy of the URL, the header line or the body without what looks secret by its name: "***" instead. The caller's. */
char *mask_url(const char *url);
char *mask_header(const char *line);
char *mask_body(const char *body);

#endif
