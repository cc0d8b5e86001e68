/*
 * websocket: the events as messages of a WebSocket (RFC 6455), one text message each; clients have nothing to say
 * but pong and close.
 *
 * After the handshake the socket is ours. What is on its way out is in `out`, which is filled with frames from the
 * history only when it is empty; an event larger than that goes through it in parts. Control frames go between events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "cmd/outputs/serve/serve.h"
#include "cmd/outputs/serve/sha1.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/unit.h"

enum {
	OUT_BLOCK = 32 * 1024,
	MASK = 4,
	CONTROL_MAX = 125, /* payload of a control frame */
	HEAD_MAX = 2 + 8 + MASK,
};
enum opcode { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };
enum code { CODE_NORMAL = 1000, CODE_AWAY = 1001, CODE_PROTOCOL = 1002 };
static const double farewell = 1; /* seconds the other side has to answer a close */

struct websocket {
	struct client client;
	struct MHD_UpgradeResponseHandle *handle;
	struct websocket *next, **link;
	ev_io in_watch, out_watch;
	ev_timer timer; /* runs while the socket takes nothing, or the other side has to close */
	struct text out;
	size_t left; /* bytes of the current event that are not in out yet */
	unsigned char in[HEAD_MAX + CONTROL_MAX];
	size_t have; /* bytes in in, of one frame */
	uint64_t skip; /* bytes of a message from the client that are still to come */
	unsigned char pong[CONTROL_MAX];
	size_t pong_length;
	bool pong_due, ping_due;
	int code; /* close with it, 0: not yet */
	bool closed; /* the close frame is in out or gone */
	bool answered; /* a close frame has come */
};

static void websocket_free(struct websocket *websocket, const char *why)
{
	struct ev_loop *loop = websocket->client.serve->loop;

	ev_io_stop(loop, &websocket->in_watch);
	ev_io_stop(loop, &websocket->out_watch);
	ev_timer_stop(loop, &websocket->timer);
	*websocket->link = websocket->next;
	if (websocket->next)
		websocket->next->link = websocket->link;
	client_clear(&websocket->client, why);
	MHD_upgrade_action(websocket->handle, MHD_UPGRADE_ACTION_CLOSE);
	text_free(&websocket->out);
	free(websocket);
}

static void add_head(struct text *out, enum opcode opcode, uint64_t length)
{
	text_add_char(out, (char)(0x80 | opcode));
	if (length <= CONTROL_MAX) {
		text_add_char(out, (char)length);
		return;
	}
	text_add_char(out, length <= 0xffff ? 126 : 127);
	for (int shift = length <= 0xffff ? 8 : 56; shift >= 0; shift -= 8)
		text_add_char(out, (char)(length >> shift));
}

static void add_frame(struct text *out, enum opcode opcode, const void *payload, size_t length)
{
	add_head(out, opcode, length);
	text_add(out, payload, length);
}

static void add_control(struct websocket *websocket)
{
	struct text *out = &websocket->out;
	struct text json = {0};

	if (websocket->pong_due)
		add_frame(out, OP_PONG, websocket->pong, websocket->pong_length);
	if (websocket->ping_due)
		add_frame(out, OP_PING, "", 0);
	websocket->pong_due = websocket->ping_due = false;
	if (client_lost(&websocket->client, &json))
		add_frame(out, OP_TEXT, json.data, json.length);
	text_free(&json);
}

static void add_close(struct websocket *websocket)
{
	char code[2] = {(char)(websocket->code >> 8), (char)websocket->code};

	add_frame(&websocket->out, OP_CLOSE, code, sizeof(code));
	websocket->closed = true;
}

/* All has been read, and there will be no more. */
static void add_end(struct websocket *websocket)
{
	static const char end[] = "{\"event\":\"end\"}";
	bool ended = websocket->client.serve->ended;

	if (ended)
		add_frame(&websocket->out, OP_TEXT, end, strlen(end));
	websocket->code = ended ? CODE_NORMAL : CODE_AWAY;
}

