/*
 * A namespace: what a packet means in which state (a table), and the messages that are sent when it is joined.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/socketio.h"
#include "common/json_text.h"
#include "common/unit.h"

static const struct loss left = {.reason = "io server disconnect", .orderly = true};
static const struct loss refusal = {.reason = "transport error"};
static const struct loss old_server = {.reason = "parse error", .pointless = true};

/* ---- what is sent ---- */

/* The value that an option stands for, as JSON. False: it is none. */
static bool read_json(const char *value, const char *before, const char *after, struct text *json,
                      struct json_result *result)
{
	char *given = value ? option_secret(value) : NULL;
	bool good;

	text_clear(json);
	text_addf(json, "%s%s%s", before, given ? given : "", after);
	free(given);
	json_pad(json);
	good = json_scan(json->data, json->length, NULL, NULL, JSON_FACTS, result);
	return good;
}

bool opening_payload(const struct opening *opening, struct text *payload)
{
	struct json_result result;
	struct text before = {0};
	bool good;

	text_add_char(&before, '[');
	json_add_string(&before, opening->name, strlen(opening->name));
	text_add_string(&before, opening->arguments ? "," : "");
	good = read_json(opening->arguments, before.data, "]", payload, &result);
	text_free(&before);
	return good;
}

bool space_auth(const struct space *space, struct text *payload)
{
	struct json_result result;

	return !space->auth || (read_json(space->auth, "", "", payload, &result) && result.kind == JSON_OBJECT);
}

/* The payload of CONNECT: --auth, and before it what asks for recovery, as Socket.IO's own client has it. */
static bool add_connect(const struct space *space, struct text *payload)
{
	struct text auth = {0};
	bool good = space_auth(space, &auth), more;
	const char *begin = auth.data ? strchr(auth.data, '{') : NULL;

	if (good && space->pid.length > 0 && space->offset.length > 0) {
		text_add_string(payload, "{\"pid\":");
		json_add_string(payload, space->pid.data, space->pid.length);
		text_add_string(payload, ",\"offset\":");
		json_add_string(payload, space->offset.data, space->offset.length);
		more = begin && begin[1 + strspn(begin + 1, " \t\r\n")] != '}';
		text_addf(payload, "%s%s", more ? "," : "", begin ? begin + 1 : "}");
	} else if (good && begin) {
		text_add_string(payload, begin);
	}
	text_free(&auth);
	return good;
}

static void arm(struct space *space, int64_t limit)
{
	ev_timer_stop(space->socketio->loop.loop, &space->timer);
	if (limit > 0)
		source_loop_after(&space->socketio->loop, &space->timer, limit);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct space *space = timer->data;
	struct socketio *socketio = space->socketio;
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	if (space->waiting)
		link_lose(socketio, &refusal, "no ack for '%s' within %s (--ack-timeout)",
		          space->openings[space->next - 1].name, unit_duration_text(limit, socketio->ack_timeout));
	else
		link_lose(socketio, &refusal, "namespace '%s': no answer within %s (--timeout)", space->name,
		          unit_duration_text(limit, socketio->settings.timeout));
}

void space_init(struct space *space)
{
	ev_init(&space->timer, timer_due);
	space->timer.data = space;
}

void space_ask(struct space *space)
{
	struct socketio *socketio = space->socketio;
	struct text packet = {0}, payload = {0};

	if (!add_connect(space, &payload)) {
		link_lose(socketio, &refusal, "namespace '%s': --auth is not a JSON object", space->name);
	} else {
		packet_add(&packet, PACKET_CONNECT, space->name, -1, payload.length > 0 ? payload.data : NULL);
		engine_send(socketio->engine, packet.data, packet.length);
		space->state = SPACE_ASKED;
		space->next = 0;
		space->ack = 0;
		space->waiting = false;
		arm(space, socketio->settings.timeout);
	}
	text_free(&packet);
	text_free(&payload);
}

