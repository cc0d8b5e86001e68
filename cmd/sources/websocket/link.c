/*
 * When to connect, and again. A connection that lasted for --retry-reset was good; one that did not, or did not come up, is a
 * failure. What happens is told as events: connected, each message, disconnected.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/websocket/tool.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/opening.h"
#include "common/signals.h"
#include "common/unit.h"

/* Between two looks at a reader that stands still. */
static const int64_t least = UNIT_MS / 2, most = 50 * UNIT_MS;

/* ---- events ---- */

static void note_place(struct tool *tool)
{
	source_cursor(&tool->source, &tool->place, sizeof(tool->place));
}

/* What is not a message; --bare has no place for it. */
static void tell(struct tool *tool, const char *name, const struct text *data)
{
	if (tool->source.bare)
		return;
	if (!source_event(&tool->source, name, moment_unix(), data->data, data->length))
		source_bad(&tool->source, data->data, data->length, "a '%s' event is longer than --max-line", name);
	note_place(tool);
}

static void add_last(const struct tool *tool, struct text *data)
{
	if (tool->place.last)
		json_add_seconds_member(data, "last", tool->place.last);
}

static void tell_connected(struct tool *tool, const struct websocket_opening *opening)
{
	struct text data = {0};

	text_add_string(&data, "{\"url\":");
	json_add_string(&data, tool->shown, strlen(tool->shown));
	text_addf(&data, ",\"attempt\":%lld", (long long)tool->attempts);
	if (opening->protocol)
		json_add_string_member(&data, "protocol", opening->protocol);
	if (opening->compressed)
		text_add_string(&data, ",\"compressed\":true");
	if (tool->ended)
		json_add_seconds_member(&data, "gap", moment_now() - tool->ended);
	if (tool->resumed)
		text_add_string(&data, ",\"resumed\":true");
	if (tool->ended || tool->resumed)
		add_last(tool, &data);
	text_add_char(&data, '}');
	tool->resumed = false;
	tell(tool, "connected", &data);
	text_free(&data);
}

static void tell_disconnected(struct tool *tool, const struct websocket_end *end, const char *error)
{
	struct text data = {0};

	text_addf(&data, "{\"code\":%d", end->code);
	json_add_string_member(&data, "reason", end->reason);
	json_add_string_member(&data, "error", error);
	text_addf(&data, ",\"ours\":%s,\"messages\":%lld", end->ours ? "true" : "false", (long long)tool->received);
	add_last(tool, &data);
	json_add_seconds_member(&data, "lasted", tool->ended - tool->began);
	text_add_char(&data, '}');
	tell(tool, "disconnected", &data);
	text_free(&data);
}

/* ---- back-pressure ---- */

/*
 * While standard output takes nothing, no message is read, but the loop goes on, so that the server still hears from us. True: it
 * is so.
 */
static bool hold_if_stuck(struct tool *tool)
{
	if (!source_is_held_up(&tool->source))
		return false;
	if (tool->open && !tool->held && !tool->ending) {
		websocket_pause(tool->socket, true);
		tool->held = true;
	}
	return tool->held;
}

/* Before the loop waits. */
static void before_wait(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct tool *tool = prepare->data;

	(void)loop;
	(void)events;
	if (hold_if_stuck(tool)) {
		if (!ev_is_active(&tool->timer)) {
			tool->glance = tool->glance < most / 2 ? 2 * tool->glance : most;
			source_loop_after(&tool->loop, &tool->timer, tool->glance);
		}
		return;
	}
	tool->glance = least;
	source_flush(&tool->source);
	if (tool->held && tool->open)
		websocket_pause(tool->socket, false);
	tool->held = false;
	input_go_on(tool);
}

/* ---- the end of a connection ---- */

static void leave(struct tool *tool, int status)
{
	tool->ending = true;
	tool->status = status;
	ev_timer_stop(tool->loop.loop, &tool->timer);
	source_loop_leave(&tool->loop);
}

int link_listed(const char *list, int code)
{
	int listed = 0;

	while (list && *list) {
		char *end;
		long from = strtol(list, &end, 10), to = from;

		if (end == list || *list == '-' || *list == '+')
			return -1;
		if (*end == '-') {
			list = end + 1;
			to = strtol(list, &end, 10);
			if (end == list || *list == '-')
				return -1;
		}
		if ((*end && *end != ',') || (*end && !end[1]) || from < 100 || to > 4999 || to < from)
			return -1;
		listed |= code >= from && code <= to;
		list = end + (*end == ',');
	}
	return listed;
}

