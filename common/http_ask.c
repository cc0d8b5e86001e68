#include "common/http_ask.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

enum { REFUSED_MAX = 64 * 1024 }; /* so much of the body of a 401 is read, for the connection's sake */

struct http_asks {
	struct ev_loop *loop;
	const struct http_rate_settings *settings;
	struct http *http;
	struct http_auth *auth; /* or NULL */
	struct http_rate *rate;
	struct http_ask *asks;
	struct message_limit held;
};

/* At each time, it waits for one of: the timer, its turn; wait, what logs it in; transfer, the answer. */
struct http_ask {
	struct http_asks *asks;
	struct http_ask *next, **link;
	struct http_request request;
	struct ev_timer timer;
	struct http_auth_wait *wait;
	struct http_transfer *transfer;
	uint64_t generation; /* of what it was sent with */
	bool repeated;
};

static void drop(struct http_ask *ask)
{
	*ask->link = ask->next;
	if (ask->next)
		ask->next->link = ask->link;
	free(ask);
}

void http_ask_abort(struct http_ask *ask)
{
	ev_timer_stop(ask->asks->loop, &ask->timer);
	if (ask->wait)
		http_auth_cancel(ask->wait);
	if (ask->transfer)
		http_abort(ask->transfer);
	drop(ask);
}

/* ---- what a URL is called in messages ---- */

static char *shown(const char *given)
{
	char *url, *text;

	if (http_url(given, &url, &text))
		return xstrdup("");
	free(url);
	return text;
}

/* ---- the answer ---- */

/* The answer says that what it was sent with is no good, and there may be better. */
static bool is_refused(const struct http_ask *ask, const struct http_response *response)
{
	return response->status == 401 && !ask->repeated && ask->asks->auth && http_auth_renews(ask->asks->auth);
}

static const char *header_of(void *context, const char *name, size_t index)
{
	return http_ask_header(context, name, index);
}

const char *http_ask_header(const struct http_ask *ask, const char *name, size_t index)
{
	return ask->transfer ? http_header(ask->transfer, name, index) : NULL;
}

/* How long the server wants to be left alone, by what it says of its limit; -1: it says nothing. */
static int64_t hear_limit(struct http_ask *ask, const struct http_response *response)
{
	struct http_asks *asks = ask->asks;
	int64_t reset;

	if (asks->settings->ignore || response->status == 0)
		return -1;
	reset = http_rate_reset(header_of, ask, response->date >= 0 ? response->date : moment_unix());
	if (reset > asks->settings->most)
		reset = asks->settings->most;
	if (reset > 0)
		http_rate_held(asks->rate, ask->request.url, moment_now() + reset);
	return reset;
}

static void authorize(struct http_ask *ask);

static bool take(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct http_ask *ask = context;

	if (is_refused(ask, response))
		return response->received < REFUSED_MAX;
	return ask->request.piece(ask->request.context, response, bytes, length);
}

static bool take_head(void *context, const struct http_response *response)
{
	struct http_ask *ask = context;

	return ask->request.head(ask->request.context, response);
}

static void took(void *context, const struct http_response *response)
{
	struct http_ask *ask = context;
	struct http_response own = *response;
	int64_t reset = hear_limit(ask, response);

	if (is_refused(ask, response) && http_auth_refused(ask->asks->auth, ask->generation)) {
		char *name = shown(ask->request.url);

		message_info("'%s': status 401, asking again with another token", name);
		free(name);
		ask->transfer = NULL;
		ask->repeated = true;
		/* It is another request for the rate, but does not wait. */
		http_rate_turn(ask->asks->rate, ask->request.url, moment_now());
		authorize(ask);
		return;
	}
	if ((own.status == 429 || own.status == 503) && own.retry_after < reset)
		own.retry_after = reset;
	ask->request.done(ask->request.context, &own);
	drop(ask);
}

/* ---- the request ---- */

