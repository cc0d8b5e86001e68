/*
 * request: from the head of a request to its answer, which comes when its events are safe.
 *
 * A request that is refused by its head is read to its end all the same if that is not far, since who closes a connection with
 * something unread in it may take back the answer that is on its way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/sources/listen/listen.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

enum { READ_ON = 8 << 20 }; /* bytes of a body that nobody wants */

enum state {
	REQUEST_NEW,
	REQUEST_READS,
	REQUEST_WAITS, /* for its events to be safe */
	REQUEST_SAFE,
	REQUEST_GIVEN_UP,
	REQUEST_ANSWERED,
};

struct request {
	struct server *server;
	struct connection *client;
	struct MHD_Connection *connection;
	enum state state;
	bool suspended;
	char *query; /* without '?'; "" */
	char *method, *path, *name, *scope;
	struct text body;
	struct refusal refusal;
	struct text reason; /* of a refusal, if it is not a literal */
	uint64_t count;
	bool again; /* its id is known: the events are there already */
};

void *request_begin(void *server, const char *uri, struct MHD_Connection *connection)
{
	struct request *request = xcalloc(1, sizeof(*request));
	const char *query = strchr(uri, '?');

	request->server = server;
	request->client = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	request->connection = connection;
	request->query = xstrdup(query ? query + 1 : "");
	server_listen(server)->requests++;
	return request;
}

void request_completed(void *server, struct MHD_Connection *connection, void **context,
                       enum MHD_RequestTerminationCode reason)
{
	struct request *request = *context;
	struct listen *listen = server_listen(server);

	(void)connection;
	if (!request)
		return;
	if (request->state == REQUEST_READS && reason == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED &&
	    message_pass(&listen->slow))
		message_warning("%s is cut off: it has not sent a whole request in time (--timeout)",
		                request->client->peer);
	else if (request->state == REQUEST_READS)
		message_info("%s has gone in the middle of a request", request->client->peer);
	listen->requests--;
	request->client->since = moment_now();
	for (struct delivery *delivery = listen->outlet.first; delivery; delivery = delivery->next)
		if (delivery->request == request)
			delivery->request = NULL;
	free(request->query);
	free(request->method);
	free(request->path);
	free(request->name);
	free(request->scope);
	text_free(&request->body);
	text_free(&request->reason);
	free(request);
	*context = NULL;
}

/* ---- answers ---- */

static struct listen *listen_of(const struct request *request)
{
	return server_listen(request->server);
}

static void allow_origin(const struct listen *listen, struct MHD_Response *response)
{
	if (listen->cors)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, listen->cors);
}

static enum MHD_Result answer(struct request *request, unsigned status, const struct text *body, const char *type,
                              const char *header, const char *value)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(body->length, body->data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		fail("cannot make a response: out of memory");
	allow_origin(listen_of(request), response);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (body->length > 0)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (header)
		MHD_add_response_header(response, header, value);
	if (listen_of(request)->ending)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	request->state = REQUEST_ANSWERED;
	request->client->since = moment_now();
	return result;
}

static void say_refusal(const struct request *request, const char *reason)
{
	struct listen *listen = listen_of(request);

	if (message_pass(&listen->refused))
		message_warning("%s: %s '%s' is refused with %u: %s", request->client->peer, request->method,
		                request->path, request->refusal.status, reason);
}

static enum MHD_Result refuse(struct request *request)
{
	const struct refusal *refusal = &request->refusal;
	const char *reason = refusal->reason ? refusal->reason : request->reason.data;
	struct text body = {0};
	enum MHD_Result result;

	say_refusal(request, reason);
	text_add_string(&body, "{\"error\":");
	json_add_string(&body, reason, strlen(reason));
	text_add_string(&body, "}\n");
	result = answer(request, refusal->status, &body, "application/json", refusal->header, refusal->value);
	text_free(&body);
	return result;
}

static enum MHD_Result accept_it(struct request *request)
{
	struct listen *listen = listen_of(request);
	struct text body = {0};
	const char *type = "application/json";
	enum MHD_Result result;

	text_init(&body);
	if (listen->answer) {
		const char *first = listen->answer + strspn(listen->answer, " \t\n");

		text_add_string(&body, listen->answer);
		type = strchr("{[", *first) && *first ? type : "text/plain; charset=utf-8";
	} else if (listen->answer_status != MHD_HTTP_NO_CONTENT) {
		text_addf(&body, "{\"events\":%llu%s}\n", (unsigned long long)request->count,
		          request->again ? ",\"known\":true" : "");
	}
	result = answer(request, (unsigned)listen->answer_status, &body, type, NULL, NULL);
	text_free(&body);
	return result;
}

