/*
 * What a packet means in which state (a table), the time limits, and the end.
 *
 * A callback of the transport only notes that the end has come; engine_work draws the consequences.
 */
#include "cmd/sources/socketio/engine.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/dialect.h"
#include "cmd/sources/socketio/packet.h"
#include "cmd/sources/socketio/transport.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

enum { EXCERPT = 100 }; /* bytes of what came that a message shows */
#define GRACE       UNIT_S /* to look once more: a reader that held us up is no silence of the server's */
#define CLOSE_LIMIT UNIT_S
#define OLD_POLL    (20 * UNIT_S) /* after so long a server of Socket.IO 0.9 answers a GET though it has nothing to say */

enum state { OPENING, OPEN, CLOSING, STATES };

struct engine {
	struct source_loop *loop;
	struct engine_request request;
	struct transport *transport;
	enum state state;
	struct engine_handshake handshake;
	struct text packet, translated;
	bool root_wanted; /* old: to join the root namespace is to be told that it is joined */
	struct ev_timer timer; /* of the state: the open packet, silence, the end */
	int64_t heard; /* when something came; monotonic */
	bool grace;
	bool ended; /* closed is to be called with `end` */
	struct engine_end end;
	struct text error;
};

/* ---- the end ---- */

/* Notes why it ends; the first reason counts. */
static void end(struct engine *engine, const struct engine_end *end)
{
	if (engine->ended)
		return;
	engine->ended = true;
	engine->end = *end;
	if (engine->state == CLOSING)
		engine->end.failure = ENGINE_STOPPED;
	text_add_string(&engine->error, end->error);
}

static void end_with(struct engine *engine, enum engine_failure failure, const char *error)
{
	end(engine, &(struct engine_end){.failure = failure, .retry_after = -1, .error = error});
}

void engine_abort(struct engine *engine)
{
	ev_timer_stop(engine->loop->loop, &engine->timer);
	transport_free(engine->transport);
	text_free(&engine->handshake.sid);
	text_free(&engine->packet);
	text_free(&engine->translated);
	text_free(&engine->error);
	free(engine);
}

static void finish(struct engine *engine)
{
	struct engine_request request = engine->request;
	struct engine_end last = engine->end;
	char *error = text_detach(&engine->error);

	engine_abort(engine);
	last.error = error;
	request.closed(request.context, &last);
	free(error);
}

/* ---- time ---- */

static void arm(struct engine *engine, int64_t pause)
{
	if (pause > 0)
		source_loop_after(engine->loop, &engine->timer, pause);
}

static void heard(struct engine *engine)
{
	engine->heard = moment_now();
	engine->grace = false;
}

/* Whether it was silent for too long, seen twice. */
static bool is_silent(struct engine *engine)
{
	int64_t silence = engine->request.silence, quiet = moment_now() - engine->heard;
	bool again = engine->grace;

	engine->grace = quiet >= silence;
	if (engine->grace && again)
		return true;
	arm(engine, engine->grace ? GRACE : silence - quiet);
	return false;
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct engine *engine = timer->data;
	bool open = engine->state == OPEN;
	int64_t limit = open ? engine->request.silence : engine->request.settings->timeout;
	char text[UNIT_TEXT_MAX];
	struct text error = {0};

	(void)loop;
	(void)events;
	if (open && !is_silent(engine))
		return;
	text_addf(&error, open ? "nothing came for %s, not even a heartbeat" : "no handshake within %s",
	          unit_duration_text(text, limit));
	end_with(engine, open ? ENGINE_SILENT : ENGINE_FAILED, error.data);
	text_free(&error);
}

/* ---- packets ---- */

static void send_packet(struct engine *engine, enum engine_type type, const char *bytes, size_t length)
{
	struct text *packet = &engine->packet;

	text_clear(packet);
	text_add_char(packet, (char)('0' + type));
	text_add(packet, bytes, length);
	if (engine->request.old) {
		text_clear(&engine->translated);
		dialect_write(&engine->translated, packet->data, packet->length);
		engine->root_wanted |= packet->length > 1 && packet->data[1] == '0' && packet->data[2] != '/';
		packet = &engine->translated;
	}
	if (packet->length > 0)
		transport_send(engine->transport, packet->data, packet->length);
}

