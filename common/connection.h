/*
 * connection: a stream of bytes to the host of a URL, on a libev loop. libcurl makes it (CURLOPT_CONNECT_ONLY): the name, TLS,
 * proxies (a tunnel, also without TLS), Unix sockets, as the settings have them. What is said on it is the caller's.
 */
#ifndef PYPE_CONNECTION_H
#define PYPE_CONNECTION_H

#include <ev.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/http_reason.h"
#include "common/http_settings.h"

struct connection_events {
	/* Made (HTTP_OK), or failed: error is one line, valid in the callback. */
	void (*made)(void *context, enum http_failure failure, const char *error);
	/* It can be read from, or written to, or both (EV_READ, EV_WRITE), of what connection_watch asked for. */
	void (*ready)(void *context, int events);
};

struct connection;

/* Time limits are the caller's, the URL is http or https. Nothing is called before the loop runs. settings are borrowed. */
struct connection *connection_open(struct ev_loop *loop, const struct http_settings *settings, const char *url,
                                   const struct connection_events *events, void *context);
/* Ends it, made or not. May be called in the callbacks. */
void connection_close(struct connection *connection);

/* What it is doing while it is not made: "connecting", … */
const char *connection_phase(const struct connection *connection);

enum { CONNECTION_AGAIN = -1, CONNECTION_BROKEN = -2 };
/*
 * How many bytes came or went, CONNECTION_AGAIN, or CONNECTION_BROKEN (connection_error); 0 of connection_read: the other side has
 * closed. With TLS something may be left that the socket does not show: read until CONNECTION_AGAIN before waiting.
 */
ssize_t connection_read(struct connection *connection, void *buffer, size_t size);
/* After CONNECTION_AGAIN the next call must be for the same bytes at the same place (OpenSSL). */
ssize_t connection_write(struct connection *connection, const void *bytes, size_t length);
const char *connection_error(const struct connection *connection);

/* From here on others are called, for what happens once it is made. */
void connection_hand_over(struct connection *connection, const struct connection_events *events, void *context);

/* Which of EV_READ and EV_WRITE to call ready for, 0 at first. */
void connection_watch(struct connection *connection, int events);
/* ready(EV_READ) is called in the next round of the loop, whatever the socket has. */
void connection_again(struct connection *connection);

#endif
