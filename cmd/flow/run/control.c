#include "cmd/flow/run/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/run/happening.h"
#include "cmd/flow/run/socket_path.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

enum { AT_ONCE = 16 }; /* clients that are let in, requests that are answered before the flow gets its turn */

/* At the end of the flow. */
static const int64_t farewell = UNIT_S;

struct control_client {
	struct control *control;
	int fd;
	uint64_t number;
	bool follows, ended /* no more requests */, broken;
	char in[CONTROL_REQUEST];
	size_t length;
	struct text out;
	size_t sent;
	control_more *more; /* NULL: no long answer under way */
	size_t place[2];
	struct ev_io io;
};

/* Watchers here are no reason for the flow to go on. */

static void watch(struct ev_io *io)
{
	if (ev_is_active(io))
		return;
	ev_io_start(EV_DEFAULT_ io);
	ev_unref(EV_DEFAULT);
}

static void unwatch(struct ev_io *io)
{
	if (!ev_is_active(io))
		return;
	ev_ref(EV_DEFAULT);
	ev_io_stop(EV_DEFAULT_ io);
}

static size_t pending(const struct control_client *client)
{
	return client->out.length - client->sent;
}

static bool is_idle(const struct control_client *client)
{
	return !client->follows && !client->more && pending(client) == 0;
}

static void drop(struct control_client *client)
{
	struct control *control = client->control;
	size_t i = 0;

	while (control->clients[i] != client)
		i++;
	control->clients[i] = control->clients[--control->count];
	unwatch(&client->io);
	close(client->fd);
	text_free(&client->out);
	free(client);
}

