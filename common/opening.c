#include "common/opening.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/retry_after.h"
#include "common/unit.h"

struct opening {
	struct ev_loop *loop;
	const struct opening_request *request;
	void (*done)(void *context, const struct opening_result *result);
	void *context;

	char *url; /* of now, after redirects */
	char *origin; /* scheme, host and port of the first */
	int64_t redirects, begun;
	struct upgrade upgrade;
	struct upgrade_place place;
	struct connection *connection; /* NULL until connect_now, and between two */
	bool connected;
	struct ev_timer timer; /* starts it, then its time limits */
	struct text question, head;
	size_t asked; /* bytes of the question that are gone */
};

static void opening_free(struct opening *opening)
{
	ev_timer_stop(opening->loop, &opening->timer);
	if (opening->connection)
		connection_close(opening->connection);
	upgrade_place_clear(&opening->place);
	free(opening->url);
	free(opening->origin);
	text_free(&opening->question);
	text_free(&opening->head);
	free(opening);
}

void opening_abort(struct opening *opening)
{
	opening_free(opening);
}

static void end(struct opening *opening, struct opening_result *result)
{
	ev_timer_stop(opening->loop, &opening->timer);
	if (result->failure != OPENING_DONE && opening->connection)
		connection_close(opening->connection);
	opening->connection = NULL;
	opening->done(opening->context, result);
	opening_free(opening);
}

static void failed(struct opening *opening, enum opening_failure failure, const char *format, ...) MESSAGE_FORMAT(3, 4);

static void failed(struct opening *opening, enum opening_failure failure, const char *format, ...)
{
	struct opening_result result = {.failure = failure, .retry_after = -1};
	struct text error = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&error, format, arguments);
	va_end(arguments);
	if (opening->redirects > 0)
		text_addf(&error, " (redirected to '%s')", opening->place.host ? opening->place.host : "?");
	result.error = error.data;
	end(opening, &result);
	text_free(&error);
}

/* ---- time ---- */

static void arm(struct opening *opening)
{
	const struct http_settings *settings = opening->request->settings;
	int64_t limit = settings->timeout, left;

	if (settings->connect_timeout && !opening->connected && (!limit || settings->connect_timeout < limit))
		limit = settings->connect_timeout;
	ev_timer_stop(opening->loop, &opening->timer);
	if (!limit)
		return;
	left = opening->begun + limit - moment_now();
	ev_now_update(opening->loop);
	ev_timer_set(&opening->timer, left > 0 ? (double)left / UNIT_S : 0, 0);
	ev_timer_start(opening->loop, &opening->timer);
}

static void connect_now(struct opening *opening);

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct opening *opening = timer->data;
	const struct http_settings *settings = opening->request->settings;
	int64_t passed;
	char limit[UNIT_TEXT_MAX];
	bool late;

	(void)loop;
	(void)events;
	if (opening->begun == 0) {
		connect_now(opening);
		return;
	}
	passed = moment_now() - opening->begun;
	late = settings->connect_timeout && !opening->connected && passed >= settings->connect_timeout;
	if (!late && (!settings->timeout || passed < settings->timeout)) {
		arm(opening);
		return;
	}
	unit_duration_text(limit, late ? settings->connect_timeout : settings->timeout);
	failed(opening, OPENING_TIMEOUT, "timed out after %s while %s", limit,
	       opening->connected ? "waiting for the answer" : connection_phase(opening->connection));
}

/* ---- the answer ---- */

/* A URL without scheme, path and all: "wss://host:port" of what two URLs have in common if they go to the same server. */
static char *origin_of(const char *url)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
		origin = text_format("%s://%s:%s", scheme, host, port);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return origin;
}

/* ws and wss are http and https to libcurl. */
static char *as_http(const char *url)
{
	if (strncasecmp(url, "ws://", 5) == 0)
		return text_format("http://%s", url + 5);
	if (strncasecmp(url, "wss://", 6) == 0)
		return text_format("https://%s", url + 6);
	return xstrdup(url);
}

