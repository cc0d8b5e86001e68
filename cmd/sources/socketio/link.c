/*
 * When to connect, and again; when to give up.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/socketio.h"
#include "common/moment.h"
#include "common/unit.h"

static void opened(void *context)
{
	struct socketio *socketio = context;

	for (size_t i = 0; i < socketio->space_count && socketio->loss.length == 0; i++)
		space_ask(&socketio->spaces[i]);
}

static void leave_spaces(struct socketio *socketio, const char *reason, const char *detail, int code)
{
	for (size_t i = 0; i < socketio->space_count; i++)
		space_leave(&socketio->spaces[i], reason, detail, code);
}

void link_joined(struct socketio *socketio)
{
	if (message_hidden(&socketio->limit))
		message_warning("'%s': connected again after %llu failures", socketio->shown,
		                (unsigned long long)socketio->limit.count);
	socketio->limit.count = 0;
	socketio->joined = moment_now();
}

void link_lose(struct socketio *socketio, const struct loss *loss, const char *format, ...)
{
	va_list arguments;

	if (socketio->loss.length > 0)
		return;
	va_start(arguments, format);
	text_vaddf(&socketio->loss, format, arguments);
	va_end(arguments);
	socketio->orderly = loss->orderly;
	socketio->pointless = loss->pointless;
	leave_spaces(socketio, loss->reason, socketio->loss.data, 0);
	engine_close(socketio->engine);
}

/* The program ends with that. */
static void give_up(struct socketio *socketio, int status)
{
	socketio->status = status;
	socketio->ending = true;
	source_loop_leave(&socketio->loop);
}

/* By chance between nothing and a bound, but not before the server wants it. */
static int64_t pause_before_next(struct socketio *socketio, int64_t pause, int64_t retry_after)
{
	pause = backoff_heed(pause, retry_after, socketio->retry_after_max);
	source_loop_after(&socketio->loop, &socketio->timer, pause);
	return pause;
}

/* The connection is gone, for the reason in socketio->loss. */
static void go_on(struct socketio *socketio, int64_t retry_after)
{
	int64_t lasted = socketio->joined ? moment_now() - socketio->joined : 0, pause;
	const char *shown = socketio->shown, *reason = socketio->loss.data;
	char text[UNIT_TEXT_MAX];

	pause = backoff_failed(&socketio->backoff, lasted, moment_random());
	if (socketio->pointless) {
		message_error("'%s': %s", shown, reason);
		give_up(socketio, STATUS_POINTLESS);
	} else if (socketio->once && socketio->orderly && lasted > 0) {
		message_info("'%s': %s", shown, reason);
		give_up(socketio, STATUS_OK);
	} else if (socketio->once) {
		message_error("'%s': %s", shown, reason);
		give_up(socketio, STATUS_FAILED);
	} else if (socketio->max_failures > 0 && socketio->backoff.failures >= (uint64_t)socketio->max_failures) {
		message_error("'%s': %s; given up after %lld failures in a row", shown, reason,
		              (long long)socketio->backoff.failures);
		give_up(socketio, STATUS_FAILED);
	} else {
		pause = pause_before_next(socketio, pause, retry_after);
		if (message_pass(&socketio->limit))
			message_warning("'%s': %s; next try in %s", shown, reason, unit_duration_text(text, pause));
	}
}

/* Socket.IO's words. */
static const char *reason_of(const struct engine_end *end)
{
	switch (end->failure) {
	case ENGINE_SILENT:
		return "ping timeout";
	case ENGINE_CLOSED:
		return "transport close";
	case ENGINE_STOPPED:
		return "io client disconnect";
	default:
		return "transport error";
	}
}

static void closed(void *context, const struct engine_end *end)
{
	struct socketio *socketio = context;

	socketio->engine = NULL;
	receive_reset(socketio);
	text_clear(&socketio->answers);
	if (socketio->ending) {
		source_loop_leave(&socketio->loop);
		return;
	}
	if (socketio->loss.length == 0) {
		text_add_string(&socketio->loss, *end->error ? end->error : "the connection ended");
		socketio->orderly = end->failure == ENGINE_CLOSED;
		socketio->pointless = end->failure == ENGINE_POINTLESS;
		leave_spaces(socketio, reason_of(end), socketio->loss.data, end->code);
	}
	go_on(socketio, end->retry_after);
	source_flush(&socketio->source);
}

static void connect_now(struct socketio *socketio)
{
	text_clear(&socketio->loss);
	if (!socketio->keep_cookies)
		cookies_clear(&socketio->cookies);
	socketio->orderly = socketio->pointless = false;
	socketio->joined = 0;
	message_debug("'%s': connecting", socketio->shown);
	socketio->engine = engine_connect(&socketio->loop, &socketio->request);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	connect_now(timer->data);
}

void link_answer(struct socketio *socketio)
{
	struct text *answers = &socketio->answers;
	const char *at, *newline;

	source_flush(&socketio->source);
	if (answers->length == 0)
		return;
	for (at = answers->data; (newline = strchr(at, '\n')); at = newline + 1)
		engine_send(socketio->engine, at, (size_t)(newline - at));
	text_clear(answers);
}

/* Before the loop waits. */
static void work(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct socketio *socketio = prepare->data;

	(void)loop;
	(void)events;
	if (socketio->engine) {
		link_answer(socketio);
		engine_work(socketio->engine);
	} else {
		source_flush(&socketio->source);
	}
}

void link_end(void *context)
{
	struct socketio *socketio = context;

	if (socketio->ending)
		return;
	socketio->ending = true;
	if (socketio->engine) {
		link_answer(socketio);
		engine_close(socketio->engine);
	} else {
		source_loop_leave(&socketio->loop);
	}
}

void link_start(struct socketio *socketio)
{
	text_clear(&socketio->loss);
	socketio->request = (struct engine_request){.settings = &socketio->settings,
	                                            .url = socketio->url,
	                                            .query = socketio->query.data ? socketio->query.data : "",
	                                            .transport = (enum engine_transport)socketio->transport,
	                                            .old = socketio->dialect == 1,
	                                            .cookies = &socketio->cookies,
	                                            .max_message = socketio->max_message,
	                                            .silence = socketio->heartbeat,
	                                            .opened = opened,
	                                            .message = receive_message,
	                                            .bad = receive_bad,
	                                            .closed = closed,
	                                            .context = socketio};
	ev_init(&socketio->timer, timer_due);
	ev_prepare_init(&socketio->work, work);
	socketio->timer.data = socketio->work.data = socketio;
	ev_prepare_start(socketio->loop.loop, &socketio->work);
	connect_now(socketio);
}

void link_free(struct socketio *socketio)
{
	ev_timer_stop(socketio->loop.loop, &socketio->timer);
	ev_prepare_stop(socketio->loop.loop, &socketio->work);
	if (socketio->engine)
		engine_abort(socketio->engine);
	cookies_free(&socketio->cookies);
	text_free(&socketio->loss);
	text_free(&socketio->answers);
	text_free(&socketio->query);
	text_free(&socketio->data);
	text_free(&socketio->scratch);
}
