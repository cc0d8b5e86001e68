/*
 * gz: what a gzip file holds (RFC 1952), its members one after another.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"

enum { GZ_ROOM = 64 * 1024, GZIP_ONLY = 16 };

struct gz {
	z_stream stream;
	int fd;
	off_t at; /* of the file, behind what is in the buffer */
	bool within; /* a member has begun */
	bool trailing;
	uint64_t members;
	const char *error;
	unsigned char buffer[GZ_ROOM];
};

struct gz *gz_new(int fd)
{
	struct gz *gz = xcalloc(1, sizeof(*gz));

	gz->fd = fd;
	if (inflateInit2(&gz->stream, MAX_WBITS + GZIP_ONLY) != Z_OK)
		fail("out of memory");
	return gz;
}

void gz_free(struct gz *gz)
{
	if (!gz)
		return;
	inflateEnd(&gz->stream);
	free(gz);
}

const char *gz_error(const struct gz *gz)
{
	return gz->error;
}

bool gz_trailing(const struct gz *gz)
{
	return gz->trailing;
}

/* False: the end of the file, or an error, of which errno is then not 0. */
static bool fill(struct gz *gz)
{
	ssize_t n;

	errno = 0;
	do
		n = pread(gz->fd, gz->buffer, sizeof(gz->buffer), gz->at);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	gz->at += n;
	gz->stream.next_in = gz->buffer;
	gz->stream.avail_in = (uInt)n;
	return true;
}

/* Behind a member: zeros are padding, as gzip(1) has it, and so is all that is no member. */
static bool next_member(struct gz *gz)
{
	for (;;) {
		while (gz->stream.avail_in > 0 && *gz->stream.next_in == 0) {
			gz->stream.next_in++;
			gz->stream.avail_in--;
		}
		if (gz->stream.avail_in > 0)
			break;
		if (!fill(gz))
			return false;
	}
	if (*gz->stream.next_in != 0x1f) {
		gz->trailing = true;
		return false;
	}
	inflateReset2(&gz->stream, MAX_WBITS + GZIP_ONLY);
	return true;
}

static enum gz_status step(struct gz *gz)
{
	switch (inflate(&gz->stream, Z_NO_FLUSH)) {
	case Z_STREAM_END:
		gz->within = false;
		gz->members++;
		return GZ_MORE;
	case Z_OK:
	case Z_BUF_ERROR:
		return GZ_MORE;
	case Z_MEM_ERROR:
		fail("out of memory");
	default:
		gz->error = gz->stream.msg ? gz->stream.msg : "damaged";
		return GZ_BAD;
	}
}

enum gz_status gz_read(struct gz *gz, struct text *text, size_t room)
{
	enum gz_status status = GZ_MORE;

	text_reserve(text, room);
	gz->stream.next_out = (unsigned char *)text->data + text->length;
	gz->stream.avail_out = (uInt)room;
	while (status == GZ_MORE && gz->stream.avail_out > 0) {
		if (!gz->within && gz->members > 0 && !next_member(gz)) {
			status = GZ_END;
		} else if (gz->stream.avail_in == 0 && !fill(gz)) {
			gz->error = errno ? "cannot be read" : "the end is missing";
			status = errno ? GZ_BAD : GZ_SHORT;
		} else {
			gz->within = true;
			status = step(gz);
		}
	}
	text->length += room - gz->stream.avail_out;
	text->data[text->length] = 0;
	return status;
}
