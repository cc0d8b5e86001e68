/*
 * server: HTTP at one socket, for all endpoints that share it.
 *
 * libmicrohttpd waits with an epoll descriptor of its own, which libev watches. Its own timeout is for silence only; that
 * a request is whole in time, however slowly it trickles in, is seen to here.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/sources/listen/listen.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

enum {
	SPARE_CONNECTIONS = 16, /* beyond the limit, at a time, to be told so */
	REQUEST_MEMORY = 32 * 1024, /* per connection: the head of a request, and what is on its way out */
	FILE_MAX = 1 << 20, /* certificates */
};

/* Connections that stand still libmicrohttpd has ended by then. */
#define AFTER_MHD (2 * UNIT_S)

struct server {
	struct listen *listen;
	struct server *next;
	struct endpoint *endpoint; /* the first one */
	struct MHD_Daemon *daemon;
	struct connection *connections;
	struct ev_io network;
	struct ev_timer timer;
	bool touched;
};

struct listen *server_listen(const struct server *server)
{
	return server->listen;
}

void server_touch(struct server *server)
{
	server->touched = true;
}

/* The longest path that fits. */
struct endpoint *server_route(const struct server *server, const char *path, const char **name)
{
	struct listen *listen = server->listen;
	struct endpoint *best = NULL;
	size_t length = 0;

	for (size_t i = 0; i < listen->endpoint_count; i++) {
		struct endpoint *endpoint = &listen->endpoints[i];
		size_t own = endpoint->path ? strlen(endpoint->path) : 0;
		const char *below = path + own;
		bool folder = own > 0 && endpoint->path[own - 1] == '/';

		if (endpoint->server != server || strncmp(path, endpoint->path ? endpoint->path : "", own) != 0 ||
		    (own > 0 && !folder && *below) || (folder && *below && !is_word(below, strlen(below))) ||
		    (best && own < length))
			continue;
		best = endpoint;
		length = own;
		*name = folder && *below ? below : endpoint->name;
	}
	return best;
}

static void on_connection(void *state, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
	struct server *server = state;
	struct listen *listen = server->listen;
	struct connection *connection = *context;
	unsigned milliseconds = (unsigned)(listen->timeout / UNIT_MS) + 5000;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		*connection->link = connection->next;
		if (connection->next)
			connection->next->link = connection->link;
		listen->clients--;
		free(connection);
		return;
	}
	connection = xcalloc(1, sizeof(*connection));
	*connection = (struct connection){
		.server = server,
		.next = server->connections,
		.link = &server->connections,
		.fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
		.crowded = listen->clients >= listen->max_clients,
		.since = moment_now(),
	};
	if (connection->next)
		connection->next->link = &connection->next;
	server->connections = connection;
	listen->clients++;
	address_peer_text(connection->peer, connection->fd);
	if (connection->crowded && message_pass(&listen->crowded))
		message_warning("%s is refused: there are %lld connections (--max-clients)", connection->peer,
		                (long long)listen->max_clients);
	/* Else the kernel would keep trying for a quarter of an hour. A unix socket has no such option, and no need. */
	setsockopt(connection->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
	*context = connection;
}

static void on_log(void *state, const char *format, va_list arguments) MESSAGE_FORMAT(2, 0);

static void on_log(void *state, const char *format, va_list arguments)
{
	struct text text = {0};

	(void)state;
	if (!message_enabled(2))
		return;
	text_vaddf(&text, format, arguments);
	while (text.length > 0 && text.data[text.length - 1] == '\n')
		text.data[--text.length] = '\0';
	message_debug("%s", text.data);
	text_free(&text);
}

static void run(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG milliseconds;
	struct ev_loop *loop = server->listen->loop.loop;

	do {
		server->touched = false;
		MHD_run(server->daemon);
	} while (server->touched);
	ev_timer_stop(loop, &server->timer);
	if (MHD_get_timeout(server->daemon, &milliseconds) != MHD_YES)
		return;
	ev_now_update(loop);
	ev_timer_set(&server->timer, (double)milliseconds / 1000, 0.);
	ev_timer_start(loop, &server->timer);
}

