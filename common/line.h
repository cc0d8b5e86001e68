/*
 * line: bytes from a descriptor to whole lines, and whole lines to a descriptor.
 *
 * Reading. One buffer per reader, grown up to the longest line; a line is a pointer into it,
 * without its newline, valid until the next call, with JSON_PADDING readable bytes behind it.
 * A line longer than the limit comes in pieces, so that it can be put aside whole while
 * memory stays bounded. The last line may lack its newline.
 *
 * Writing. Lines are gathered and written as whole lines, in writes of about LINE_BLOCK
 * bytes: a quarter of a pipe of 256 KiB. A single line that is longer is written whole.
 *
 * The flushing rule of pype-stage(7): before the reader would wait, it calls before_wait, which
 * flushes the writer. So one event passes at once and a flood goes in blocks.
 *
 * Both may be given a keeper (keeper.h): lines then lie in the ring of the input, where nobody copies them, and go to that of
 * the output, and a block that is full goes out up to the boundary only: what was written when an event was handled to its end.
 *
 * Nothing here ends the program; policy is the caller's (stage.h, source.h).
 */
#ifndef PYPE_LINE_H
#define PYPE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/keeper.h"

enum {
	LINE_BLOCK = 64 * 1024,
	LINE_PIPE = 256 * 1024,
	LINE_READ = 256 * 1024,
};
#define LINE_LIMIT (16ULL << 20)

enum line_status {
	LINE_WHOLE, /* a line */
	LINE_PIECE, /* part of a line over the limit, more of it follows */
	LINE_TAIL, /* the last part of a line over the limit */
	LINE_WAIT, /* line_reader_take: no whole line is there */
	LINE_END, /* end of input, or told to stop */
	LINE_ERROR, /* errno says why */
};

struct line_reader {
	int fd;
	int stop_fd; /* readable: stop reading (signals_fd); -1: none */
	size_t limit; /* longest line in bytes, without its newline */
	void (*before_wait)(void *context); /* or NULL */
	void *context;
	ssize_t (*pull)(void *from, void *buffer,
	                size_t size); /* NULL, or called in place of read(2), for what is packed */
	void *from;
	uint64_t number; /* of the current line, from 1 */
	uint64_t offset; /* where the current line begins, in bytes since the start */
	bool newline; /* the current line had one; only the last may lack it */
	bool stopped; /* told to stop: what lies beyond was not read */
	uint64_t barrier; /* line_reader_take gives no line that begins there or behind; 0: all */

	/* private */
	struct keeper *keeper; /* NULL: it reads fd */
	char *buffer;
	size_t capacity, start, end, searched;
	size_t whole; /* the end of the last line that is there with its newline, if it is behind start */
	uint64_t read;
	bool over, ended;
};

/* Also makes the pipe, if fd is one, LINE_PIPE large where that is allowed. */
void line_reader_init(struct line_reader *reader, int fd, size_t limit);
/* Reads a keeper's input ring, from its mark on. */
void line_reader_keep(struct line_reader *reader, struct keeper *keeper, size_t limit);
void line_reader_free(struct line_reader *reader);

/* The next line, reading and waiting as needed. Never LINE_WAIT. */
enum line_status line_reader_next(struct line_reader *reader, const char **line, size_t *length);

/* The two halves of it: what is there without reading, and one read(2). */
enum line_status line_reader_take(struct line_reader *reader, const char **line, size_t *length);
/* LINE_WAIT: something was read; LINE_END; LINE_ERROR. Waits if there is nothing to read. */
enum line_status line_reader_fill(struct line_reader *reader);
/* For those who look ahead: what is there from that offset on, without reading. 0: nothing, or it is within a line over the limit. */
size_t line_reader_ahead(struct line_reader *reader, uint64_t from, const char **bytes);
/* As line_reader_fill when there is something to read. Lines that were handed out are not valid any more. */
enum line_status line_reader_more(struct line_reader *reader);
/* As line_reader_fill for an event loop: does not wait if a keeper's bell rang for nothing. */
enum line_status line_reader_look(struct line_reader *reader);

/* How far the lines that were handed out reach, in bytes since the start. */
static inline uint64_t line_reader_position(const struct line_reader *reader)
{
	return reader->read - (reader->end - reader->start);
}

#ifdef __SSE2__
/* A bit for each newline of sixteen bytes. */
static inline uint64_t line_newlines(const char *bytes)
{
	__m128i part = _mm_loadu_si128((const __m128i *)(const void *)bytes);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8('\n')));
}
#endif

