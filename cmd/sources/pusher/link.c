/*
 * When to connect, and again. A connection on which all channels were joined and that lasted for --retry-reset was good; all else is a
 * failure. What a close code means is the protocol's: see what_next.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/pusher/pusher.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

/* ---- what is told ---- */

static void note_place(struct pusher *pusher)
{
	source_cursor(&pusher->source, &pusher->place, sizeof(pusher->place));
}

void link_tell(struct pusher *pusher, const char *name, const struct text *members, const char *data, size_t length)
{
	if (pusher->source.bare)
		return;
	if (!source_event_beside(&pusher->source, name, moment_unix(), members, data, length))
		source_bad(&pusher->source, data, length, "a '%s' event is longer than --max-line", name);
	note_place(pusher);
}

static void add_last(const struct pusher *pusher, struct text *data)
{
	if (pusher->place.last)
		json_add_seconds_member(data, "last", pusher->place.last);
}

static void tell_connected(struct pusher *pusher)
{
	struct text data = {0};

	text_add_string(&data, "{\"url\":");
	json_add_string(&data, pusher->shown, strlen(pusher->shown));
	text_addf(&data, ",\"attempt\":%lld", (long long)pusher->attempts);
	json_add_string_member(&data, "socket_id", pusher->socket_id.data);
	if (pusher->ended)
		json_add_seconds_member(&data, "gap", moment_now() - pusher->ended);
	if (pusher->resumed)
		text_add_string(&data, ",\"resumed\":true");
	if (pusher->ended || pusher->resumed)
		add_last(pusher, &data);
	text_add_char(&data, '}');
	pusher->resumed = false;
	link_tell(pusher, "connected", NULL, data.data, data.length);
	text_free(&data);
}

static void tell_disconnected(struct pusher *pusher, const struct websocket_end *end, const char *error)
{
	struct text data = {0};

	text_addf(&data, "{\"code\":%d", end->code);
	json_add_string_member(&data, "reason", end->reason);
	json_add_string_member(&data, "error", error);
	text_addf(&data, ",\"ours\":%s,\"messages\":%lld", end->ours ? "true" : "false", (long long)pusher->received);
	add_last(pusher, &data);
	json_add_seconds_member(&data, "lasted", pusher->ended - pusher->began);
	text_add_char(&data, '}');
	link_tell(pusher, "disconnected", NULL, data.data, data.length);
	text_free(&data);
	message_info("'%s': disconnected: %s", pusher->shown, error);
}

/* ---- the end of a connection ---- */

static void stop_timers(struct pusher *pusher)
{
	ev_timer_stop(pusher->loop.loop, &pusher->patience);
	ev_timer_stop(pusher->loop.loop, &pusher->activity);
	ev_timer_stop(pusher->loop.loop, &pusher->silence);
}

static void leave(struct pusher *pusher, int status)
{
	pusher->ending = true;
	pusher->status = status;
	ev_timer_stop(pusher->loop.loop, &pusher->retry);
	source_loop_leave(&pusher->loop);
}

enum next { NEXT_NEVER, NEXT_LATER, NEXT_NOW };

/* By the protocol: 4000-4099 do not connect again, 4100-4199 do so later, 4200-4299 at once; other codes of its own are errors, too. */
static enum next what_next(int code)
{
	static const struct {
		int from, to;
		enum next next;
	} ranges[] = {
		{4000, 4099, NEXT_NEVER}, {4100, 4199, NEXT_LATER}, {4200, 4299, NEXT_NOW}, {4300, 4999, NEXT_NEVER}};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (code >= ranges[i].from && code <= ranges[i].to)
			return ranges[i].next;
	return NEXT_LATER;
}

static void wait_for_next(struct pusher *pusher, enum next next, bool good, int64_t asked, const char *error)
{
	int64_t pause = backoff_failed(&pusher->backoff, good ? INT64_MAX : 0, moment_random());
	char text[UNIT_TEXT_MAX];

	/* At once, but not again and again: a server that says so each time would never be left alone. */
	if (next == NEXT_NOW && pusher->failures <= 1)
		pause = 0;
	pause = backoff_heed(pause, asked, pusher->retry_after_max);
	if (message_pass(&pusher->limit))
		message_warning("'%s': %s; next try in %s", pusher->shown, error, unit_duration_text(text, pause));
	source_loop_after(&pusher->loop, &pusher->retry, pause);
}

