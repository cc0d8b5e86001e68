/*
 * stream: connections of TCP and Unix sockets, which bring one event after the other. One that brings more than there is room for
 * is not read until there is: its sender waits.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/sources/listen/listen.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"

enum { READ = 64 * 1024, ACCEPTS = 16 };

struct stream {
	struct endpoint *endpoint;
	struct stream *next, **link;
	struct ev_io watch;
	struct frames frames;
	struct text peer; /* members for --meta */
	char name[ADDRESS_TEXT_MAX];
	const char *held; /* a frame for which there is no room yet */
	uint64_t held_length;
	bool ended, broken; /* nothing more comes; … and not by the sender's wish */
	int64_t since; /* the frame that is under way got on; monotonic */
};

static void set_peer(struct stream *stream, int fd)
{
	struct ucred who;
	socklen_t length = sizeof(who);

	address_peer_text(stream->name, fd);
	text_add_string(&stream->peer, "\"peer\":");
	json_add_string(&stream->peer, stream->name, strlen(stream->name));
	if (strncmp(stream->name, "unix", 4) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0)
		text_addf(&stream->peer, ",\"pid\":%d,\"uid\":%u,\"gid\":%u", (int)who.pid, (unsigned)who.uid,
		          (unsigned)who.gid);
}

static void stream_free(struct stream *stream)
{
	struct listen *listen = stream->endpoint->listen;

	message_info("%s has gone", stream->name);
	ev_io_stop(listen->loop.loop, &stream->watch);
	close(stream->watch.fd);
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	listen->clients--;
	frames_free(&stream->frames);
	text_free(&stream->peer);
	free(stream);
}

/* What is left when the connection is at its end. True: a frame is to be handled. */
static bool take_last(struct stream *stream)
{
	struct listen *listen = stream->endpoint->listen;
	enum frame_status status = frames_end(&stream->frames, &stream->held, &stream->held_length);

	switch (status) {
	case FRAME_WAIT:
		return false;
	case FRAME_LONG:
		source_bad(&listen->source, NULL, 0, "'%s': %llu bytes without an end, over the limit (--max-body)",
		           stream->endpoint->where, (unsigned long long)stream->held_length);
		return false;
	case FRAME_WHOLE:
		if (!stream->broken)
			return true;
		break;
	case FRAME_PART:
		break;
	}
	source_bad(&listen->source, stream->held, (size_t)stream->held_length,
	           "'%s': the connection of %s ended in the middle of a message", stream->endpoint->where,
	           stream->name);
	stream->held = NULL;
	return false;
}

/* The next frame into held. False: there is none. */
static bool take(struct stream *stream)
{
	struct listen *listen = stream->endpoint->listen;

	for (;;) {
		switch (frames_take(&stream->frames, &stream->held, &stream->held_length)) {
		case FRAME_WHOLE:
			return true;
		case FRAME_LONG:
			stream->held = NULL;
			source_bad(&listen->source, NULL, 0,
			           "'%s': a message of %llu bytes, over the limit (--max-body)",
			           stream->endpoint->where, (unsigned long long)stream->held_length);
			break;
		default:
			stream->held = NULL;
			return stream->ended && take_last(stream);
		}
	}
}

/* Handles what has come. The stream may be gone afterwards. */
static void handle(struct stream *stream)
{
	struct listen *listen = stream->endpoint->listen;

	while (stream->held || take(stream)) {
		if (!convert(stream->endpoint, stream->held, (size_t)stream->held_length, &stream->peer)) {
			ev_io_stop(listen->loop.loop, &stream->watch);
			return;
		}
		stream->held = NULL;
	}
	if (stream->ended)
		stream_free(stream);
	else
		ev_io_start(listen->loop.loop, &stream->watch);
}

static void on_readable(struct ev_loop *loop, struct ev_io *watch, int events)
{
	struct stream *stream = watch->data;
	char buffer[READ];
	ssize_t n = read(watch->fd, buffer, sizeof(buffer));

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		frames_add(&stream->frames, buffer, (size_t)n);
	} else {
		stream->ended = true;
		stream->broken = n < 0;
	}
	stream->since = moment_now();
	handle(stream);
}

static void add_stream(struct endpoint *endpoint, int fd)
{
	struct listen *listen = endpoint->listen;
	struct stream *stream = xcalloc(1, sizeof(*stream));
	int one = 1, idle = 60, pause = 10;

	*stream = (struct stream){
		.endpoint = endpoint,
		.next = listen->streams,
		.link = &listen->streams,
		.frames = {.octets = listen->syslog, .limit = (size_t)listen->max_body},
		.since = moment_now(),
	};
	if (stream->next)
		stream->next->link = &stream->next;
	listen->streams = stream;
	listen->clients++;
	set_peer(stream, fd);
	/* A peer that has vanished is noticed after two minutes; on other sockets these do nothing. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof(pause));
	message_info("%s has connected", stream->name);
	ev_io_init(&stream->watch, on_readable, fd, EV_READ);
	stream->watch.data = stream;
	ev_io_start(listen->loop.loop, &stream->watch);
}

static void on_connection(struct ev_loop *loop, struct ev_io *watch, int events)
{
	struct endpoint *endpoint = watch->data;
	struct listen *listen = endpoint->listen;
	char peer[ADDRESS_TEXT_MAX];

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0) {
			/* Of descriptors there may be more in a moment: servers_tick starts it again. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
				message_warning("cannot take a connection at '%s':", endpoint->where);
				ev_io_stop(loop, watch);
			}
			return;
		}
		if (listen->clients < listen->max_clients) {
			add_stream(endpoint, fd);
			continue;
		}
		if (message_pass(&listen->crowded))
			message_warning("%s is refused: there are %lld connections (--max-clients)",
			                address_peer_text(peer, fd), (long long)listen->max_clients);
		close(fd);
	}
}

void stream_listen(struct endpoint *endpoint)
{
	ev_io_init(&endpoint->watch, on_connection, endpoint->fd, EV_READ);
	endpoint->watch.data = endpoint;
	ev_io_start(endpoint->listen->loop.loop, &endpoint->watch);
}

void streams_go_on(struct listen *listen)
{
	struct stream *next;

	for (struct stream *stream = listen->streams; stream; stream = next) {
		next = stream->next;
		if (stream->held)
			handle(stream);
	}
}

/* Who began a message and does not end it. */
void streams_expire(struct listen *listen, int64_t now)
{
	struct stream *next;

	for (struct stream *stream = listen->streams; stream; stream = next) {
		next = stream->next;
		if (stream->held || !frames_pending(&stream->frames) || stream->since > now - listen->timeout)
			continue;
		if (message_pass(&listen->slow))
			message_warning("%s is cut off: the rest of a message has not come in time (--timeout)",
			                stream->name);
		stream->ended = stream->broken = true;
		handle(stream);
	}
	for (size_t i = 0; i < listen->endpoint_count && !listen->ending; i++)
		if (listen->endpoints[i].kind == ENDPOINT_STREAM)
			ev_io_start(listen->loop.loop, &listen->endpoints[i].watch);
}

/* What was read is handled; half a message is none. */
void streams_finish(struct listen *listen)
{
	struct stream *next;

	for (size_t i = 0; i < listen->endpoint_count; i++) {
		if (listen->endpoints[i].kind != ENDPOINT_STREAM)
			continue;
		ev_io_stop(listen->loop.loop, &listen->endpoints[i].watch);
		close(listen->endpoints[i].fd);
	}
	for (struct stream *stream = listen->streams; stream; stream = next) {
		next = stream->next;
		stream->ended = stream->broken = true;
		handle(stream);
	}
}