/* The headers of the credentials, then the request's own; the caller's to free. */
static const char **join(const char *const *first, const char *const *second)
{
	const char **all;
	size_t count = 0;

	for (const char *const *header = first; header && *header; header++)
		count++;
	for (const char *const *header = second; header && *header; header++)
		count++;
	all = xcalloc(count + 1, sizeof(*all));
	count = 0;
	for (; first && *first; first++)
		all[count++] = *first;
	for (; second && *second; second++)
		all[count++] = *second;
	return all;
}

static void launch(struct http_ask *ask, const char *url, const char *const *headers)
{
	struct http_request request = ask->request;
	const char **all = join(headers, ask->request.headers);

	/* http_start copies URL and headers. */
	request.url = url;
	request.headers = all;
	request.head = request.head ? take_head : NULL;
	request.piece = take;
	request.done = took;
	request.context = ask;
	ask->transfer = http_start(ask->asks->http, &request);
	free(all);
}

static void ready(void *context, const struct http_credentials *credentials)
{
	struct http_ask *ask = context;

	ask->wait = NULL;
	ask->generation = credentials->generation;
	if (!credentials->error) {
		launch(ask, credentials->url, credentials->headers);
		return;
	}
	ask->request.done(ask->request.context, &(struct http_response){
							.date = -1,
							.retry_after = credentials->retry_after,
							.failure = HTTP_AUTH,
							.error = credentials->error,
						});
	drop(ask);
}

static void authorize(struct http_ask *ask)
{
	struct http_asks *asks = ask->asks;

	if (asks->auth)
		ask->wait = http_auth_ask(asks->auth, &ask->request, ready, ask);
	else
		launch(ask, ask->request.url, NULL);
}

/* ---- its turn ---- */

static void sleep_for(struct http_ask *ask, int64_t nanoseconds)
{
	ev_now_update(ask->asks->loop);
	ev_timer_set(&ask->timer, (double)nanoseconds / UNIT_S, 0);
	ev_timer_start(ask->asks->loop, &ask->timer);
}

/* Sends it, unless its server wants to be left alone. */
static void go(struct http_ask *ask)
{
	struct http_asks *asks = ask->asks;
	int64_t hold = http_rate_hold(asks->rate, ask->request.url, moment_now());
	char pause[UNIT_TEXT_MAX], *name;

	if (hold == 0) {
		authorize(ask);
		return;
	}
	hold = (hold + UNIT_MS - 1) / UNIT_MS * UNIT_MS;
	if (message_pass(&asks->held)) {
		name = shown(ask->request.url);
		message_warning("'%s': the server's limit is reached, waiting %s", name,
		                unit_duration_text(pause, hold));
		free(name);
	}
	sleep_for(ask, hold);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	go(timer->data);
}

struct http_ask *http_ask(struct http_asks *asks, const struct http_request *request)
{
	struct http_ask *ask = xcalloc(1, sizeof(*ask));
	int64_t turn = http_rate_turn(asks->rate, request->url, moment_now());

	*ask = (struct http_ask){.asks = asks, .next = asks->asks, .link = &asks->asks, .request = *request};
	if (ask->next)
		ask->next->link = &ask->next;
	asks->asks = ask;
	ev_init(&ask->timer, timer_due);
	ask->timer.data = ask;
	if (turn > 0)
		sleep_for(ask, turn);
	else
		go(ask);
	return ask;
}

struct http_asks *http_asks_new(struct ev_loop *loop, const struct http_settings *settings,
                                const struct http_auth_settings *auth, const struct http_rate_settings *rate)
{
	struct http_asks *asks = xcalloc(1, sizeof(*asks));

	*asks = (struct http_asks){.loop = loop, .settings = rate};
	asks->http = http_new(loop, settings);
	asks->auth = http_auth_new(loop, auth, settings);
	asks->rate = http_rate_new(rate);
	return asks;
}

void http_asks_free(struct http_asks *asks)
{
	while (asks->asks)
		http_ask_abort(asks->asks);
	if (message_hidden(&asks->held))
		message_warning("waited for the limits of servers %llu times", (unsigned long long)asks->held.count);
	if (asks->auth)
		http_auth_free(asks->auth);
	http_rate_free(asks->rate);
	http_free(asks->http);
	free(asks);
}
