// with: cmd/sources/socketio/dialect.c cmd/sources/socketio/packet.c common/utf8.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/json_text.c common/unit.c common/text.c common/memory.c common/message.c
/*
 * Socket.IO 0.9: an answer of long-polling is taken apart within its bounds; what a packet is translated to is a packet of
 * today, and translated back and forth again it is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/dialect.h"
#include "common/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static char *padded(const void *text, size_t length)
{
	char *copy = malloc(length + JSON_PADDING);

	if (length > 0)
		memcpy(copy, text, length);
	memset(copy + length, 0x5a, JSON_PADDING);
	return copy;
}

static void check_again(const struct text *first)
{
	struct text old = {0}, second = {0};

	dialect_write(&old, first->data, first->length);
	if (old.length > 0) {
		json_pad(&old);
		check(!dialect_read(&second, old.data, old.length, "s"));
		check(second.data[1] == first->data[1]);
	}
	text_free(&old);
	text_free(&second);
}

static void check_packet(const char *bytes, size_t length)
{
	struct text packet = {0};
	struct packet parsed;

	dialect_is_open(bytes, length);
	if (!dialect_read(&packet, bytes, length, "s")) {
		check(packet.length > 0 && packet.data[0] >= '0' && packet.data[0] <= '6');
		json_pad(&packet);
		if (packet.data[0] == '4' && !packet_parse(&parsed, packet.data + 1, packet.length - 1) &&
		    (parsed.kind == PACKET_EVENT || parsed.kind == PACKET_ACK) &&
		    !memchr(packet.data, 0, packet.length))
			check_again(&packet);
	}
	text_free(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine_handshake handshake = {.sid = {0}};
	char *bytes = padded(data, size);
	const char *at = bytes, *end = bytes + size, *packet, *before = at;
	size_t length;

	while (dialect_next(&at, end, &packet, &length)) {
		check(packet >= before && packet + length <= end && at > before && at >= packet + length);
		before = at;
		check_packet(packet, length);
	}
	if (!dialect_handshake_read(&handshake, bytes, size))
		check(handshake.sid.length > 0 && handshake.ping_interval > 0);
	text_free(&handshake.sid);
	free(bytes);
	return 0;
}
