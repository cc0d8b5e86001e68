/*
 * server: the daemon, who may ask, and what for.
 *
 * libmicrohttpd waits with an epoll descriptor of its own, which libev watches; its timeouts are asked for before
 * each wait. Connections beyond the limit are let in, a few at a time, only to be told so.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/outputs/serve/serve.h"
#include "common/json_text.h"
#include "common/unit.h"

enum {
	SPARE_CONNECTIONS = 16, /* beyond the limit, at a time */
	OTHER_DESCRIPTORS = 32, /* what the process needs besides connections */
	VANISHED_EXTRA = 5000, /* milliseconds after --timeout until a peer that acknowledges nothing is given up */
	REQUEST_MEMORY = 32 * 1024, /* per connection: the head of a request, and what is on its way out */
};
static const double grace = 5; /* seconds for clients to take the rest at the end: less than a runner waits */

void server_prepare(const struct serve *serve, struct MHD_Response *response)
{
	if (!response)
		fail("cannot make a response: out of memory");
	if (!serve->cors)
		return;
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, serve->cors);
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS, "Date, ETag");
}

enum MHD_Result server_reply(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result result = MHD_queue_response(connection, status, response);

	MHD_destroy_response(response);
	return result;
}

enum MHD_Result server_refuse(const struct serve *serve, struct MHD_Connection *connection, unsigned status,
                              const char *header, const char *value, const char *reason)
{
	struct text body = {0};
	struct MHD_Response *response;

	text_add_string(&body, "{\"error\":");
	json_add_string(&body, reason, strlen(reason));
	text_add_string(&body, "}\n");
	response = MHD_create_response_from_buffer(body.length, body.data, MHD_RESPMEM_MUST_COPY);
	text_free(&body);
	server_prepare(serve, response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (header)
		MHD_add_response_header(response, header, value);
	return server_reply(connection, status, response);
}

/* A browser asks whether a page of another origin may ask (Fetch, section 3.2). */
static enum MHD_Result preflight(const struct serve *serve, struct MHD_Connection *connection)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

	server_prepare(serve, response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD");
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS,
	                        "Authorization, If-Modified-Since, If-None-Match, Last-Event-ID");
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600");
	return server_reply(connection, MHD_HTTP_NO_CONTENT, response);
}

static bool is_address(const char *name)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/*
 * Whether the request was made to a name of this server. A page anywhere can have its own name lead to the loopback
 * (DNS rebinding), but then the Host header gives it away; addresses and localhost cannot be made to lead elsewhere.
 */
static bool is_host_good(const struct serve *serve, const char *header)
{
	static const char local[] = ".localhost";
	char host[256];
	const char *from = header;
	size_t length;

	if (!serve->check_host || !header)
		return true;
	length = strcspn(header, ":");
	if (header[0] == '[') {
		from = header + 1;
		length = strcspn(from, "]");
	}
	if (length >= sizeof(host))
		return false;
	memcpy(host, from, length);
	host[length] = '\0';
	if (is_address(host) || strcasecmp(host, local + 1) == 0 ||
	    (length >= sizeof(local) && strcasecmp(host + length + 1 - sizeof(local), local) == 0))
		return true;
	for (size_t i = 0; i < serve->hosts.count; i++)
		if (strcasecmp(host, serve->hosts.items[i]) == 0 || strcmp(serve->hosts.items[i], "*") == 0)
			return true;
	return false;
}