/* Puts what comes next into out, which is empty. */
static void fill(struct websocket *websocket)
{
	const struct serve *serve = websocket->client.serve;
	const struct history *history = &serve->history;
	struct history_place *place = &websocket->client.place;
	struct text *out = &websocket->out;

	while (out->length < OUT_BLOCK && !websocket->closed) {
		size_t part;

		if (websocket->left == 0) {
			add_control(websocket);
			if (serve->finishing && websocket->code == 0 && history_read_up(history, place))
				add_end(websocket);
			if (websocket->code != 0)
				add_close(websocket);
			if (websocket->closed || history_read_up(history, place))
				return;
			websocket->left = history_open(history, place);
			add_head(out, OP_TEXT, websocket->left);
		}
		part = websocket->left < OUT_BLOCK ? websocket->left : OUT_BLOCK;
		text_add(out, history_take(history, place, part), part);
		websocket->left -= part;
	}
}

static void restart_timer(struct websocket *websocket, double seconds)
{
	websocket->timer.repeat = seconds;
	ev_timer_again(websocket->client.serve->loop, &websocket->timer);
}

/* Writes as much as the socket takes. If the connection is gone, so is websocket. */
static void write_on(struct websocket *websocket)
{
	struct serve *serve = websocket->client.serve;
	struct text *out = &websocket->out;

	for (;;) {
		ssize_t n;

		if (websocket->client.place.torn) {
			websocket_free(websocket, NULL);
			return;
		}
		if (out->length == 0)
			fill(websocket);
		if (out->length == 0)
			break;
		n = send(websocket->client.fd, out->data, out->length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			ev_io_start(serve->loop, &websocket->out_watch);
			if (!ev_is_active(&websocket->timer))
				restart_timer(websocket, (double)serve->timeout / UNIT_S);
			return;
		}
		if (n < 0 && errno != EINTR) {
			websocket_free(websocket, NULL);
			return;
		}
		if (n > 0) {
			text_drop(out, (size_t)n);
			ev_timer_stop(serve->loop, &websocket->timer);
		}
	}
	ev_io_stop(serve->loop, &websocket->out_watch);
	if (websocket->closed && websocket->answered) {
		websocket_free(websocket, NULL);
		return;
	}
	if (websocket->closed && !ev_is_active(&websocket->timer)) {
		shutdown(websocket->client.fd, SHUT_WR);
		restart_timer(websocket, farewell);
	}
}

/* A whole control frame has come. */
static void take_control(struct websocket *websocket, unsigned opcode, const unsigned char *payload, size_t length)
{
	switch (opcode) {
	case OP_PING:
		memcpy(websocket->pong, payload, length);
		websocket->pong_length = length;
		websocket->pong_due = true;
		break;
	case OP_CLOSE:
		websocket->answered = true;
		websocket->code = CODE_NORMAL;
		break;
	default: /* a pong */
		break;
	}
}

/* What is in in begins a frame. If it is whole, or the head of a message, which nobody wants, it is dealt with. */
static void take_frame(struct websocket *websocket)
{
	unsigned char *in = websocket->in;
	bool control = in[0] & 8, final = in[0] & 0x80, masked = in[1] & 0x80;
	bool reserved = (in[0] & 0x70) || (in[0] & 7) > 2;
	unsigned length = in[1] & 0x7f;
	size_t wide = length == 126 ? 2 : length == 127 ? 8 : 0;
	size_t head = 2 + wide + MASK;

	if (websocket->have < 2)
		return;
	/* RFC 6455, sections 5.1, 5.2 and 5.5 */
	if (!masked || reserved || (control && (!final || length > CONTROL_MAX))) {
		websocket->code = CODE_PROTOCOL;
		return;
	}
	if (websocket->have < head + (control ? length : 0))
		return;
	websocket->have = 0;
	if (control) {
		for (unsigned i = 0; i < length; i++)
			in[head + i] ^= in[head - MASK + i % MASK];
		take_control(websocket, in[0] & 0x0f, in + head, length);
		return;
	}
	websocket->skip = wide > 0 ? 0 : length;
	for (size_t i = 0; i < wide; i++)
		websocket->skip = websocket->skip << 8 | in[2 + i];
}

