/*
 * pusher: what the files of pype-pusher share.
 *
 * main.c reads the options; link.c decides when to connect, and again; channels.c subscribes; auth.c finds what the server
 * has to be shown for a private channel; receive.c makes events of what comes.
 */
#ifndef PYPE_PUSHER_H
#define PYPE_PUSHER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/backoff.h"
#include "common/http.h"
#include "common/json.h"
#include "common/message.h"
#include "common/option.h"
#include "common/source.h"
#include "common/source_loop.h"
#include "common/text.h"
#include "common/websocket.h"

struct channel {
	struct pusher *pusher;
	const char *name;
	bool secret, presence; /* it takes an authorization; it tells who is there */
	enum {
		CHANNEL_OUT,
		CHANNEL_AUTHORIZING, /* --auth-url is asked */
		CHANNEL_ASKED, /* the server has been */
		CHANNEL_IN,
	} state;
	struct http_transfer *transfer; /* CHANNEL_AUTHORIZING */
	struct text form, answer; /* of that: what is sent, and what came so far */
};

/* The place that a runner keeps, and what the gaps are told with. */
struct place {
	int64_t events; /* of channels, so far */
	int64_t last; /* Unix time in nanoseconds of the newest; 0: none */
};

/* What the server says is taken apart with these. */
struct pusher_wants {
	struct json_want message; /* slots as below */
	struct json_want inner; /* of the data of its own messages */
};
enum { WANT_EVENT, WANT_CHANNEL, WANT_DATA, WANT_USER, WANT_COUNT };
enum { INNER_SOCKET, INNER_ACTIVITY, INNER_CODE, INNER_MESSAGE, INNER_STATUS, INNER_ERROR, INNER_COUNT };

struct pusher {
	/* as asked for */
	struct http_settings settings; /* of the connection */
	struct http_settings auth_settings; /* of the requests to --auth-url */
	struct source source;
	struct backoff backoff;
	struct websocket_request request;
	int64_t max_failures, count, retry_after_max, heartbeat, ping, ping_timeout;
	bool once, as_text;
	char *key, *cluster, *auth_given, *secret, *user_data, *origin;
	char *url, *shown, *auth_url; /* … and what is made of it; shown is for messages */
	struct option_list names, events; /* channels; names of events to take, none: all */

	/* while it runs: link.c */
	struct source_loop loop;
	struct http *http; /* if --auth-url */
	struct ev_prepare before_wait;
	struct ev_timer retry;
	struct ev_timer patience; /* for the connection to be established, and for the channels */
	struct ev_timer activity; /* for something to come; asked: the server has been pinged */
	struct ev_timer silence; /* of --heartbeat */
	struct websocket *socket; /* NULL: a pause */
	const char *headers[2]; /* of the connection */
	bool open, ending, resumed, asked;
	int64_t began, ended, heard, heard_event; /* monotonic; 0: never */
	int64_t attempts, failures; /* since the last connection; in a row */
	int64_t received; /* events on this connection */
	int64_t activity_timeout; /* nanoseconds, what the server or --ping says */
	int code; /* of a pusher:error that came last; 0: none */
	struct place place;
	struct text mistake; /* why we close it ourselves, "" if for no mistake */
	bool pointless; /* … and no other try will help */
	struct message_limit limit;
	int status;

	/* channels.c */
	struct channel *channels;
	size_t channel_count;

	/* receive.c */
	struct pusher_wants wants;
	struct text socket_id; /* of this connection, "" before it is established */
	struct text inner, line, event, members;
};

void link_init(struct pusher *pusher);
/* Connects, now. */
void link_start(struct pusher *pusher);
/* source_loop's stop. */
void link_stop(void *context);
/* The connection is established, with socket_id and activity_timeout. */
void link_established(struct pusher *pusher);
/* Something has come. */
void link_heard(struct pusher *pusher);
/* All channels are in. */
void link_complete(struct pusher *pusher);
/* Closes a connection that is no good, and counts it as a failure; pointless: ends the program with 2. */
void link_fail(struct pusher *pusher, bool pointless, const char *format, ...) MESSAGE_FORMAT(3, 4);
/* All is done: closes the connection, if there is one, and ends the program. */
void link_finish(struct pusher *pusher, int status);
void link_free(struct pusher *pusher);
/* What is no event of a channel: "connected", "disconnected". With --bare there is no such thing. */
void link_tell(struct pusher *pusher, const char *name, const struct text *members, const char *data, size_t length);

/* Ends the program (2) if a channel cannot be. */
void channels_check(struct pusher *pusher);
/* The connection is established: subscribes to all. */
void channels_join(struct pusher *pusher);
/* The connection has ended. */
void channels_leave(struct pusher *pusher);
/* The server's answers. The name is a JSON string. */
void channels_joined(struct pusher *pusher, const struct json_span *name);
void channels_refused(struct pusher *pusher, const struct json_span *name, int64_t status, const char *error);
/* What a channel has to show: the members of a "pusher:subscribe" beside its name, JSON texts; channel_data may be NULL. */
void channels_authorized(struct channel *channel, const struct json_span *auth, const struct json_span *channel_data);
void channels_free(struct pusher *pusher);

/* Finds what to show, by --secret at once or by --auth-url; then channels_authorized, or link_fail. */
void auth_find(struct channel *channel);

void receive_init(struct pusher *pusher);
/* websocket_request's message. */
void receive_message(void *context, bool text, const char *bytes, size_t length);
void receive_free(struct pusher *pusher);

#endif
