/*
 * http: HTTP and HTTPS requests on a libev loop, by libcurl (multi_socket).
 *
 *     http = http_new(loop, &settings);
 *     http_start(http, &request);      as often as wanted; they run at the same time and share connections
 *     ev_run(loop, 0);                 request.piece is called for the body, request.done at the end
 *     http_free(http);
 *
 * Mechanism only: what is worth another try, and when, is the caller's.
 */
#ifndef PYPE_HTTP_H
#define PYPE_HTTP_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/http_reason.h"
#include "common/http_settings.h"

struct http_response {
	int status; /* 0: none came */
	int64_t date; /* Unix time in nanoseconds of the header Date; -1: none */
	int64_t retry_after; /* nanoseconds from the answer on, by the header Retry-After (RFC 9110 10.2.3); -1: none */
	const char *type, *etag; /* headers, or NULL; valid in the callback */
	const char *headers; /* all of them (http_headers.h); valid in the callback */
	const char *url; /* that answered, behind redirects; valid in the callback */
	uint64_t received; /* bytes of the body so far, uncompressed */
	enum http_failure failure;
	const char *error; /* one line that says what failed; "" if nothing did */
};

/* What is asked. All of it is borrowed until done has been called. */
struct http_request {
	const char *url;
	const char *method; /* NULL: GET, or POST with a body */
	const char *const
		*headers; /* "Name: value", ended by NULL; one of that name in the settings goes before; or NULL */
	const void *body; /* NULL: none; its Content-Type is a header */
	size_t length;
	uint64_t max_body; /* of the answer, in bytes, uncompressed; 0: no limit */
	/*
	 * The body of a 2xx answer may come for ever: the time limits end with its headers. That the server's machine is gone is noticed
	 * all the same, by TCP keep-alive probes, within about two minutes.
	 */
	bool endless;

	/* The headers of a 2xx answer have come, all but the body is known; as piece. Or NULL. */
	bool (*head)(void *context, const struct http_response *response);
	/*
	 * A piece of the answer's body; in response all is known but received, failure and error. False: that is enough, done comes
	 * next. done is called once, unless the request is aborted. http_start and http_abort may be called in
	 * done, not in head and piece. Time spent in these does not count towards any timeout.
	 */
	bool (*piece)(void *context, const struct http_response *response, const char *bytes, size_t length);
	void (*done)(void *context, const struct http_response *response);
	void *context;
};

struct http;
struct http_transfer;

/* The settings are borrowed. Ends the program (1) if the file of --cookies cannot be used. */
struct http *http_new(struct ev_loop *loop, const struct http_settings *settings);
/* Aborts what is under way, without a word to the callers. */
void http_free(struct http *http);

struct http_transfer *http_start(struct http *http, const struct http_request *request);
/* Ends a request early; done is not called. */
void http_abort(struct http_transfer *transfer);

/*
 * In piece and done: a header of the last answer, in the order of those of that name from 0 on. NULL: there is none. It is
 * valid in the callback.
 */
const char *http_header(const struct http_transfer *transfer, const char *name, size_t index);
/* In piece and done: the URL that was asked last, behind all redirects. It is valid in the callback. */
const char *http_last_url(const struct http_transfer *transfer);

#endif
