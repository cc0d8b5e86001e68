#include "common/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/memory.h"

/* Best effort: a user without privileges has few large pipes, and fd need not be a pipe. */
static void enlarge_pipe(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	if (size > 0 && size < LINE_PIPE)
		fcntl(fd, F_SETPIPE_SZ, LINE_PIPE);
}

void line_reader_init(struct line_reader *reader, int fd, size_t limit)
{
	*reader = (struct line_reader){.fd = fd, .stop_fd = -1, .limit = limit, .capacity = LINE_READ};
	/* Zeroed once: the padding behind the first lines must be readable. */
	reader->buffer = xcalloc(reader->capacity + JSON_PADDING, 1);
	enlarge_pipe(fd);
}

void line_reader_free(struct line_reader *reader)
{
	free(reader->buffer);
	reader->buffer = NULL;
}

static enum line_status hand_out(struct line_reader *reader, size_t length, size_t skip, const char **line,
                                 size_t *size)
{
	enum line_status status = LINE_WHOLE;

	*line = reader->buffer + reader->start;
	*size = length;
	reader->newline = skip > 0;
	reader->start += length + skip;
	reader->searched = reader->start;
	if (reader->over)
		status = LINE_TAIL;
	else if (length > reader->limit)
		/* Too long, and yet all of it is here: one piece is the whole line. */
		status = LINE_TAIL;
	reader->over = false;
	return status;
}

enum line_status line_reader_take(struct line_reader *reader, const char **line, size_t *length)
{
	const char *from, *newline = NULL;
	size_t have;

	if (!reader->over) {
		reader->number++;
		reader->offset = reader->read - (reader->end - reader->start);
	}
	from = reader->buffer + reader->searched;
	if (reader->searched < reader->end)
		newline = memchr(from, '\n', reader->end - reader->searched);
	if (newline)
		return hand_out(reader, (size_t)(newline - reader->buffer) - reader->start, 1, line, length);
	reader->searched = reader->end;
	have = reader->end - reader->start;
	if (reader->ended && (have > 0 || reader->over))
		return hand_out(reader, have, 0, line, length);
	if (have > reader->limit || (reader->over && have >= LINE_READ / 2)) {
		*line = reader->buffer + reader->start;
		*length = have;
		reader->start = reader->searched = reader->end;
		reader->over = true;
		return LINE_PIECE;
	}
	if (!reader->over)
		reader->number--;
	return reader->ended ? LINE_END : LINE_WAIT;
}

/* Moves what is left to the front, and makes room for at least half a block. */
static void make_room(struct line_reader *reader)
{
	size_t have = reader->end - reader->start;

	if (reader->start > 0 && (have == 0 || reader->capacity - reader->end < LINE_READ / 2)) {
		memmove(reader->buffer, reader->buffer + reader->start, have);
		reader->searched -= reader->start;
		reader->start = 0;
		reader->end = have;
	}
	if (reader->capacity - reader->end < LINE_READ / 2) {
		reader->capacity *= 2;
		reader->buffer = xreallocarray(reader->buffer, reader->capacity + JSON_PADDING, 1);
		memset(reader->buffer + reader->end, 0, reader->capacity + JSON_PADDING - reader->end);
	}
}

/* Waits for input, telling the caller first if there is none yet. False: stop. */
static bool wait_for_input(struct line_reader *reader)
{
	struct pollfd fds[2] = {{.fd = reader->fd, .events = POLLIN}, {.fd = reader->stop_fd, .events = POLLIN}};
	int ready = poll(fds, 2, 0);

	/* A signal may come in between: then there is nothing to read, either. */
	if (ready <= 0 && reader->before_wait)
		reader->before_wait(reader->context);
	while (ready <= 0) {
		ready = poll(fds, 2, -1);
		if (ready < 0 && errno != EINTR)
			return true; /* let read(2) find out */
	}
	return !(fds[1].revents & POLLIN);
}

enum line_status line_reader_fill(struct line_reader *reader)
{
	ssize_t n;

	if (reader->ended)
		return LINE_END;
	make_room(reader);
	do {
		if (!wait_for_input(reader)) {
			reader->stopped = reader->ended = true;
			/* What is behind the last newline may be half a line: it counts as not read. */
			reader->read -= reader->end - reader->start;
			reader->end = reader->start = reader->searched = 0;
			reader->over = false;
			return LINE_END;
		}
		n = read(reader->fd, reader->buffer + reader->end, reader->capacity - reader->end);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return LINE_ERROR;
	if (n == 0)
		reader->ended = true;
	reader->end += (size_t)n;
	reader->read += (uint64_t)n;
	return n == 0 ? LINE_END : LINE_WAIT;
}

enum line_status line_reader_next(struct line_reader *reader, const char **line, size_t *length)
{
	for (;;) {
		enum line_status status = line_reader_take(reader, line, length);

		if (status != LINE_WAIT)
			return status;
		if (line_reader_fill(reader) == LINE_ERROR)
			return LINE_ERROR;
	}
}

void line_writer_init(struct line_writer *writer, int fd)
{
	*writer = (struct line_writer){.fd = fd};
	enlarge_pipe(fd);
}

void line_writer_free(struct line_writer *writer)
{
	free(writer->buffer);
	writer->buffer = NULL;
}

char *line_writer_room(struct line_writer *writer, size_t size)
{
	if (writer->capacity - writer->length < size) {
		size_t capacity = writer->capacity ? writer->capacity : LINE_BLOCK + LINE_BLOCK / 4;

		while (capacity - writer->length < size)
			capacity *= 2;
		writer->buffer = xreallocarray(writer->buffer, capacity, 1);
		writer->capacity = capacity;
	}
	return writer->buffer + writer->length;
}

void line_writer_used(struct line_writer *writer, size_t length)
{
	writer->length += length;
}

void line_writer_add(struct line_writer *writer, const void *bytes, size_t length)
{
	if (length)
		memcpy(line_writer_room(writer, length), bytes, length);
	writer->length += length;
}

void line_writer_drop(struct line_writer *writer)
{
	writer->length = writer->whole;
}

int line_writer_end(struct line_writer *writer)
{
	*line_writer_room(writer, 1) = '\n';
	writer->length++;
	return line_writer_end_raw(writer);
}

int line_writer_end_raw(struct line_writer *writer)
{
	writer->whole = writer->length;
	return writer->whole >= LINE_BLOCK ? line_writer_flush(writer) : 0;
}

int line_writer_flush(struct line_writer *writer)
{
	size_t done = 0;
	int result = 0;

	while (done < writer->whole && result == 0) {
		size_t rest = writer->whole - done;
		ssize_t n = write(writer->fd, writer->buffer + done, rest);

		if (n >= 0) {
			done += (size_t)n;
			writer->written += (uint64_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody made the shared pipe non-blocking: wait as if it were not. */
			struct pollfd fd = {.fd = writer->fd, .events = POLLOUT};

			poll(&fd, 1, -1);
		} else if (errno != EINTR) {
			result = -1;
		}
	}
	if (done > 0)
		memmove(writer->buffer, writer->buffer + done, writer->length - done);
	writer->length -= done;
	writer->whole -= done;
	return result;
}