void engine_send(struct engine *engine, const char *bytes, size_t length)
{
	if (engine->state == OPEN && !engine->ended)
		send_packet(engine, ENGINE_MESSAGE, bytes, length);
}

/* Engine.IO 3 has the length of a packet in front: "97:0{…". */
static bool is_version_3(const char *bytes, size_t length)
{
	size_t digits = 0;

	while (digits < length && digits < 9 && bytes[digits] >= '0' && bytes[digits] <= '9')
		digits++;
	return digits > 0 && digits < length && bytes[digits] == ':';
}

static void not_open(struct engine *engine, const char *bytes, size_t length)
{
	struct text error = {0};

	if (is_version_3(bytes, length)) {
		end_with(engine, ENGINE_POINTLESS,
		         "the server speaks Socket.IO 2, and this is a client for 3 and later");
		return;
	}
	text_addf(&error, "this is no server of Socket.IO, its answer begins with '%.*s'",
	          (int)(length < EXCERPT ? length : EXCERPT), bytes);
	end_with(engine, ENGINE_FAILED, error.data);
	text_free(&error);
}

static void bad(void *context, const char *bytes, size_t length, const char *reason)
{
	struct engine *engine = context;

	if (engine->state == OPENING)
		not_open(engine, bytes, length);
	else
		engine->request.bad(engine->request.context, bytes, length, reason);
}

static void handshaken(struct engine *engine)
{
	struct engine_handshake *handshake = &engine->handshake;
	bool given = engine->request.silence > 0;

	message_debug("open, sid %s", handshake->sid.data);
	if (!given)
		engine->request.silence = handshake->ping_interval + handshake->ping_timeout;
	transport_handshaken(engine->transport, handshake->sid.data, handshake->max_payload, handshake->upgrades);
	/* It has no heartbeats then: its answers say that it is there. */
	if (engine->request.old && !given && strcmp(transport_name(engine->transport), "polling") == 0)
		engine->request.silence += OLD_POLL;
}

static void opened(struct engine *engine)
{
	engine->state = OPEN;
	arm(engine, engine->request.silence);
	engine->request.opened(engine->request.context);
}

static void on_open(struct engine *engine, const char *bytes, size_t length)
{
	struct engine_handshake *handshake = &engine->handshake;
	const char *mistake = engine_handshake_read(handshake, bytes + 1, length - 1);
	struct text error = {0};

	if (mistake) {
		text_addf(&error, "the handshake %s: '%.*s'", mistake, (int)(length < EXCERPT ? length : EXCERPT),
		          bytes);
		end_with(engine, ENGINE_FAILED, error.data);
		text_free(&error);
		return;
	}
	handshaken(engine);
	opened(engine);
}

static void on_close(struct engine *engine, const char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	end_with(engine, ENGINE_CLOSED, "the server closes the connection");
}

static void on_ping(struct engine *engine, const char *bytes, size_t length)
{
	send_packet(engine, ENGINE_PONG, bytes + 1, length - 1);
}

static void on_message(struct engine *engine, const char *bytes, size_t length)
{
	engine->request.message(engine->request.context, true, bytes + 1, length - 1);
}

static void ignored(struct engine *engine, const char *bytes, size_t length)
{
	(void)engine;
	(void)bytes;
	(void)length;
}

static void unexpected(struct engine *engine, const char *bytes, size_t length)
{
	bad(engine, bytes, length, "a packet of Engine.IO that the server must not send here");
}

typedef void packet_handler(struct engine *engine, const char *bytes, size_t length);

/* What a packet does, by state and type. */
static packet_handler *const handlers[STATES][ENGINE_TYPES] = {
	/* OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP */
	[OPENING] = {on_open, not_open, not_open, not_open, not_open, not_open, not_open},
	[OPEN] = {unexpected, on_close, on_ping, unexpected, on_message, unexpected, ignored},
	[CLOSING] = {ignored, on_close, on_ping, ignored, ignored, ignored, ignored},
};

