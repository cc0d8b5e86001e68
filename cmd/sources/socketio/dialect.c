#include "cmd/sources/socketio/dialect.h"

#include <string.h>

#include "common/json_text.h"
#include "common/unit.h"

enum { SID_MAX = 256, NOT_HANDSHAKEN = '1' };

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/* How many of the bytes are of the set. */
static size_t span(const char *bytes, const char *end, const char *set)
{
	size_t length = 0;

	while (bytes + length < end && bytes[length] && strchr(set, bytes[length]))
		length++;
	return length;
}

static bool has_word(const char *at, const char *end, const char *word)
{
	size_t length = strlen(word);

	for (; at < end; at++) {
		size_t count = span(at, end, letters);

		if (count == length && memcmp(at, word, length) == 0)
			return true;
		at += count;
	}
	return false;
}

const char *dialect_handshake_read(struct engine_handshake *handshake, const char *bytes, size_t length)
{
	const char *end = bytes + length, *at = bytes;
	size_t sid = span(at, end, letters), digits;
	int64_t seconds = 0;

	if (sid == 0 || sid > SID_MAX || at + sid == end || at[sid] != ':')
		return "has no sid";
	text_add(&handshake->sid, at, sid);
	at += sid + 1;
	digits = span(at, end, "0123456789");
	if (digits > 6 || at + digits == end || at[digits] != ':')
		return "has no time for heartbeats";
	for (size_t i = 0; i < digits; i++)
		seconds = seconds * 10 + (at[i] - '0');
	/* None is without end; a day will do. */
	handshake->ping_interval = digits > 0 && seconds > 0 ? seconds * UNIT_S : UNIT_DAY;
	handshake->ping_timeout = 0;
	handshake->upgrades = has_word(at, end, "websocket");
	handshake->max_payload = 0;
	return NULL;
}

/* ---- packets ---- */

struct old {
	char type;
	const char *id, *space, *data;
	size_t id_length, space_length, data_length;
};

/* Up to the next colon; behind it, if there is one. */
static const char *part(const char **at, const char *end, size_t *length)
{
	const char *from = *at, *colon = memchr(from, ':', (size_t)(end - from));

	*length = (size_t)((colon ? colon : end) - from);
	*at = colon ? colon + 1 : end;
	return from;
}

static bool take_apart(struct old *old, const char *bytes, size_t length)
{
	const char *at = bytes, *end = bytes + length, *query;
	size_t type;

	old->type = *part(&at, end, &type);
	old->id = part(&at, end, &old->id_length);
	old->space = part(&at, end, &old->space_length);
	old->data = at;
	old->data_length = (size_t)(end - at);
	if (old->id_length > 0 && old->id[old->id_length - 1] == '+')
		old->id_length--;
	query = memchr(old->space, '?', old->space_length);
	if (query)
		old->space_length = (size_t)(query - old->space);
	return length > 0 && type == 1 && span(old->id, old->id + old->id_length, "0123456789") == old->id_length &&
	       !memchr(old->space, ',', old->space_length) && (old->space_length == 0 || *old->space == '/');
}

bool dialect_is_open(const char *bytes, size_t length)
{
	struct old old;

	return take_apart(&old, bytes, length) && old.type == '1' && old.space_length == 0;
}

static void begin(struct text *packet, enum packet_kind kind, const struct old *old)
{
	text_addf(packet, "%d%d", ENGINE_MESSAGE, kind);
	if (old->space_length > 0) {
		text_add(packet, old->space, old->space_length);
		text_add_char(packet, ',');
	}
}

/* {"name":NAME,"args":[…]} */
static const char *read_event(struct text *packet, const struct old *old)
{
	struct json_want want = {0};
	struct json_span spans[2];
	struct json_result result;
	bool good;

	json_want_member(&want, "name", 4);
	json_want_member(&want, "args", 4);
	good = json_scan(old->data, old->data_length, &want, spans, 0, &result) && spans[0].kind == JSON_STRING &&
	       (spans[1].kind == JSON_NONE || spans[1].kind == JSON_ARRAY);
	json_want_free(&want);
	if (!good)
		return "its data is none of an event";
	begin(packet, PACKET_EVENT, old);
	text_add(packet, old->id, old->id_length);
	text_add_char(packet, '[');
	text_add(packet, spans[0].at, spans[0].length);
	if (spans[1].kind == JSON_ARRAY && spans[1].at[1 + strspn(spans[1].at + 1, " \t\r\n")] != ']') {
		text_add_char(packet, ',');
		text_add(packet, spans[1].at + 1, spans[1].length - 2);
	}
	text_add_char(packet, ']');
	return NULL;
}

/* What send() sends there: an event "message" of one argument, a text or any JSON. */
static const char *read_message(struct text *packet, const struct old *old, bool json)
{
	struct json_result result;

	if (json && !json_scan(old->data, old->data_length, NULL, NULL, 0, &result))
		return "its data is not JSON";
	begin(packet, PACKET_EVENT, old);
	text_add(packet, old->id, old->id_length);
	text_add_string(packet, "[\"message\",");
	if (json)
		text_add(packet, old->data, old->data_length);
	else
		json_add_string(packet, old->data, old->data_length);
	text_add_char(packet, ']');
	return NULL;
}

/* ID+[…] or ID */
static const char *read_ack(struct text *packet, const struct old *old)
{
	const char *end = old->data + old->data_length, *rest;
	size_t digits = span(old->data, end, "0123456789");
	struct json_result result;

	rest = old->data + digits + (old->data + digits < end && old->data[digits] == '+');
	if (digits == 0 || (rest < end && (!json_scan(rest, (size_t)(end - rest), NULL, NULL, 0, &result) ||
	                                   result.kind != JSON_ARRAY)))
		return "its data is none of an ack";
	begin(packet, PACKET_ACK, old);
	text_add(packet, old->data, digits);
	if (rest < end)
		text_add(packet, rest, (size_t)(end - rest));
	else
		text_add_string(packet, "[]");
	return NULL;
}

