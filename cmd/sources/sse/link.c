/*
 * When to connect, and again. A connection that brought an event, or lasted for --retry-reset, was good; one that did neither, or did not
 * come up, is a failure. The server's reconnection time and Retry-After are the least pause.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/sources/sse/sse.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

enum { EXCERPT = 200 }; /* bytes of an error's body that -v shows */

/* ---- what is told ---- */

static void add_string(struct text *data, const char *name, const char *string)
{
	text_addf(data, "\"%s\":", name);
	json_add_string(data, string, strlen(string));
}

/* Where the stream stands: what is behind it has not come. */
static void add_place(const struct sse *sse, struct text *data)
{
	if (sse->stream.id.length > 0) {
		text_add_char(data, ',');
		add_string(data, "last_event_id", sse->stream.id.data);
	}
	if (sse->place.last)
		json_add_seconds_member(data, "last", sse->place.last);
}

static void tell_connected(struct sse *sse)
{
	struct text data = {0};

	text_add_char(&data, '{');
	add_string(&data, "url", sse->shown);
	text_addf(&data, ",\"attempt\":%lld", (long long)sse->attempts);
	if (sse->ended)
		json_add_seconds_member(&data, "gap", moment_now() - sse->ended);
	if (sse->resumed)
		text_add_string(&data, ",\"resumed\":true");
	add_place(sse, &data);
	text_add_char(&data, '}');
	sse->resumed = false;
	emit_state(sse, "connected", &data);
	text_free(&data);
}

static void tell_disconnected(struct sse *sse, const char *error, bool ours)
{
	struct text data = {0};

	text_add_char(&data, '{');
	add_string(&data, "error", error);
	text_addf(&data, ",\"ours\":%s,\"messages\":%lld", ours ? "true" : "false", (long long)sse->received);
	add_place(sse, &data);
	json_add_seconds_member(&data, "lasted", sse->ended - sse->began);
	text_add_char(&data, '}');
	emit_state(sse, "disconnected", &data);
	text_free(&data);
	message_info("'%s': disconnected: %s", sse->shown, error);
}

/* ---- the answer ---- */

static void set_verdict(struct sse *sse, enum verdict verdict, const char *format, ...) MESSAGE_FORMAT(3, 4);
static void set_verdict(struct sse *sse, enum verdict verdict, const char *format, ...)
{
	va_list arguments;

	sse->verdict = verdict;
	text_clear(&sse->reason);
	va_start(arguments, format);
	text_vaddf(&sse->reason, format, arguments);
	va_end(arguments);
}

/* The format that a media type stands for, or FORMAT_AUTO for none. */
static enum format format_of(const char *type)
{
	static const struct {
		const char *type;
		enum format format;
	} types[] = {
		{"text/event-stream", FORMAT_SSE},
		{"application/x-ndjson", FORMAT_NDJSON},
		{"application/ndjson", FORMAT_NDJSON},
		{"application/jsonl", FORMAT_NDJSON},
		{"application/x-jsonl", FORMAT_NDJSON},
		{"application/jsonlines", FORMAT_NDJSON},
		{"application/stream+json", FORMAT_NDJSON},
		{"application/json-seq", FORMAT_JSON_SEQ},
		{"application/geo+json-seq", FORMAT_JSON_SEQ},
	};
	size_t length = type ? strcspn(type, "; \t") : 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strlen(types[i].type) == length && strncasecmp(types[i].type, type, length) == 0)
			return types[i].format;
	return FORMAT_AUTO;
}

/* http_request's head: of a 2xx answer. */
static bool head(void *context, const struct http_response *response)
{
	struct sse *sse = context;

	if (response->status == 204) {
		sse->verdict = VERDICT_STOP;
		return true;
	}
	if (response->status != 200)
		return false;
	sse->stream_format = sse->format != FORMAT_AUTO ? (enum format)sse->format : format_of(response->type);
	if (sse->stream_format == FORMAT_AUTO) {
		set_verdict(sse, VERDICT_FATAL, "the answer is %s, which is no stream (--format reads it as one)",
		            response->type ? response->type : "of no type");
		return false;
	}
	sse->open = true;
	sse->began = sse->heard = moment_now();
	message_info("'%s': connected", sse->shown);
	emit_begin(sse);
	tell_connected(sse);
	sse->attempts = 0;
	if (sse->heartbeat)
		source_loop_after(&sse->loop, &sse->silence, sse->heartbeat);
	return true;
}

