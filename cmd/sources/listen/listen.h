/*
 * listen: what the parts of pype-listen share.
 *
 *   main       options, the end
 *   endpoint   where to listen: operands to sockets
 *   outlet     the way of events to standard output, and who waits for it
 *   server     HTTP (libmicrohttpd, driven by libev): connections, their limits
 *   request    a request: may it, its body, its answer
 *   body       from a body to events
 *   guard      who may send requests; signature, rate
 *   stream     connections of TCP and Unix sockets
 *   datagram   UDP and Unix datagrams
 *   convert    from a line, a message of syslog or a datagram to an event; frames
 *   ids        requests that come again
 *
 * One thread, which never waits but for the network. What has come is either on its way out, or in the hands of
 * its sender: a request is answered when its events are safe, and a stream is not read while there is no room.
 */
#ifndef PYPE_LISTEN_LISTEN_H
#define PYPE_LISTEN_LISTEN_H

#include <ev.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/sources/listen/frames.h"
#include "cmd/sources/listen/ids.h"
#include "cmd/sources/listen/rate.h"
#include "cmd/sources/listen/signature.h"
#include "common/address.h"
#include "common/json_want.h"
#include "common/message.h"
#include "common/option.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/text.h"

enum endpoint_kind { ENDPOINT_HTTP, ENDPOINT_HTTPS, ENDPOINT_STREAM, ENDPOINT_DATAGRAM };

/* One operand: [NAME=]ADDRESS. */
struct endpoint {
	struct listen *listen;
	enum endpoint_kind kind;
	char *name; /* of its events */
	char *where; /* the address alone, as given */
	char *path; /* HTTP: NULL: any; ends in '/': what is below it is the name */
	struct address address;
	int fd; /* -1: that of an endpoint before it */
	int socket; /* fd, or that one */
	struct server *server;

	/* streams and datagrams */
	struct ev_io watch;
	bool waits; /* datagrams: one is held until there is room; nothing more is read */
	struct text held, meta; /* that one, and who sent it */
	size_t held_at; /* how much of it is out */
	uint64_t dropped; /* datagrams: by the kernel, as far as that was said */
};

/* The events of a request on their way. */
struct delivery {
	struct delivery *next;
	char *name;
	int64_t time;
	struct text lines; /* the data of each event, and a newline */
	size_t at; /* what of it is written */
	uint64_t count; /* events */
	uint64_t id; /* 0: none */
	bool written;
	uint64_t position; /* … up to there, in the output */
	int64_t until; /* when its sender is told to try again; monotonic */
	struct request *request; /* who waits for it; NULL: nobody any more */
};

struct outlet {
	struct delivery *first, **last;
	bool dirty; /* something was written and not pushed yet */
	bool starved; /* a socket waits for room */
	struct ev_io bell;
	struct ev_timer again;
	struct ev_prepare before_wait;
};

struct listen {
	/* as asked for */
	struct source source;
	char *name, *items, *id, *answer, *cors, *verify_token, *cert, *key, *port_file, *rate_text, *mode_text;
	struct option_list meta_headers, methods, bearers, users;
	struct signature signature;
	int64_t answer_status, max_clients, timeout, hold, count, id_window;
	uint64_t max_body, receive_buffer;
	bool meta, lines, text, syslog;

	/* of these */
	int mode;
	struct rate rate;
	struct json_want want; /* the path of --id */
	struct endpoint *endpoints;
	size_t endpoint_count;

	/* while it runs */
	struct source_loop loop;
	struct outlet outlet;
	struct ids ids;
	struct server *servers;
	struct stream *streams;
	int64_t clients; /* connections of both kinds */
	int64_t requests; /* of which the answer is not out */
	struct text data; /* of the event that is being made of a line or datagram */
	bool ending; /* nothing new is taken … */
	bool finishing; /* … and that was done */
	struct ev_timer tick, grace; /* deadlines; the end */
	struct message_limit refused, crowded, dropped, slow;
};

/* ---- endpoint ---- */

/* Ends the program (2) if the operand is malformed. */
void endpoint_init(struct endpoint *endpoint, struct listen *listen, const char *operand);
/* Opens the socket, or finds the endpoint before it that has the same one. */
void endpoint_open(struct endpoint *endpoint);
void endpoints_say(const struct listen *listen);
void endpoint_free(struct endpoint *endpoint);
/* Letters, digits, '_' and '-', and no more than 128 of them. */
bool is_word(const char *string, size_t length);

