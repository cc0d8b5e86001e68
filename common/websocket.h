/*
 * websocket: a WebSocket client (RFC 6455), with permessage-deflate (RFC 7692), on a libev loop.
 *
 *     socket = websocket_connect(loop, &request);
 *     ev_run(loop, 0);                request.opened, request.message …, and at last request.closed, once
 *
 * libcurl makes the connection (names, TLS, proxies, Unix sockets; http_settings.h), the handshake is ours, wslay does the
 * frames, zlib the compression. Mechanism only: when to connect again is the caller's (backoff.h).
 *
 * Text is checked to be UTF-8, compressed or not. A message is handed over whole; one that is larger than max_message, inflated,
 * ends the connection with 1009. Pings are answered. What is sent is queued; whoever sends a lot looks at
 * websocket_queued and goes on when request.drained is called.
 */
#ifndef PYPE_WEBSOCKET_H
#define PYPE_WEBSOCKET_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/http_settings.h"

/* Status codes of RFC 6455 7.4.1 that stand for themselves here; 1005 and 1006 are never on the wire. */
enum { WEBSOCKET_NORMAL = 1000, WEBSOCKET_AWAY = 1001, WEBSOCKET_NO_CODE = 1005, WEBSOCKET_LOST = 1006 };

/* What the server said to the handshake. Valid in the callback. */
struct websocket_opening {
	const char *protocol; /* the subprotocol it chose, or NULL */
	bool compressed; /* permessage-deflate is on */
	const char *headers; /* all of the answer, lines with CRLF */
};

enum websocket_failure {
	WEBSOCKET_CLOSED, /* no failure: closed by one side, with a closing handshake */
	WEBSOCKET_UNREACHABLE, /* no connection, or it was lost; another try may help */
	WEBSOCKET_REFUSED, /* the handshake was answered otherwise than with 101: see status */
	WEBSOCKET_TIMEOUT, /* connecting, closing, a ping without an answer, or nothing for `idle` */
	WEBSOCKET_BROKEN, /* the server broke the protocol, or a message was too large: code says what was sent */
	WEBSOCKET_SETUP, /* pointless to try again: a file of the settings, the URL */
};

struct websocket_end {
	enum websocket_failure failure;
	bool opened; /* opened had been called */
	bool ours; /* we closed: websocket_close, or what failed was noticed here */
	int code; /* of the close frame, or WEBSOCKET_NO_CODE (it had none), WEBSOCKET_LOST (none came) */
	const char *reason; /* its text, UTF-8, "" if there is none */
	int status; /* WEBSOCKET_REFUSED: HTTP status */
	int64_t retry_after; /* … nanoseconds by its header Retry-After; -1: none */
	const char *error; /* one line that says what happened; never NULL */
};

/* What is asked. Borrowed until closed has been called. */
struct websocket_request {
	const struct http_settings
		*settings; /* timeout: for connection and handshake together; redirects are followed */
	const char *url; /* ws:// or wss:// (http:// and https:// mean the same) */
	const char *const *headers; /* "Name: value", ended by NULL, beside those of the settings; or NULL */
	const char *
		protocols; /* "a, b": subprotocols to offer, or NULL; a server that chooses none of them is WEBSOCKET_REFUSED */
	uint64_t max_message; /* bytes; 0: no limit */
	bool no_compression; /* do not offer permessage-deflate */
	int64_t ping; /* nanoseconds: after so long without anything received a ping is sent; 0: never */
	int64_t pong; /* … and anything has to come within so long after it; 0: as ping */
	int64_t idle; /* the connection ends if no message comes for so long; 0: never */

	void (*opened)(void *context, const struct websocket_opening *opening);
	/* A whole message; JSON_PADDING readable bytes behind it; valid in the callback. */
	void (*message)(void *context, bool text, const char *bytes, size_t length);
	/* Less is queued than WEBSOCKET_QUEUE again, after more was. Or NULL. */
	void (*drained)(void *context);
	/* The end, in any case but websocket_abort. The websocket is gone when it returns. */
	void (*closed)(void *context, const struct websocket_end *end);
	void *context;
};

enum { WEBSOCKET_QUEUE = 1 << 20 };

struct websocket;

/* Never NULL, and nothing is called before the loop runs. */
struct websocket *websocket_connect(struct ev_loop *loop, const struct websocket_request *request);

/* All but websocket_connect may be called in the callbacks but closed. */

/* Queues a message, text (UTF-8) or binary; copied. False: it is not open, or already closing. */
bool websocket_send(struct websocket *socket, bool text, const void *bytes, size_t length);
/* Bytes that are queued and not yet with the kernel. */
size_t websocket_queued(const struct websocket *socket);
/* No message is read until it is resumed: what the server sends stays in the kernel, and then with the server. */
void websocket_pause(struct websocket *socket, bool paused);
/*
 * Begins the closing handshake behind what is queued, and ends a pause; closed comes when the server has answered, or after a few
 * seconds. Until then message is still called for what the server had sent before.
 */
void websocket_close(struct websocket *socket, int code, const char *reason);
/* Ends it at once; nothing is called any more. */
void websocket_abort(struct websocket *socket);

#endif