/* When all have said what they have to say at the beginning, the connection stands. */
static void note_joined(struct socketio *socketio)
{
	for (size_t i = 0; i < socketio->space_count; i++) {
		const struct space *space = &socketio->spaces[i];

		if (space->state != SPACE_IN || space->waiting || space->next < space->opening_count)
			return;
	}
	link_joined(socketio);
}

/* Sends one of --emit and --ask. False: that ends the connection. */
static bool send_opening(struct space *space, const struct opening *opening)
{
	struct socketio *socketio = space->socketio;
	uint64_t most = engine_max_message(socketio->engine);
	static const struct loss too_large = {.reason = "transport error", .pointless = true};
	struct text packet = {0}, payload = {0};
	bool good = opening_payload(opening, &payload);

	packet_add(&packet, PACKET_EVENT, space->name, opening->ask ? space->ack : -1, payload.data);
	if (!good)
		link_lose(socketio, &refusal, "'%s': its arguments are not JSON", opening->name);
	else if (most > 0 && packet.length >= most)
		link_lose(socketio, &too_large, "'%s' has %zu bytes, and the server takes less than %" PRIu64,
		          opening->name, packet.length, most);
	else
		engine_send(socketio->engine, packet.data, packet.length);
	good &= most == 0 || packet.length < most;
	text_free(&packet);
	text_free(&payload);
	return good;
}

/* Sends the next of what is to be sent, up to one whose ack is waited for. */
static void open_up(struct space *space)
{
	while (space->next < space->opening_count && !space->waiting) {
		const struct opening *opening = &space->openings[space->next];

		if (!send_opening(space, opening))
			return;
		space->next++;
		space->waiting = opening->ask;
	}
	if (space->waiting)
		arm(space, space->socketio->ack_timeout);
	note_joined(space->socketio);
}

/* ---- what comes ---- */

typedef void space_handler(struct space *space, const struct packet *packet, const char *bytes, size_t length);

static void unexpected(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	(void)space;
	(void)packet;
	receive_bad(space->socketio, bytes, length, "a packet that the server must not send here");
}

/* A word that goes into events and cursors as it is. False: it is none, or not printable, or too long. */
static bool read_word(struct text *word, const struct json_span *span)
{
	text_clear(word);
	if (span->kind != JSON_STRING)
		return false;
	json_add_unescaped(word, span->at, span->length);
	for (size_t i = 0; i < word->length; i++)
		if (word->data[i] <= ' ' || word->data[i] > '~')
			return false;
	return word->length > 0 && word->length <= PLACE_WORD;
}

/* Reads sid and pid. False: it has no sid, as servers of Socket.IO 2. */
static bool read_session(struct space *space, const struct json_span *payload, bool *recovered)
{
	struct json_want want = {0};
	struct json_span spans[2] = {{0}};
	struct json_result result;
	struct text pid = {0};
	bool good = false;

	json_want_member(&want, "sid", 3);
	json_want_member(&want, "pid", 3);
	if (payload->kind == JSON_OBJECT && json_scan(payload->at, payload->length, &want, spans, 0, &result))
		good = read_word(&space->sid, &spans[0]);
	*recovered = read_word(&pid, &spans[1]) && space->offset.length > 0 && space->pid.length == pid.length &&
	             memcmp(space->pid.data, pid.data, pid.length) == 0;
	if (!*recovered) {
		text_clear(&space->pid);
		text_clear(&space->offset);
		if (spans[1].kind == JSON_STRING && pid.length <= PLACE_WORD && !space->socketio->no_recovery)
			text_add(&space->pid, pid.data, pid.length);
	}
	text_free(&pid);
	json_want_free(&want);
	return good;
}