/* Takes the same time wherever the first difference is. The scheme's case does not matter (RFC 9110, section 11.1). */
static bool is_authorized(const struct serve *serve, const char *header)
{
	const struct text *want = &serve->authorization;
	size_t scheme = want->length > 0 ? strcspn(want->data, " ") : 0;
	unsigned char differs = 0;

	if (want->length == 0)
		return true;
	if (!header || strlen(header) != want->length || strncasecmp(header, want->data, scheme) != 0)
		return false;
	for (size_t i = scheme; i < want->length; i++)
		differs |= (unsigned char)(header[i] ^ want->data[i]);
	return differs == 0;
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* Browsers let any page open a WebSocket anywhere; it is for the server to look where the page came from. */
static bool is_origin_good(const struct serve *serve, struct MHD_Connection *connection)
{
	const char *origin = header_of(connection, MHD_HTTP_HEADER_ORIGIN);
	const char *host = header_of(connection, MHD_HTTP_HEADER_HOST);
	const char *name = origin ? strstr(origin, "://") : NULL;

	if (!origin || (serve->cors && (strcmp(serve->cors, "*") == 0 || strcasecmp(serve->cors, origin) == 0)))
		return true;
	return name && host && strcasecmp(name + strlen("://"), host) == 0;
}

static bool wants_websocket(struct MHD_Connection *connection, const char *version)
{
	const char *upgrade = header_of(connection, MHD_HTTP_HEADER_UPGRADE);

	return upgrade && strcasestr(upgrade, "websocket") && strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
}

static enum MHD_Result reply(struct serve *serve, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, void **context)
{
	bool crowded = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	message_debug("%s %s", method, url);
	if (crowded)
		return server_refuse(serve, connection, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "1",
		                     "too many clients (--max-clients)");
	if (!is_host_good(serve, header_of(connection, MHD_HTTP_HEADER_HOST)))
		return server_refuse(serve, connection, MHD_HTTP_MISDIRECTED_REQUEST, NULL, NULL,
		                     "not a name of this server (--host)");
	if (serve->cors && strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0)
		return preflight(serve, connection);
	if (!head && strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return server_refuse(serve, connection, MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW,
		                     serve->cors ? "GET, HEAD, OPTIONS" : "GET, HEAD", "only GET and HEAD");
	if (!is_authorized(serve, header_of(connection, MHD_HTTP_HEADER_AUTHORIZATION)))
		return server_refuse(serve, connection, MHD_HTTP_UNAUTHORIZED, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		                     serve->challenge, "not authorized");
	if (head || !wants_websocket(connection, version))
		return strcmp(url, "/events") == 0 ? stream_reply(serve, connection, head, context)
		                                   : latest_reply(serve, connection);
	if (!is_origin_good(serve, connection))
		return server_refuse(serve, connection, MHD_HTTP_FORBIDDEN, NULL, NULL,
		                     "not for pages of this origin (--cors)");
	return websocket_reply(serve, connection);
}

/*
 * Called at least twice for each request: when its head is there, where only what needs no body can be answered, and
 * when all of it is. *context tells the calls apart; it is this program's state, or the stream.
 */
static enum MHD_Result on_request(void *state, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *body, size_t *length, void **context)
{
	struct serve *serve = state;

	(void)body;
	if (!*context) {
		*context = serve;
		serve->requests++;
		return MHD_YES;
	}
	if (*length > 0) {
		*length = 0;
		return MHD_YES;
	}
	return reply(serve, connection, url, method, version, context);
}

static void on_completed(void *state, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode reason)
{
	struct serve *serve = state;

	(void)connection;
	if (!*context)
		return;
	serve->requests--;
	if (*context != serve)
		stream_free(*context, reason);
}

static void on_connection(void *state, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
	struct serve *serve = state;
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	unsigned milliseconds = (unsigned)(serve->timeout / UNIT_MS) + VANISHED_EXTRA;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		serve->connections--;
		return;
	}
	serve->connections++;
	if (serve->connections > serve->max_clients)
		*context = serve;
	/* Else the kernel would keep trying for a quarter of an hour. A unix socket has no such option, and no need. */
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
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

static void check_end(struct serve *serve)
{
	if (serve->finishing && serve->requests == 0)
		ev_break(serve->loop, EVBREAK_ALL);
}

/* As long as streams get on: what they have read up to cannot be lost to them. A socket that is full does not count. */
void server_run(struct serve *serve)
{
	uint64_t before;

	do {
		before = serve->streamed;
		MHD_run(serve->daemon);
	} while (serve->streamed != before);
	check_end(serve);
}

void server_wake(struct serve *serve)
{
	if (serve->clients == 0)
		return;
	stream_wake_all(serve);
	websocket_wake_all(serve);
	server_run(serve);
}

static void on_network(struct ev_loop *loop, ev_io *watch, int happened)
{
	(void)loop;
	(void)happened;
	server_run(watch->data);
}

static void on_network_timer(struct ev_loop *loop, ev_timer *timer, int happened)
{
	(void)loop;
	(void)happened;
	server_run(timer->data);
}

static void on_heartbeat(struct ev_loop *loop, ev_timer *timer, int happened)
{
	(void)loop;
	(void)happened;
	stream_ping_all(timer->data);
	websocket_ping_all(timer->data);
	server_run(timer->data);
}

static void on_grace(struct ev_loop *loop, ev_timer *timer, int happened)
{
	struct serve *serve = timer->data;

	(void)happened;
	message_warning("clients that have not taken the rest in time: %lld", (long long)serve->requests);
	ev_break(loop, EVBREAK_ALL);
}

static void before_wait(struct ev_loop *loop, ev_prepare *watch, int happened)
{
	struct serve *serve = watch->data;
	MHD_UNSIGNED_LONG_LONG milliseconds;

	(void)happened;
	ev_timer_stop(loop, &serve->network_timer);
	if (MHD_get_timeout(serve->daemon, &milliseconds) != MHD_YES)
		return;
	ev_now_update(loop);
	ev_timer_set(&serve->network_timer, (double)milliseconds / 1000, 0);
	ev_timer_start(loop, &serve->network_timer);
}

static void allow_descriptors(int64_t clients)
{
	struct rlimit limit;
	rlim_t need = (rlim_t)(clients + SPARE_CONNECTIONS + OTHER_DESCRIPTORS);

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = need;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("--max-clients %lld needs %llu file descriptors, %llu are allowed (ulimit -n)", (long long)clients,
		    (unsigned long long)need, (unsigned long long)limit.rlim_max);
}

/* Whole or not at all: whoever waits for the file reads it as soon as it is there. */
static void write_port(const char *path, int port)
{
	struct text name = {0};
	int fd;

	text_addf(&name, "%s.%d", path, (int)getpid());
	fd = open(name.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || dprintf(fd, "%d\n", port) < 0 || close(fd) < 0 || rename(name.data, path) < 0)
		fail("cannot write '%s':", path);
	text_free(&name);
}

static void start_daemon(struct serve *serve, int fd)
{
	int64_t seconds = (serve->timeout + UNIT_S - 1) / UNIT_S;

	serve->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE, 0, NULL, NULL,
		on_request, serve, MHD_OPTION_EXTERNAL_LOGGER, on_log, serve, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)(serve->max_clients + SPARE_CONNECTIONS),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)seconds, MHD_OPTION_NOTIFY_COMPLETED, on_completed, serve, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, serve, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
	if (!serve->daemon)
		fail("cannot start the HTTP server:");
}

