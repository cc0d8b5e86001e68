#include "cmd/sources/socketio/transport.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/packet.h"
#include "cmd/sources/socketio/polling.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/websocket.h"

enum { QUEUE_FULL = 4 << 20 }; /* bytes that wait to be sent: nothing is read before they are fewer */

/* Where the packets go. */
enum way {
	BY_POLLING,
	PROBE_CONNECTS, /* by polling, while a WebSocket is made */
	PROBE_ASKS, /* "2probe" is sent, "3probe" is to come */
	PROBE_WAITS, /* it has come; the requests under way are waited for */
	BY_SOCKET,
};

struct transport {
	struct transport_request request;
	enum way way;
	bool ended, closing;
	bool polls; /* polling is to be freed */
	bool held; /* too much is queued */
	struct polling polling;
	struct text sid, socket_url, cookie;
	const char *socket_headers[2];
	struct websocket *socket; /* NULL: there is none, or not yet */
	struct websocket_request socket_request;
};

/* ---- the end ---- */

static void end(struct transport *transport, const struct engine_end *end)
{
	if (transport->ended)
		return;
	transport->ended = true;
	transport->request.ended(transport->request.context, end);
}

/* What may be done about a refusal. */
static const char *hint(enum http_failure failure, int status, int code)
{
	if (failure == HTTP_UNTRUSTED)
		return " (--cacert FILE says whom to trust)";
	if (status == 404)
		return " (--path says where the server of Socket.IO is)";
	if (status == 401 || status == 403)
		return " (--header, --user, --bearer or --query logs in)";
	if (code == ENGINE_SID_UNKNOWN)
		return " (it has ended the session, or is another server than before: --transport websocket)";
	return "";
}

static void free_polling(struct transport *transport)
{
	if (transport->polls)
		polling_free(&transport->polling);
	transport->polls = false;
}

/* ---- polling ---- */

static bool polled(void *context, const char *bytes, size_t length)
{
	struct transport *transport = context;
	struct transport_request *request = &transport->request;

	if (transport->ended)
		return false;
	if (request->old || length == 0 || bytes[0] != 'b')
		request->packet(request->context, true, bytes, length);
	else if (packet_is_base64(bytes + 1, length - 1))
		request->packet(request->context, false, bytes + 1, length - 1);
	else
		request->bad(request->context, bytes, length, "a binary message that is not base64");
	return !transport->ended;
}

static void polling_failed(void *context, const struct polling_failure *failure)
{
	struct transport *transport = context;
	struct engine_end last = {.failure = ENGINE_FAILED, .retry_after = failure->retry_after};
	struct text error = {0};

	if (transport->sid.length == 0 && transport->request.kind == ENGINE_AUTO &&
	    failure->code == ENGINE_TRANSPORT_UNKNOWN) {
		message_info("the server has no polling; trying a WebSocket");
		transport->way = BY_SOCKET; /* transport_work makes it */
		return;
	}
	if (failure->failure == HTTP_SETUP || failure->code == ENGINE_VERSION_UNKNOWN)
		last.failure = ENGINE_POINTLESS;
	text_addf(&error, "%s%s", failure->error, hint(failure->failure, failure->status, failure->code));
	last.error = error.data;
	end(transport, &last);
	text_free(&error);
}

static void start_polling(struct transport *transport)
{
	struct transport_request *request = &transport->request;

	transport->polling = (struct polling){.loop = request->loop,
	                                      .settings = request->settings,
	                                      .url = request->url,
	                                      .query = request->query,
	                                      .old = request->old,
	                                      .cookies = request->cookies,
	                                      .max_packet = request->max_packet,
	                                      .packet = polled,
	                                      .failed = polling_failed,
	                                      .context = transport};
	polling_init(&transport->polling);
	transport->polls = true;
	polling_open(&transport->polling);
}

/* ---- the WebSocket ---- */