static void wait_for_next(struct tool *tool, int64_t lasted, int64_t asked, const char *error)
{
	int64_t pause = backoff_failed(&tool->backoff, lasted, moment_random());
	char text[UNIT_TEXT_MAX];

	pause = backoff_heed(pause, asked, tool->retry_after_max);
	if (message_pass(&tool->limit))
		message_warning("'%s': %s; next try in %s", tool->shown ? tool->shown : "?", error,
		                unit_duration_text(text, pause));
	source_loop_after(&tool->loop, &tool->timer, pause);
}

/* The other side said goodbye as one does that means nothing bad. */
static bool ended_well(const struct websocket_end *end)
{
	return end->failure == WEBSOCKET_CLOSED &&
	       (end->code == WEBSOCKET_NORMAL || end->code == WEBSOCKET_AWAY || end->code == WEBSOCKET_NO_CODE);
}

/* What follows on a try or a connection that is over; lasted 0: there was none. */
static void decide(struct tool *tool, const struct websocket_end *end, int64_t lasted, const char *error)
{
	const char *shown = tool->shown ? tool->shown : "?";
	bool good = lasted > 0 && lasted >= tool->backoff.reset;

	tool->failures = good ? 0 : tool->failures + 1;
	if (end->failure == WEBSOCKET_SETUP || link_listed(tool->fatal, end->opened ? end->code : end->status)) {
		message_error("'%s': %s", shown, error);
		leave(tool, STATUS_POINTLESS);
	} else if (tool->once) {
		if (!ended_well(end) || tool->mistake.length > 0)
			message_error("'%s': %s", shown, error);
		leave(tool, ended_well(end) && tool->mistake.length == 0 ? STATUS_OK : STATUS_FAILED);
	} else if (tool->max_failures > 0 && tool->failures >= tool->max_failures) {
		message_error("'%s': %s; given up after %lld failures in a row", shown, error,
		              (long long)tool->failures);
		leave(tool, STATUS_FAILED);
	} else {
		wait_for_next(tool, lasted, end->retry_after, error);
	}
}

/* websocket_request's closed. */
static void closed(void *context, const struct websocket_end *end)
{
	struct tool *tool = context;
	const char *error = tool->mistake.length > 0 ? tool->mistake.data : end->error;
	int64_t lasted = 0;

	tool->socket = NULL;
	tool->open = false;
	tool->held = false;
	script_stop(tool);
	input_lost(tool);
	if (end->opened) {
		tool->ended = moment_now();
		lasted = tool->ended > tool->began ? tool->ended - tool->began : 1;
		tell_disconnected(tool, end, error);
		message_info("'%s': disconnected: %s", tool->shown, error);
	}
	if (tool->ending)
		leave(tool, tool->status);
	else
		decide(tool, end, tool->mistake.length > 0 ? 0 : lasted, error);
	text_clear(&tool->mistake);
}

/* ---- while it is open ---- */

/* websocket_request's opened. */
static void opened(void *context, const struct websocket_opening *opening)
{
	struct tool *tool = context;

	tool->open = true;
	tool->began = moment_now();
	tool->received = 0;
	text_clear(&tool->mistake);
	if (message_hidden(&tool->limit))
		message_warning("'%s': connected again after %llu failures", tool->shown,
		                (unsigned long long)tool->limit.count);
	tool->limit.count = 0;
	message_info("'%s': connected", tool->shown);
	tell_connected(tool, opening);
	tool->attempts = 0;
	script_start(tool);
}

static bool is_ignored(const struct tool *tool, const struct content *content)
{
	for (size_t i = 0; i < tool->ignored_count; i++)
		if (pattern_matches(&tool->patterns, tool->ignored[i], content))
			return true;
	return false;
}

/* No message is wanted any more; but what comes before a server closes, after the last line of ours, may be the answer to it. */
static bool is_over(const struct tool *tool)
{
	if (tool->count > 0 && tool->place.messages >= tool->count)
		return true;
	return tool->ending && !(tool->close_on_eof && tool->input_ended);
}

/* websocket_request's message. */
static void message(void *context, bool text, const char *bytes, size_t length)
{
	struct tool *tool = context;
	struct source *source = &tool->source;
	struct content content;
	int64_t now = moment_unix();

	if (is_over(tool))
		return;
	if (content_make(tool, text, bytes, length, &content) && !is_ignored(tool, &content)) {
		if (source_event(source, tool->name, now, content.data, content.data_length)) {
			tool->received++;
			tool->place.messages++;
			tool->place.last = now;
			note_place(tool);
		} else {
			source_bad(source, bytes, length, "a message is longer than --max-line as an event");
		}
	}
	script_message(tool, &content);
	if (tool->count > 0 && tool->place.messages >= tool->count)
		link_finish(tool, STATUS_OK);
	/* The next event would wait for room in a ring. */
	if (source_keeps(source))
		hold_if_stuck(tool);
}

