/*
 * transport: a way for the packets of Engine.IO: HTTP long-polling, a WebSocket, or from the one to the other (the upgrade).
 *
 *     transport = transport_start(&request);
 *     …                                   request.packet, and at last request.ended, once
 *     transport_work(transport);          whenever the loop is about to wait
 *     transport_free(transport);          at any time, but not in a callback
 *
 * A callback comes from within libcurl or the websocket, so what is asked for in it is done by transport_work.
 */
#ifndef PYPE_SOCKETIO_TRANSPORT_H
#define PYPE_SOCKETIO_TRANSPORT_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/socketio/engine.h"

/* What is asked, borrowed until transport_free. */
struct transport_request {
	struct ev_loop *loop;
	const struct http_settings *settings; /* as in engine.h, and so the next six */
	const char *url, *query;
	enum engine_transport kind;
	bool old;
	struct cookies *cookies;
	uint64_t max_packet;

	/* A WebSocket is there; the next packet is to come. Not with polling. */
	void (*connected)(void *context);
	/* A packet: text, or the data of a binary message as base64. JSON_PADDING behind it; valid in the callback. */
	void (*packet)(void *context, bool text, const char *bytes, size_t length);
	/* Something came that is no packet. */
	void (*bad)(void *context, const char *bytes, size_t length, const char *reason);
	/* No packet comes any more. The error is valid in the callback. */
	void (*ended)(void *context, const struct engine_end *end);
	void *context;
};

struct transport;

struct transport *transport_start(const struct transport_request *request);
/* The handshake has come. upgrades: the server takes a WebSocket instead, too. */
void transport_handshaken(struct transport *transport, const char *sid, uint64_t max_payload, bool upgrades);
/* Queues a packet, text. */
void transport_send(struct transport *transport, const char *packet, size_t length);
/* "polling" or "websocket". */
const char *transport_name(const struct transport *transport);
/* Ends it in good order behind what is queued: ended comes soon. */
void transport_close(struct transport *transport);
void transport_work(struct transport *transport);
void transport_free(struct transport *transport);

#endif
