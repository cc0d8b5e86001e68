#include "common/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/transfers.h"

struct connection {
	struct transfers *transfers;
	struct ev_loop *loop;
	struct connection_events events;
	void *context;
	CURL *easy;
	struct curl_slist *resolve, *connect_to;
	struct ev_io io;
	char detail[CURL_ERROR_SIZE];
};

static void socket_ready(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct connection *connection = io->data;

	(void)loop;
	connection->events.ready(connection->context, events & (EV_READ | EV_WRITE));
}

static void made(void *context, CURL *easy, CURLcode code)
{
	struct connection *connection = context;
	struct text error = {0};
	curl_socket_t fd = CURL_SOCKET_BAD;
	enum http_failure failure = HTTP_OK;

	text_init(&error);
	if (code != CURLE_OK)
		failure = http_reason(&error, easy, code, connection->detail);
	else if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) {
		failure = HTTP_CLOSED;
		text_add_string(&error, "the connection was closed at once");
	}
	ev_io_set(&connection->io, fd, 0);
	connection->events.made(connection->context, failure, error.data);
	text_free(&error);
}

struct connection *connection_open(struct ev_loop *loop, const struct http_settings *settings, const char *url,
                                   const struct connection_events *events, void *context)
{
	struct connection *connection = xcalloc(1, sizeof(*connection));
	CURL *easy;

	connection->loop = loop;
	connection->events = *events;
	connection->context = context;
	connection->transfers = transfers_new(loop, made, connection);
	easy = connection->easy = curl_easy_init();
	if (!easy)
		fail("out of memory");
	connection->resolve = http_settings_resolve(settings);
	http_settings_apply(settings, easy, connection->resolve);
	connection->connect_to = http_settings_connect_to(settings);
	if (connection->connect_to)
		HTTP_SET(easy, CURLOPT_CONNECT_TO, connection->connect_to);
	HTTP_SET(easy, CURLOPT_URL, url);
	HTTP_SET(easy, CURLOPT_ERRORBUFFER, connection->detail);
	HTTP_SET(easy, CURLOPT_CONNECT_ONLY, 1L);
	/* Else TLS may agree on HTTP/2, and a proxy would be asked to fetch what is not HTTPS. */
	HTTP_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	HTTP_SET(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	ev_init(&connection->io, socket_ready);
	connection->io.data = connection;
	/* What came is read before timers look how long it is since something came. */
	ev_set_priority(&connection->io, 1);
	if (curl_multi_add_handle(connection->transfers->multi, easy) != CURLM_OK)
		fail("out of memory");
	return connection;
}

void connection_close(struct connection *connection)
{
	if (ev_is_pending(&connection->io))
		ev_clear_pending(connection->loop, &connection->io);
	ev_io_stop(connection->loop, &connection->io);
	curl_multi_remove_handle(connection->transfers->multi, connection->easy);
	curl_easy_cleanup(connection->easy);
	transfers_free(connection->transfers);
	curl_slist_free_all(connection->resolve);
	curl_slist_free_all(connection->connect_to);
	free(connection);
}

const char *connection_phase(const struct connection *connection)
{
	return http_phase(connection->easy);
}

ssize_t connection_read(struct connection *connection, void *buffer, size_t size)
{
	size_t got = 0;

	*connection->detail = '\0';
	errno = 0;
	switch (curl_easy_recv(connection->easy, buffer, size, &got)) {
	case CURLE_OK:
		return (ssize_t)got;
	case CURLE_AGAIN:
		return CONNECTION_AGAIN;
	default:
		return CONNECTION_BROKEN;
	}
}

ssize_t connection_write(struct connection *connection, const void *bytes, size_t length)
{
	size_t gone = 0;

	*connection->detail = '\0';
	errno = 0;
	switch (curl_easy_send(connection->easy, bytes, length, &gone)) {
	case CURLE_OK:
		return (ssize_t)gone;
	case CURLE_AGAIN:
		return CONNECTION_AGAIN;
	default:
		return CONNECTION_BROKEN;
	}
}

const char *connection_error(const struct connection *connection)
{
	return *connection->detail ? connection->detail : errno ? strerror(errno) : "broken";
}

void connection_hand_over(struct connection *connection, const struct connection_events *events, void *context)
{
	connection->events = *events;
	connection->context = context;
}

void connection_watch(struct connection *connection, int events)
{
	int fd = connection->io.fd, now = ev_is_active(&connection->io) ? connection->io.events : 0;

	if ((now & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(connection->loop, &connection->io);
	ev_io_set(&connection->io, fd, events);
	if (events)
		ev_io_start(connection->loop, &connection->io);
}

void connection_again(struct connection *connection)
{
	ev_feed_event(connection->loop, &connection->io, EV_READ);
}
