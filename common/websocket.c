/*
 * The life of a connection. What happens comes in by the loop's callbacks, each up to its leave; the end is only noted on the
 * way (finish) and told in the outermost leave, where nothing of ours is on the stack any more.
 */
#include "common/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "common/frames.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/opening.h"
#include "common/outbox.h"
#include "common/text.h"
#include "common/unit.h"
#include "common/vigil.h"

enum {
	IN = 64 * 1024,
	TURN = 64 * 1024, /* read at most so much before the loop looks at all else */
};
static const int64_t farewell = 5 * UNIT_S; /* for the other side to answer a close */
static const int64_t patience = 2 * UNIT_S; /* for one that broke the rules to close */
static const int64_t murmur = 10 * UNIT_S; /* between pongs while it is paused */

enum state {
	CONNECTING,
	OPEN,
	CLOSING, /* our close frame is queued or gone, theirs has not come */
	LEAVING, /* no more is taken in: what is queued goes out, then it is over */
	DEAD,
};

struct websocket {
	struct ev_loop *loop;
	const struct websocket_request *request;
	enum state state;
	int depth; /* of callbacks of the loop, and of calls from within them */
	bool aborted;

	struct opening_request asked;
	struct opening *opening; /* CONNECTING */
	struct connection *connection; /* then */
	struct frames *frames;

	char in[IN];
	struct outbox outbox;
	bool above; /* more than WEBSOCKET_QUEUE was queued */
	bool paused, listens; /* listens: LEAVING until the other side closes */

	struct ev_timer timer;
	struct vigil vigil;
	int64_t murmured, closing; /* monotonic */

	struct websocket_end end;
	struct text error, reason;
};

/* ---- the end ---- */

static void websocket_free(struct websocket *socket)
{
	ev_timer_stop(socket->loop, &socket->timer);
	if (socket->opening)
		opening_abort(socket->opening);
	if (socket->connection)
		connection_close(socket->connection);
	frames_free(socket->frames);
	outbox_free(&socket->outbox);
	text_free(&socket->error);
	text_free(&socket->reason);
	free(socket);
}

static void leave(struct websocket *socket)
{
	if (--socket->depth > 0 || socket->state != DEAD)
		return;
	if (!socket->aborted) {
		socket->end.reason = socket->reason.data;
		socket->end.error = socket->error.data;
		socket->request->closed(socket->request->context, &socket->end);
	}
	websocket_free(socket);
}

/* Why it ends; the first reason counts. */
MESSAGE_FORMAT(3, 4)
static void note(struct websocket *socket, enum websocket_failure failure, const char *format, ...)
{
	va_list arguments;

	if (socket->error.length > 0)
		return;
	socket->end.failure = failure;
	va_start(arguments, format);
	text_vaddf(&socket->error, format, arguments);
	va_end(arguments);
}

static void finish(struct websocket *socket)
{
	socket->state = DEAD;
	if (socket->connection)
		connection_watch(socket->connection, 0);
	ev_timer_stop(socket->loop, &socket->timer);
}

/* ---- going out ---- */

size_t websocket_queued(const struct websocket *socket)
{
	return outbox_queued(&socket->outbox);
}

/* If the other side takes nothing any more, what it said before that is still to be read: it may say why. */
static void write_on(struct websocket *socket)
{
	outbox_write(&socket->outbox, socket->connection);
	if (!socket->above || websocket_queued(socket) >= WEBSOCKET_QUEUE)
		return;
	socket->above = false;
	if (socket->state == OPEN && socket->request->drained)
		socket->request->drained(socket->request->context);
}

static bool holds_back(const struct websocket *socket)
{
	return socket->paused && socket->state == OPEN;
}

/* Sets what the loop waits for. */
static void watch(struct websocket *socket)
{
	if (socket->state == DEAD || socket->state == CONNECTING)
		return;
	connection_watch(socket->connection,
	                 (holds_back(socket) ? 0 : EV_READ) | (websocket_queued(socket) > 0 ? EV_WRITE : 0));
}

/* ---- time ---- */

