/*
 * http_auth: what a request is sent with so that the server knows who asks, where that is not the same for good: a bearer token from
 * a file, a command or an OAuth 2 server, which is kept until its time is over or it is refused; or the signature of each request.
 *
 *     wait = http_auth_ask(auth, &request, ready, context);       ready gets the headers, or why there are none
 *     …                                                           the request is sent, and answered with 401
 *     if (http_auth_refused(auth, generation)) …                  another token may help: ask again, once
 *
 * One token is asked for at a time, however many wait for it. What is the same for good (--user, --bearer) is in http_settings.h. Users
 * of HTTP requests have all of it, with the rest of manners, in http_ask.h.
 */
#ifndef PYPE_HTTP_AUTH_H
#define PYPE_HTTP_AUTH_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/http.h"
#include "common/oauth2.h"

struct http_auth_settings {
	char *bearer_file, *bearer_command;
	int64_t lifetime; /* nanoseconds that such a token is kept; 0: until it is refused */
	int64_t timeout; /* nanoseconds for the command */
	struct oauth2_settings oauth2;
	char *aws; /* REGION/SERVICE, or SERVICE alone */
	char *aws_token;
};

/* clang-format off */
#define HTTP_AUTH_OPTIONS(s) \
	OPTION_STRING(0, "bearer-file", "FILE", &(s)->bearer_file, "bearer token from FILE, read again after a 401"), \
	OPTION_STRING(0, "bearer-command", "COMMAND", &(s)->bearer_command, "bearer token that COMMAND prints, run again after a 401"), \
	OPTION_DURATION(0, "bearer-lifetime", "TIME", &(s)->lifetime, "read it or run it again after this time, too"), \
	OPTION_DURATION(0, "bearer-timeout", "TIME", &(s)->timeout, "limit for the command (10s)"), \
	OAUTH2_OPTIONS(&(s)->oauth2), \
	OPTION_STRING(0, "aws-sigv4", "REGION/SERVICE", &(s)->aws, "sign for Amazon's services; --user or $AWS_... has the keys"), \
	OPTION_STRING_SECRET(0, "aws-token", "TOKEN", &(s)->aws_token, "session token of --user (@FILE, env:NAME)")
/* clang-format on */

/* The defaults, which are those of the texts above. */
void http_auth_settings_init(struct http_auth_settings *settings);

/*
 * Ends the program (2) if something in the settings, as given, cannot be right, also with those of http, which are told if requests
 * are to be signed. Opens nothing.
 */
void http_auth_settings_check(const struct http_auth_settings *settings, struct http_settings *http);

struct http_auth;
struct http_auth_wait;

struct http_credentials {
	const char
		*error; /* NULL, or one line that says why there is nothing to log in with, without anything secret */
	int64_t retry_after; /* and for how long whoever has it wants to be left alone, in nanoseconds; -1: that is not known */
	const char *const *headers; /* what the request is to be sent with besides its own, ended by NULL */
	const char *url; /* what it is to be sent to; the request's own unless it is signed */
	uint64_t generation; /* of the token, for http_auth_refused */
};

/*
 * All is borrowed. NULL if the settings ask for nothing that is in here. Ends the program (2) if keys are to be in the environment
 * and are not.
 */
struct http_auth *http_auth_new(struct ev_loop *loop, const struct http_auth_settings *settings,
                                const struct http_settings *http);
/* Nobody who waits hears of it. */
void http_auth_free(struct http_auth *auth);

/* The request is borrowed until ready is called: once, later, unless it is cancelled. What it is given is valid in it. */
struct http_auth_wait *http_auth_ask(struct http_auth *auth, const struct http_request *request,
                                     void (*ready)(void *context, const struct http_credentials *credentials),
                                     void *context);
void http_auth_cancel(struct http_auth_wait *wait);

/* A request with credentials of this generation was answered with 401. True: http_auth_ask may give others. */
bool http_auth_refused(struct http_auth *auth, uint64_t generation);

/* True if http_auth_refused may say so at all. */
bool http_auth_renews(const struct http_auth *auth);

#endif