static void drained(void *context)
{
	input_go_on(context);
}

void link_fail(struct tool *tool, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	text_clear(&tool->mistake);
	text_vaddf(&tool->mistake, format, arguments);
	va_end(arguments);
	script_stop(tool);
	websocket_close(tool->socket, WEBSOCKET_NORMAL, "");
}

void link_finish(struct tool *tool, int status)
{
	if (tool->ending)
		return;
	tool->ending = true;
	tool->status = status;
	ev_timer_stop(tool->loop.loop, &tool->timer);
	script_stop(tool);
	if (tool->open) {
		websocket_close(tool->socket, signals_stop() ? WEBSOCKET_AWAY : WEBSOCKET_NORMAL, "");
		return;
	}
	link_free(tool);
	leave(tool, status);
}

void link_stop(void *context)
{
	link_finish(context, STATUS_OK);
}

/* ---- the beginning ---- */

static void no_command(struct tool *tool, const char *option, const char *error)
{
	struct websocket_end end = {.failure = WEBSOCKET_UNREACHABLE, .retry_after = -1};
	struct text text = {0};

	text_addf(&text, "%s: %s", option, error);
	decide(tool, &end, 0, text.data);
	text_free(&text);
}

static char *first_line(const struct shell_result *result)
{
	return xstrndup(result->output, strcspn(result->output, "\r\n"));
}

static void connect_now(struct tool *tool)
{
	tool->request.settings = &tool->settings;
	tool->request.url = tool->url;
	tool->request.opened = opened;
	tool->request.message = message;
	tool->request.drained = drained;
	tool->request.closed = closed;
	tool->request.context = tool;
	message_debug("'%s': connecting", tool->shown);
	tool->socket = websocket_connect(tool->loop.loop, &tool->request);
}

static void bearer_known(void *context, const struct shell_result *result)
{
	struct tool *tool = context;

	tool->command = NULL;
	if (result->error) {
		no_command(tool, "--bearer-command", result->error);
		return;
	}
	free(tool->settings.bearer);
	tool->settings.bearer = first_line(result);
	connect_now(tool);
}

static void find_bearer(struct tool *tool)
{
	if (tool->bearer_command)
		tool->command = shell_output_start(tool->loop.loop, tool->bearer_command, tool->settings.timeout,
		                                   bearer_known, tool);
	else
		connect_now(tool);
}

static void url_known(void *context, const struct shell_result *result)
{
	struct tool *tool = context;
	const char *mistake = result->error;
	char *given = NULL, *url, *shown;

	tool->command = NULL;
	if (!mistake) {
		given = first_line(result);
		mistake = opening_url(given, &url, &shown);
	}
	free(given);
	if (mistake) {
		no_command(tool, "--url-command", mistake);
		return;
	}
	free(tool->url);
	free(tool->shown);
	tool->url = url;
	tool->shown = shown;
	find_bearer(tool);
}

void link_start(struct tool *tool)
{
	tool->attempts++;
	if (tool->url_command)
		tool->command =
			shell_output_start(tool->loop.loop, tool->url_command, tool->settings.timeout, url_known, tool);
	else
		find_bearer(tool);
}

/* The pause before the next try is over; or it is time to look at standard output, which before_wait does. */
static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct tool *tool = timer->data;

	(void)loop;
	(void)events;
	if (!tool->socket && !tool->command)
		link_start(tool);
}

void link_init(struct tool *tool)
{
	size_t length;
	const void *cursor = source_resumed(&tool->source, &length);

	if (cursor && length == sizeof(tool->place)) {
		memcpy(&tool->place, cursor, length);
		tool->resumed = true;
	}
	text_init(&tool->mistake);
	ev_init(&tool->timer, timer_due);
	ev_prepare_init(&tool->before_wait, before_wait);
	tool->timer.data = tool->before_wait.data = tool;
	ev_prepare_start(tool->loop.loop, &tool->before_wait);
}

/* Ends what is under way at once. */
void link_free(struct tool *tool)
{
	if (tool->command)
		shell_output_abort(tool->command);
	if (tool->socket)
		websocket_abort(tool->socket);
	tool->command = NULL;
	tool->socket = NULL;
}
