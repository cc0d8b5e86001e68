/*
 * dialect: Socket.IO 0.9, which is older than Engine.IO, translated to what there is now and back. Pure.
 *
 * Its packets are TYPE:[ID[+]]:[NAMESPACE][:DATA], such as 5:::{"name":"news","args":[1]}; several in one answer of long-polling stand
 * in frames. Its handshake is SID:HEARTBEAT:CLOSE:TRANSPORTS. https://github.com/socketio/socket.io-protocol/tree/v1
 */
#ifndef PYPE_SOCKETIO_DIALECT_H
#define PYPE_SOCKETIO_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/sources/socketio/packet.h"
#include "common/text.h"

/* Reads the handshake. Returns NULL, or what is wrong. */
const char *dialect_handshake_read(struct engine_handshake *handshake, const char *bytes, size_t length);

/* The server has opened the connection: the root namespace is joined by that. */
bool dialect_is_open(const char *bytes, size_t length);

/*
 * Appends what a packet means as one of Engine.IO 4. A namespace that is joined has the sid. JSON_PADDING behind bytes. Returns
 * NULL, or what is wrong, and then appends nothing.
 */
const char *dialect_read(struct text *packet, const char *bytes, size_t length, const char *sid);

/* Appends a packet of Engine.IO 4 that this client sends; nothing if there is no such thing. */
void dialect_write(struct text *old, const char *packet, size_t length);

/*
 * Walks through an answer of long-polling, from *at on. False: end is reached, or, if *at is not end, what follows is
 * malformed. A packet lies within the answer.
 */
bool dialect_next(const char **at, const char *end, const char **packet, size_t *length);

#endif
