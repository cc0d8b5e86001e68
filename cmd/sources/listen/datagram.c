/*
 * datagram: UDP and Unix datagrams. While there is no room for an event none is received: senders on this machine wait, and of
 * UDP the kernel keeps what fits into the socket's buffer, and counts what it drops.
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/sources/listen/listen.h"
#include "common/json.h"
#include "common/json_text.h"

enum { DATAGRAM = 64 * 1024, AT_A_TIME = 64, AT_THE_END = 100000 };

/* Makes events of the one that is held. False: there is no room. */
static bool handle(struct endpoint *endpoint)
{
	struct text *held = &endpoint->held;
	bool parted = endpoint->listen->lines && !endpoint->listen->syslog;

	while (endpoint->held_at < held->length) {
		const char *from = held->data + endpoint->held_at;
		size_t length = held->length - endpoint->held_at;
		const char *newline = parted ? memchr(from, '\n', length) : NULL;

		length = newline ? (size_t)(newline - from) : length;
		/* The newline that some put behind. */
		while (length > 0 && !newline && !endpoint->listen->syslog && from[length - 1] == '\n')
			length--;
		if (length > 0 && !convert(endpoint, from, length, &endpoint->meta))
			return false;
		endpoint->held_at = newline ? (size_t)(newline + 1 - held->data) : held->length;
	}
	return true;
}

static void set_peer(struct endpoint *endpoint, const struct sockaddr *name, socklen_t length)
{
	char text[ADDRESS_TEXT_MAX] = "unix";

	if (!endpoint->listen->meta)
		return;
	if (length > sizeof(sa_family_t))
		address_name_text(text, name);
	text_clear(&endpoint->meta);
	text_add_string(&endpoint->meta, "\"peer\":");
	json_add_string(&endpoint->meta, text, strlen(text));
}

/* Receives one. False: there is none. */
static bool receive(struct endpoint *endpoint)
{
	struct listen *listen = endpoint->listen;
	struct sockaddr_storage name = {0};
	socklen_t length = sizeof(name);
	int next = 0;
	size_t room;
	ssize_t n;

	if (ioctl(endpoint->fd, FIONREAD, &next) < 0 || next < DATAGRAM)
		next = DATAGRAM;
	room = (uint64_t)next < listen->max_body ? (size_t)next : (size_t)listen->max_body;
	text_clear(&endpoint->held);
	endpoint->held_at = 0;
	text_reserve(&endpoint->held, room + JSON_PADDING);
	n = recvfrom(endpoint->fd, endpoint->held.data, room, MSG_TRUNC | MSG_DONTWAIT, (struct sockaddr *)&name,
	             &length);
	if (n < 0)
		return false;
	if ((size_t)n > room) {
		source_bad(&listen->source, NULL, 0, "'%s': a datagram of %zd bytes, over the limit (--max-body)",
		           endpoint->where, n);
		return true;
	}
	endpoint->held.length = (size_t)n;
	memset(endpoint->held.data + n, 0, JSON_PADDING);
	set_peer(endpoint, (struct sockaddr *)&name, length);
	return true;
}

static void go_on(struct endpoint *endpoint)
{
	struct ev_loop *loop = endpoint->listen->loop.loop;

	for (int i = 0; i < AT_A_TIME; i++) {
		endpoint->waits = !handle(endpoint);
		if (endpoint->waits) {
			ev_io_stop(loop, &endpoint->watch);
			return;
		}
		if (endpoint->listen->ending || !receive(endpoint))
			break;
	}
	endpoint->waits = !handle(endpoint);
	if (endpoint->waits)
		ev_io_stop(loop, &endpoint->watch);
	else if (!endpoint->listen->ending)
		ev_io_start(loop, &endpoint->watch);
}

static void on_readable(struct ev_loop *loop, struct ev_io *watch, int events)
{
	(void)loop;
	(void)events;
	go_on(watch->data);
}

void datagram_listen(struct endpoint *endpoint)
{
	int size = (int)endpoint->listen->receive_buffer;

	/* Root may have more than the system allows to others. */
	if (size > 0 && setsockopt(endpoint->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(endpoint->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	text_init(&endpoint->held);
	text_init(&endpoint->meta);
	ev_io_init(&endpoint->watch, on_readable, endpoint->fd, EV_READ);
	endpoint->watch.data = endpoint;
	ev_io_start(endpoint->listen->loop.loop, &endpoint->watch);
}

void datagrams_go_on(struct listen *listen)
{
	for (size_t i = 0; i < listen->endpoint_count; i++)
		if (listen->endpoints[i].waits)
			go_on(&listen->endpoints[i]);
}

void datagrams_check(struct listen *listen)
{
	for (size_t i = 0; i < listen->endpoint_count; i++) {
		struct endpoint *endpoint = &listen->endpoints[i];
		uint32_t info[SK_MEMINFO_VARS] = {0};
		socklen_t length = sizeof(info);

		if (endpoint->kind != ENDPOINT_DATAGRAM || endpoint->fd < 0 ||
		    getsockopt(endpoint->fd, SOL_SOCKET, SO_MEMINFO, info, &length) < 0 ||
		    info[SK_MEMINFO_DROPS] == endpoint->dropped)
			continue;
		endpoint->dropped = info[SK_MEMINFO_DROPS];
		if (listen->ending || message_pass(&listen->dropped))
			message_warning(
				"'%s': the kernel has dropped %llu datagrams so far, as they come faster than they "
				"are taken (--receive-buffer)",
				endpoint->where, (unsigned long long)endpoint->dropped);
	}
}

/* What is in the socket's buffer has been sent before this ends: it is taken, as far as there is room. */
void datagrams_finish(struct listen *listen)
{
	for (size_t i = 0; i < listen->endpoint_count; i++) {
		struct endpoint *endpoint = &listen->endpoints[i];

		if (endpoint->kind != ENDPOINT_DATAGRAM || endpoint->fd < 0)
			continue;
		ev_io_stop(listen->loop.loop, &endpoint->watch);
		for (int n = 0; n < AT_THE_END && !endpoint->waits && handle(endpoint); n++)
			if (!receive(endpoint))
				break;
		endpoint->waits = !handle(endpoint);
	}
	datagrams_check(listen);
}