/* http_request's piece. */
static bool piece(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct sse *sse = context;
	bool more;

	(void)response;
	if (!sse->open) {
		size_t room = EXCERPT - sse->excerpt.length;

		text_add(&sse->excerpt, bytes, length < room ? length : room);
		return sse->excerpt.length < EXCERPT;
	}
	more = emit_bytes(sse, bytes, length);
	sse->heard = moment_now();
	return more;
}

/* ---- the end of a connection ---- */

static void leave(struct sse *sse, int status)
{
	sse->ending = true;
	sse->status = status;
	ev_timer_stop(sse->loop.loop, &sse->retry);
	source_loop_leave(&sse->loop);
}

static void end_connection(struct sse *sse, const char *error, bool ours, bool whole)
{
	ev_timer_stop(sse->loop.loop, &sse->silence);
	sse->ask = NULL;
	free(sse->sent_id);
	sse->sent_id = NULL;
	if (!sse->open)
		return;
	sse->open = false;
	sse->ended = moment_now();
	emit_end(sse, whole);
	tell_disconnected(sse, error, ours);
}

static void wait_for_next(struct sse *sse, bool good, int64_t asked, bool said)
{
	/* A good connection is followed by the first pause of all. */
	int64_t pause = backoff_failed(&sse->backoff, good ? INT64_MAX : 0, moment_random()), reconnection = 0;
	char text[UNIT_TEXT_MAX];

	if (sse->stream.retry > 0)
		reconnection = sse->stream.retry > INT64_MAX / UNIT_MS ? INT64_MAX : sse->stream.retry * UNIT_MS;
	if (asked < reconnection)
		asked = reconnection;
	pause = backoff_heed(pause, asked, sse->retry_after_max);
	unit_duration_text(text, pause);
	if (!said)
		message_info("'%s': connecting again in %s", sse->shown, text);
	else if (message_pass(&sse->limit))
		message_warning("'%s': %s; next try in %s", sse->shown, sse->reason.data, text);
	source_loop_after(&sse->loop, &sse->retry, pause);
}

/* A connection that lasted: the next failure is worth a message again. */
static void say_anew(struct sse *sse)
{
	if (message_hidden(&sse->limit))
		message_warning("'%s': good again after %llu failures", sse->shown,
		                (unsigned long long)sse->limit.count);
	sse->limit.count = 0;
}

static void again(struct sse *sse, int64_t asked)
{
	bool opened = sse->verdict == VERDICT_NONE, lasted = sse->ended - sse->began >= sse->backoff.reset;
	bool good = sse->began > 0 && (sse->received > 0 || lasted);

	sse->failures = good ? 0 : sse->failures + 1;
	if (sse->once) {
		if (!opened)
			message_error("'%s': %s", sse->shown, sse->reason.data);
		leave(sse, opened ? STATUS_OK : STATUS_FAILED);
	} else if (sse->max_failures > 0 && sse->failures >= sse->max_failures) {
		message_error("'%s': %s; given up after %lld failures in a row", sse->shown,
		              opened ? "the stream ends at once, without an event" : sse->reason.data,
		              (long long)sse->failures);
		leave(sse, STATUS_FAILED);
	} else {
		if (good && lasted)
			say_anew(sse);
		wait_for_next(sse, good, asked, !opened);
	}
}

static void decide(struct sse *sse, int64_t asked)
{
	switch (sse->verdict) {
	case VERDICT_STOP:
		message_info("'%s': status 204, there is no more", sse->shown);
		leave(sse, STATUS_OK);
		break;
	case VERDICT_FATAL:
		message_error("'%s': %s", sse->shown, sse->reason.data);
		leave(sse, STATUS_POINTLESS);
		break;
	case VERDICT_NONE:
	case VERDICT_LOST:
		again(sse, asked);
		break;
	}
	text_clear(&sse->reason);
}

static bool may_pass(const struct sse *sse, int status)
{
	return sse->retries.bits[status / 64] >> (status % 64) & 1;
}