static void socket_opened(void *context, const struct websocket_opening *opening)
{
	struct transport *transport = context;

	cookies_take_lines(transport->request.cookies, opening->headers);
	if (transport->way == BY_SOCKET) {
		transport->request.connected(transport->request.context);
	} else {
		transport->way = PROBE_ASKS;
		websocket_send(transport->socket, true, "2probe", 6);
	}
}

static void take_probe(struct transport *transport, bool text, const char *bytes, size_t length)
{
	if (transport->way == PROBE_ASKS && text && length == 6 && memcmp(bytes, "3probe", 6) == 0) {
		transport->way = PROBE_WAITS;
		polling_pause(&transport->polling, true);
	} else {
		transport->request.bad(transport->request.context, bytes, length, "not the answer to a probe");
	}
}

static void socket_message(void *context, bool text, const char *bytes, size_t length)
{
	struct transport *transport = context;
	struct transport_request *request = &transport->request;
	struct text base64 = {0};

	if (transport->ended)
		return;
	if (transport->way != BY_SOCKET) {
		take_probe(transport, text, bytes, length);
	} else if (text) {
		request->packet(request->context, true, bytes, length);
	} else {
		json_add_base64(&base64, bytes, length);
		json_pad(&base64);
		request->packet(request->context, false, base64.data, base64.length);
		text_free(&base64);
	}
}

static enum engine_failure failure_of(const struct websocket_end *last)
{
	switch (last->failure) {
	case WEBSOCKET_SETUP:
		return ENGINE_POINTLESS;
	case WEBSOCKET_CLOSED:
		return ENGINE_CLOSED;
	case WEBSOCKET_UNREACHABLE:
		return last->opened ? ENGINE_CLOSED : ENGINE_FAILED;
	default:
		return ENGINE_FAILED;
	}
}

static void socket_closed(void *context, const struct websocket_end *closed)
{
	struct transport *transport = context;
	struct engine_end last = {.failure = failure_of(closed), .retry_after = -1};
	struct text error = {0};

	transport->socket = NULL;
	if (transport->way != BY_SOCKET) {
		message_info("no WebSocket, polling goes on: %s", closed->error);
		transport->way = BY_POLLING;
		polling_pause(&transport->polling, false);
		return;
	}
	if (closed->opened && closed->code != WEBSOCKET_LOST)
		last.code = closed->code;
	text_add_string(&error, closed->error);
	if (closed->failure == WEBSOCKET_REFUSED) {
		last.retry_after = closed->retry_after;
		text_add_string(&error, hint(HTTP_OK, closed->status, -1));
	}
	last.error = error.data;
	end(transport, &last);
	text_free(&error);
}

static void connect_socket(struct transport *transport)
{
	struct transport_request *request = &transport->request;
	const char *cookie = cookies_header(request->cookies);
	struct text *url = &transport->socket_url;

	text_add_string(url, transport->polls ? transport->polling.base.data : request->url);
	if (request->old)
		text_addf(url, "1/websocket/%s?t=0%s", transport->sid.data, request->query);
	else
		text_addf(url, "?EIO=4&transport=websocket%s", request->query);
	if (!request->old && transport->sid.length > 0)
		text_addf(url, "&sid=%s", transport->sid.data);
	text_add_string(&transport->cookie, cookie ? cookie : "");
	transport->socket_headers[0] = cookie ? transport->cookie.data : NULL;
	transport->socket_request = (struct websocket_request){.settings = request->settings,
	                                                       .url = transport->socket_url.data,
	                                                       .headers = transport->socket_headers,
	                                                       .max_message = request->max_packet,
	                                                       .no_compression = request->settings->no_compression,
	                                                       .opened = socket_opened,
	                                                       .message = socket_message,
	                                                       .closed = socket_closed,
	                                                       .context = transport};
	transport->socket = websocket_connect(request->loop, &transport->socket_request);
}

