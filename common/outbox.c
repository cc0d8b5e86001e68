#include "common/outbox.h"

#include <string.h>

void outbox_init(struct outbox *outbox)
{
	outbox->deaf = false;
	outbox->at = outbox->chunk_at = outbox->chunk_length = 0;
	outbox->text = (struct text){0};
	text_init(&outbox->text);
}

void outbox_free(struct outbox *outbox)
{
	text_free(&outbox->text);
}

void outbox_frame(struct outbox *outbox, struct frames *frames, enum frames_opcode opcode, const void *bytes,
                  size_t length)
{
	if (!outbox->deaf)
		frames_add(frames, &outbox->text, opcode, bytes, length);
}

void outbox_close(struct outbox *outbox, struct frames *frames, int code, const char *reason)
{
	if (!outbox->deaf)
		frames_add_close(frames, &outbox->text, code, reason);
}

size_t outbox_queued(const struct outbox *outbox)
{
	return outbox->deaf ? 0 : outbox->chunk_length - outbox->chunk_at + outbox->text.length - outbox->at;
}

/* The next part of the text becomes the chunk. Memory that a burst took is given back behind it. */
static void fill_chunk(struct outbox *outbox)
{
	struct text *text = &outbox->text;
	size_t left = text->length - outbox->at;

	outbox->chunk_at = 0;
	outbox->chunk_length = left < OUTBOX_CHUNK ? left : OUTBOX_CHUNK;
	memcpy(outbox->chunk, text->data + outbox->at, outbox->chunk_length);
	outbox->at += outbox->chunk_length;
	if (outbox->at < text->length && outbox->at <= text->length / 2)
		return;
	text_drop(text, outbox->at);
	outbox->at = 0;
	if (text->length == 0 && text->capacity > 4 * OUTBOX_CHUNK) {
		text_free(text);
		text_init(text);
	}
}

void outbox_write(struct outbox *outbox, struct connection *connection)
{
	ssize_t n = 0;

	while (n >= 0 && outbox_queued(outbox) > 0) {
		if (outbox->chunk_at == outbox->chunk_length)
			fill_chunk(outbox);
		n = connection_write(connection, outbox->chunk + outbox->chunk_at,
		                     outbox->chunk_length - outbox->chunk_at);
		if (n > 0)
			outbox->chunk_at += (size_t)n;
	}
	if (n == CONNECTION_BROKEN) {
		outbox->deaf = true;
		outbox->at = outbox->chunk_at = outbox->chunk_length = 0;
		text_clear(&outbox->text);
	}
}
