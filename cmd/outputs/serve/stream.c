/*
 * stream: the events as server-sent events (WHATWG HTML, section 9.2).
 *
 * Whoever has read all there is is suspended, which takes the socket away from the daemon; a watcher of our own
 * then sees that the client has gone. What the client has to be told besides events waits in `notice`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cmd/outputs/serve/serve.h"
#include "common/memory.h"
#include "common/unit.h"

enum { STREAM_BLOCK = 32 * 1024 };

struct stream {
	struct client client;
	struct MHD_Connection *connection;
	struct stream *next, **link;
	struct text notice; /* to be sent before the next event */
	bool waits; /* suspended */
	bool told; /* of the end of input */
	bool gone; /* the other side has closed */
	ev_io watch;
};

/* An event of our own: it has no id, so that the client's last id stays that of an event of the stream. */
static void tell(struct stream *stream, const char *name, const char *json)
{
	if (!stream->client.serve->unnamed)
		text_addf(&stream->notice, "event: %s\n", name);
	text_addf(&stream->notice, "data: %s\n\n", json);
}

static void tell_lost(struct stream *stream)
{
	struct text json = {0};

	if (client_lost(&stream->client, &json))
		tell(stream, "lost", json.data);
	text_free(&json);
}

static size_t read_notice(struct stream *stream, char *to, size_t room)
{
	struct text *notice = &stream->notice;
	size_t length = notice->length < room ? notice->length : room;

	memcpy(to, notice->data, length);
	text_drop(notice, length);
	return length;
}

/* What the client gets next; called when its socket takes more. */
static ssize_t read_on(void *context, uint64_t position, char *to, size_t room)
{
	struct stream *stream = context;
	struct serve *serve = stream->client.serve;
	struct history_place *place = &stream->client.place;
	size_t length;

	(void)position;
	if (stream->gone || place->torn)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	tell_lost(stream);
	if (serve->finishing && serve->ended && !stream->told && history_read_up(&serve->history, place)) {
		tell(stream, "end", "{\"event\":\"end\"}");
		stream->told = true;
	}
	if (stream->notice.length > 0)
		length = read_notice(stream, to, room);
	else
		length = history_read(&serve->history, place, to, room);
	serve->streamed += length;
	if (length > 0)
		return (ssize_t)length;
	if (serve->finishing)
		return MHD_CONTENT_READER_END_OF_STREAM;
	stream->waits = true;
	MHD_suspend_connection(stream->connection);
	return 0;
}

static void wake(struct stream *stream)
{
	if (!stream->waits)
		return;
	stream->waits = false;
	MHD_resume_connection(stream->connection);
}

/* Clients have nothing to say on a stream; if one does, the next ping has to find out that it has gone. */
static void on_readable(struct ev_loop *loop, ev_io *watch, int happened)
{
	struct stream *stream = watch->data;
	char byte;
	ssize_t n = recv(watch->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	(void)happened;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	ev_io_stop(loop, watch);
	if (n > 0)
		return;
	stream->gone = true;
	wake(stream);
	server_run(stream->client.serve);
}

static struct stream *stream_new(struct serve *serve, struct MHD_Connection *connection)
{
	struct stream *stream = xcalloc(1, sizeof(*stream));

	client_init(&stream->client, serve, connection);
	stream->connection = connection;
	stream->next = serve->streams;
	stream->link = &serve->streams;
	if (stream->next)
		stream->next->link = &stream->next;
	serve->streams = stream;
	text_addf(&stream->notice, "retry: %lld\n\n", (long long)(serve->reconnect / UNIT_MS));
	ev_io_init(&stream->watch, on_readable, stream->client.fd, EV_READ);
	stream->watch.data = stream;
	ev_io_start(serve->loop, &stream->watch);
	return stream;
}

enum MHD_Result stream_reply(struct serve *serve, struct MHD_Connection *connection, bool head, void **context)
{
	struct stream *stream = head ? NULL : stream_new(serve, connection);
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_on, stream, NULL);

	server_prepare(serve, response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	/* nginx would collect the stream into blocks */
	MHD_add_response_header(response, "X-Accel-Buffering", "no");
	if (stream)
		*context = stream;
	return server_reply(connection, MHD_HTTP_OK, response);
}

void stream_wake_all(struct serve *serve)
{
	for (struct stream *stream = serve->streams; stream; stream = stream->next)
		wake(stream);
}

void stream_ping_all(struct serve *serve)
{
	for (struct stream *stream = serve->streams; stream; stream = stream->next) {
		if (stream->waits)
			text_add_string(&stream->notice, ":\n\n");
		wake(stream);
	}
}

void stream_free(struct stream *stream, enum MHD_RequestTerminationCode reason)
{
	bool stuck = reason == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED;

	ev_io_stop(stream->client.serve->loop, &stream->watch);
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	client_clear(&stream->client, stuck ? "takes nothing any more and is cut off" : NULL);
	text_free(&stream->notice);
	free(stream);
}