/* What is queued goes the new way, a message for each packet. */
static void move_queue(struct transport *transport)
{
	const char *at = transport->polling.queue.data, *end = at + transport->polling.queue.length;

	while (at < end) {
		const char *cut = memchr(at, ENGINE_SEPARATOR, (size_t)(end - at));

		websocket_send(transport->socket, true, at, (size_t)((cut ? cut : end) - at));
		at = cut ? cut + 1 : end;
	}
}

/* From polling to the WebSocket, when no request is under way any more. */
static void upgrade(struct transport *transport)
{
	websocket_send(transport->socket, true, "5", 1);
	move_queue(transport);
	transport->way = BY_SOCKET;
	free_polling(transport);
	message_debug("upgraded to a WebSocket");
}

/* ---- for the caller ---- */

const char *transport_name(const struct transport *transport)
{
	return transport->way == BY_SOCKET ? "websocket" : "polling";
}

void transport_send(struct transport *transport, const char *packet, size_t length)
{
	if (transport->way != BY_SOCKET)
		polling_send(&transport->polling, packet, length);
	else if (transport->socket)
		websocket_send(transport->socket, true, packet, length);
}

void transport_handshaken(struct transport *transport, const char *sid, uint64_t max_payload, bool upgrades)
{
	text_add_string(&transport->sid, sid);
	if (transport->way == BY_SOCKET)
		return;
	text_add_string(&transport->polling.sid, sid);
	transport->polling.max_payload = max_payload;
	if (upgrades && transport->request.kind != ENGINE_BY_POLLING)
		transport->way = transport->request.old ? BY_SOCKET : PROBE_CONNECTS; /* transport_work begins it */
}

/* Nothing more is read while much waits to be sent: a server that asks without listening must not fill the memory. */
static void hold(struct transport *transport)
{
	size_t queued =
		transport->way != BY_SOCKET ? polling_queued(&transport->polling) : websocket_queued(transport->socket);
	bool full = queued > QUEUE_FULL;

	if (full != transport->held && transport->way == BY_SOCKET)
		websocket_pause(transport->socket, full);
	transport->held = full;
}

void transport_work(struct transport *transport)
{
	if (transport->ended)
		return;
	if (transport->way == BY_SOCKET && !transport->socket) {
		connect_socket(transport);
		free_polling(transport);
	} else if (transport->way == PROBE_CONNECTS && !transport->socket && !transport->closing) {
		connect_socket(transport);
	} else if (transport->way == PROBE_WAITS && polling_idle(&transport->polling) && !transport->closing) {
		upgrade(transport);
	}
	hold(transport);
	if (transport->polls)
		polling_work(&transport->polling, transport->held || transport->closing);
	if (transport->closing && transport->polls && polling_queued(&transport->polling) == 0)
		end(transport, &(struct engine_end){.failure = ENGINE_STOPPED, .retry_after = -1, .error = "closed"});
}

void transport_close(struct transport *transport)
{
	transport->closing = true;
	if (transport->way == BY_SOCKET) {
		if (transport->socket)
			websocket_close(transport->socket, WEBSOCKET_NORMAL, "");
	} else {
		polling_send(&transport->polling, transport->request.old ? "0::" : "1", transport->request.old ? 3 : 1);
		polling_pause(&transport->polling, false);
	}
}

struct transport *transport_start(const struct transport_request *request)
{
	struct transport *transport = xcalloc(1, sizeof(*transport));

	*transport = (struct transport){.request = *request};
	if (request->kind == ENGINE_BY_WEBSOCKET && !request->old)
		transport->way = BY_SOCKET; /* transport_work makes it */
	else
		start_polling(transport);
	return transport;
}

void transport_free(struct transport *transport)
{
	if (transport->socket)
		websocket_abort(transport->socket);
	free_polling(transport);
	text_free(&transport->sid);
	text_free(&transport->socket_url);
	text_free(&transport->cookie);
	free(transport);
}
