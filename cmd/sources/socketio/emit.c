#include <string.h>

#include "cmd/sources/socketio/socketio.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

static void add_member(struct text *text, const char *name, const char *value)
{
	text_addf(text, "%s\"%s\":", text->data[text->length - 1] == '{' ? "" : ",", name);
	json_add_string(text, value, strlen(value));
}

/* Begins an event's data: {"namespace":… */
static struct text *begin(struct space *space)
{
	struct text *data = &space->socketio->data;

	text_clear(data);
	text_add_char(data, '{');
	add_member(data, "namespace", space->name);
	return data;
}

static bool write_event(struct socketio *socketio, const char *name, const struct text *data)
{
	return source_event(&socketio->source, name, moment_unix(), data->length > 0 ? data->data : NULL, data->length);
}

/* One of ours. */
static void write_own(struct socketio *socketio, const char *name, struct text *data)
{
	text_add_char(data, '}');
	if (!write_event(socketio, name, data))
		source_bad(&socketio->source, data->data, data->length, "event '%s' is longer than --max-line", name);
	place_note(socketio);
}

void emit_connected(struct space *space, bool recovered)
{
	struct text *data = begin(space);

	add_member(data, "sid", space->sid.data);
	add_member(data, "transport", engine_transport(space->socketio->engine));
	text_addf(data, ",\"recovered\":%s", recovered ? "true" : "false");
	write_own(space->socketio, "connected", data);
}

void emit_disconnected(struct space *space, const char *reason, const char *detail, int code)
{
	struct text *data = begin(space);

	add_member(data, "sid", space->sid.data);
	add_member(data, "reason", reason);
	if (code > 0)
		text_addf(data, ",\"code\":%d", code);
	add_member(data, "detail", detail);
	write_own(space->socketio, "disconnected", data);
}

/* The bytes of a JSON text, without white space between tokens. */
static void add_json(struct text *text, const char *json, size_t length, unsigned flags)
{
	if (flags & JSON_SPACED)
		json_add_compact(text, json, length);
	else
		text_add(text, json, length);
}

void emit_ack(struct space *space, const struct opening *opening, const struct packet *packet)
{
	struct text *data = begin(space);

	add_member(data, "name", opening->name);
	text_add_string(data, ",\"args\":");
	add_json(data, packet->payload.at, packet->payload.length, packet->payload.flags);
	write_own(space->socketio, "ack", data);
}

/* ---- an event of the server's ---- */

/* [NAME,ARGUMENT…]: where the parts are. */
struct parts {
	struct json_span name, first, last;
	const char *end; /* behind the last argument that is one */
	size_t count; /* of arguments */
	struct json_span offset; /* the server's mark for recovery, behind the arguments; JSON_NONE */
};

static bool is_yeast(const char *s, size_t length)
{
	static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
	size_t time = 0, all;

	/* Milliseconds in base 64, from the year 2020 to 2150, and a number behind a dot if there are several in one. */
	while (time < length && memchr(letters, s[time], 64))
		time++;
	if (time != 7 || s[0] < 'M' || s[0] > 'V')
		return false;
	all = time;
	if (all < length && s[all] == '.')
		for (all++; all < length && memchr(letters, s[all], 64); all++)
			;
	return all == length && s[length - 1] != '.';
}

/* MongoDB's ObjectId, or the ID of an entry of a Redis stream. */
static bool is_stored(const char *s, size_t length)
{
	size_t digits = 0, rest;

	if (length == 24 && strspn(s, "0123456789abcdef") == 24)
		return true;
	digits = strspn(s, "0123456789");
	if (digits != 13 || s[digits] != '-')
		return false;
	rest = strspn(s + digits + 1, "0123456789");
	return rest > 0 && digits + 1 + rest == length;
}

/*
 * With connection state recovery the server puts an offset behind the arguments of an event, unless that is volatile or asks
 * for an ack. It cannot be told from an argument but by its form, which is that of the adapters of Socket.IO.
 */
static bool is_offset(const struct space *space, const struct packet *packet, const struct json_span *value)
{
	if (space->pid.length == 0 || packet->has_id || value->kind != JSON_STRING || value->length < 3 ||
	    value->flags & JSON_ESCAPED)
		return false;
	return is_yeast(value->at + 1, value->length - 2) || is_stored(value->at + 1, value->length - 2);
}

