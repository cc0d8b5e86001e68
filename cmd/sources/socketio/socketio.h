/*
 * socketio: what the files of pype-socketio share.
 *
 * main.c reads the options; link.c decides when to connect; engine.c, polling.c and cookies.c are the connection (Engine.IO); receive.c
 * puts packets together, space.c is what a namespace does with them, emit.c makes events, place.c is the cursor. packet.c knows
 * what packets look like, dialect.c what those of Socket.IO 0.9 did.
 */
#ifndef PYPE_SOCKETIO_H
#define PYPE_SOCKETIO_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/socketio/engine.h"
#include "cmd/sources/socketio/packet.h"
#include "common/backoff.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/text.h"

/* A message that is sent at each connect: --emit or --ask. */
struct opening {
	char *name;
	const char *arguments; /* "1,[2]", @FILE, env:NAME; NULL: none */
	bool ask; /* with an ack that is waited for */
};

enum space_state {
	SPACE_OUT,
	SPACE_ASKED, /* CONNECT is sent */
	SPACE_RESTORED, /* what was missed is coming, before the answer to CONNECT */
	SPACE_IN,
	SPACE_STATES,
};

/* A namespace. */
struct space {
	struct socketio *socketio;
	char *name;
	const char *auth; /* JSON, @FILE, env:NAME; NULL: none */
	struct opening *openings;
	size_t opening_count;

	enum space_state state;
	size_t next; /* opening that is to be sent */
	bool waiting; /* for an ack: that of the opening before */
	int64_t ack; /* its number, or that of the next */
	struct ev_timer timer; /* for the answer to CONNECT, or the ack */
	/* Connection state recovery: the session, the server's name for it, the last event of it; empty if there is none. */
	struct text sid, pid, offset;
};

/* Binary messages that belong to a packet come behind it. */
struct assembly {
	struct text packet;
	size_t wanted, count; /* wanted 0: nothing is being put together */
	uint64_t bytes;
	bool too_large;
	struct text *attachments; /* PACKET_ATTACHMENTS of them */
};

struct socketio {
	/* as asked for */
	struct http_settings settings;
	struct source source;
	struct option_list events, queries;
	char *path, *name, *url, *shown;
	int transport; /* enum engine_transport */
	int dialect; /* 1: Socket.IO 0.9 */
	int64_t retry_after_max; /* nanoseconds */
	int64_t heartbeat, ack_timeout, count, max_failures; /* 0: as the server says, no limit */
	uint64_t max_message;
	bool once, meta, no_ack, no_recovery, keep_cookies;
	struct space *spaces;
	size_t space_count;

	/* while it runs */
	struct source_loop loop;
	struct ev_prepare work;
	struct ev_timer timer; /* the next try */
	struct engine *engine; /* NULL: not connected */
	struct engine_request request;
	struct text query;
	struct cookies cookies;
	struct assembly assembly;
	struct text answers; /* acks that are to be sent once the events are written: a packet a line */
	struct text data, scratch; /* of an event */
	struct backoff backoff;
	struct message_limit limit;
	int64_t joined; /* when all namespaces were; monotonic, 0: they are not */
	int64_t received; /* events, for count */
	bool ending;
	int status;

	/* why the connection ends, if that is known here; link_lose */
	struct text loss;
	bool orderly, pointless;
};

/* ---- link.c ---- */

/* Connects. */
void link_start(struct socketio *socketio);
/* All namespaces are joined, and what is to be sent at the beginning is sent and acked. */
void link_joined(struct socketio *socketio);
/* Ends the connection; another is tried unless that would be pointless. detail is a line for people. */
struct loss {
	const char *reason; /* one of Socket.IO's own: "io server disconnect" */
	bool orderly, pointless;
};
void link_lose(struct socketio *socketio, const struct loss *loss, const char *format, ...) MESSAGE_FORMAT(3, 4);
/* Told to stop, or --count is reached: ends in good order. */
void link_end(void *socketio);
/* Flushes events, then sends the acks that were waiting for that. */
void link_answer(struct socketio *socketio);
void link_free(struct socketio *socketio);

/* ---- receive.c: engine_request's message and bad; context is a struct socketio ---- */

void receive_message(void *context, bool text, const char *bytes, size_t length);
void receive_bad(void *context, const char *bytes, size_t length, const char *reason);
/* The connection has ended: what is not whole will not be. */
void receive_reset(struct socketio *socketio);
void receive_free(struct socketio *socketio);

/* ---- space.c ---- */

void space_init(struct space *space);
/* The arguments of an opening, or the payload of CONNECT, as they stand now. False: they are not JSON. */
bool opening_payload(const struct opening *opening, struct text *payload);
bool space_auth(const struct space *space, struct text *payload);
/* Asks to join it. */
void space_ask(struct space *space);
/* What the packet means; bytes are the packet. */
void space_take(struct space *space, const struct packet *packet, const char *bytes, size_t length);
/* The connection is ending: says so if it was joined. code 0: none. */
void space_leave(struct space *space, const char *reason, const char *detail, int code);
void space_free(struct space *space);

/* ---- emit.c ---- */

void emit_connected(struct space *space, bool recovered);
void emit_disconnected(struct space *space, const char *reason, const char *detail, int code);
/* One of the server's. False: --count is reached. */
bool emit_received(struct space *space, const struct packet *packet, const char *bytes, size_t length);
/* The answer to what was asked. */
void emit_ack(struct space *space, const struct opening *opening, const struct packet *packet);

/* ---- place.c: for recovery, and --count ---- */

/* The most that is kept of each of sid, pid and offset. */
enum { PLACE_WORD = 256 };

void place_note(struct socketio *socketio);
void place_find(struct socketio *socketio);

#endif