static void on_network(struct ev_loop *loop, struct ev_io *watch, int events)
{
	(void)loop;
	(void)events;
	run(watch->data);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	run(timer->data);
}

void servers_run(struct listen *listen)
{
	for (struct server *server = listen->servers; server; server = server->next)
		if (server->touched)
			run(server);
}

/* The content of a file of --cert or --key; the caller's. */
static char *read_file(const char *path, const char *word)
{
	struct text text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	text_init(&text);
	if (fd < 0 || text_add_file(&text, fd, FILE_MAX) != 0)
		die("--%s '%s':", word, path);
	close(fd);
	return text_detach(&text);
}

static struct MHD_Daemon *start(struct server *server, int fd)
{
	struct listen *listen = server->listen;
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
	bool tls = server->endpoint->kind == ENDPOINT_HTTPS;
	char *cert = tls ? read_file(listen->cert, "cert") : NULL;
	char *key = tls ? read_file(listen->key ? listen->key : listen->cert, "key") : NULL;
	struct MHD_OptionItem secure[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (char[]){"NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"}},
		{MHD_OPTION_END, 0, NULL},
	};
	struct MHD_Daemon *daemon = MHD_start_daemon(
		flags | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, request_on, server, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)(listen->max_clients + SPARE_CONNECTIONS), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)REQUEST_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(listen->timeout / UNIT_S + 1),
		MHD_OPTION_URI_LOG_CALLBACK, request_begin, server, MHD_OPTION_NOTIFY_COMPLETED, request_completed,
		server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_ARRAY, tls ? secure : secure + 3, MHD_OPTION_END);

	if (!daemon && tls)
		die("the certificate '%s' and its key cannot be used (-vv says more)", listen->cert);
	if (!daemon)
		fail("cannot start the HTTP server:");
	free(cert);
	free(key);
	return daemon;
}

struct server *server_open(struct listen *listen, struct endpoint *endpoint)
{
	struct server *server = xcalloc(1, sizeof(*server));

	*server = (struct server){.listen = listen, .next = listen->servers, .endpoint = endpoint};
	listen->servers = server;
	server->daemon = start(server, endpoint->fd);
	ev_io_init(&server->network, on_network,
	           MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EV_READ);
	ev_init(&server->timer, on_timer);
	server->network.data = server->timer.data = server;
	ev_io_start(listen->loop.loop, &server->network);
	server->touched = true;
	return server;
}

/* There is no other way to end a connection that owes us the rest of a request, and does not stand still. */
static void expire(struct connection *connection)
{
	struct listen *listen = connection->server->listen;

	if (message_pass(&listen->slow))
		message_warning("%s is cut off: it has not sent a whole request in time (--timeout)", connection->peer);
	connection->since = INT64_MAX;
	shutdown(connection->fd, SHUT_RDWR);
	server_touch(connection->server);
}

void servers_expire(struct listen *listen, int64_t now)
{
	for (struct server *server = listen->servers; server; server = server->next)
		for (struct connection *connection = server->connections; connection; connection = connection->next)
			if (connection->since < now - listen->timeout - AFTER_MHD)
				expire(connection);
}

void servers_finish(struct listen *listen)
{
	for (struct server *server = listen->servers; server; server = server->next) {
		int fd = MHD_quiesce_daemon(server->daemon);

		if (fd >= 0)
			close(fd);
	}
}

void servers_free(struct listen *listen)
{
	struct server *server;

	while ((server = listen->servers)) {
		listen->servers = server->next;
		MHD_run(server->daemon);
		ev_io_stop(listen->loop.loop, &server->network);
		ev_timer_stop(listen->loop.loop, &server->timer);
		MHD_stop_daemon(server->daemon);
		free(server);
	}
}
