/*
 * What the server sends: JSON objects whose data is JSON in a string. Its own messages are acted upon, all others are events.
 */
#include <string.h>

#include "cmd/sources/pusher/pusher.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

/* A message, taken apart. */
struct received {
	const char *bytes;
	size_t length;
	struct json_span spans[WANT_COUNT];
	struct json_span data; /* with what was in the string, if that is JSON */
	unsigned flags; /* of data */
	struct json_span inner[INNER_COUNT];
};

/* ---- data ---- */

/* The data as JSON: what is in the string, or the string. With --text it stays what it is. */
static void decode(struct pusher *pusher, struct received *received, bool as_text)
{
	const struct json_span *data = &received->spans[WANT_DATA];
	struct json_result result;

	memset(received->inner, 0, sizeof(received->inner));
	received->data = *data;
	received->flags = data->flags;
	if (as_text || data->kind == JSON_NONE)
		return;
	text_clear(&pusher->inner);
	if (data->kind == JSON_STRING)
		json_add_unescaped(&pusher->inner, data->at, data->length);
	else
		text_add(&pusher->inner, data->at, data->length);
	json_pad(&pusher->inner);
	if (!json_scan(pusher->inner.data, pusher->inner.length, &pusher->wants.inner, received->inner, JSON_FACTS,
	               &result)) {
		memset(received->inner, 0, sizeof(received->inner));
		return;
	}
	received->data = (struct json_span){
		.at = pusher->inner.data + result.start, .length = result.end - result.start, .kind = result.kind};
	received->flags = result.flags;
}

/* … in one line. */
static const struct text *data_line(struct pusher *pusher, const struct received *received)
{
	text_clear(&pusher->line);
	if (received->data.kind == JSON_NONE)
		return NULL;
	if (received->flags & JSON_SPACED)
		json_add_compact(&pusher->line, received->data.at, received->data.length);
	else
		text_add(&pusher->line, received->data.at, received->data.length);
	return &pusher->line;
}

/* A string or a number of the data, as text. */
static void inner_text(const struct received *received, int slot, struct text *text)
{
	const struct json_span *span = &received->inner[slot];

	if (span->kind == JSON_STRING)
		json_add_unescaped(text, span->at, span->length);
	else if (span->kind != JSON_NONE && span->kind != JSON_NULL)
		text_add(text, span->at, span->length);
}

static int64_t inner_number(const struct received *received, int slot)
{
	double number = received->inner[slot].kind == JSON_NUMBER ? json_number(&received->inner[slot]) : 0;

	return number > 0 && number < 1e9 ? (int64_t)number : 0;
}

/* ---- events ---- */

static void add_member(struct text *members, const char *name, const struct json_span *value)
{
	if (value->kind == JSON_NONE || value->kind == JSON_NULL)
		return;
	text_addf(members, ",\"%s\":", name);
	text_add(members, value->at, value->length);
}

static const struct text *members_of(struct pusher *pusher, const struct received *received)
{
	text_clear(&pusher->members);
	add_member(&pusher->members, "channel", &received->spans[WANT_CHANNEL]);
	add_member(&pusher->members, "user_id", &received->spans[WANT_USER]);
	return &pusher->members;
}

/* The state of a channel: an event of ours. */
static void tell(struct pusher *pusher, const char *name, struct received *received)
{
	const struct text *line = data_line(pusher, received);

	link_tell(pusher, name, members_of(pusher, received), line ? line->data : NULL, line ? line->length : 0);
}

/* The name is a JSON string. */
static bool wanted(const struct pusher *pusher, const char *name, size_t length)
{
	for (size_t i = 0; i < pusher->events.count; i++)
		if (json_string_is(name, length, pusher->events.items[i], strlen(pusher->events.items[i])))
			return true;
	return pusher->events.count == 0;
}

static void write_event(struct pusher *pusher, const struct received *received, const char *name, size_t length)
{
	const struct text *line = data_line(pusher, received), *members = members_of(pusher, received);
	int64_t now = moment_unix();

	text_clear(&pusher->event);
	text_add(&pusher->event, name + 1, length - 2);
	if (!source_event_beside(&pusher->source, pusher->event.data, now, members, line ? line->data : NULL,
	                         line ? line->length : 0)) {
		source_bad(&pusher->source, received->bytes, received->length,
		           "a message is longer than --max-line as an event");
		return;
	}
	pusher->received++;
	pusher->place.events++;
	pusher->place.last = now;
	source_cursor(&pusher->source, &pusher->place, sizeof(pusher->place));
	if (pusher->count > 0 && pusher->place.events >= pusher->count)
		link_finish(pusher, STATUS_OK);
}

static void take_event(struct pusher *pusher, struct received *received, const char *name, size_t length)
{
	pusher->heard_event = moment_now();
	if (!wanted(pusher, name, length))
		return;
	decode(pusher, received, pusher->as_text);
	write_event(pusher, received, name, length);
}

/* ---- the server's own messages ---- */

static void take_established(struct pusher *pusher, struct received *received)
{
	int64_t seconds = inner_number(received, INNER_ACTIVITY);

	if (pusher->socket_id.length > 0)
		return;
	inner_text(received, INNER_SOCKET, &pusher->socket_id);
	if (pusher->socket_id.length == 0) {
		link_fail(pusher, false, "the server gives no socket_id");
		return;
	}
	if (seconds > 0 && seconds * UNIT_S < pusher->ping)
		pusher->activity_timeout = seconds * UNIT_S;
	link_established(pusher);
	channels_join(pusher);
}

