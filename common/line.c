#include "common/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/memory.h"
#include "common/signals.h"

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

/* Where a position of the ring lies in its mapping. */
static void stand_at(struct line_reader *reader, uint64_t position)
{
	const struct ring *ring = &reader->keeper->in;

	reader->buffer = ring->data;
	reader->start = reader->end = reader->searched = (size_t)(position & (ring->size - 1));
	reader->whole = 0;
}

void line_reader_keep(struct line_reader *reader, struct keeper *keeper, size_t limit)
{
	*reader = (struct line_reader){
		.fd = -1,
		.stop_fd = -1,
		.limit = limit,
		.keeper = keeper,
		.read = keeper->mark.in,
		.number = keeper->mark.lines,
	};
	stand_at(reader, reader->read);
}

void line_reader_free(struct line_reader *reader)
{
	if (!reader->keeper)
		free(reader->buffer);
	reader->buffer = NULL;
}

/* Takes note of what was published meanwhile. 1: something; 0: nothing, and it has said that it waits, or this is the end; -1: errno. */
static int look_at_ring(struct line_reader *reader)
{
	struct keeper *keeper = reader->keeper;
	bool ended;
	uint64_t head;

	do {
		/* In this order: the end is said behind the last head. */
		ended = ring_ended(&keeper->in);
		head = ring_head(&keeper->in);
	} while (head == reader->read && !ended && !ring_wait_reader(&keeper->in, keeper->page->in_slot, head));
	if (head == reader->read) {
		reader->ended = ended;
		/* An event loop is to come back for the end. */
		if (ended)
			bell_ring(keeper->page->bell);
		return 0;
	}
	/* It moves only while nothing is unread. */
	if (reader->start == reader->end) {
		if (ring_follow(&keeper->in) < 0)
			return -1;
		stand_at(reader, reader->read);
	} else if (reader->start >= keeper->in.size) {
		reader->start -= keeper->in.size;
		reader->end -= keeper->in.size;
		reader->searched -= keeper->in.size;
		reader->whole = 0;
	}
	reader->end += (size_t)(head - reader->read);
	reader->read = head;
	return 1;
}

bool line_reader_look_for_whole(struct line_reader *reader)
{
	const char *from = reader->buffer + reader->start, *last;

	/* What was searched in vain is not searched again. */
	last = reader->searched == reader->start && reader->start < reader->end
	               ? memrchr(from, '\n', reader->end - reader->start)
	               : NULL;
	reader->whole = last ? (size_t)(last - reader->buffer) + 1 : 0;
	return last;
}

/* A ring that is never empty is never waited for: a stage under load is to hear of it all the same. */
static bool told_to_stop(const struct line_reader *reader)
{
	return reader->stop_fd >= 0 && signals_stop();
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
	int more;

	if (!reader->over) {
		uint64_t offset = line_reader_position(reader);

		if (reader->barrier > 0 && offset >= reader->barrier)
			return LINE_WAIT;
		reader->number++;
		reader->offset = offset;
	}
	do {
		from = reader->buffer + reader->searched;
		if (reader->searched < reader->end)
			newline = memchr(from, '\n', reader->end - reader->searched);
		if (newline)
			return hand_out(reader, (size_t)(newline - reader->buffer) - reader->start, 1, line, length);
		reader->searched = reader->end;
		more = reader->keeper && !reader->ended && !told_to_stop(reader) ? look_at_ring(reader) : 0;
	} while (more > 0);
	if (more < 0)
		return LINE_ERROR;
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
		reader->start = reader->whole = 0;
		reader->end = have;
	}
	if (reader->capacity - reader->end < LINE_READ / 2) {
		reader->capacity *= 2;
		reader->buffer = xreallocarray(reader->buffer, reader->capacity + JSON_PADDING, 1);
		memset(reader->buffer + reader->end, 0, reader->capacity + JSON_PADDING - reader->end);
	}
}

/* Told to stop: what is behind the last newline may be half a line, and counts as not read. */
static enum line_status stop(struct line_reader *reader)
{
	reader->stopped = reader->ended = true;
	reader->read -= reader->end - reader->start;
	reader->end = reader->start = reader->searched = reader->whole = 0;
	reader->over = false;
	return LINE_END;
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

/* The same for a keeper. What it is told first may wait for its bell, too: so looks again. */
static bool wait_for_ring(struct line_reader *reader)
{
	struct keeper *keeper = reader->keeper;

	do {
		if (reader->before_wait)
			reader->before_wait(reader->context);
		if (!ring_wait_reader(&keeper->in, keeper->page->in_slot, reader->read))
			return true;
	} while (!keeper_wait(keeper, reader->stop_fd));
	return false;
}

static ssize_t pull(struct line_reader *reader)
{
	char *end = reader->buffer + reader->end;
	size_t room = reader->capacity - reader->end;

	return reader->pull ? reader->pull(reader->from, end, room) : read(reader->fd, end, room);
}

/* What a read(2) has given. */
static enum line_status take_note(struct line_reader *reader, ssize_t n)
{
	if (n < 0)
		return LINE_ERROR;
	if (n == 0)
		reader->ended = true;
	reader->end += (size_t)n;
	reader->read += (uint64_t)n;
	return n == 0 ? LINE_END : LINE_WAIT;
}

enum line_status line_reader_fill(struct line_reader *reader)
{
	ssize_t n;