const char *opening_url(const char *given, char **url, char **shown)
{
	char *http = as_http(given), *plain = NULL;
	const char *mistake = http_url(http, url, &plain);

	free(http);
	if (mistake)
		return strcmp(mistake, "neither http nor https") == 0 ? "neither ws nor wss" : mistake;
	*shown = text_format("ws%s", plain + strlen("http"));
	free(plain);
	return NULL;
}

/* Where the Location leads from here. NULL: nowhere. */
static char *resolve(const char *url, const char *location)
{
	CURLU *parts = curl_url();
	char *there = as_http(location), *whole = NULL, *checked, *shown, *result = NULL;

	if (!parts)
		fail("out of memory");
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_set(parts, CURLUPART_URL, there, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_URL, &whole, 0) == CURLUE_OK && !http_url(whole, &checked, &shown)) {
		result = checked;
		free(shown);
	}
	curl_free(whole);
	curl_url_cleanup(parts);
	free(there);
	return result;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* True: that is under way, or has failed. False: it is an answer like others. */
static bool redirect(struct opening *opening)
{
	int64_t most = opening->request->settings->max_redirects;
	struct text location = {0};
	char *url, *origin;

	if (most == 0 || !upgrade_header(opening->head.data, "Location", &location)) {
		text_free(&location);
		return false;
	}
	url = resolve(opening->url, location.data);
	text_free(&location);
	if (opening->redirects >= most || !url) {
		free(url);
		failed(opening, OPENING_REFUSED, "%s",
		       opening->redirects >= most ? "too many redirects" : "redirected to a malformed URL");
		return true;
	}
	opening->redirects++;
	origin = origin_of(url);
	opening->upgrade.anonymous = !origin || !opening->origin || strcasecmp(origin, opening->origin) != 0;
	free(origin);
	free(opening->url);
	opening->url = url;
	connection_close(opening->connection);
	opening->connection = NULL;
	connect_now(opening);
	return true;
}

static void refused(struct opening *opening, int status, const char *mistake)
{
	struct opening_result result = {.failure = OPENING_REFUSED, .status = status};
	struct text error = {0}, value = {0};
	time_t date = -1;

	text_init(&value);
	if (upgrade_header(opening->head.data, "Date", &value))
		date = curl_getdate(value.data, NULL);
	text_clear(&value);
	result.retry_after = !upgrade_header(opening->head.data, "Retry-After", &value)
	                             ? -1
	                             : retry_after(value.data, date >= 0 ? date * UNIT_S : -1);
	text_free(&value);
	text_add_string(&error, mistake ? "the answer is not right: " : "the server says ");
	if (mistake)
		text_add_string(&error, mistake);
	else
		upgrade_add_status(&error, opening->head.data);
	if (opening->redirects > 0)
		text_addf(&error, " (redirected to '%s')", opening->place.host);
	result.error = error.data;
	result.head = opening->head.data;
	end(opening, &result);
	text_free(&error);
}

/* The head of the answer is whole; length bytes. */
static void judge(struct opening *opening, size_t length)
{
	struct text rest = {0};
	struct upgrade_agreed agreed = {0};
	struct opening_result result = {.error = "", .retry_after = -1, .status = upgrade_status(opening->head.data)};
	const char *mistake;

	text_add(&rest, opening->head.data + length, opening->head.length - length);
	opening->head.length = length;
	opening->head.data[length] = '\0';
	if (is_redirect(result.status) && redirect(opening)) {
		text_free(&rest);
		return;
	}
	mistake = result.status == 101 ? upgrade_check(&opening->upgrade, opening->head.data, &agreed) : NULL;
	if (result.status != 101 || mistake) {
		refused(opening, result.status, mistake);
		text_free(&rest);
		return;
	}
	result.connection = opening->connection;
	result.agreed = &agreed;
	result.head = opening->head.data;
	result.rest = rest.data;
	result.rest_length = rest.length;
	end(opening, &result);
	free(agreed.protocol);
	text_free(&rest);
}

/* ---- the question ---- */

static void ask(struct opening *opening)
{
	ssize_t n = 0;

	while (n >= 0 && opening->asked < opening->question.length) {
		n = connection_write(opening->connection, opening->question.data + opening->asked,
		                     opening->question.length - opening->asked);
		if (n > 0)
			opening->asked += (size_t)n;
	}
	/* An answer may have come all the same. */
	if (n == CONNECTION_BROKEN)
		opening->asked = opening->question.length;
	connection_watch(opening->connection, EV_READ | (opening->asked < opening->question.length ? EV_WRITE : 0));
}

