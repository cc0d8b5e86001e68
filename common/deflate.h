/*
 * deflate: permessage-deflate (RFC 7692) of a WebSocket client: what is offered and agreed, and the compression itself (zlib).
 */
#ifndef PYPE_DEFLATE_H
#define PYPE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

/* The header Sec-WebSocket-Extensions of the request. */
#define DEFLATE_OFFER "permessage-deflate; client_max_window_bits"

/* What was agreed. */
struct deflate_terms {
	bool forget_ours, forget_theirs; /* client_… and server_no_context_takeover: each message stands for itself */
	int bits; /* client_max_window_bits */
};

/* Reads the answer to DEFLATE_OFFER. NULL, or what is wrong with it: then the connection must not be used. */
const char *deflate_agreed(const char *extensions, struct deflate_terms *terms);

struct deflate;

struct deflate *deflate_new(const struct deflate_terms *terms);
void deflate_free(struct deflate *deflate);

enum deflate_result { DEFLATE_GOOD, DEFLATE_GARBAGE, DEFLATE_TOO_LARGE };

/*
 * Inflates the next bytes of a message; last: with these it is complete. Appends to out, which does not grow beyond limit bytes
 * (0: none). After anything but DEFLATE_GOOD there is no going on.
 */
enum deflate_result deflate_inflate(struct deflate *deflate, const void *bytes, size_t length, bool last,
                                    uint64_t limit, struct text *out);

/* Appends a whole message, compressed. False: it has to go as it is (the agreed window is too small for zlib). */
bool deflate_compress(struct deflate *ours, const void *bytes, size_t length, struct text *out);

#endif