/* ---- the head ---- */

static struct refusal refusal(unsigned status, const char *header, const char *value, const char *reason)
{
	struct refusal made = {.status = status, .header = header, .reason = reason};

	if (value)
		snprintf(made.value, sizeof(made.value), "%s", value);
	return made;
}

static const char *header_of(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool is_allowed(const struct listen *listen, const char *method, char allowed[64])
{
	static const char *const usual[] = {"POST", "PUT"};
	size_t count = listen->methods.count ? listen->methods.count : 2;
	bool found = false;
	size_t length = 0;

	allowed[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const char *one = listen->methods.count ? listen->methods.items[i] : usual[i];

		found |= strcmp(one, method) == 0;
		if (length + strlen(one) + 3 < 64) {
			length += (size_t)sprintf(allowed + length, "%s%s", length ? ", " : "", one);
		}
	}
	return found;
}

/* How long the body says it is; 0: it does not say. */
static uint64_t announced(const struct request *request)
{
	const char *length = header_of(request, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length ? strtoull(length, NULL, 10) : 0;
}

/* Everything that can be said before the body has come. */
static struct refusal judge_head(struct request *request)
{
	struct listen *listen = listen_of(request);
	const char *coding = header_of(request, MHD_HTTP_HEADER_CONTENT_ENCODING);
	const char *name = NULL;
	struct endpoint *endpoint = server_route(request->server, request->path, &name);
	struct refusal made;
	char allowed[64];

	if (request->client->crowded)
		return refusal(MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "1", "too many connections");
	if (listen->ending)
		return refusal(MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "1", "about to end");
	if (!endpoint)
		return refusal(MHD_HTTP_NOT_FOUND, NULL, NULL, "nothing is at this path");
	request->name = xstrdup(name);
	request->scope = xstrdup(endpoint->path ? endpoint->path : "");
	if (!is_allowed(listen, request->method, allowed))
		return refusal(MHD_HTTP_METHOD_NOT_ALLOWED, MHD_HTTP_HEADER_ALLOW, allowed, "not with this method");
	made = guard_head(listen, request->connection, request->client->peer);
	if (made.status)
		return made;
	if (coding && strcasecmp(coding, "identity") != 0)
		return refusal(MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, MHD_HTTP_HEADER_ACCEPT_ENCODING, "identity",
		               "bodies are taken uncompressed only");
	if (announced(request) > listen->max_body)
		return refusal(MHD_HTTP_CONTENT_TOO_LARGE, NULL, NULL, "the body is too large (--max-body)");
	return made;
}

/* A browser asks whether a page of another origin may send (Fetch, section 3.2). */
static enum MHD_Result preflight(struct request *request)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;
	char allowed[64];

	is_allowed(listen_of(request), "", allowed);
	allow_origin(listen_of(request), response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS, allowed);
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type");
	MHD_add_response_header(response, MHD_HTTP_HEADER_ACCESS_CONTROL_MAX_AGE, "600");
	result = MHD_queue_response(request->connection, MHD_HTTP_NO_CONTENT, response);
	MHD_destroy_response(response);
	request->state = REQUEST_ANSWERED;
	return result;
}

static const char *argument(const struct request *request, const char *name)
{
	const char *value = MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);

	return value ? value : "";
}

/* WebSub, section 5.3, and those who took it over: says the challenge to whoever knows our token. */
static bool is_challenge(const struct request *request)
{
	const struct listen *listen = listen_of(request);

	return listen->verify_token && strcmp(request->method, MHD_HTTP_METHOD_GET) == 0 &&
	       *argument(request, "hub.challenge") &&
	       guard_same(argument(request, "hub.verify_token"), listen->verify_token);
}

static enum MHD_Result say_challenge(struct request *request)
{
	struct text body = {0};
	enum MHD_Result result;

	text_add_string(&body, argument(request, "hub.challenge"));
	result = answer(request, MHD_HTTP_OK, &body, "text/plain; charset=utf-8", NULL, NULL);
	text_free(&body);
	return result;
}