static void joined(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	bool recovered, said = space->state == SPACE_RESTORED;

	(void)bytes;
	(void)length;
	if (!read_session(space, &packet->payload, &recovered)) {
		link_lose(
			space->socketio, &old_server,
			"namespace '%s': the server speaks Socket.IO 2 or older, and this is a client for 3 and later",
			space->name);
		return;
	}
	space->state = SPACE_IN;
	ev_timer_stop(space->socketio->loop.loop, &space->timer);
	message_info("'%s': namespace '%s' joined%s", space->socketio->shown, space->name,
	             recovered ? ", what was missed is coming" : "");
	if (!said)
		emit_connected(space, recovered);
	open_up(space);
}

static void received(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	struct socketio *socketio = space->socketio;
	bool more = emit_received(space, packet, bytes, length);

	if (packet->has_id && !socketio->no_ack) {
		packet_add(&socketio->answers, PACKET_ACK, space->name, (int64_t)packet->id, "[]");
		text_add_char(&socketio->answers, '\n');
	}
	if (!more)
		link_end(socketio);
}

/* What was missed comes before the answer to CONNECT; that it comes is the answer. */
static void restored(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	if (space->offset.length == 0 || space->pid.length == 0) {
		unexpected(space, packet, bytes, length);
		return;
	}
	space->state = SPACE_RESTORED;
	emit_connected(space, true);
	received(space, packet, bytes, length);
}

static void answered(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	if (!space->waiting || packet->id != (uint64_t)space->ack) {
		receive_bad(space->socketio, bytes, length, "an ack that was not asked for");
		return;
	}
	ev_timer_stop(space->socketio->loop.loop, &space->timer);
	space->waiting = false;
	space->ack++;
	emit_ack(space, &space->openings[space->next - 1], packet);
	open_up(space);
}

static void refused(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	struct json_want want = {0};
	struct json_span span = packet->payload;
	struct json_result result;
	struct text reason = {0};

	(void)bytes;
	(void)length;
	json_want_member(&want, "message", 7);
	if (span.kind == JSON_OBJECT)
		json_scan(packet->payload.at, packet->payload.length, &want, &span, 0, &result);
	if (span.kind == JSON_STRING)
		json_add_unescaped(&reason, span.at, span.length);
	else
		text_add(&reason, packet->payload.at, packet->payload.length);
	message_info("'%s': namespace '%s' refused: %.*s", space->socketio->shown, space->name,
	             (int)packet->payload.length, packet->payload.at);
	link_lose(space->socketio, &refusal, "namespace '%s' refused: %s", space->name, reason.data);
	json_want_free(&want);
	text_free(&reason);
}

static void dismissed(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	(void)packet;
	(void)bytes;
	(void)length;
	link_lose(space->socketio, &left, "the server ends namespace '%s'", space->name);
}

static space_handler *const handlers[SPACE_STATES][PACKET_KINDS] = {
	/* CONNECT, DISCONNECT, EVENT, ACK, REFUSED */
	[SPACE_OUT] = {unexpected, unexpected, unexpected, unexpected, unexpected},
	[SPACE_ASKED] = {joined, dismissed, restored, unexpected, refused},
	[SPACE_RESTORED] = {joined, dismissed, received, unexpected, refused},
	[SPACE_IN] = {unexpected, dismissed, received, answered, unexpected},
};

void space_take(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	handlers[space->state][packet->kind](space, packet, bytes, length);
}

void space_leave(struct space *space, const char *reason, const char *detail, int code)
{
	bool in = space->state == SPACE_IN || space->state == SPACE_RESTORED;

	ev_timer_stop(space->socketio->loop.loop, &space->timer);
	space->state = SPACE_OUT;
	if (in)
		emit_disconnected(space, reason, detail, code);
}

void space_free(struct space *space)
{
	ev_timer_stop(space->socketio->loop.loop, &space->timer);
	free(space->name);
	text_free(&space->sid);
	text_free(&space->pid);
	text_free(&space->offset);
	for (size_t i = 0; i < space->opening_count; i++)
		free(space->openings[i].name);
	free(space->openings);
}