/* How long the other side has, once it is closing. */
static int64_t must_end(const struct websocket *socket)
{
	return socket->closing + (socket->listens ? patience : farewell);
}

/* Sets the timer to the earliest moment at which something may have to be done; looks at all when it comes. */
static void arm(struct websocket *socket)
{
	int64_t due = INT64_MAX, now = moment_now();

	if (socket->state == OPEN)
		due = socket->paused ? socket->murmured + murmur : vigil_due(&socket->vigil);
	else if (socket->state == CLOSING || socket->state == LEAVING)
		due = must_end(socket);
	ev_timer_stop(socket->loop, &socket->timer);
	if (due == INT64_MAX)
		return;
	ev_now_update(socket->loop);
	ev_timer_set(&socket->timer, due > now ? (double)(due - now) / UNIT_S : 0, 0);
	ev_timer_start(socket->loop, &socket->timer);
}

static void read_on(struct websocket *socket);

static void be_closing(struct websocket *socket, enum state state)
{
	socket->state = state;
	socket->closing = moment_now();
	socket->paused = false;
	arm(socket);
}

static void look_at_time(struct websocket *socket)
{
	struct vigil *vigil = &socket->vigil;
	enum vigil_call call = vigil_look(vigil, moment_now());
	char limit[UNIT_TEXT_MAX];

	if (call == VIGIL_ASK)
		outbox_frame(&socket->outbox, socket->frames, FRAMES_OP_PING, "", 0);
	if (call == VIGIL_IDLE)
		note(socket, WEBSOCKET_TIMEOUT, "no message for %s", unit_duration_text(limit, vigil->idle));
	if (call == VIGIL_MUTE)
		note(socket, WEBSOCKET_TIMEOUT, "no answer to a ping for %s",
		     unit_duration_text(limit, vigil_pong(vigil)));
	/* A word of farewell if the connection takes it, and that is it. */
	if (call == VIGIL_IDLE || call == VIGIL_MUTE) {
		socket->end.ours = true;
		outbox_close(&socket->outbox, socket->frames, WEBSOCKET_AWAY, "");
		write_on(socket);
		finish(socket);
	}
}

/* A server that sees nothing for long thinks that nobody is there (RFC 6455 5.5.3 allows pongs that nobody asked for). */
static void give_sign(struct websocket *socket)
{
	if (moment_now() < socket->murmured + murmur)
		return;
	socket->murmured = moment_now();
	if (websocket_queued(socket) == 0)
		outbox_frame(&socket->outbox, socket->frames, FRAMES_OP_PONG, "", 0);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct websocket *socket = timer->data;

	(void)loop;
	(void)events;
	socket->depth++;
	/* What has come meanwhile, while the caller was busy, counts. */
	if (!holds_back(socket))
		read_on(socket);
	if (socket->state == OPEN && socket->paused)
		give_sign(socket);
	else if (socket->state == OPEN)
		look_at_time(socket);
	else if (socket->state != DEAD && moment_now() >= must_end(socket)) {
		note(socket, WEBSOCKET_TIMEOUT, "the close was not answered");
		finish(socket);
	}
	if (socket->state != DEAD)
		arm(socket);
	watch(socket);
	leave(socket);
}

/* ---- coming in ---- */

/* RFC 6455 5.5.1: the answer to a close has its code. */
static void take_close(struct websocket *socket, const struct frame *frame)
{
	socket->end.code = frame->code;
	text_add(&socket->reason, frame->bytes, frame->length);
	if (socket->state == CLOSING) {
		note(socket, WEBSOCKET_CLOSED, "closed");
		finish(socket);
		return;
	}
	if (frame->code == FRAMES_NO_CODE)
		note(socket, WEBSOCKET_CLOSED, "closed by the server without a code");
	else
		note(socket, WEBSOCKET_CLOSED, "closed by the server with code %d%s%s", frame->code,
		     frame->length > 0 ? ": " : "", socket->reason.data);
	outbox_close(&socket->outbox, socket->frames, frame->code, "");
	be_closing(socket, LEAVING);
}