void server_open(struct serve *serve)
{
	struct ev_loop *loop = serve->loop;
	char text[ADDRESS_TEXT_MAX];
	int fd;

	allow_descriptors(serve->max_clients);
	fd = address_listen(&serve->address);
	serve->check_host = address_is_loopback(fd) || serve->hosts.count > 0;
	start_daemon(serve, fd);
	ev_io_init(&serve->network, on_network, MHD_get_daemon_info(serve->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
	           EV_READ);
	serve->network.data = serve;
	ev_io_start(loop, &serve->network);
	ev_timer_init(&serve->network_timer, on_network_timer, 0, 0);
	serve->network_timer.data = serve;
	ev_prepare_init(&serve->before_wait, before_wait);
	serve->before_wait.data = serve;
	ev_prepare_start(loop, &serve->before_wait);
	ev_timer_init(&serve->heartbeat_timer, on_heartbeat, (double)serve->heartbeat / UNIT_S,
	              (double)serve->heartbeat / UNIT_S);
	serve->heartbeat_timer.data = serve;
	if (serve->heartbeat > 0)
		ev_timer_start(loop, &serve->heartbeat_timer);
	message_info("listening at %s", address_text(text, fd));
	if (serve->port_file)
		write_port(serve->port_file, address_port(fd));
}

void server_finish(struct serve *serve)
{
	int fd;

	serve->finishing = true;
	fd = MHD_quiesce_daemon(serve->daemon);
	if (fd >= 0)
		close(fd);
	address_leave(&serve->address);
	if (serve->port_file)
		unlink(serve->port_file);
	ev_timer_init(&serve->grace_timer, on_grace, grace, 0);
	serve->grace_timer.data = serve;
	ev_timer_start(serve->loop, &serve->grace_timer);
	server_wake(serve);
	check_end(serve);
}

void server_close(struct serve *serve)
{
	stream_wake_all(serve);
	websocket_free_all(serve);
	latest_free(&serve->latest);
	MHD_stop_daemon(serve->daemon);
	if (message_hidden(&serve->slow))
		message_warning("events were lost to slow clients %llu times in all",
		                (unsigned long long)serve->slow.count);
	text_free(&serve->authorization);
}
