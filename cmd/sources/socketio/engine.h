/*
 * engine: a connection of Engine.IO 4: HTTP long-polling, a WebSocket, or from the one to the other.
 *
 *     engine = engine_connect(loop, &request);
 *     …                                   request.opened, request.message …, and at last request.closed, once
 *     engine_work(engine);                whenever the loop is about to wait (an ev_prepare)
 *
 * Heartbeats are answered; a server that is silent for too long is given up. When to connect again is the caller's.
 * https://socket.io/docs/v4/engine-io-protocol/
 */
#ifndef PYPE_SOCKETIO_ENGINE_H
#define PYPE_SOCKETIO_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/socketio/cookies.h"
#include "common/http_settings.h"
#include "common/source_loop.h"

/* AUTO: polling, and on to a WebSocket; a WebSocket from the start where the server has no polling. */
enum engine_transport { ENGINE_AUTO, ENGINE_BY_POLLING, ENGINE_BY_WEBSOCKET };

enum engine_failure {
	ENGINE_STOPPED, /* by engine_close */
	ENGINE_CLOSED, /* by the server, in good order or not */
	ENGINE_SILENT, /* no heartbeat */
	ENGINE_FAILED, /* no connection, or the server breaks the protocol */
	ENGINE_POINTLESS, /* another try does not help: a file of certificates, another version of the protocol */
};

struct engine_end {
	enum engine_failure failure;
	int code; /* of the close frame of a WebSocket; 0: there was none */
	int64_t retry_after; /* nanoseconds: what a refusal asks for; -1: nothing */
	const char *error; /* one line, never NULL */
};

/* What is asked. Borrowed until closed has been called. */
struct engine_request {
	const struct http_settings *settings; /* timeout: for connection and handshake, and for each POST */
	const char *url; /* http://host/socket.io/ */
	const char *query; /* more of it, escaped: "&token=x", or "" */
	enum engine_transport transport;
	bool old; /* Socket.IO 0.9: translated (dialect.h) */
	struct cookies *cookies; /* sent, and kept up to date */
	uint64_t max_message; /* bytes; a larger one ends the connection */
	int64_t silence; /* nanoseconds; 0: pingInterval + pingTimeout, as the server says */

	/* A message can be sent from here on. */
	void (*opened)(void *context);
	/* A message: text, or a binary one as base64. JSON_PADDING behind it; valid in the callback. */
	void (*message)(void *context, bool text, const char *bytes, size_t length);
	/* Something came that is no packet; the connection goes on, or ends next. */
	void (*bad)(void *context, const char *bytes, size_t length, const char *reason);
	/* The end, in any case but engine_abort. The engine is gone when it returns. */
	void (*closed)(void *context, const struct engine_end *end);
	void *context;
};

struct engine;

/* Never NULL; nothing is called before the loop runs. */
struct engine *engine_connect(struct source_loop *loop, const struct engine_request *request);
/* May call closed. */
void engine_work(struct engine *engine);

/* What follows may be called in the callbacks but closed. */

/* Queues a message, text. */
void engine_send(struct engine *engine, const char *bytes, size_t length);
/* "polling" or "websocket". */
const char *engine_transport(const struct engine *engine);
/* The longest message the server takes; 0: it does not say. */
uint64_t engine_max_message(const struct engine *engine);
/* Ends it in good order, what is queued is sent; closed comes soon. No message comes any more. */
void engine_close(struct engine *engine);

/* Ends it at once; closed is not called. Not in callbacks. */
void engine_abort(struct engine *engine);

#endif
