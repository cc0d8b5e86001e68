#include "cmd/sources/socketio/polling.h"

#include <string.h>

#include "cmd/sources/socketio/dialect.h"
#include "cmd/sources/socketio/packet.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

enum { REFUSAL_MAX = 4096 }; /* bytes of an error's body that are looked at */

void polling_init(struct polling *polling)
{
	polling->patient = *polling->settings;
	polling->patient.timeout = 0;
	polling->brief = http_new(polling->loop, polling->settings);
	polling->waiting = http_new(polling->loop, &polling->patient);
	text_add_string(&polling->base, polling->url);
}

/* ---- what a request that failed has to say ---- */

/* The body of a refusal, {"code":1,"message":"Session ID unknown"}. */
static void read_refusal(struct text *body, struct polling_failure *failure, struct text *error)
{
	struct json_want want = {0};
	struct json_span spans[2];
	struct json_result result;

	json_want_member(&want, "code", 4);
	json_want_member(&want, "message", 7);
	json_pad(body);
	if (json_scan(body->data, body->length, &want, spans, 0, &result)) {
		if (spans[0].kind == JSON_NUMBER && spans[0].length <= 4)
			failure->code = (int)json_number(&spans[0]);
		if (spans[1].kind == JSON_STRING) {
			text_add_string(error, ": ");
			json_add_unescaped(error, spans[1].at, spans[1].length);
		}
	}
	json_want_free(&want);
}

static void fail_with(struct polling *polling, const struct http_response *response)
{
	struct polling_failure failure = {.failure = response->failure,
	                                  .status = response->status,
	                                  .code = -1,
	                                  .retry_after = response->retry_after};
	struct text error = {0};

	polling->over = true;
	if (response->failure == HTTP_OK || response->failure == HTTP_STOPPED ||
	    (response->failure == HTTP_TOO_LARGE && response->status != 200)) {
		failure.failure = HTTP_OK;
		text_addf(&error, "status %d", response->status);
		read_refusal(&polling->refusal, &failure, &error);
	} else {
		text_add_string(&error, response->error);
	}
	failure.error = error.data;
	polling->failed(polling->context, &failure);
	text_free(&error);
}

/* http_request's piece, of what is no answer to a GET. */
static bool take_refusal(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct polling *polling = context;
	size_t room = REFUSAL_MAX - polling->refusal.length;

	if (response->status != 200)
		text_add(&polling->refusal, bytes, length < room ? length : room);
	return polling->refusal.length < REFUSAL_MAX;
}

/* ---- what comes ---- */

/* One line more of an answer that is too large for a packet. */
static bool too_large(struct polling *polling)
{
	struct polling_failure failure = {.failure = HTTP_TOO_LARGE, .code = -1, .retry_after = -1};
	char limit[UNIT_TEXT_MAX];
	struct text error = {0};

	text_addf(&error, "a packet is larger than %s (--max-message)", unit_size_text(limit, polling->max_packet));
	failure.error = error.data;
	polling->over = true;
	polling->failed(polling->context, &failure);
	text_free(&error);
	return false;
}

/* An answer of Socket.IO 0.9, which is whole. */
static bool hand_over_old(struct polling *polling)
{
	const char *at = polling->part.data, *end = at + polling->part.length, *packet;
	bool more = true;
	size_t length;

	/* Nothing is no handshake. */
	if (at == end && polling->sid.length == 0)
		return polling->packet(polling->context, at, 0);
	while (more && dialect_next(&at, end, &packet, &length))
		more = polling->packet(polling->context, packet, length);
	if (more && at < end)
		more = polling->packet(polling->context, at, (size_t)(end - at));
	return more;
}

static bool hand_over(struct polling *polling)
{
	struct text *part = &polling->part;
	bool more;

	json_pad(part);
	more = polling->old ? hand_over_old(polling) : polling->packet(polling->context, part->data, part->length);
	text_clear(part);
	return more;
}

/* http_request's piece. */
static bool take_piece(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct polling *polling = context;
	const char *end = bytes + length;

	if (response->status != 200)
		return take_refusal(context, response, bytes, length);
	while (bytes < end) {
		const char *cut = polling->old ? NULL : memchr(bytes, ENGINE_SEPARATOR, (size_t)(end - bytes));
		size_t count = (size_t)((cut ? cut : end) - bytes);

		if (polling->part.length + count > polling->max_packet)
			return too_large(polling);
		text_add(&polling->part, bytes, count);
		if (cut && !hand_over(polling)) {
			polling->over = true;
			return false;
		}
		bytes += count + !!cut;
	}
	return true;
}

static void take_redirect(struct polling *polling)
{
	const char *url = http_last_url(polling->get.transfer);

	size_t length = strcspn(url, "?#");

	if (polling->old && length > 2 && strncmp(url + length - 2, "1/", 2) == 0)
		length -= 2;
	text_clear(&polling->base);
	text_add(&polling->base, url, length);
}

