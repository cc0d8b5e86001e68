// with: cmd/sources/socketio/packet.c common/utf8.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/json_text.c common/unit.c common/text.c common/memory.c common/message.c
/*
 * The packets of Socket.IO and the handshake of Engine.IO: the first byte says how many attachments there are. Nothing beyond the
 * padding is read; what is accepted lies within the packet and, with its attachments, is valid JSON again; a packet that is put
 * together from the parts is the same packet.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/packet.h"
#include "common/json_text.h"

enum { LIMIT = 1 << 20, ATTACHMENTS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

/* The text as json_scan wants it, and not a byte more; the caller frees it. */
static char *padded(const void *text, size_t length)
{
	char *copy = malloc(length + JSON_PADDING);

	if (length > 0)
		memcpy(copy, text, length);
	memset(copy + length, 0x5a, JSON_PADDING);
	return copy;
}

static bool is_json(const char *text, size_t length)
{
	char *copy = padded(text, length);
	struct json_result result;
	bool valid = json_scan(copy, length, NULL, NULL, 0, &result);

	free(copy);
	return valid;
}

static void check_joined(const struct packet *packet, size_t count)
{
	struct text attachments[ATTACHMENTS] = {{0}}, joined = {0};
	const char *mistake;

	for (size_t i = 0; i < count; i++)
		json_add_base64(&attachments[i], "abcd", i);
	mistake = packet_add_joined(&joined, &packet->payload, attachments, count, LIMIT);
	if (!mistake)
		check(is_json(joined.data, joined.length));
	for (size_t i = 0; i < count; i++)
		text_free(&attachments[i]);
	text_free(&joined);
}

/* Put together again; a namespace that holds a comma cannot come. */
static void check_again(const struct packet *packet)
{
	struct text text = {0};
	struct packet again;
	char *space = strndup(packet->space, packet->space_length);
	char *payload = packet->payload.kind == JSON_NONE ? NULL : strndup(packet->payload.at, packet->payload.length);
	char *copy;

	if (strlen(space) == packet->space_length && (!payload || strlen(payload) == packet->payload.length)) {
		packet_add(&text, packet->kind, space, packet->has_id ? (int64_t)packet->id : -1, payload);
		copy = padded(text.data, text.length);
		check(!packet_parse(&again, copy, text.length));
		check(again.kind == packet->kind && again.has_id == packet->has_id && again.id == packet->id);
		check(again.space_length == packet->space_length && again.payload.length == packet->payload.length);
		check(memcmp(again.space, space, again.space_length) == 0 && !again.binary);
		free(copy);
	}
	free(space);
	free(payload);
	text_free(&text);
}

static void check_packet(const char *bytes, size_t length, size_t attachments)
{
	struct packet packet;
	const char *mistake = packet_parse(&packet, bytes, length);

	if (mistake)
		return;
	check(packet.kind < PACKET_KINDS && packet.attachments <= PACKET_ATTACHMENTS && packet.space[0] == '/');
	check(packet.binary || packet.attachments == 0);
	if (packet.payload.kind == JSON_NONE)
		return check_again(&packet);
	check(packet.payload.at > bytes && packet.payload.at + packet.payload.length <= bytes + length);
	check(is_json(packet.payload.at, packet.payload.length));
	check_joined(&packet, attachments);
	check_again(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_handshake handshake = {.sid = {0}};
	char *bytes;

	if (size == 0)
		return 0;
	bytes = padded(data + 1, size - 1);
	check_packet(bytes, size - 1, data[0] % (ATTACHMENTS + 1));
	if (!engine_handshake_read(&handshake, bytes, size - 1))
		check(handshake.sid.length > 0 && handshake.ping_interval > 0 && handshake.ping_timeout > 0);
	packet_is_base64(bytes, size - 1);
	text_free(&handshake.sid);
	free(bytes);
	return 0;
}