/* What an answer that never became a stream means. */
static void judge(struct sse *sse, const struct http_response *response)
{
	bool stopped = response->failure == HTTP_OK || response->failure == HTTP_STOPPED;

	if (response->status > 200 && stopped) {
		set_verdict(sse, may_pass(sse, response->status) ? VERDICT_LOST : VERDICT_FATAL, "status %d%s",
		            response->status,
		            response->status < 400 && !sse->settings.max_redirects
		                    ? " (--max-redirects follows redirects)"
		                    : "");
		if (sse->excerpt.length > 0)
			message_info("'%s': status %d: %.*s", sse->shown, response->status, EXCERPT, sse->excerpt.data);
	} else {
		set_verdict(sse, response->failure == HTTP_SETUP ? VERDICT_FATAL : VERDICT_LOST, "%s%s",
		            response->error,
		            response->failure == HTTP_UNTRUSTED ? " (--cacert FILE trusts its issuer)" : "");
	}
}

/* http_request's done. */
static void done(void *context, const struct http_response *response)
{
	struct sse *sse = context;
	bool opened = sse->open, whole = response->failure == HTTP_OK;

	if (opened && response->failure == HTTP_STOPPED) {
		end_connection(sse, "the events asked for have come", true, false);
		leave(sse, STATUS_OK);
		return;
	}
	if (opened && !whole)
		set_verdict(sse, VERDICT_LOST, "%s", response->error);
	else if (!opened && sse->verdict == VERDICT_NONE)
		judge(sse, response);
	end_connection(sse, whole ? "the server ended the stream" : response->error, false, whole);
	decide(sse, response->retry_after);
}

static void silent(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct sse *sse = timer->data;
	int64_t left = sse->heard + sse->heartbeat - moment_now();
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	if (left > 0) {
		source_loop_after(&sse->loop, timer, left);
		return;
	}
	http_ask_abort(sse->ask);
	set_verdict(sse, VERDICT_LOST, "nothing came for %s", unit_duration_text(limit, sse->heartbeat));
	end_connection(sse, sse->reason.data, true, false);
	decide(sse, -1);
}

/* ---- the beginning ---- */

void link_start(struct sse *sse)
{
	static const char *const accepts[] = {
		[FORMAT_AUTO] = "Accept: text/event-stream, application/x-ndjson;q=0.9, application/json-seq;q=0.9",
		[FORMAT_SSE] = "Accept: text/event-stream",
		[FORMAT_NDJSON] = "Accept: application/x-ndjson, */*;q=0.5",
		[FORMAT_JSON_SEQ] = "Accept: application/json-seq, */*;q=0.5",
	};
	struct http_request request = {.url = sse->url,
	                               .method = sse->method,
	                               .headers = sse->headers,
	                               .body = sse->data,
	                               .length = sse->data ? strlen(sse->data) : 0,
	                               .endless = true,
	                               .head = head,
	                               .piece = piece,
	                               .done = done,
	                               .context = sse};
	size_t count = 0;

	sse->headers[count++] = accepts[sse->format];
	sse->headers[count++] = "Cache-Control: no-cache";
	if (sse->data)
		sse->headers[count++] = "Content-Type: application/json";
	if (sse->stream.id.length > 0)
		sse->headers[count++] = sse->sent_id = text_format("Last-Event-ID: %s", sse->stream.id.data);
	sse->headers[count] = NULL;
	sse->attempts++;
	sse->verdict = VERDICT_NONE;
	sse->received = 0;
	sse->began = 0;
	text_clear(&sse->excerpt);
	message_debug("'%s': connecting", sse->shown);
	sse->ask = http_ask(sse->asks, &request);
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
	struct sse *sse = prepare->data;
	int64_t start = moment_now();

	(void)loop;
	(void)events;
	source_flush(&sse->source);
	sse->heard += moment_now() - start;
	place_settled(sse);
}

void link_init(struct sse *sse)
{
	text_init(&sse->reason);
	ev_init(&sse->retry, retry_due);
	ev_init(&sse->silence, silent);
	ev_prepare_init(&sse->before_wait, before_wait);
	sse->retry.data = sse->silence.data = sse->before_wait.data = sse;
	ev_prepare_start(sse->loop.loop, &sse->before_wait);
}

void link_stop(void *context)
{
	struct sse *sse = context;

	if (sse->ask)
		http_ask_abort(sse->ask);
	end_connection(sse, "told to stop", true, false);
	leave(sse, STATUS_OK);
}

void link_free(struct sse *sse)
{
	if (sse->ask)
		http_ask_abort(sse->ask);
	free(sse->sent_id);
	text_free(&sse->reason);
	text_free(&sse->excerpt);
}
