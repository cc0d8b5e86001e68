/*
 * outbox: frames (frames.h) that are to go out on a connection (connection.h), in the order they were put there.
 */
#ifndef PYPE_OUTBOX_H
#define PYPE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/connection.h"
#include "common/frames.h"
#include "common/text.h"

enum { OUTBOX_CHUNK = 16 * 1024 }; /* a TLS record */

struct outbox {
	bool deaf; /* the other side takes nothing any more: what is put here is for nothing */

	/* private */
	struct text text;
	size_t at; /* bytes of text that are in the chunk or gone */
	size_t chunk_at, chunk_length;
	char chunk[OUTBOX_CHUNK]; /* on its way: stays where it is until it is gone, see connection_write */
};

void outbox_init(struct outbox *outbox);
void outbox_free(struct outbox *outbox);
/* As frames_add and frames_add_close. */
void outbox_frame(struct outbox *outbox, struct frames *frames, enum frames_opcode opcode, const void *bytes,
                  size_t length);
void outbox_close(struct outbox *outbox, struct frames *frames, int code, const char *reason);
/* Bytes that are not with the kernel yet. */
size_t outbox_queued(const struct outbox *outbox);
/* Writes what the connection takes now. */
void outbox_write(struct outbox *outbox, struct connection *connection);

#endif