/* A connection that lasted: the next failure is worth a message again. */
static void say_anew(struct pusher *pusher)
{
	if (message_hidden(&pusher->limit))
		message_warning("'%s': good again after %llu failures", pusher->shown,
		                (unsigned long long)pusher->limit.count);
	pusher->limit.count = 0;
}

static void decide(struct pusher *pusher, const struct websocket_end *end, bool good, const char *error)
{
	enum next next = what_next(pusher->code ? pusher->code : end->code);

	pusher->failures = good ? 0 : pusher->failures + 1;
	if (good)
		say_anew(pusher);
	if (end->failure == WEBSOCKET_SETUP || pusher->pointless || next == NEXT_NEVER) {
		message_error("'%s': %s", pusher->shown, error);
		leave(pusher, STATUS_POINTLESS);
	} else if (pusher->once) {
		bool well = good && end->failure == WEBSOCKET_CLOSED && end->code < 4000;

		if (!well)
			message_error("'%s': %s", pusher->shown, error);
		leave(pusher, well ? STATUS_OK : STATUS_FAILED);
	} else if (pusher->max_failures > 0 && pusher->failures >= pusher->max_failures) {
		message_error("'%s': %s; given up after %lld failures in a row", pusher->shown, error,
		              (long long)pusher->failures);
		leave(pusher, STATUS_FAILED);
	} else {
		wait_for_next(pusher, next, good, end->retry_after, error);
	}
}

/* websocket_request's closed. */
static void closed(void *context, const struct websocket_end *end)
{
	struct pusher *pusher = context;
	const char *error = pusher->mistake.length > 0 ? pusher->mistake.data : end->error;
	int64_t now = moment_now();
	bool good = pusher->open && pusher->mistake.length == 0 && now - pusher->began >= pusher->backoff.reset;

	pusher->socket = NULL;
	stop_timers(pusher);
	channels_leave(pusher);
	if (pusher->open) {
		pusher->open = false;
		pusher->ended = now;
		tell_disconnected(pusher, end, error);
	}
	text_clear(&pusher->socket_id);
	if (pusher->ending)
		leave(pusher, pusher->status);
	else
		decide(pusher, end, good, error);
	text_clear(&pusher->mistake);
}

void link_fail(struct pusher *pusher, bool pointless, const char *format, ...)
{
	va_list arguments;

	if (pusher->mistake.length > 0 || pusher->ending)
		return;
	va_start(arguments, format);
	text_vaddf(&pusher->mistake, format, arguments);
	va_end(arguments);
	pusher->pointless = pointless;
	stop_timers(pusher);
	websocket_close(pusher->socket, WEBSOCKET_NORMAL, "");
}

void link_finish(struct pusher *pusher, int status)
{
	if (pusher->ending)
		return;
	pusher->ending = true;
	pusher->status = status;
	ev_timer_stop(pusher->loop.loop, &pusher->retry);
	stop_timers(pusher);
	if (pusher->open) {
		websocket_close(pusher->socket, WEBSOCKET_NORMAL, "");
		return;
	}
	if (pusher->socket)
		websocket_abort(pusher->socket);
	pusher->socket = NULL;
	leave(pusher, status);
}

void link_stop(void *context)
{
	link_finish(context, STATUS_OK);
}

/* ---- time ---- */

static void patience_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct pusher *pusher = timer->data;
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	unit_duration_text(limit, pusher->settings.timeout);
	if (pusher->open)
		link_fail(pusher, false, "not all channels were joined within %s", limit);
	else
		link_fail(pusher, false, "no connection was established by the server within %s", limit);
}

static void be_patient(struct pusher *pusher)
{
	if (pusher->settings.timeout)
		source_loop_after(&pusher->loop, &pusher->patience, pusher->settings.timeout);
}

