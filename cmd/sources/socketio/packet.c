#include "cmd/sources/socketio/packet.h"

#include <string.h>

#include "common/json_text.h"
#include "common/unit.h"

/* ---- Engine.IO ---- */

enum { SID_MAX = 256 };

static bool is_printable(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return false;
	return length > 0;
}

static bool read_sid(struct text *sid, const struct json_span *span)
{
	if (span->kind != JSON_STRING)
		return false;
	json_add_unescaped(sid, span->at, span->length);
	return sid->length <= SID_MAX && is_printable(sid->data, sid->length);
}

/* A number of milliseconds, more than 0 and less than a century. */
static bool read_pause(int64_t *pause, const struct json_span *span)
{
	double milliseconds = span->kind == JSON_NUMBER ? json_number(span) : 0;

	if (!(milliseconds >= 1 && milliseconds < 3e12))
		return false;
	*pause = (int64_t)milliseconds * UNIT_MS;
	return true;
}

static bool has_websocket(const struct json_span *upgrades)
{
	struct json_span value;
	const char *at = upgrades->at;

	while (upgrades->kind == JSON_ARRAY && json_next_element(&at, &value))
		if (value.kind == JSON_STRING && json_string_is(value.at, value.length, "websocket", 9))
			return true;
	return false;
}

const char *engine_handshake_read(struct engine_handshake *handshake, const char *json, size_t length)
{
	static const char *const names[] = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"};
	struct json_want want = {0};
	struct json_span spans[5];
	struct json_result result;
	const char *mistake = NULL;
	double most;

	for (size_t i = 0; i < 5; i++)
		json_want_member(&want, names[i], strlen(names[i]));
	if (!json_scan(json, length, &want, spans, 0, &result))
		mistake = "is not JSON";
	else if (!read_sid(&handshake->sid, &spans[0]))
		mistake = "has no sid";
	else if (!read_pause(&handshake->ping_interval, &spans[2]) || !read_pause(&handshake->ping_timeout, &spans[3]))
		mistake = "has no pingInterval and pingTimeout";
	json_want_free(&want);
	if (mistake)
		return mistake;
	handshake->upgrades = has_websocket(&spans[1]);
	most = spans[4].kind == JSON_NUMBER ? json_number(&spans[4]) : 0;
	handshake->max_payload = most >= 1 && most < 1e15 ? (uint64_t)most : 0;
	return NULL;
}

bool packet_is_base64(const char *text, size_t length)
{
	size_t padding = 0;

	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length - padding; i++) {
		char c = text[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
		      c == '/'))
			return false;
	}
	return length % 4 == 0;
}

/* ---- Socket.IO ---- */

/* Digits from *at on. False: there are none, or more than a number may have. */
static bool read_number(const char **at, const char *end, uint64_t *number)
{
	const char *s = *at;

	for (*number = 0; s < end && *s >= '0' && *s <= '9' && s - *at < 18; s++)
		*number = *number * 10 + (uint64_t)(*s - '0');
	if (s == *at || (s < end && *s >= '0' && *s <= '9'))
		return false;
	*at = s;
	return true;
}

static const char *read_kind(struct packet *packet, const char **at, const char *end)
{
	static const enum packet_kind kinds[] = {PACKET_CONNECT, PACKET_DISCONNECT, PACKET_EVENT, PACKET_ACK,
	                                         PACKET_REFUSED, PACKET_EVENT,      PACKET_ACK};
	uint64_t count;

	if (*at == end || **at < '0' || **at > '6')
		return "no packet begins so";
	packet->binary = **at >= '5';
	packet->kind = kinds[*(*at)++ - '0'];
	if (!packet->binary)
		return NULL;
	if (!read_number(at, end, &count) || *at == end || *(*at)++ != '-')
		return "no number of attachments";
	if (count > PACKET_ATTACHMENTS)
		return "too many attachments";
	packet->attachments = (size_t)count;
	return NULL;
}

static void read_space(struct packet *packet, const char **at, const char *end)
{
	const char *comma;

	packet->space = "/";
	packet->space_length = 1;
	if (*at == end || **at != '/')
		return;
	comma = memchr(*at, ',', (size_t)(end - *at));
	packet->space = *at;
	packet->space_length = (size_t)((comma ? comma : end) - *at);
	*at = comma ? comma + 1 : end;
}