static void no_packet(struct engine *engine, const char *bytes, size_t length)
{
	if (engine->state == OPENING)
		not_open(engine, bytes, length);
	else if (engine->state == OPEN)
		bad(engine, bytes, length, "no packet of Engine.IO");
}

/* Socket.IO 0.9: the handshake, then the packet that opens, then others. */
static void take_old(struct engine *engine, const char *bytes, size_t length)
{
	struct engine_handshake *handshake = &engine->handshake;
	struct text *packet = &engine->translated;
	const char *mistake = NULL;

	if (engine->state == OPENING && handshake->sid.length == 0) {
		mistake = dialect_handshake_read(handshake, bytes, length);
		if (mistake) {
			not_open(engine, bytes, length);
		} else {
			handshaken(engine);
			arm(engine, engine->request.settings->timeout);
		}
	} else if (engine->state == OPENING) {
		if (dialect_is_open(bytes, length))
			opened(engine);
		else
			not_open(engine, bytes, length);
	} else {
		text_clear(packet);
		mistake = dialect_read(packet, bytes, length, handshake->sid.data);
		json_pad(packet);
		if (mistake)
			bad(engine, bytes, length, mistake);
		else
			handlers[engine->state][packet->data[0] - '0'](engine, packet->data, packet->length);
	}
}

static void take_packet(void *context, bool text, const char *bytes, size_t length)
{
	struct engine *engine = context;
	int type = length > 0 ? bytes[0] - '0' : -1;

	if (engine->ended)
		return;
	heard(engine);
	if (engine->request.old && text)
		take_old(engine, bytes, length);
	else if (!text && engine->state == OPEN)
		engine->request.message(engine->request.context, false, bytes, length);
	else if (!text || type < 0 || type >= ENGINE_TYPES || (engine->state == OPENING && is_version_3(bytes, length)))
		no_packet(engine, bytes, length);
	else
		handlers[engine->state][type](engine, bytes, length);
}

/* ---- the transport ---- */

static void connected(void *context)
{
	struct engine *engine = context;

	if (engine->state == OPENING)
		arm(engine, engine->request.settings->timeout);
}

static void transport_ended(void *context, const struct engine_end *last)
{
	end(context, last);
}

const char *engine_transport(const struct engine *engine)
{
	return transport_name(engine->transport);
}

uint64_t engine_max_message(const struct engine *engine)
{
	return engine->handshake.max_payload;
}

static void answer_root(struct engine *engine)
{
	struct text packet = {0};

	text_addf(&packet, "0{\"sid\":\"%s\"}", engine->handshake.sid.data);
	json_pad(&packet);
	engine->root_wanted = false;
	engine->request.message(engine->request.context, true, packet.data, packet.length);
	text_free(&packet);
}

void engine_work(struct engine *engine)
{
	if (!engine->ended && engine->root_wanted && engine->state == OPEN)
		answer_root(engine);
	if (!engine->ended)
		transport_work(engine->transport);
	if (engine->ended)
		finish(engine);
}

void engine_close(struct engine *engine)
{
	if (engine->state == CLOSING || engine->ended)
		return;
	if (engine->state == OPENING) {
		engine->state = CLOSING;
		end_with(engine, ENGINE_STOPPED, "closed");
		return;
	}
	engine->state = CLOSING;
	transport_close(engine->transport);
	arm(engine, CLOSE_LIMIT);
}

struct engine *engine_connect(struct source_loop *loop, const struct engine_request *request)
{
	struct engine *engine = xcalloc(1, sizeof(*engine));
	struct transport_request transport = {
		.loop = loop->loop,
		.settings = request->settings,
		.url = request->url,
		.query = request->query,
		.kind = request->transport,
		.old = request->old,
		.cookies = request->cookies,
		.max_packet = request->max_message,
		.connected = connected,
		.packet = take_packet,
		.bad = bad,
		.ended = transport_ended,
		.context = engine,
	};

	*engine = (struct engine){.loop = loop, .request = *request};
	ev_init(&engine->timer, timer_due);
	engine->timer.data = engine;
	engine->transport = transport_start(&transport);
	return engine;
}