static enum MHD_Result take_head(struct request *request, const char *path, const char *method)
{
	const char *expect = header_of(request, MHD_HTTP_HEADER_EXPECT);
	bool far = announced(request) > READ_ON || (expect && strcasecmp(expect, "100-continue") == 0);

	request->state = REQUEST_READS;
	request->path = xstrdup(path);
	request->method = xstrdup(method);
	message_debug("%s: %s %s", request->client->peer, method, path);
	if (listen_of(request)->cors && strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0)
		return preflight(request);
	if (is_challenge(request))
		return say_challenge(request);
	request->refusal = judge_head(request);
	return request->refusal.status && far ? refuse(request) : MHD_YES;
}

/* ---- the body ---- */

static void take_piece(struct request *request, const char *bytes, size_t length)
{
	if (request->refusal.status)
		return;
	if (request->body.length + length > listen_of(request)->max_body) {
		text_free(&request->body);
		request->refusal =
			refusal(MHD_HTTP_CONTENT_TOO_LARGE, NULL, NULL, "the body is too large (--max-body)");
		return;
	}
	text_add(&request->body, bytes, length);
}

/* Its id is known: answered as soon as the events of the first time are safe. */
static bool is_known(struct request *request, struct delivery *delivery)
{
	struct listen *listen = listen_of(request);
	int64_t position = delivery->id ? ids_find(&listen->ids, delivery->id) : -1;

	if (position < 0 && !outlet_has(listen, delivery->id))
		return false;
	if (position >= 0 && source_safe(&listen->source, (uint64_t)position))
		request->again = true;
	else
		request->refusal = refusal(MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "1",
		                           "a request with this id is under way");
	return true;
}

static struct delivery *make_delivery(struct request *request)
{
	struct listen *listen = listen_of(request);
	struct delivery *delivery = xcalloc(1, sizeof(*delivery));
	struct body body = {listen,         request->connection,   request->method, request->path,
	                    request->query, request->client->peer, &request->body};
	unsigned status;

	delivery->request = request;
	delivery->time = moment_unix();
	delivery->until = moment_now() + listen->hold;
	status = body_to_events(&body, request->scope, delivery, &request->reason);
	if (status != MHD_HTTP_OK)
		request->refusal = refusal(status, NULL, NULL, NULL);
	request->count = delivery->count;
	text_free(&request->body);
	if (status == MHD_HTTP_OK && !is_known(request, delivery) && delivery->count > 0) {
		delivery->name = request->name;
		request->name = NULL;
		return delivery;
	}
	if (request->again)
		request->count = 0;
	text_free(&delivery->lines);
	free(delivery);
	return NULL;
}

static enum MHD_Result take_end(struct request *request)
{
	struct listen *listen = listen_of(request);
	struct delivery *delivery = NULL;

	if (!request->refusal.status)
		request->refusal = guard_body(listen, request->connection, &request->body);
	if (!request->refusal.status)
		delivery = make_delivery(request);
	if (request->refusal.status)
		return refuse(request);
	request->state = REQUEST_SAFE;
	if (delivery) {
		request->state = REQUEST_WAITS;
		request->client->since = INT64_MAX;
		outlet_add(listen, delivery);
	}
	if (request->state == REQUEST_SAFE)
		return accept_it(request);
	request->suspended = true;
	MHD_suspend_connection(request->connection);
	return MHD_YES;
}

void request_delivered(struct request *request, bool safe)
{
	request->state = safe ? REQUEST_SAFE : REQUEST_GIVEN_UP;
	if (!request->suspended)
		return;
	request->suspended = false;
	MHD_resume_connection(request->connection);
	server_touch(request->server);
}

enum MHD_Result request_on(void *server, struct MHD_Connection *connection, const char *path, const char *method,
                           const char *version, const char *bytes, size_t *length, void **context)
{
	struct request *request = *context;

	(void)server;
	(void)connection;
	(void)version;
	if (request->state == REQUEST_NEW)
		return take_head(request, path, method);
	if (*length > 0) {
		take_piece(request, bytes, *length);
		*length = 0;
		return MHD_YES;
	}
	switch (request->state) {
	case REQUEST_READS:
		return take_end(request);
	case REQUEST_SAFE:
		return accept_it(request);
	case REQUEST_GIVEN_UP:
		request->refusal = refusal(MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_HEADER_RETRY_AFTER, "5",
		                           "the events could not be handed on in time (--hold)");
		return refuse(request);
	default:
		return MHD_YES;
	}
}