/* What has come of the answer. True: it is judged, or no good. */
static bool look(struct opening *opening)
{
	struct text *head = &opening->head;
	ssize_t length = upgrade_head(head->data, head->length);

	/* 1xx but 101 come before the answer itself. */
	while (length > 0 && upgrade_status(head->data) / 100 == 1 && upgrade_status(head->data) != 101) {
		text_drop(head, (size_t)length);
		length = upgrade_head(head->data, head->length);
	}
	if (length > 0)
		judge(opening, (size_t)length);
	else if (length < 0)
		failed(opening, OPENING_UNREACHABLE, "the answer is not HTTP");
	return length != 0;
}

static void listen_on(struct opening *opening)
{
	for (;;) {
		ssize_t n;

		text_reserve(&opening->head, OPENING_REST);
		n = connection_read(opening->connection, opening->head.data + opening->head.length, OPENING_REST);
		if (n == CONNECTION_AGAIN)
			return;
		if (n == CONNECTION_BROKEN) {
			failed(opening, OPENING_UNREACHABLE, "the connection broke during the handshake: %s",
			       connection_error(opening->connection));
			return;
		}
		if (n == 0) {
			failed(opening, OPENING_UNREACHABLE, "the connection was closed %s",
			       opening->head.length > 0 ? "in the middle of the answer" : "without an answer");
			return;
		}
		opening->head.length += (size_t)n;
		opening->head.data[opening->head.length] = '\0';
		if (look(opening))
			return;
	}
}

static void ready(void *context, int events)
{
	struct opening *opening = context;

	if (events & EV_WRITE)
		ask(opening);
	if (events & EV_READ)
		listen_on(opening);
}

static void made(void *context, enum http_failure failure, const char *error)
{
	struct opening *opening = context;
	const char *mistake;

	if (failure != HTTP_OK) {
		failed(opening,
		       failure == HTTP_SETUP     ? OPENING_SETUP
		       : failure == HTTP_TIMEOUT ? OPENING_TIMEOUT
		                                 : OPENING_UNREACHABLE,
		       "%s", error);
		return;
	}
	opening->connected = true;
	arm(opening);
	upgrade_make_key(&opening->upgrade);
	text_clear(&opening->question);
	text_clear(&opening->head);
	opening->asked = 0;
	mistake = upgrade_request(&opening->upgrade, &opening->place, &opening->question);
	if (mistake)
		failed(opening, OPENING_SETUP, "%s", mistake);
	else
		ask(opening);
}

static void connect_now(struct opening *opening)
{
	static const struct connection_events events = {made, ready};

	if (opening->begun == 0)
		opening->begun = moment_now();
	opening->connected = false;
	upgrade_place_clear(&opening->place);
	if (!opening->url || !upgrade_place_init(&opening->place, opening->url)) {
		failed(opening, OPENING_SETUP, "the URL is malformed");
		return;
	}
	opening->connection =
		connection_open(opening->loop, opening->request->settings, opening->url, &events, opening);
	arm(opening);
}

struct opening *opening_start(struct ev_loop *loop, const struct opening_request *request,
                              void (*done)(void *context, const struct opening_result *result), void *context)
{
	struct opening *opening = xcalloc(1, sizeof(*opening));
	char *shown = NULL;

	opening->loop = loop;
	opening->request = request;
	opening->done = done;
	opening->context = context;
	opening->upgrade = (struct upgrade){.settings = request->settings,
	                                    .headers = request->headers,
	                                    .protocols = request->protocols,
	                                    .compression = request->compression};
	if (opening_url(request->url, &opening->url, &shown))
		opening->url = NULL;
	free(shown);
	opening->origin = opening->url ? origin_of(opening->url) : NULL;
	ev_init(&opening->timer, timer_due);
	opening->timer.data = opening;
	/* Nothing is called before the loop runs. */
	ev_timer_set(&opening->timer, 0, 0);
	ev_timer_start(loop, &opening->timer);
	return opening;
}