/* Writes what the client takes. */
static void flush(struct control_client *client)
{
	ssize_t n = 1;

	while (n > 0 && pending(client) > 0) {
		n = send(client->fd, client->out.data + client->sent, pending(client), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			client->sent += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			client->broken = true;
	}
	if (pending(client) == 0) {
		text_clear(&client->out);
		client->sent = 0;
	} else if (client->sent > CONTROL_FILL) {
		text_drop(&client->out, client->sent);
		client->sent = 0;
	}
}

static void fill(struct control_client *client)
{
	for (int i = 0; i < AT_ONCE && client->more && pending(client) < CONTROL_FILL && !client->broken; i++) {
		while (client->more && pending(client) < CONTROL_FILL)
			if (!client->more(client->control->context, client, client->place))
				client->more = NULL;
		flush(client);
	}
}

/* Answers the requests that are there whole. */
static void answer(struct control_client *client)
{
	struct control *control = client->control;
	char line[CONTROL_REQUEST];
	const char *newline;

	for (int i = 0; i < AT_ONCE && !client->more && pending(client) < CONTROL_FILL; i++) {
		size_t length;

		newline = memchr(client->in, '\n', client->length);
		if (!newline)
			break;
		length = (size_t)(newline - client->in);
		memcpy(line, client->in, length);
		client->length -= length + 1;
		memmove(client->in, newline + 1, client->length);
		control->request(control->context, client, line, length);
	}
	if (client->length == sizeof(client->in) && !memchr(client->in, '\n', client->length)) {
		control_fail(client, STATUS_POINTLESS, "a request has %d bytes at most", CONTROL_REQUEST - 1);
		client->length = 0;
		client->ended = true;
	}
}

static bool has_request(const struct control_client *client)
{
	return !client->more && pending(client) < CONTROL_FILL && memchr(client->in, '\n', client->length);
}

static bool is_over(const struct control_client *client)
{
	return client->broken || (client->ended && !has_request(client) && !client->more && pending(client) == 0);
}

/* Waits for what can come. */
static void go_on(struct control_client *client)
{
	bool reads = !client->ended && client->length < sizeof(client->in);
	bool writes = pending(client) > 0 || client->more || has_request(client);
	int wanted = (reads ? EV_READ : 0) | (writes ? EV_WRITE : 0);

	if (ev_is_active(&client->io) && wanted == (client->io.events & (EV_READ | EV_WRITE)))
		return;
	unwatch(&client->io);
	ev_io_set(&client->io, client->fd, wanted);
	if (wanted)
		watch(&client->io);
}

static void on_client(EV_P_ ev_io *watcher, int events)
{
	struct control_client *client = watcher->data;
	ssize_t n;

	(void)EV_A;
	if ((events & EV_READ) && client->length < sizeof(client->in)) {
		n = recv(client->fd, client->in + client->length, sizeof(client->in) - client->length, MSG_DONTWAIT);
		if (n > 0)
			client->length += (size_t)n;
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			client->broken = true;
		else if (n == 0)
			client->ended = true;
	}
	if (!client->broken) {
		flush(client);
		answer(client);
		fill(client);
		flush(client);
	}
	if (is_over(client))
		drop(client);
	else
		go_on(client);
}

/* Letting in. */

static bool is_allowed(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

/* Makes room for one more: false if all are at something. */
static bool make_room(struct control *control)
{
	struct control_client *oldest = NULL;

	if (control->count < CONTROL_CLIENTS)
		return true;
	for (size_t i = 0; i < control->count; i++)
		if (is_idle(control->clients[i]) && (!oldest || control->clients[i]->number < oldest->number))
			oldest = control->clients[i];
	if (oldest)
		drop(oldest);
	return oldest;
}

static void refuse(int fd, const char *why)
{
	struct text text = {0};

	happening_say(&text, "error", "", why);
	if (send(fd, text.data, text.length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		message_debug("control: cannot refuse a client:");
	close(fd);
	text_free(&text);
}

static void let_in(struct control *control, int fd)
{
	struct control_client *client;

	if (!is_allowed(fd)) {
		refuse(fd, "this is another user's flow");
		return;
	}
	if (!make_room(control)) {
		refuse(fd, "the flow has too many clients already");
		return;
	}
	client = xcalloc(1, sizeof(*client));
	client->control = control;
	client->fd = fd;
	client->number = control->number++;
	text_init(&client->out);
	ev_io_init(&client->io, on_client, fd, EV_READ);
	client->io.data = client;
	control->clients[control->count++] = client;
	watch(&client->io);
}

static void on_accept(EV_P_ ev_io *watcher, int events)
{
	struct control *control = watcher->data;

	(void)EV_A;
	(void)events;
	for (int i = 0; i < AT_ONCE; i++) {
		int fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			let_in(control, fd);
		} else if ((errno == EMFILE || errno == ENFILE) && control->spare >= 0) {
			/* It would be told of the same client for ever. */
			close(control->spare);
			fd = accept4(watcher->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd >= 0)
				refuse(fd, "the flow has too many open files");
			control->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
			break;
		} else {
			break;
		}
	}
}

/* The socket itself. */

static bool make_socket(struct control *control)
{
	struct socket_path path;
	mode_t mask;
	bool bound;

	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0 || socket_path_set(&path, control->directory, control->path) < 0)
		return false;
	if (unlinkat(control->directory, SOCKET_PATH_NAME, 0) < 0 && errno != ENOENT)
		return false;
	mask = umask(0177);
	bound = bind(control->fd, (struct sockaddr *)&path.address, path.length) == 0;
	umask(mask);
	return bound && listen(control->fd, 128) == 0;
}

void control_open(struct control *control, const char *state, control_request *request, void *context)
{
	*control = (struct control){
		.request = request, .context = context, .path = text_format("%s/" SOCKET_PATH_NAME, state), .fd = -1};
	control->directory = open(state, O_PATH | O_DIRECTORY | O_CLOEXEC);
	control->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (control->directory < 0 || !make_socket(control)) {
		message_warning("cannot make the socket '%s', the flow runs without:", control->path);
		if (control->fd >= 0)
			close(control->fd);
		control->fd = -1;
		return;
	}
	ev_io_init(&control->accept, on_accept, control->fd, EV_READ);
	control->accept.data = control;
	watch(&control->accept);
}

void control_tell(struct control *control, const char *event, size_t length)
{
	for (size_t i = 0; i < control->count; i++) {
		struct control_client *client = control->clients[i];

		if (!client->follows || client->broken)
			continue;
		if (pending(client) + length > CONTROL_BEHIND) {
			if (message_pass(&control->behind))
				message_warning("control: a client does not read what happens, dropped");
			client->broken = true;
		} else {
			control_say(client, event, length);
			flush(client);
		}
		/* Dropped by its watcher: it may be the one whose request made this happen. */
		if (client->broken)
			ev_feed_event(EV_DEFAULT_ & client->io, EV_WRITE);
		else
			go_on(client);
	}
}

void control_close(struct control *control)
{
	int64_t until = moment_now() + farewell, left;

	unwatch(&control->accept);
	for (size_t i = control->count; i-- > 0;) {
		struct control_client *client = control->clients[i];
		struct pollfd poll_fd = {.fd = client->fd, .events = POLLOUT};

		while (pending(client) > 0 && !client->broken && (left = until - moment_now()) > 0) {
			if (poll(&poll_fd, 1, (int)(left / UNIT_MS) + 1) > 0)
				flush(client);
		}
		drop(client);
	}
	if (control->fd >= 0) {
		unlinkat(control->directory, SOCKET_PATH_NAME, 0);
		close(control->fd);
	}
	if (control->directory >= 0)
		close(control->directory);
	if (control->spare >= 0)
		close(control->spare);
	free(control->path);
}

/* Answers. */

void control_say(struct control_client *client, const char *lines, size_t length)
{
	text_add(&client->out, lines, length);
}

void control_end(struct control_client *client, int status)
{
	struct text text = {0};

	happening_begin(&text, "end", "");
	text_addf(&text, "\"status\":%d", status);
	happening_end(&text);
	control_say(client, text.data, text.length);
	text_free(&text);
}

void control_fail(struct control_client *client, int status, const char *format, ...)
{
	struct text text = {0}, message = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&message, format, arguments);
	va_end(arguments);
	happening_say(&text, "error", "", message.data);
	control_say(client, text.data, text.length);
	text_free(&text);
	text_free(&message);
	control_end(client, status);
}

void control_follow(struct control_client *client)
{
	client->follows = true;
}

void control_long(struct control_client *client, control_more *more)
{
	client->more = more;
	client->place[0] = client->place[1] = 0;
}