/*
 * REASON+ADVICE; the reason is a number, or a text of somebody else's. That this client is not known, said for the whole
 * connection, is its end: the server has closed it while no GET waited, or has begun anew, and says this to each GET.
 */
static void read_error(struct text *packet, const struct old *old)
{
	static const char *const reasons[] = {"transport not supported", "client not handshaken", "unauthorized"};
	const char *plus = memchr(old->data, '+', old->data_length);
	size_t length = plus ? (size_t)(plus - old->data) : old->data_length;

	if (old->space_length == 0 && length == 1 && *old->data == NOT_HANDSHAKEN) {
		text_addf(packet, "%d", ENGINE_CLOSE);
		return;
	}
	begin(packet, PACKET_REFUSED, old);
	if (length == 1 && *old->data >= '0' && *old->data <= '2')
		json_add_string(packet, reasons[*old->data - '0'], strlen(reasons[*old->data - '0']));
	else
		json_add_string(packet, old->data, old->data_length);
}

static void read_connect(struct text *packet, const struct old *old, const char *sid)
{
	begin(packet, PACKET_CONNECT, old);
	text_add_string(packet, "{\"sid\":");
	json_add_string(packet, sid, strlen(sid));
	text_add_char(packet, '}');
}

const char *dialect_read(struct text *packet, const char *bytes, size_t length, const char *sid)
{
	struct old old;

	if (!take_apart(&old, bytes, length))
		return "no packet of Socket.IO 0.9";
	switch (old.type) {
	case '0':
		begin(packet, PACKET_DISCONNECT, &old);
		return NULL;
	case '1':
		read_connect(packet, &old, sid);
		return NULL;
	case '2':
		text_addf(packet, "%d", ENGINE_PING);
		return NULL;
	case '3':
	case '4':
		return read_message(packet, &old, old.type == '4');
	case '5':
		return read_event(packet, &old);
	case '6':
		return read_ack(packet, &old);
	case '7':
		read_error(packet, &old);
		return NULL;
	case '8':
		text_addf(packet, "%d", ENGINE_NOOP);
		return NULL;
	default:
		return "no type of Socket.IO 0.9";
	}
}

static void write_event(struct text *old, const struct packet *packet)
{
	const char *at = packet->payload.at;
	struct json_span name, first;

	json_next_element(&at, &name);
	text_add_string(old, "5:");
	if (packet->has_id)
		text_addf(old, "%llu+", (unsigned long long)packet->id);
	text_addf(old, ":%.*s:{\"name\":", packet->space_length > 1 ? (int)packet->space_length : 0, packet->space);
	text_add(old, name.at, name.length);
	text_add_string(old, ",\"args\":[");
	if (json_next_element(&at, &first))
		text_add(old, first.at, (size_t)(packet->payload.at + packet->payload.length - first.at));
	else
		text_add_char(old, ']');
	text_add_char(old, '}');
}

static void write_message(struct text *old, const struct packet *packet)
{
	int space = packet->space_length > 1 ? (int)packet->space_length : 0;

	if (packet->kind == PACKET_EVENT)
		write_event(old, packet);
	else if (packet->kind == PACKET_CONNECT && space > 0)
		text_addf(old, "1::%.*s", space, packet->space);
	else if (packet->kind == PACKET_ACK)
		text_addf(old, "6::%.*s:%llu+%.*s", space, packet->space, (unsigned long long)packet->id,
		          (int)packet->payload.length, packet->payload.at);
}

void dialect_write(struct text *old, const char *packet, size_t length)
{
	struct packet message;
	struct text copy = {0};

	if (*packet == '0' + ENGINE_CLOSE) {
		text_add_string(old, "0::");
	} else if (*packet == '0' + ENGINE_PONG) {
		text_add_string(old, "2::");
	} else if (*packet == '0' + ENGINE_MESSAGE) {
		text_add(&copy, packet + 1, length - 1);
		json_pad(&copy);
		if (!packet_parse(&message, copy.data, copy.length))
			write_message(old, &message);
		text_free(&copy);
	}
}

/* ---- long-polling ---- */

#define FRAME "\xef\xbf\xbd" /* U+FFFD */

/* Behind so many units of UTF-16; end if there are not so many. */
static const char *behind(const char *at, const char *end, uint64_t units)
{
	while (units > 0 && at < end) {
		unsigned char c = (unsigned char)*at++;

		while (at < end && ((unsigned char)*at & 0xc0) == 0x80)
			at++;
		units -= c >= 0xf0 && units > 1 ? 2 : 1;
	}
	return units == 0 ? at : NULL;
}

bool dialect_next(const char **at, const char *end, const char **packet, size_t *length)
{
	const char *s = *at, *stop;
	uint64_t units = 0;
	size_t digits;

	if (s == end)
		return false;
	if (end - s < 3 || memcmp(s, FRAME, 3) != 0) {
		*packet = s;
		*length = (size_t)(end - s);
		*at = end;
		return true;
	}
	s += 3;
	digits = span(s, end, "0123456789");
	for (size_t i = 0; i < digits && digits <= 9; i++)
		units = units * 10 + (uint64_t)(s[i] - '0');
	s += digits;
	if (digits == 0 || digits > 9 || end - s < 3 || memcmp(s, FRAME, 3) != 0)
		return false;
	stop = behind(s + 3, end, units);
	if (!stop)
		return false;
	*packet = s + 3;
	*length = (size_t)(stop - *packet);
	*at = stop;
	return true;
}