	if (reader->ended)
		return LINE_END;
	if (reader->keeper)
		return !told_to_stop(reader) && wait_for_ring(reader) ? LINE_WAIT : stop(reader);
	make_room(reader);
	do {
		if (!wait_for_input(reader))
			return stop(reader);
		n = pull(reader);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return take_note(reader, n);
}

size_t line_reader_ahead(struct line_reader *reader, uint64_t from, const char **bytes)
{
	uint64_t position = line_reader_position(reader);

	while (reader->keeper && !reader->ended && !told_to_stop(reader) && look_at_ring(reader) > 0)
		;
	if (reader->over || from < position)
		return 0;
	*bytes = reader->buffer + reader->start + (from - position);
	return (size_t)(reader->read - from);
}

enum line_status line_reader_more(struct line_reader *reader)
{
	ssize_t n;

	if (reader->keeper)
		return line_reader_look(reader);
	make_room(reader);
	n = pull(reader);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return LINE_WAIT;
	return take_note(reader, n);
}

enum line_status line_reader_look(struct line_reader *reader)
{
	if (!reader->keeper)
		return line_reader_fill(reader);
	bell_clear(reader->keeper->page->bell);
	return reader->ended ? LINE_END : LINE_WAIT;
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

void line_writer_keep(struct line_writer *writer, struct keeper *keeper)
{
	*writer = (struct line_writer){.fd = -1, .keeper = keeper};
}

void line_writer_free(struct line_writer *writer)
{
	free(writer->buffer);
	writer->buffer = NULL;
}

char *line_writer_grow(struct line_writer *writer, size_t size)
{
	size_t capacity = writer->capacity ? writer->capacity : LINE_BLOCK + LINE_BLOCK / 4;

	while (capacity - writer->length < size)
		capacity *= 2;
	writer->buffer = xreallocarray(writer->buffer, capacity, 1);
	writer->capacity = capacity;
	return writer->buffer + writer->length;
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

static void forget(struct line_writer *writer, size_t length)
{
	memmove(writer->buffer, writer->buffer + length, writer->length - length);
	writer->length -= length;
	writer->whole -= length;
}

int line_writer_settle(struct line_writer *writer)
{
	size_t boundary = writer->boundary;
	int result;

	if (boundary == 0) {
		keeper_mark(writer->keeper);
		return 0;
	}
	result = keeper_put(writer->keeper, writer->buffer, boundary, writer->boundary_lines - writer->put_lines, true);
	writer->put_lines = writer->boundary_lines;
	writer->boundary = 0;
	forget(writer, boundary);
	return result;
}

/* Hands a keeper's lines over: those up to the boundary; then those behind it, if there were none before it or all are to go. */
static int put(struct line_writer *writer, bool all)
{
	size_t boundary = writer->boundary;
	int result = line_writer_settle(writer);

	if (result == 0 && (all || (boundary == 0 && !writer->patient)) && writer->whole > 0) {
		result = keeper_put(writer->keeper, writer->buffer, writer->whole, writer->lines - writer->put_lines,
		                    false);
		writer->put_lines = writer->lines;
		forget(writer, writer->whole);
	}
	return result;
}

int line_writer_put(struct line_writer *writer, const void *bytes, size_t length)
{
	char *at = line_writer_room(writer, length + 1);

	if (length > 0)
		memcpy(at, bytes, length);
	at[length] = '\n';
	writer->length += length + 1;
	return line_writer_end_raw(writer);
}

int line_writer_end(struct line_writer *writer)
{
	*line_writer_room(writer, 1) = '\n';
	writer->length++;
	return line_writer_end_raw(writer);
}

int line_writer_end_raw(struct line_writer *writer)
{
	if (writer->keeper && writer->keeper->skip > 0) {
		/* This process's predecessor has written it. */
		writer->keeper->skip--;
		writer->lines++;
		writer->put_lines++;
		line_writer_drop(writer);
		return 0;
	}
	writer->lines++;
	writer->whole = writer->length;
	if (writer->whole < LINE_BLOCK)
		return 0;
	return writer->keeper ? put(writer, false) : line_writer_flush(writer);
}

int line_writer_end_whole(struct line_writer *writer)
{
	*line_writer_room(writer, 1) = '\n';
	writer->length++;
	writer->lines++;
	writer->whole = writer->length;
	line_writer_boundary(writer);
	return writer->whole < LINE_BLOCK ? 0 : line_writer_flush(writer);
}

int line_writer_flush(struct line_writer *writer)
{
	size_t done = 0;
	int result = 0;

	if (writer->keeper)
		return put(writer, true);
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
		forget(writer, done);
	return result;
}
