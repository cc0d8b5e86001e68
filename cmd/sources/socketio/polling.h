/*
 * polling: packets of Engine.IO over HTTP: one GET at a time that waits for what comes, one POST at a time for what is sent.
 *
 *     polling_init(&polling); …; polling_open    the first GET, whose answer is the handshake
 *     polling_work                               whenever the loop is about to wait: begins what is to be done
 *
 * Mechanism only. The callbacks may be called while libcurl is at work, so they ask for things (polling_send, polling_pause …),
 * which polling_work then does; polling_free is not called in them.
 */
#ifndef PYPE_SOCKETIO_POLLING_H
#define PYPE_SOCKETIO_POLLING_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "cmd/sources/socketio/cookies.h"
#include "common/http.h"
#include "common/text.h"

/* A request was not answered with 200. */
struct polling_failure {
	enum http_failure failure; /* HTTP_OK: it was answered, with that status */
	int status;
	int code; /* Engine.IO's own number of what is wrong; -1: it has none */
	int64_t retry_after; /* as in http.h */
	const char *error; /* one line; valid in the callback */
};

/* A request under way, and what it borrows. */
struct polling_request {
	struct http_transfer *transfer; /* NULL: none */
	struct text url, cookie;
	const char *headers[3];
};

struct polling {
	/* the caller's; borrowed */
	struct ev_loop *loop;
	const struct http_settings *settings; /* timeout: of a POST and of the first GET; later GETs have none */
	const char *url, *query; /* http://…/socket.io/; more of it, "&a=b" or "" */
	bool old; /* Socket.IO 0.9 (dialect.h): other URLs and frames */
	uint64_t max_packet; /* bytes */
	struct cookies *cookies;
	/* A packet, whole, with JSON_PADDING behind it. False: no more of this answer. */
	bool (*packet)(void *context, const char *bytes, size_t length);
	void (*failed)(void *context, const struct polling_failure *failure);
	void *context;

	/* the caller's, when the handshake has come */
	struct text sid;
	uint64_t max_payload; /* of a POST; 0: no limit */

	/* to be read */
	struct text base; /* the url, behind all redirects */

	/* private */
	struct http_settings patient; /* without a limit for the whole request */
	struct http *brief, *waiting;
	struct polling_request get, post;
	struct text part, refusal;
	struct text queue, sending; /* packets with separators between */
	bool paused, over;
};

/* The caller's members are set. */
void polling_init(struct polling *polling);
void polling_open(struct polling *polling);
/* Queues a packet, text. */
void polling_send(struct polling *polling, const char *packet, size_t length);
/* No request begins; those under way go on. */
void polling_pause(struct polling *polling, bool paused);
/* No request is under way. */
bool polling_idle(const struct polling *polling);
/* Bytes queued or being sent. */
size_t polling_queued(const struct polling *polling);
/* held: no GET begins. */
void polling_work(struct polling *polling, bool held);
void polling_free(struct polling *polling);

#endif