/* ---- outlet ---- */

void outlet_open(struct outlet *outlet, struct listen *listen);
/* Takes the delivery over, which was allocated; calls request_delivered, perhaps before it returns. */
void outlet_add(struct listen *listen, struct delivery *delivery);
/* Writes one event, if there is room and no delivery waits. False: there is none, and the sockets are called when there is. */
bool outlet_write(struct listen *listen, const char *name, int64_t time, const char *data, size_t length);
/* Tells those that have waited too long, or all; calls request_delivered. */
void outlet_give_up(struct listen *listen, int64_t now);
/* Whether a delivery with this id is under way. */
bool outlet_has(const struct listen *listen, uint64_t id);
bool outlet_empty(const struct listen *listen);
/* --count: that is enough. */
bool outlet_full(const struct listen *listen);
void outlet_free(struct listen *listen);

/* ---- server ---- */

struct connection {
	struct server *server;
	struct connection *next, **link;
	int fd;
	bool crowded; /* beyond the limit: it is only told so */
	int64_t since; /* it has owed us something for so long; monotonic; INT64_MAX: it does not */
	char peer[ADDRESS_TEXT_MAX];
};

struct server *server_open(struct listen *listen, struct endpoint *endpoint);
/* The endpoint of a path; *name is that of its events (into the path, or the endpoint's). NULL: there is none. */
struct endpoint *server_route(const struct server *server, const char *path, const char **name);
struct listen *server_listen(const struct server *server);
/* Later, before the loop waits: some connection goes on. */
void server_touch(struct server *server);
/* Does what can be done without waiting, on all. */
void servers_run(struct listen *listen);
void servers_expire(struct listen *listen, int64_t now);
void servers_finish(struct listen *listen);
void servers_free(struct listen *listen);

/* ---- request ---- */

/* For MHD. */
void *request_begin(void *server, const char *uri, struct MHD_Connection *connection);
enum MHD_Result request_on(void *server, struct MHD_Connection *connection, const char *path, const char *method,
                           const char *version, const char *bytes, size_t *length, void **context);
void request_completed(void *server, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode reason);
/* What became of a delivery: safe, or it took too long. The delivery may be gone afterwards. */
void request_delivered(struct request *request, bool safe);

/* ---- body ---- */

/* What a request is, for the events that are made of it. */
struct body {
	struct listen *listen;
	struct MHD_Connection *connection;
	const char *method, *path, *query, *peer;
	struct text *bytes; /* JSON_PADDING bytes follow */
};

/* Makes lines for a delivery, and its id. 200, or the status of the refusal and *reason (appended). */
unsigned body_to_events(const struct body *body, const char *scope, struct delivery *delivery, struct text *reason);

/* ---- guard ---- */

/* A refusal: the status, a header or NULL, and why. status 0: it is none. */
struct refusal {
	unsigned status;
	const char *header;
	char value[64];
	const char *reason;
};

void guard_check(struct listen *listen);
/* Whether two strings are the same, in a time that does not tell where they differ. */
bool guard_same(const char *given, const char *wanted);
/* By the head of a request. */
struct refusal guard_head(struct listen *listen, struct MHD_Connection *connection, const char *peer);
/* … and by its body. */
struct refusal guard_body(struct listen *listen, struct MHD_Connection *connection, const struct text *body);

/* ---- stream, datagram ---- */

void stream_listen(struct endpoint *endpoint);
void streams_go_on(struct listen *listen);
void streams_expire(struct listen *listen, int64_t now);
void streams_finish(struct listen *listen);

void datagram_listen(struct endpoint *endpoint);
void datagrams_go_on(struct listen *listen);
void datagrams_check(struct listen *listen);
void datagrams_finish(struct listen *listen);

/* ---- convert ---- */

/*
 * Makes an event of a line, a message or a datagram, or says why it is none. peer is who sent it, as members of an object.
 * JSON_PADDING bytes are readable behind the bytes. False: there is no room; nothing has happened.
 */
bool convert(struct endpoint *endpoint, const char *bytes, size_t length, const struct text *peer);

/* Stops taking anything new, and ends when what is under way is done. */
void listen_finish(struct listen *listen);
void listen_check_end(struct listen *listen);

#endif
