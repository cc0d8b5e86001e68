/*
 * From messages to packets: a packet of Socket.IO is a text, and the binary messages that belong to it come behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/socketio.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/unit.h"

void receive_bad(void *context, const char *bytes, size_t length, const char *reason)
{
	struct socketio *socketio = context;

	source_bad(&socketio->source, bytes, length, "'%s': %s", socketio->shown, reason);
}

static void dispatch(struct socketio *socketio, const struct packet *packet, const char *bytes, size_t length)
{
	for (size_t i = 0; i < socketio->space_count; i++) {
		struct space *space = &socketio->spaces[i];

		if (strlen(space->name) == packet->space_length &&
		    memcmp(space->name, packet->space, packet->space_length) == 0) {
			space_take(space, packet, bytes, length);
			return;
		}
	}
	receive_bad(socketio, bytes, length, "a packet for a namespace that was not asked for");
}

static void begin(struct assembly *assembly, const struct packet *packet, const char *bytes, size_t length)
{
	if (!assembly->attachments)
		assembly->attachments = xcalloc(PACKET_ATTACHMENTS, sizeof(*assembly->attachments));
	text_clear(&assembly->packet);
	text_add(&assembly->packet, bytes, length);
	json_pad(&assembly->packet);
	assembly->wanted = packet->attachments;
	assembly->count = 0;
	assembly->bytes = 0;
	assembly->too_large = false;
}

/* Ends it; the memory of large attachments is given back. */
static void reset(struct assembly *assembly)
{
	for (size_t i = 0; i < assembly->count; i++)
		text_free(&assembly->attachments[i]);
	assembly->wanted = assembly->count = 0;
}

/* All attachments are there. */
static void complete(struct socketio *socketio)
{
	struct assembly *assembly = &socketio->assembly;
	const char *bytes = assembly->packet.data, *mistake;
	size_t length = assembly->packet.length;
	struct text joined = {0};
	struct packet packet;

	packet_parse(&packet, bytes, length);
	if (assembly->too_large)
		mistake = "its attachments are larger than --max-message, and not kept";
	else
		mistake = packet_add_joined(&joined, &packet.payload, assembly->attachments, assembly->count,
		                            socketio->source.max_line);
	reset(assembly);
	json_pad(&joined);
	packet.payload.at = joined.data;
	packet.payload.length = joined.length;
	if (mistake)
		receive_bad(socketio, bytes, length, mistake);
	else
		dispatch(socketio, &packet, bytes, length);
	text_free(&joined);
}

static void take_binary(struct socketio *socketio, const char *base64, size_t length)
{
	struct assembly *assembly = &socketio->assembly;

	if (assembly->wanted == 0) {
		receive_bad(socketio, base64, length, "a binary message that belongs to no packet");
		return;
	}
	assembly->bytes += length;
	assembly->too_large |= assembly->bytes / 4 * 3 > socketio->max_message;
	if (!assembly->too_large)
		text_add(&assembly->attachments[assembly->count], base64, length);
	if (++assembly->count == assembly->wanted)
		complete(socketio);
}

static void take_text(struct socketio *socketio, const char *bytes, size_t length)
{
	struct assembly *assembly = &socketio->assembly;
	struct packet packet;
	const char *mistake;
	struct text reason = {0};

	if (assembly->wanted > 0) {
		receive_bad(socketio, assembly->packet.data, assembly->packet.length,
		            "a packet came in the middle of another one's attachments");
		reset(assembly);
	}
	mistake = packet_parse(&packet, bytes, length);
	if (mistake) {
		text_addf(&reason, "a packet of Socket.IO is malformed: %s", mistake);
		receive_bad(socketio, bytes, length, reason.data);
		text_free(&reason);
	} else if (packet.attachments > 0) {
		begin(assembly, &packet, bytes, length);
	} else {
		dispatch(socketio, &packet, bytes, length);
	}
}

void receive_message(void *context, bool text, const char *bytes, size_t length)
{
	struct socketio *socketio = context;

	if (text)
		take_text(socketio, bytes, length);
	else
		take_binary(socketio, bytes, length);
}

void receive_reset(struct socketio *socketio)
{
	struct assembly *assembly = &socketio->assembly;

	if (assembly->wanted > 0)
		message_info("'%s': the connection ended within the attachments of a packet", socketio->shown);
	reset(assembly);
}

void receive_free(struct socketio *socketio)
{
	reset(&socketio->assembly);
	free(socketio->assembly.attachments);
	text_free(&socketio->assembly.packet);
}