static void take_error(struct pusher *pusher, struct received *received)
{
	struct text text = {0};

	pusher->code = (int)inner_number(received, INNER_CODE);
	text_init(&text);
	inner_text(received, INNER_MESSAGE, &text);
	if (pusher->code >= 4000 && pusher->code <= 4299) {
		/* A server that does not close by itself is not waited for. */
		link_fail(pusher, false, "the server says: %s (%d)", text.length > 0 ? text.data : "error",
		          pusher->code);
	} else {
		pusher->code = 0;
		message_warning("'%s': the server says: %s", pusher->shown, text.length > 0 ? text.data : "error");
		tell(pusher, "error", received);
	}
	text_free(&text);
}

static void take_ping(struct pusher *pusher, struct received *received)
{
	static const char pong[] = "{\"event\":\"pusher:pong\",\"data\":{}}";

	(void)received;
	websocket_send(pusher->socket, true, pong, sizeof(pong) - 1);
}

static void take_pong(struct pusher *pusher, struct received *received)
{
	(void)pusher;
	(void)received;
}

static void take_subscribed(struct pusher *pusher, struct received *received)
{
	tell(pusher, "subscribed", received);
	channels_joined(pusher, &received->spans[WANT_CHANNEL]);
}

static void take_refused(struct pusher *pusher, struct received *received)
{
	struct text text = {0};
	int64_t status = inner_number(received, INNER_STATUS);

	text_init(&text);
	inner_text(received, INNER_ERROR, &text);
	if (status)
		text_addf(&text, "%sstatus %d", text.length > 0 ? ", " : "", (int)status);
	tell(pusher, "subscription_error", received);
	channels_refused(pusher, &received->spans[WANT_CHANNEL], status, text.length > 0 ? text.data : "no reason");
	text_free(&text);
}

static void take_added(struct pusher *pusher, struct received *received)
{
	static const char name[] = "\"member_added\"";

	take_event(pusher, received, name, sizeof(name) - 1);
}

static void take_removed(struct pusher *pusher, struct received *received)
{
	static const char name[] = "\"member_removed\"";

	take_event(pusher, received, name, sizeof(name) - 1);
}

static const struct own {
	const char *name;
	void (*take)(struct pusher *pusher, struct received *received); /* NULL: it is told as `told` */
	const char *told;
} owns[] = {
	{"pusher:connection_established", take_established, NULL},
	{"pusher:error", take_error, NULL},
	{"pusher:ping", take_ping, NULL},
	{"pusher:pong", take_pong, NULL},
	{"pusher_internal:subscription_succeeded", take_subscribed, NULL},
	{"pusher:subscription_error", take_refused, NULL},
	{"pusher_internal:member_added", take_added, NULL},
	{"pusher_internal:member_removed", take_removed, NULL},
	{"pusher_internal:subscription_count", NULL, "subscription_count"},
	{"pusher:subscription_count", NULL, "subscription_count"},
	{"pusher:cache_miss", NULL, "cache_miss"},
};

static const struct own *find_own(const struct json_span *name)
{
	for (size_t i = 0; i < sizeof(owns) / sizeof(*owns); i++)
		if (json_string_is(name->at, name->length, owns[i].name, strlen(owns[i].name)))
			return &owns[i];
	return NULL;
}

void receive_message(void *context, bool text, const char *bytes, size_t length)
{
	struct pusher *pusher = context;
	struct received received = {.bytes = bytes, .length = length};
	const struct own *own;
	struct json_result result = {0};

	if (pusher->ending || pusher->mistake.length > 0)
		return;
	if (!text || !json_scan(bytes, length, &pusher->wants.message, received.spans, JSON_FACTS, &result) ||
	    received.spans[WANT_EVENT].kind != JSON_STRING) {
		source_bad(&pusher->source, bytes, length, "a message is no event of the protocol: %s",
		           !text          ? "it is binary"
		           : result.error ? result.error
		                          : "it has no name");
		return;
	}
	own = find_own(&received.spans[WANT_EVENT]);
	if (!own) {
		take_event(pusher, &received, received.spans[WANT_EVENT].at, received.spans[WANT_EVENT].length);
	} else {
		decode(pusher, &received, false);
		if (own->take)
			own->take(pusher, &received);
		else
			tell(pusher, own->told, &received);
	}
	link_heard(pusher);
}

/* The slots are as the enums have them. */
void receive_init(struct pusher *pusher)
{
	static const char *const message[WANT_COUNT] = {".event", ".channel", ".data", ".user_id"};
	static const char *const inner[INNER_COUNT] = {".socket_id", ".activity_timeout", ".code",
	                                               ".message",   ".status",           ".error"};
	const char *mistake;

	for (size_t i = 0; i < WANT_COUNT; i++)
		json_want_path(&pusher->wants.message, message[i], &mistake);
	for (size_t i = 0; i < INNER_COUNT; i++)
		json_want_path(&pusher->wants.inner, inner[i], &mistake);
	text_init(&pusher->socket_id);
}

void receive_free(struct pusher *pusher)
{
	json_want_free(&pusher->wants.message);
	json_want_free(&pusher->wants.inner);
	text_free(&pusher->socket_id);
	text_free(&pusher->inner);
	text_free(&pusher->line);
	text_free(&pusher->event);
	text_free(&pusher->members);
}
