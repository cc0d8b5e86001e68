/*
 * serve: what the parts of pype-serve share.
 *
 *   main       options, standard input, the end
 *   server     the daemon (libmicrohttpd, driven by libev), who may ask, and what for
 *   latest     the newest event, for pollers
 *   client     whoever reads the stream: by
 *   stream     server-sent events, or by
 *   websocket  messages of a WebSocket
 *   history    the newest events, and how far each client has come
 *
 * One thread. Events go into the history; clients read it as their sockets take it, and what a slow one has not read
 * when it goes is lost to that one: nobody waits for a client.
 */
#ifndef PYPE_SERVE_SERVE_H
#define PYPE_SERVE_SERVE_H

#include <ev.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/address.h"
#include "cmd/outputs/serve/history.h"
#include "common/message.h"
#include "common/option.h"
#include "common/stage.h"
#include "common/text.h"

/* What pollers get; made when the first of them asks for an event, and kept until one asks for a newer one. */
struct latest {
	uint64_t event; /* which one; 0: none yet */
	struct MHD_Response *response;
	char tag[20]; /* the ETag, with its quotes */
	char date[32]; /* Date and Last-Modified */
	time_t time; /* the same as a number */
	time_t newest; /* highest time of all events that were given out */
	bool dated; /* none of those had this time or a later one: the date tells it from them */
	size_t held; /* bytes of all bodies that clients have not yet taken */
};

/* What a stream and a WebSocket have in common. */
struct client {
	struct serve *serve;
	struct history_place place;
	int fd;
	char peer[ADDRESS_TEXT_MAX]; /* who, for messages */
};

struct serve {
	/* set by options */
	char *listen, *port_file, *field, *cors, *bearer, *user;
	struct option_list hosts;
	int64_t back, max_clients, heartbeat, reconnect, timeout;
	uint64_t buffer;
	bool unnamed, linger;

	/* the input */
	struct stage stage;
	int time_slot, name_slot, value_slot; /* value_slot < 0: the whole event */
	struct history history;
	char time_text[40]; /* the newest event's time, a JSON number, or "" */
	time_t arrival; /* and when it came */
	size_t unread; /* bytes of events that came since the clients were last woken */
	bool ended; /* end of input */
	bool finishing; /* no more clients; those there get the rest */

	/* the network */
	struct address address;
	struct text authorization; /* what the Authorization header has to be; empty: anything */
	const char *challenge; /* what kind of it is asked for */
	bool check_host;
	struct MHD_Daemon *daemon;
	int64_t connections, requests; /* open; being answered */
	struct latest latest;
	struct stream *streams;
	struct websocket *websockets;
	int64_t clients; /* of both kinds */
	uint64_t streamed; /* bytes given to streams, so that progress can be seen */
	struct message_limit slow;

	struct ev_loop *loop;
	ev_io input, stop, network;
	ev_prepare before_wait;
	ev_timer network_timer, heartbeat_timer, grace_timer;
};

/* server.c */

/* Listens and answers from here on; ends the program with 1 if it cannot. */
void server_open(struct serve *serve);
/* Does what can be done for clients without waiting. */
void server_run(struct serve *serve);
/* There is something new for streams and WebSockets. */
void server_wake(struct serve *serve);
/* Takes no more clients, and ends the loop when those there have been answered, or after a short while. */
void server_finish(struct serve *serve);
void server_close(struct serve *serve);
/* Adds to a fresh response what they all have; ends the program if it could not be made. */
void server_prepare(const struct serve *serve, struct MHD_Response *response);
/* Queues a response and lets go of it. */
enum MHD_Result server_reply(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);
/* Answers with {"error":"…"} and closes the connection; header may be NULL. */
enum MHD_Result server_refuse(const struct serve *serve, struct MHD_Connection *connection, unsigned status,
                              const char *header, const char *value, const char *reason);

/* latest.c */

enum MHD_Result latest_reply(struct serve *serve, struct MHD_Connection *connection);
void latest_free(struct latest *latest);

/* client.c */

/* Where the request says it shall begin. */
void client_init(struct client *client, struct serve *serve, struct MHD_Connection *connection);
/*
 * Says on stderr what got lost since the last call. True if the client is to be told: json (if not NULL) is given the
 * event that does.
 */
bool client_lost(struct client *client, struct text *json);
/* why is NULL if it left by itself. */
void client_clear(struct client *client, const char *why);

/* stream.c */

/* Starts a stream, or answers HEAD; *context becomes the stream. */
enum MHD_Result stream_reply(struct serve *serve, struct MHD_Connection *connection, bool head, void **context);
/* There is something new for those who wait: events, or the end. */
void stream_wake_all(struct serve *serve);
/* A comment to those who wait, so that both sides see that the other one is there. */
void stream_ping_all(struct serve *serve);
/* The connection ends, for this reason. */
void stream_free(struct stream *stream, enum MHD_RequestTerminationCode reason);

/* websocket.c */

/* Answers a request to make the connection a WebSocket. */
enum MHD_Result websocket_reply(struct serve *serve, struct MHD_Connection *connection);
/* As for streams. */
void websocket_wake_all(struct serve *serve);
void websocket_ping_all(struct serve *serve);
/* Ends them all at once. */
void websocket_free_all(struct serve *serve);

#endif