static void take_apart(const struct space *space, const struct packet *packet, struct parts *parts)
{
	const char *at = packet->payload.at;
	struct json_span value, before = {0};

	*parts = (struct parts){0};
	json_next_element(&at, &parts->name);
	while (json_next_element(&at, &value)) {
		if (parts->count++ == 0)
			parts->first = value;
		before = parts->last;
		parts->last = value;
	}
	if (parts->count > 0 && is_offset(space, packet, &parts->last)) {
		parts->count--;
		parts->offset = parts->last;
		parts->last = before;
	}
	parts->end = parts->last.at + parts->last.length;
}

static bool is_wanted(const struct socketio *socketio, const struct json_span *name)
{
	for (size_t i = 0; i < socketio->events.count; i++) {
		const char *wanted = socketio->events.items[i];

		if (name->kind == JSON_STRING
		            ? json_string_is(name->at, name->length, wanted, strlen(wanted))
		            : strlen(wanted) == name->length && memcmp(wanted, name->at, name->length) == 0)
			return true;
	}
	return socketio->events.count == 0;
}

/* The name as it stands between the quotes of a JSON string. */
static void add_name(struct text *text, const struct json_span *name)
{
	struct text plain = {0}, quoted = {0};

	if (name->kind != JSON_STRING) {
		text_add(text, name->at, name->length);
	} else if (!(name->flags & JSON_ESCAPED)) {
		text_add(text, name->at + 1, name->length - 2);
	} else {
		json_add_unescaped(&plain, name->at, name->length);
		json_add_string(&quoted, plain.data, plain.length);
		text_add(text, quoted.data + 1, quoted.length - 2);
		text_free(&plain);
		text_free(&quoted);
	}
}

static void add_arguments(struct text *data, const struct parts *parts, unsigned flags)
{
	text_add_char(data, '[');
	if (parts->count > 0)
		add_json(data, parts->first.at, (size_t)(parts->end - parts->first.at), flags);
	text_add_char(data, ']');
}

/* {"namespace":…,"name":…,"args":[…],"ack":true,"offset":…} */
static void add_meta(struct space *space, const struct packet *packet, const struct parts *parts, const char *name)
{
	struct text *data = begin(space);

	text_addf(data, ",\"name\":\"%s\",\"args\":", name);
	add_arguments(data, parts, packet->payload.flags);
	if (packet->has_id)
		text_add_string(data, ",\"ack\":true");
	if (parts->offset.kind != JSON_NONE) {
		text_add_string(data, ",\"offset\":");
		text_add(data, parts->offset.at, parts->offset.length);
	}
	text_add_char(data, '}');
}

/* The only argument, the list of several, or nothing. */
static void add_plain(struct text *data, const struct packet *packet, const struct parts *parts)
{
	text_clear(data);
	if (parts->count == 1)
		add_json(data, parts->first.at, parts->first.length, packet->payload.flags);
	else if (parts->count > 1)
		add_arguments(data, parts, packet->payload.flags);
}

static void keep_offset(struct space *space, const struct parts *parts)
{
	if (parts->offset.kind == JSON_NONE || parts->offset.length - 2 > PLACE_WORD)
		return;
	text_clear(&space->offset);
	text_add(&space->offset, parts->offset.at + 1, parts->offset.length - 2);
}

bool emit_received(struct space *space, const struct packet *packet, const char *bytes, size_t length)
{
	struct socketio *socketio = space->socketio;
	struct text *name = &socketio->scratch;
	struct parts parts;
	char limit[UNIT_TEXT_MAX];

	take_apart(space, packet, &parts);
	keep_offset(space, &parts);
	if (is_wanted(socketio, &parts.name)) {
		text_clear(name);
		add_name(name, &parts.name);
		if (socketio->meta)
			add_meta(space, packet, &parts, name->data);
		else
			add_plain(&socketio->data, packet, &parts);
		if (write_event(socketio, socketio->name ? socketio->name : name->data, &socketio->data))
			socketio->received++;
		else
			source_bad(&socketio->source, bytes, length, "'%s': event '%s' is longer than %s (--max-line)",
			           socketio->shown, name->data, unit_size_text(limit, socketio->source.max_line));
	}
	place_note(socketio);
	return socketio->count == 0 || socketio->received < socketio->count;
}