static void take(struct websocket *websocket, const char *bytes, size_t length)
{
	while (length > 0 && websocket->code != CODE_PROTOCOL) {
		size_t skip = websocket->skip < length ? (size_t)websocket->skip : length;

		if (skip == 0) {
			websocket->in[websocket->have++] = (unsigned char)*bytes;
			take_frame(websocket);
			skip = 1;
		} else {
			websocket->skip -= skip;
		}
		bytes += skip;
		length -= skip;
	}
}

/* The daemon does not see by itself that it got a socket back: each of these runs it. */
static void on_readable(struct ev_loop *loop, ev_io *watch, int happened)
{
	struct websocket *websocket = watch->data;
	struct serve *serve = websocket->client.serve;
	char bytes[4096];
	ssize_t n = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)loop;
	(void)happened;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		take(websocket, bytes, (size_t)n);
		write_on(websocket);
	} else {
		websocket_free(websocket, NULL);
	}
	server_run(serve);
}

static void on_writable(struct ev_loop *loop, ev_io *watch, int happened)
{
	struct websocket *websocket = watch->data;
	struct serve *serve = websocket->client.serve;

	(void)loop;
	(void)happened;
	write_on(websocket);
	server_run(serve);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int happened)
{
	struct websocket *websocket = timer->data;
	struct serve *serve = websocket->client.serve;

	(void)loop;
	(void)happened;
	websocket_free(websocket, websocket->closed ? NULL : "takes nothing any more and is cut off");
	server_run(serve);
}

/* The handshake has been sent. Nothing is written from within the daemon. */
static void on_upgraded(void *state, struct MHD_Connection *connection, void *context, const char *more,
                        size_t more_length, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
	struct serve *serve = state;
	struct websocket *websocket = xcalloc(1, sizeof(*websocket));

	(void)context;
	client_init(&websocket->client, serve, connection);
	websocket->handle = handle;
	websocket->next = serve->websockets;
	websocket->link = &serve->websockets;
	if (websocket->next)
		websocket->next->link = &websocket->next;
	serve->websockets = websocket;
	ev_io_init(&websocket->in_watch, on_readable, fd, EV_READ);
	ev_io_init(&websocket->out_watch, on_writable, fd, EV_WRITE);
	ev_init(&websocket->timer, on_timer);
	websocket->in_watch.data = websocket->out_watch.data = websocket->timer.data = websocket;
	ev_io_start(serve->loop, &websocket->in_watch);
	ev_io_start(serve->loop, &websocket->out_watch);
	take(websocket, more, more_length);
}

/* RFC 6455, section 4.2.2 */
static void add_accept(struct text *accept, const char *key)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char digest[SHA1_SIZE];
	struct text both = {0};

	text_addf(&both, "%s%s", key, guid);
	sha1(both.data, both.length, digest);
	json_add_base64(accept, digest, sizeof(digest));
	text_free(&both);
}

enum MHD_Result websocket_reply(struct serve *serve, struct MHD_Connection *connection)
{
	const char *key = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_SEC_WEBSOCKET_KEY);
	const char *version =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_SEC_WEBSOCKET_VERSION);
	struct MHD_Response *response;
	struct text accept = {0};

	if (!key || !version || strcmp(version, "13") != 0)
		return server_refuse(serve, connection, MHD_HTTP_BAD_REQUEST, MHD_HTTP_HEADER_SEC_WEBSOCKET_VERSION,
		                     "13", "not a WebSocket of version 13");
	response = MHD_create_response_for_upgrade(on_upgraded, serve);
	server_prepare(serve, response);
	add_accept(&accept, key);
	MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket");
	MHD_add_response_header(response, MHD_HTTP_HEADER_SEC_WEBSOCKET_ACCEPT, accept.data);
	text_free(&accept);
	return server_reply(connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

void websocket_wake_all(struct serve *serve)
{
	for (struct websocket *websocket = serve->websockets, *next; websocket; websocket = next) {
		next = websocket->next;
		write_on(websocket);
	}
}

void websocket_ping_all(struct serve *serve)
{
	for (struct websocket *websocket = serve->websockets; websocket; websocket = websocket->next)
		websocket->ping_due = true;
	websocket_wake_all(serve);
}

void websocket_free_all(struct serve *serve)
{
	while (serve->websockets)
		websocket_free(serve->websockets, NULL);
}