/* Nothing came for so long: the server is asked, and then it has to answer. */
static void activity_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	static const char ping[] = "{\"event\":\"pusher:ping\",\"data\":{}}";
	struct pusher *pusher = timer->data;
	int64_t now = moment_now(), left = pusher->heard + pusher->activity_timeout - now;
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	if (pusher->asked) {
		link_fail(pusher, false, "no answer to a ping for %s", unit_duration_text(limit, pusher->ping_timeout));
		return;
	}
	if (left > 0) {
		source_loop_after(&pusher->loop, timer, left);
		return;
	}
	pusher->asked = true;
	websocket_send(pusher->socket, true, ping, sizeof(ping) - 1);
	source_loop_after(&pusher->loop, timer, pusher->ping_timeout);
}

void link_heard(struct pusher *pusher)
{
	pusher->heard = moment_now();
	if (pusher->asked && pusher->mistake.length == 0 && !pusher->ending)
		source_loop_after(&pusher->loop, &pusher->activity, pusher->activity_timeout);
	pusher->asked = false;
}

/* --heartbeat: no event of a channel for so long. */
static void silent(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct pusher *pusher = timer->data;
	int64_t left = pusher->heard_event + pusher->heartbeat - moment_now();
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	if (left > 0)
		source_loop_after(&pusher->loop, timer, left);
	else
		link_fail(pusher, false, "no event for %s", unit_duration_text(limit, pusher->heartbeat));
}

/* ---- the beginning ---- */

/* websocket_request's opened. */
static void opened(void *context, const struct websocket_opening *opening)
{
	struct pusher *pusher = context;

	(void)opening;
	be_patient(pusher);
}

void link_established(struct pusher *pusher)
{
	pusher->open = true;
	pusher->began = pusher->heard = pusher->heard_event = moment_now();
	pusher->received = 0;
	message_info("'%s': connected", pusher->shown);
	tell_connected(pusher);
	pusher->attempts = 0;
	be_patient(pusher);
	source_loop_after(&pusher->loop, &pusher->activity, pusher->activity_timeout);
	if (pusher->heartbeat)
		source_loop_after(&pusher->loop, &pusher->silence, pusher->heartbeat);
}

void link_complete(struct pusher *pusher)
{
	ev_timer_stop(pusher->loop.loop, &pusher->patience);
}

void link_start(struct pusher *pusher)
{
	pusher->attempts++;
	pusher->code = 0;
	pusher->pointless = pusher->asked = false;
	pusher->activity_timeout = pusher->ping;
	text_clear(&pusher->socket_id);
	text_clear(&pusher->mistake);
	message_debug("'%s': connecting", pusher->shown);
	pusher->socket = websocket_connect(pusher->loop.loop, &pusher->request);
}

static void retry_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	link_start(timer->data);
}

/* What has come goes out before the loop waits. Time in which nobody reads our output is none in which the server was silent. */
static void before_wait(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct pusher *pusher = prepare->data;
	int64_t start = moment_now(), passed;

	(void)loop;
	(void)events;
	source_flush(&pusher->source);
	passed = moment_now() - start;
	pusher->heard += passed;
	pusher->heard_event += passed;
	if (pusher->asked && passed > pusher->ping_timeout / 2)
		source_loop_after(&pusher->loop, &pusher->activity, pusher->ping_timeout);
}

void link_init(struct pusher *pusher)
{
	size_t length;
	const void *cursor = source_resumed(&pusher->source, &length);

	if (cursor && length == sizeof(pusher->place)) {
		memcpy(&pusher->place, cursor, length);
		pusher->resumed = true;
	}
	text_init(&pusher->mistake);
	ev_init(&pusher->retry, retry_due);
	ev_init(&pusher->patience, patience_over);
	ev_init(&pusher->activity, activity_due);
	ev_init(&pusher->silence, silent);
	ev_prepare_init(&pusher->before_wait, before_wait);
	pusher->retry.data = pusher->patience.data = pusher->activity.data = pusher->silence.data = pusher;
	pusher->before_wait.data = pusher;
	ev_prepare_start(pusher->loop.loop, &pusher->before_wait);
	pusher->request.settings = &pusher->settings;
	pusher->request.url = pusher->url;
	pusher->request.opened = opened;
	pusher->request.message = receive_message;
	pusher->request.closed = closed;
	pusher->request.context = pusher;
}

void link_free(struct pusher *pusher)
{
	if (pusher->socket)
		websocket_abort(pusher->socket);
	text_free(&pusher->mistake);
}