/* RFC 6455 7.1.7: it is told, and nothing that it says any more is looked at. */
static void take_mistake(struct websocket *socket, const struct frame *frame)
{
	note(socket, WEBSOCKET_BROKEN, "the server sent %s", frame->bytes);
	text_add_string(&socket->reason, frame->bytes);
	socket->end.code = frame->code;
	socket->end.ours = true;
	if (socket->state == CLOSING) {
		finish(socket);
		return;
	}
	outbox_close(&socket->outbox, socket->frames, frame->code, frame->bytes);
	socket->listens = true;
	be_closing(socket, LEAVING);
}

static void take_frame(struct websocket *socket, const struct frame *frame)
{
	const struct websocket_request *request = socket->request;

	switch (frame->kind) {
	case FRAMES_TEXT:
	case FRAMES_BINARY:
		socket->vigil.message = socket->vigil.heard;
		request->message(request->context, frame->kind == FRAMES_TEXT, frame->bytes, frame->length);
		break;
	case FRAMES_PING:
		/* One that asks and asks and does not listen gets no answer any more. */
		if (socket->state == OPEN && websocket_queued(socket) < WEBSOCKET_QUEUE)
			outbox_frame(&socket->outbox, socket->frames, FRAMES_OP_PONG, frame->bytes, frame->length);
		break;
	case FRAMES_CLOSE:
		take_close(socket, frame);
		break;
	case FRAMES_BAD:
		take_mistake(socket, frame);
		break;
	default:
		break;
	}
}

/* What has been read. True: all of it. */
static bool take_all(struct websocket *socket)
{
	struct frame frame;

	while ((socket->state == OPEN && !socket->paused) || socket->state == CLOSING) {
		if (frames_next(socket->frames, &frame) == FRAMES_WANT)
			return true;
		take_frame(socket, &frame);
	}
	return false;
}

/* The other side says nothing any more. */
static void take_end(struct websocket *socket, ssize_t result)
{
	if (socket->state != LEAVING) {
		if (result == 0)
			note(socket, WEBSOCKET_UNREACHABLE, "the connection was closed without a word");
		else
			note(socket, WEBSOCKET_UNREACHABLE, "the connection broke: %s",
			     connection_error(socket->connection));
	}
	finish(socket);
}

static void read_on(struct websocket *socket)
{
	size_t turn = 0;

	while (turn < TURN) {
		bool answered;
		ssize_t n;

		if (!take_all(socket) && socket->state != LEAVING)
			return;
		if (socket->state == LEAVING && !socket->listens)
			return;
		n = connection_read(socket->connection, socket->in, IN);
		if (n == CONNECTION_AGAIN)
			return;
		if (n <= 0) {
			take_end(socket, n);
			return;
		}
		turn += (size_t)n;
		/* Clocks are slow: once for all that came in one go. */
		answered = socket->vigil.asked != 0;
		vigil_heard(&socket->vigil, moment_now());
		if (answered)
			arm(socket);
		if (socket->state != LEAVING)
			frames_input(socket->frames, socket->in, (size_t)n);
	}
	connection_again(socket->connection);
}

static void ready(void *context, int events)
{
	struct websocket *socket = context;

	socket->depth++;
	if (events & EV_WRITE)
		write_on(socket);
	if (events & EV_READ && socket->state != DEAD && !holds_back(socket))
		read_on(socket);
	if (socket->state == LEAVING)
		write_on(socket);
	if (socket->state == LEAVING && !socket->listens && websocket_queued(socket) == 0)
		finish(socket);
	watch(socket);
	leave(socket);
}

/* ---- the beginning ---- */

static void not_opened(struct websocket *socket, const struct opening_result *result)
{
	static const enum websocket_failure failures[] = {
		[OPENING_DONE] = WEBSOCKET_CLOSED,     [OPENING_UNREACHABLE] = WEBSOCKET_UNREACHABLE,
		[OPENING_REFUSED] = WEBSOCKET_REFUSED, [OPENING_TIMEOUT] = WEBSOCKET_TIMEOUT,
		[OPENING_SETUP] = WEBSOCKET_SETUP,
	};

	note(socket, failures[result->failure], "%s", result->error);
	socket->end.status = result->status;
	socket->end.retry_after = result->retry_after;
	finish(socket);
}

