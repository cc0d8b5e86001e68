/*
 * A request until there is an answer for good: it is made again after a failure, when a pause is over, and gives up after
 * --max-failures of them.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

static void link_call(struct call *call)
{
	struct fetch *fetch = call->fetch;

	call->next = fetch->calls;
	call->link = &fetch->calls;
	if (call->next)
		call->next->link = &call->next;
	fetch->calls = call;
	fetch->running++;
}

static void unlink_call(struct call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	call->fetch->running--;
}

char *call_shown(const struct call *call)
{
	char *url, *shown;

	if (http_url(call->request.url, &url, &shown))
		return xstrdup("");
	free(url);
	return shown;
}

static void end(struct call *call, enum call_state state)
{
	call->state = state;
	unlink_call(call);
	text_free(&call->body);
	cache_settle(call);
}

static void give_up(struct call *call)
{
	struct fetch *fetch = call->fetch;

	if (fetch->stopping && stage_is_kept(&fetch->stage)) {
		end(call, CALL_LEFT);
		return;
	}
	if (call->tries > 1)
		text_addf(&call->reason, "; given up after %lld failures", (long long)call->tries);
	end(call, CALL_FAILED);
}

static void pause_call(struct call *call, int64_t asked)
{
	struct fetch *fetch = call->fetch;
	int64_t pause = backoff_failed(&call->backoff, 0, moment_random());
	char text[UNIT_TEXT_MAX], *shown;

	pause = backoff_heed(pause, asked, fetch->retry_after_max);
	if (message_pass(&fetch->retries)) {
		shown = call_shown(call);
		message_warning("'%s': %s; next try in %s", shown, call->reason.data, unit_duration_text(text, pause));
		free(shown);
	}
	source_loop_after(&fetch->loop, &call->timer, pause);
}

/* http_request's done. */
static void took(void *context, const struct http_response *response)
{
	struct call *call = context;
	struct fetch *fetch = call->fetch;

	call->ask = NULL;
	call->duration = moment_now() - call->begun;
	switch (answer_end(call, response)) {
	case ANSWER_GOOD:
		end(call, CALL_GOOD);
		break;
	case ANSWER_AGAIN:
		if (fetch->stopping || (fetch->max_failures > 0 && call->tries >= fetch->max_failures))
			give_up(call);
		else
			pause_call(call, response->retry_after);
		break;
	case ANSWER_BAD:
		end(call, CALL_FAILED);
		break;
	case ANSWER_FATAL:
		end(call, CALL_FATAL);
		break;
	}
}

static void ask(struct call *call)
{
	struct fetch *fetch = call->fetch;
	const struct request *request = &call->request;
	const struct http_request asked = {
		.url = request->url,
		.method = request->method,
		.headers = (const char *const *)request->headers.items,
		.body = request->has_body ? request->body.data : NULL,
		.length = request->body.length,
		.max_body = fetch->max_body,
		.piece = answer_piece,
		.done = took,
		.context = call,
	};

	text_clear(&call->body);
	call->begun = moment_now();
	call->tries++;
	call->ask = http_ask(fetch->asks, &asked);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	ask(timer->data);
}

struct call *call_new(struct fetch *fetch, struct request *request)
{
	struct call *call = xcalloc(1, sizeof(*call));

	*call = (struct call){
		.fetch = fetch,
		.references = 1,
		.request = *request,
		.backoff = {.min = fetch->retry_min, .max = fetch->retry_max},
	};
	*request = (struct request){0};
	ev_init(&call->timer, timer_due);
	call->timer.data = call;
	return call;
}

void call_start(struct call *call)
{
	call->state = CALL_RUNNING;
	link_call(call);
	ask(call);
}

void call_release(struct call *call)
{
	if (--call->references > 0)
		return;
	ev_timer_stop(call->fetch->loop.loop, &call->timer);
	if (call->ask)
		http_ask_abort(call->ask);
	if (call->state == CALL_RUNNING)
		unlink_call(call);
	request_free(&call->request);
	text_free(&call->body);
	text_free(&call->value);
	text_free(&call->reason);
	free(call);
}

void calls_stop(struct fetch *fetch)
{
	struct call *next;

	for (struct call *call = fetch->calls; call; call = next) {
		next = call->next;
		if (call->ask)
			continue;
		ev_timer_stop(fetch->loop.loop, &call->timer);
		give_up(call);
	}
}