/* The first newline of the bytes; there is one, and JSON_PADDING more can be read behind them. */
static inline const char *line_find_newline(const char *bytes, size_t length)
{
#ifdef __SSE2__
	uint64_t found = line_newlines(bytes) | line_newlines(bytes + 16) << 16 | line_newlines(bytes + 32) << 32 |
	                 line_newlines(bytes + 48) << 48;

	if (found)
		return bytes + __builtin_ctzll(found);
#endif
	return memchr(bytes, '\n', length);
}

/* Finds out what of the bytes that are there are whole lines. False: none. */
bool line_reader_look_for_whole(struct line_reader *reader);

/*
 * The two halves of line_reader_take for most lines. What lies there, if that is the beginning of a line with this byte; else
 * NULL. The last of the *rest bytes is a newline, and JSON_PADDING more can be read behind them. The barrier is not heeded.
 */
static inline const char *line_reader_peek(struct line_reader *reader, char first, size_t *rest)
{
	const char *from;

	if (reader->start >= reader->whole && !line_reader_look_for_whole(reader))
		return NULL;
	from = reader->buffer + reader->start;
	*rest = reader->whole - reader->start;
	return *from == first && reader->searched == reader->start && !reader->over ? from : NULL;
}

/* Takes it as a line, which is so long and has its newline. False: it is over the limit, and not taken. */
static inline bool line_reader_pass(struct line_reader *reader, size_t length)
{
	if (length > reader->limit)
		return false;
	reader->newline = true;
	reader->number++;
	reader->offset = line_reader_position(reader);
	reader->start += length + 1;
	reader->searched = reader->start;
	return true;
}

struct line_writer {
	int fd;
	uint64_t written; /* bytes handed to the kernel */
	uint64_t lines; /* ended so far */

	bool patient; /* of a keeper: what is behind the boundary is not written before a flush */

	/* private */
	struct keeper *keeper; /* NULL: it writes to fd */
	char *buffer;
	size_t capacity, length, whole;
	size_t boundary; /* of a keeper: how much of it belongs to events that are handled to their end */
	uint64_t boundary_lines; /* … and how many lines are before that, of `lines` */
	uint64_t put_lines; /* … and how many are out */
};

void line_writer_init(struct line_writer *writer, int fd);
/* Writes to a keeper's output ring. */
void line_writer_keep(struct line_writer *writer, struct keeper *keeper);
void line_writer_free(struct line_writer *writer);

/* Makes the buffer larger; returns what line_writer_room does. */
char *line_writer_grow(struct line_writer *writer, size_t size);
/* Room for that many more bytes of the current line; line_writer_used says how many were put there. */
static inline char *line_writer_room(struct line_writer *writer, size_t size)
{
	return writer->capacity - writer->length < size ? line_writer_grow(writer, size)
	                                                : writer->buffer + writer->length;
}
static inline void line_writer_used(struct line_writer *writer, size_t length)
{
	writer->length += length;
}
void line_writer_add(struct line_writer *writer, const void *bytes, size_t length);
/* Adds the whole of a line, or its rest, and ends it as line_writer_end does. */
int line_writer_put(struct line_writer *writer, const void *bytes, size_t length);
/* Takes back what was added since the last whole line. */
void line_writer_drop(struct line_writer *writer);
/* Ends a line with '\n' (line_writer_end) or as it is (line_writer_end_raw); writes when a block is full. 0, or -1: errno. */
int line_writer_end(struct line_writer *writer);
int line_writer_end_raw(struct line_writer *writer);
/*
 * Ends a line with '\n' that is handled to its end: a boundary is behind it before anything is written. A keeper's `next` must
 * say so already.
 */
int line_writer_end_whole(struct line_writer *writer);
/* Writes all whole lines. 0, or -1: errno. */
int line_writer_flush(struct line_writer *writer);
/* With a keeper: writes what is before the boundary, and with it the keeper's `next`. */
int line_writer_settle(struct line_writer *writer);

/* For keepers: all that was written belongs to events that are handled; the keeper's `next` says how far that is. */
static inline void line_writer_boundary(struct line_writer *writer)
{
	writer->boundary = writer->whole;
	if (writer->keeper)
		writer->keeper->next.skip = writer->keeper->skip;
	writer->boundary_lines = writer->lines;
}

#endif
