/*
 * opening: from a URL to a connection on which a WebSocket's frames can go: connects, shakes hands (upgrade.h), follows redirects.
 *
 * Credentials go to the host that was asked for, not to one that a redirect leads to.
 */
#ifndef PYPE_OPENING_H
#define PYPE_OPENING_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

#include "common/connection.h"
#include "common/upgrade.h"

/*
 * As http_url (http_settings.h) for the URLs of WebSockets: "ws://" may be missing, http and https mean the same as ws and wss;
 * url is for libcurl, shown begins with ws or wss.
 */
const char *opening_url(const char *given, char **url, char **shown);

enum { OPENING_REST = 16 * 1024 };

/* Borrowed until done has been called. */
struct opening_request {
	const struct http_settings *settings; /* timeout and connect_timeout count for all of it */
	const char *url; /* ws, wss, http or https */
	const char *const *headers; /* beside those of the settings, ended by NULL; or NULL */
	const char *protocols; /* to offer; or NULL */
	bool compression; /* offer permessage-deflate */
};

enum opening_failure {
	OPENING_DONE,
	OPENING_UNREACHABLE,
	OPENING_REFUSED, /* an answer that is not 101, or is wrong: status */
	OPENING_TIMEOUT,
	OPENING_SETUP, /* pointless to try again */
};

/* Valid in the callback. */
struct opening_result {
	enum opening_failure failure;
	const char *error; /* one line, "" if nothing failed */
	int status; /* HTTP; 0: no answer */
	int64_t retry_after; /* nanoseconds; -1: none */
	struct connection *connection; /* OPENING_DONE: the callee's from here on (connection_hand_over) */
	const struct upgrade_agreed *agreed;
	const char *head; /* of the answer */
	const char *rest; /* what came behind it, OPENING_REST bytes at most */
	size_t rest_length;
};

struct opening;

/* done is called once, later, unless it is aborted; the opening is gone when done returns. */
struct opening *opening_start(struct ev_loop *loop, const struct opening_request *request,
                              void (*done)(void *context, const struct opening_result *result), void *context);
void opening_abort(struct opening *opening);

#endif