static void got(void *context, const struct http_response *response)
{
	struct polling *polling = context;

	cookies_take(polling->cookies, polling->get.transfer);
	if (polling->sid.length == 0)
		take_redirect(polling);
	polling->get.transfer = NULL;
	if (polling->over)
		return;
	if (response->failure != HTTP_OK || response->status != 200)
		fail_with(polling, response);
	else if (!hand_over(polling))
		polling->over = true;
}

static void posted(void *context, const struct http_response *response)
{
	struct polling *polling = context;

	cookies_take(polling->cookies, polling->post.transfer);
	polling->post.transfer = NULL;
	if (!polling->over && (response->failure != HTTP_OK || response->status != 200))
		fail_with(polling, response);
	text_clear(&polling->sending);
}

/* ---- what is asked and sent ---- */

/* t: so that no cache answers. */
static void set_url(const struct polling *polling, struct text *url)
{
	unsigned long long t = moment_random();
	bool open = polling->sid.length > 0;

	text_clear(url);
	text_add_string(url, polling->base.data);
	if (polling->old && open)
		text_addf(url, "1/xhr-polling/%s?t=%llx%s", polling->sid.data, t, polling->query);
	else if (polling->old)
		text_addf(url, "1/?t=%llx%s", t, polling->query);
	else
		text_addf(url, "?EIO=4&transport=polling%s&t=%llx%s%s", polling->query, t, open ? "&sid=" : "",
		          open ? polling->sid.data : "");
}

/* Its URL, and the headers beside those of the settings. */
static void prepare(struct polling *polling, struct polling_request *request, const char *header)
{
	const char *cookie = cookies_header(polling->cookies);
	size_t count = 0;

	set_url(polling, &request->url);
	text_clear(&request->cookie);
	text_add_string(&request->cookie, cookie ? cookie : "");
	if (header)
		request->headers[count++] = header;
	if (cookie)
		request->headers[count++] = request->cookie.data;
	request->headers[count] = NULL;
}

static void get_more(struct polling *polling)
{
	struct polling_request *get = &polling->get;
	struct http_request request = {
		.headers = get->headers,
		.piece = take_piece,
		.done = got,
		.context = polling,
	};

	prepare(polling, get, NULL);
	request.url = get->url.data;
	text_clear(&polling->part);
	get->transfer = http_start(polling->sid.length > 0 ? polling->waiting : polling->brief, &request);
}

void polling_open(struct polling *polling)
{
	get_more(polling);
}

void polling_send(struct polling *polling, const char *packet, size_t length)
{
	if (polling->queue.length > 0)
		text_add_char(&polling->queue, ENGINE_SEPARATOR);
	text_add(&polling->queue, packet, length);
}

/* As many packets as the server takes at once; one that is larger goes alone, and with Socket.IO 0.9 each does. */
static size_t portion(const struct polling *polling)
{
	const struct text *queue = &polling->queue;
	const char *cut = NULL;

	if (!polling->old && (polling->max_payload == 0 || queue->length <= polling->max_payload))
		return queue->length;
	if (!polling->old)
		cut = memrchr(queue->data, ENGINE_SEPARATOR, (size_t)polling->max_payload + 1);
	if (!cut)
		cut = memchr(queue->data, ENGINE_SEPARATOR, queue->length);
	return cut ? (size_t)(cut - queue->data) : queue->length;
}

static void post_some(struct polling *polling)
{
	struct polling_request *post = &polling->post;
	struct text *queue = &polling->queue;
	size_t length = portion(polling);
	struct http_request request = {
		.headers = post->headers,
		.piece = take_refusal,
		.done = posted,
		.context = polling,
	};

	text_clear(&polling->sending);
	text_add(&polling->sending, queue->data, length);
	text_drop(queue, length < queue->length ? length + 1 : length);
	text_clear(&polling->refusal);
	prepare(polling, post, "Content-Type: text/plain;charset=UTF-8");
	request.url = post->url.data;
	request.body = polling->sending.data;
	request.length = length;
	post->transfer = http_start(polling->brief, &request);
}

void polling_pause(struct polling *polling, bool paused)
{
	polling->paused = paused;
}

bool polling_idle(const struct polling *polling)
{
	return !polling->get.transfer && !polling->post.transfer;
}

size_t polling_queued(const struct polling *polling)
{
	return polling->queue.length + polling->sending.length;
}

void polling_work(struct polling *polling, bool held)
{
	if (polling->paused || polling->over || polling->sid.length == 0)
		return;
	if (!polling->post.transfer && polling->queue.length > 0)
		post_some(polling);
	if (!polling->get.transfer && !held)
		get_more(polling);
}

void polling_free(struct polling *polling)
{
	http_free(polling->waiting);
	http_free(polling->brief);
	text_free(&polling->sid);
	text_free(&polling->base);
	text_free(&polling->get.url);
	text_free(&polling->get.cookie);
	text_free(&polling->post.url);
	text_free(&polling->post.cookie);
	text_free(&polling->part);
	text_free(&polling->refusal);
	text_free(&polling->queue);
	text_free(&polling->sending);
}
