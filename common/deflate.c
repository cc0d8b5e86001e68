#include "common/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "common/memory.h"
#include "common/message.h"

enum {
	WINDOW = 15,
	SMALLEST = 9, /* zlib's raw deflate does no window of 8 bits */
	BLOCK = 16 * 1024, /* room made at a time */
};

/* What ends the last block, and is not sent: RFC 7692 7.2.1. */
static const unsigned char tail[] = {0, 0, 0xff, 0xff};

struct deflate {
	struct deflate_terms terms;
	z_stream in, out;
	bool compresses;
};

static size_t skip(const char **at, const char *bytes)
{
	size_t length = strspn(*at, bytes);

	*at += length;
	return length;
}

/* The next "name" or "name=value" up to ';', ',' or the end. False: malformed. value is "" if there is none. */
static bool parameter(const char **at, char name[64], char value[16])
{
	size_t length;
	bool quoted;

	skip(at, " \t");
	length = strcspn(*at, " \t=;,");
	if (length == 0 || length >= 64)
		return false;
	memcpy(name, *at, length);
	name[length] = *value = '\0';
	*at += length;
	skip(at, " \t");
	if (**at == '=') {
		++*at;
		skip(at, " \t");
		quoted = **at == '"';
		*at += quoted;
		length = strcspn(*at, quoted ? "\"" : " \t;,");
		if (length == 0 || length >= 16)
			return false;
		memcpy(value, *at, length);
		value[length] = '\0';
		*at += length;
		if (quoted && *(*at)++ != '"')
			return false;
		skip(at, " \t");
	}
	return **at == '\0' || **at == ';' || **at == ',';
}

static bool window(const char *value, int *bits)
{
	if (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 2 || *value == '0')
		return false;
	*bits = atoi(value);
	return *bits >= 8 && *bits <= WINDOW;
}

const char *deflate_agreed(const char *extensions, struct deflate_terms *terms)
{
	char name[64], value[16];
	bool seen_client = false, seen_server = false;
	int ignored;

	*terms = (struct deflate_terms){.bits = WINDOW};
	if (!parameter(&extensions, name, value) || strcasecmp(name, "permessage-deflate") != 0 || *value)
		return "it chose an extension that was not offered";
	while (*extensions == ';') {
		extensions++;
		if (!parameter(&extensions, name, value))
			return "its answer to permessage-deflate is malformed";
		if (strcasecmp(name, "server_no_context_takeover") == 0 && !*value && !terms->forget_theirs)
			terms->forget_theirs = true;
		else if (strcasecmp(name, "client_no_context_takeover") == 0 && !*value && !terms->forget_ours)
			terms->forget_ours = true;
		else if (strcasecmp(name, "server_max_window_bits") == 0 && !seen_server && window(value, &ignored))
			seen_server = true;
		else if (strcasecmp(name, "client_max_window_bits") == 0 && !seen_client && window(value, &terms->bits))
			seen_client = true;
		else
			return "its terms for permessage-deflate are not valid";
	}
	return *extensions ? "it chose an extension that was not offered" : NULL;
}

struct deflate *deflate_new(const struct deflate_terms *terms)
{
	struct deflate *deflate = xcalloc(1, sizeof(*deflate));

	deflate->terms = *terms;
	deflate->compresses = terms->bits >= SMALLEST;
	if (inflateInit2(&deflate->in, -WINDOW) != Z_OK)
		fail("out of memory");
	if (deflate->compresses &&
	    deflateInit2(&deflate->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -terms->bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		fail("out of memory");
	return deflate;
}

void deflate_free(struct deflate *deflate)
{
	if (!deflate)
		return;
	inflateEnd(&deflate->in);
	if (deflate->compresses)
		deflateEnd(&deflate->out);
	free(deflate);
}

/* Inflates all of the bytes. One byte more than the limit is asked for, to tell "full" from "too large". */
static enum deflate_result feed(z_stream *in, const void *bytes, size_t length, uint64_t limit, struct text *out)
{
	bool more = true;

	in->next_in = (Bytef *)(uintptr_t)bytes;
	in->avail_in = (uInt)length;
	while (more) {
		size_t room = out->capacity - out->length > BLOCK ? out->capacity - out->length - 1 : BLOCK;
		int result;

		if (limit && room > limit + 1 - out->length)
			room = limit + 1 - out->length;
		if (room > UINT32_MAX)
			room = UINT32_MAX;
		text_reserve(out, room);
		in->next_out = (Bytef *)out->data + out->length;
		in->avail_out = (uInt)room;
		result = inflate(in, Z_SYNC_FLUSH);
		out->length += room - in->avail_out;
		out->data[out->length] = '\0';
		if (limit && out->length > limit)
			return DEFLATE_TOO_LARGE;
		/* A last block of the stream may come (RFC 7692 7.2.3.4), and another stream behind it. */
		if (result == Z_STREAM_END)
			inflateReset(in);
		else if (result == Z_MEM_ERROR)
			fail("out of memory");
		else if (result != Z_OK && result != Z_BUF_ERROR)
			return DEFLATE_GARBAGE;
		more = in->avail_in > 0 || in->avail_out == 0;
	}
	return DEFLATE_GOOD;
}

enum deflate_result deflate_inflate(struct deflate *deflate, const void *bytes, size_t length, bool last,
                                    uint64_t limit, struct text *out)
{
	enum deflate_result result = feed(&deflate->in, bytes, length, limit, out);

	if (result == DEFLATE_GOOD && last) {
		result = feed(&deflate->in, tail, sizeof(tail), limit, out);
		if (deflate->terms.forget_theirs)
			inflateReset(&deflate->in);
	}
	return result;
}

bool deflate_compress(struct deflate *ours, const void *bytes, size_t length, struct text *out)
{
	z_stream *z = &ours->out;

	if (!ours->compresses || length > UINT32_MAX)
		return false;
	z->next_in = (Bytef *)(uintptr_t)bytes;
	z->avail_in = (uInt)length;
	do {
		text_reserve(out, BLOCK);
		z->next_out = (Bytef *)out->data + out->length;
		z->avail_out = BLOCK;
		deflate(z, Z_SYNC_FLUSH);
		out->length += BLOCK - z->avail_out;
	} while (z->avail_out == 0);
	/* RFC 7692 7.2.1: the four bytes of the flush are not sent; of an empty message one has to be. */
	out->length -= sizeof(tail);
	out->data[out->length] = '\0';
	if (ours->terms.forget_ours)
		deflateReset(z);
	return true;
}