static bool may_hold(const struct packet *packet)
{
	const struct json_span *payload = &packet->payload;
	struct json_span name;
	const char *at = payload->at;

	switch (packet->kind) {
	case PACKET_CONNECT:
		return payload->kind == JSON_NONE || payload->kind == JSON_OBJECT;
	case PACKET_DISCONNECT:
		return payload->kind == JSON_NONE;
	case PACKET_EVENT:
		return payload->kind == JSON_ARRAY && json_next_element(&at, &name) &&
		       (name.kind == JSON_STRING || name.kind == JSON_NUMBER);
	case PACKET_ACK:
		return payload->kind == JSON_ARRAY && packet->has_id;
	case PACKET_REFUSED:
		return payload->kind == JSON_OBJECT || payload->kind == JSON_STRING;
	default:
		return false;
	}
}

const char *packet_parse(struct packet *packet, const char *bytes, size_t length)
{
	const char *at = bytes, *end = bytes + length, *mistake;
	struct json_result result;

	*packet = (struct packet){0};
	mistake = read_kind(packet, &at, end);
	if (mistake)
		return mistake;
	read_space(packet, &at, end);
	if (at < end && *at >= '0' && *at <= '9') {
		packet->has_id = read_number(&at, end, &packet->id);
		if (!packet->has_id)
			return "the number of its ack is too long";
	}
	if (at < end) {
		if (!json_scan(at, (size_t)(end - at), NULL, NULL, JSON_FACTS, &result))
			return "its payload is not JSON";
		packet->payload = (struct json_span){.at = at + result.start,
		                                     .length = result.end - result.start,
		                                     .kind = result.kind,
		                                     .flags = result.flags};
	}
	return may_hold(packet) ? NULL : "its payload is none of a packet of that kind";
}

void packet_add(struct text *text, enum packet_kind kind, const char *space, int64_t id, const char *payload)
{
	text_add_char(text, (char)('0' + kind));
	if (strcmp(space, "/") != 0)
		text_addf(text, "%s,", space);
	if (id >= 0)
		text_addf(text, "%lld", (long long)id);
	if (payload)
		text_add_string(text, payload);
}

static bool key_is(const struct json_span *key, const char *name)
{
	return json_string_is(key->at, key->length, name, strlen(name));
}

/* Whether a placeholder begins at s, a '{' of a valid text: then *end is behind it, and *number what it stands for. */
static bool is_placeholder(const char *s, const char **end, double *number)
{
	struct json_span key, value;
	bool marked = false, numbered = false;

	for (int i = 0; i < 2; i++) {
		if (!json_next_member(&s, &key, &value))
			return false;
		if (value.kind == JSON_TRUE && key_is(&key, "_placeholder")) {
			marked = true;
		} else if (value.kind == JSON_NUMBER && key_is(&key, "num")) {
			numbered = true;
			*number = json_number(&value);
		} else {
			return false;
		}
	}
	s += strspn(s, " \t\r\n");
	*end = s + 1;
	return marked && numbered && *s == '}';
}

/* Behind the string that begins at s. */
static const char *behind_string(const char *s)
{
	for (s++; *s != '"'; s++)
		s += *s == '\\';
	return s + 1;
}

const char *packet_add_joined(struct text *text, const struct json_span *payload, const struct text *attachments,
                              size_t count, size_t limit)
{
	const char *s = payload->at, *from = s, *end = s + payload->length, *behind;
	double number = -1;

	while (s < end) {
		if (*s == '"') {
			s = behind_string(s);
		} else if (*s == '{' && is_placeholder(s, &behind, &number)) {
			if (!(number >= 0 && number < (double)count))
				return "a placeholder names no attachment";
			text_add(text, from, (size_t)(s - from));
			text_add_string(text, "{\"base64\":\"");
			text_add(text, attachments[(size_t)number].data, attachments[(size_t)number].length);
			text_add_string(text, "\"}");
			from = s = behind;
			if (text->length > limit)
				return "with its attachments it is too large";
		} else {
			s++;
		}
	}
	text_add(text, from, (size_t)(end - from));
	return NULL;
}
