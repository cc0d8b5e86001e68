/*
 * packet: what is inside the packets of Engine.IO 4 and Socket.IO 5. Pure, but for the memory of texts.
 *
 * A packet of Engine.IO is a byte that says its type, and data. One of type ENGINE_MESSAGE holds a packet of Socket.IO:
 *     TYPE [ATTACHMENTS-] [/NAMESPACE,] [ID] [JSON]
 * https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
 */
#ifndef PYPE_SOCKETIO_PACKET_H
#define PYPE_SOCKETIO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/text.h"

/* Types of Engine.IO, as digits on the wire. */
enum engine_type {
	ENGINE_OPEN,
	ENGINE_CLOSE,
	ENGINE_PING,
	ENGINE_PONG,
	ENGINE_MESSAGE,
	ENGINE_UPGRADE,
	ENGINE_NOOP,
	ENGINE_TYPES,
};

/* Numbers of what is wrong, with status 400. */
enum { ENGINE_TRANSPORT_UNKNOWN, ENGINE_SID_UNKNOWN, ENGINE_VERSION_UNKNOWN = 5 };

/* What stands between the packets of a payload (HTTP long-polling). */
enum { ENGINE_SEPARATOR = 0x1e };

/* What the server says when a connection opens. */
struct engine_handshake {
	struct text sid; /* letters, digits, '_' and '-' and other printable ASCII */
	bool upgrades; /* to a WebSocket */
	int64_t ping_interval, ping_timeout; /* nanoseconds */
	uint64_t max_payload; /* of what is sent to it; 0: it does not say */
};

/* Reads the JSON of a packet ENGINE_OPEN. JSON_PADDING behind it. Returns NULL, or what is wrong. */
const char *engine_handshake_read(struct engine_handshake *handshake, const char *json, size_t length);

/* Whether the text is base64 (RFC 4648, with padding). */
bool packet_is_base64(const char *text, size_t length);

/* Kinds of Socket.IO, as digits on the wire; binary events and acks are EVENT and ACK with attachments here. */
enum packet_kind {
	PACKET_CONNECT,
	PACKET_DISCONNECT,
	PACKET_EVENT,
	PACKET_ACK,
	PACKET_REFUSED, /* CONNECT_ERROR */
	PACKET_KINDS,
};

enum { PACKET_ATTACHMENTS = 1000 }; /* most in a packet */

struct packet {
	enum packet_kind kind;
	const char *space; /* the namespace, not ended by NUL: "/" if none is named */
	size_t space_length;
	bool binary; /* `attachments` binary messages follow, maybe none */
	size_t attachments;
	bool has_id;
	uint64_t id; /* of an ack that is asked for, or of one that came */
	struct json_span payload; /* with all facts; JSON_NONE: none */
};

/*
 * Takes a packet apart; all points into bytes, behind which JSON_PADDING must be readable. Returns NULL, or what is wrong. What is
 * accepted: an EVENT's payload is an array whose first element is a string or a number, an ACK's an array, a CONNECT's
 * an object or none, a REFUSED's an object or a string, a DISCONNECT's none.
 */
const char *packet_parse(struct packet *packet, const char *bytes, size_t length);

/* Appends a packet of this kind; id < 0: none; payload NULL: none. */
void packet_add(struct text *text, enum packet_kind kind, const char *space, int64_t id, const char *payload);

/*
 * Appends the payload with {"base64":"…"} in place of each {"_placeholder":true,"num":N}, N being an index in attachments, which
 * are base64. Returns NULL, or what is wrong: a number is out of range, or it would be more than limit bytes (an attachment may be
 * named as often as a server likes). What is appended then is of no use.
 */
const char *packet_add_joined(struct text *text, const struct json_span *payload, const struct text *attachments,
                              size_t count, size_t limit);

#endif