/* opening_start's done. */
static void opened(void *context, const struct opening_result *result)
{
	static const struct connection_events events = {NULL, ready};
	struct websocket *socket = context;
	const struct websocket_request *request = socket->request;
	struct websocket_opening opening;

	socket->depth++;
	socket->opening = NULL;
	if (result->failure != OPENING_DONE) {
		not_opened(socket, result);
		leave(socket);
		return;
	}
	socket->connection = result->connection;
	connection_hand_over(socket->connection, &events, socket);
	socket->frames = frames_new(request->max_message, result->agreed->compressed ? &result->agreed->terms : NULL);
	socket->state = OPEN;
	socket->end.opened = true;
	socket->vigil = (struct vigil){.ping = request->ping, .pong = request->pong, .idle = request->idle};
	vigil_start(&socket->vigil, moment_now());
	opening = (struct websocket_opening){result->agreed->protocol, result->agreed->compressed, result->head};
	request->opened(request->context, &opening);
	/* What came with the answer is taken in the next round, as if it had come then. */
	memcpy(socket->in, result->rest, result->rest_length);
	frames_input(socket->frames, socket->in, result->rest_length);
	if (socket->state != DEAD) {
		connection_again(socket->connection);
		arm(socket);
		watch(socket);
	}
	leave(socket);
}

struct websocket *websocket_connect(struct ev_loop *loop, const struct websocket_request *request)
{
	struct websocket *socket = xcalloc(1, sizeof(*socket));

	socket->loop = loop;
	socket->request = request;
	socket->end.code = WEBSOCKET_LOST;
	socket->end.retry_after = -1;
	text_init(&socket->error);
	text_init(&socket->reason);
	outbox_init(&socket->outbox);
	ev_init(&socket->timer, timer_due);
	socket->timer.data = socket;
	socket->asked = (struct opening_request){request->settings, request->url, request->headers, request->protocols,
	                                         !request->no_compression};
	socket->opening = opening_start(loop, &socket->asked, opened, socket);
	return socket;
}

/* ---- what the caller does ---- */

bool websocket_send(struct websocket *socket, bool text, const void *bytes, size_t length)
{
	if (socket->state != OPEN)
		return false;
	outbox_frame(&socket->outbox, socket->frames, text ? FRAMES_OP_TEXT : FRAMES_OP_BINARY, bytes, length);
	if (websocket_queued(socket) > WEBSOCKET_QUEUE)
		socket->above = true;
	watch(socket);
	return true;
}

void websocket_pause(struct websocket *socket, bool paused)
{
	if (socket->state != OPEN || socket->paused == paused)
		return;
	socket->paused = paused;
	if (paused) {
		socket->murmured = moment_now();
	} else {
		vigil_start(&socket->vigil, moment_now());
		/* There may be a message that has been read already. */
		connection_again(socket->connection);
	}
	arm(socket);
	watch(socket);
}

void websocket_close(struct websocket *socket, int code, const char *reason)
{
	socket->depth++;
	if (socket->state == CONNECTING) {
		socket->end.ours = true;
		note(socket, WEBSOCKET_CLOSED, "closed before it was open");
		opening_abort(socket->opening);
		socket->opening = NULL;
		finish(socket);
		ev_feed_event(socket->loop, &socket->timer, EV_TIMER);
	} else if (socket->state == OPEN) {
		bool held = socket->paused;

		socket->end.ours = true;
		outbox_close(&socket->outbox, socket->frames, code, reason ? reason : "");
		be_closing(socket, CLOSING);
		if (held)
			connection_again(socket->connection);
		watch(socket);
	}
	socket->depth--;
}

void websocket_abort(struct websocket *socket)
{
	socket->depth++;
	socket->aborted = true;
	finish(socket);
	leave(socket);
}
