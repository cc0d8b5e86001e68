/*
 * line_reader: whole lines from reads of every size.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "common/line.h"
#include "common/text.h"
#include "test/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void must(bool right, const char *what)
{
	if (!right) {
		perror(what);
		exit(1);
	}
}

/* A descriptor that gives what was written to the other one in pieces, a read(2) each. */
static void make_packets(int fds[2])
{
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
}

static int make_file(const void *bytes, size_t length)
{
	int fd = memfd_create("lines", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, bytes, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0, "memfd");
	return fd;
}

/* What has to come of a text, by hand: compares the next line with it. Returns what is wrong, or NULL. */
static const char *next_is(struct line_reader *reader, const char *text, size_t size, size_t *at, uint64_t *number)
{
	const char *newline = *at < size ? memchr(text + *at, '\n', size - *at) : NULL, *line;
	size_t length = (newline ? (size_t)(newline - text) : size) - *at, got, done = 0;
	enum line_status status = line_reader_next(reader, &line, &got);
	volatile char sum = 0;

	if (*at == size)
		return status == LINE_END && reader->number == *number && reader->offset == size ? NULL : "end";
	++*number;
	if (length <= reader->limit) {
		if (status != LINE_WHOLE || got != length || memcmp(line, text + *at, length) != 0)
			return "a line";
	} else {
		for (; status == LINE_PIECE; done += got, status = line_reader_next(reader, &line, &got)) {
			if (done + got > length || memcmp(line, text + *at + done, got) != 0)
				return "a piece";
			if (reader->number != *number || reader->offset != *at)
				return "where a piece is";
		}
		if (status != LINE_TAIL || done + got != length || memcmp(line, text + *at + done, got) != 0)
			return "a tail";
	}
	for (size_t i = 0; i < JSON_PADDING; i++)
		sum = (char)(sum + line[got + i]);
	if (reader->number != *number || reader->offset != *at)
		return "where a line is";
	if (reader->newline != !!newline)
		return "whether it had a newline";
	*at += length + !!newline;
	return NULL;
}

/* NULL, or what is wrong. */
static const char *read_all(struct line_reader *reader, const char *text, size_t size)
{
	size_t at = 0;
	uint64_t number = 0;
	const char *wrong = NULL;

	while (at < size && !wrong)
		wrong = next_is(reader, text, size, &at, &number);
	/* The end stays the end. */
	for (int i = 0; i < 2 && !wrong; i++)
		wrong = next_is(reader, text, size, &at, &number);
	return wrong;
}

static void test_pieces(struct tap *tap)
{
	static const char text[] = "first\n\nthird with \0 a NUL\n\n\n1234567890123456789\n12345678901234567890\n"
				   "123456789012345678901\n{\"a\":\"far longer than the limit of twenty bytes\"}\n"
				   "short\nand longer than the limit of twenty bytes again\n\nlast without newline";
	size_t ends[] = {sizeof(text) - 1, sizeof(text) - sizeof("last without newline"),
	                 sizeof(text) - sizeof("\nlast without newline"), 1, 0};

	for (size_t e = 0; e < COUNT(ends); e++) {
		const char *wrong = NULL;

		for (size_t piece = 1; piece <= ends[e] + 1 && !wrong; piece++) {
			struct line_reader reader;
			int fds[2];

			make_packets(fds);
			for (size_t at = 0; at < ends[e]; at += piece) {
				size_t length = ends[e] - at < piece ? ends[e] - at : piece;

				must(write(fds[1], text + at, length) == (ssize_t)length, "write");
			}
			close(fds[1]);
			line_reader_init(&reader, fds[0], 20);
			wrong = read_all(&reader, text, ends[e]);
			line_reader_free(&reader);
			close(fds[0]);
		}
		tap_ok(tap, !wrong, "%zu bytes in reads of every size: %s", ends[e], wrong ? wrong : "as they were");
	}
}

/* Lines around the limit and around the sizes of the buffer. */
static void test_lengths(struct tap *tap)
{
	static const size_t limits[] = {0,       1,      LINE_READ / 2 - 1, LINE_READ - 1, LINE_READ, LINE_READ + 1,
	                                1 << 20, 3 << 20};

	for (size_t l = 0; l < COUNT(limits); l++) {
		struct text text = {0};
		struct line_reader reader;
		const char *wrong;
		int fd;

		for (int i = 0; i < 40; i++) {
			size_t length = (size_t)((ssize_t)limits[l] + i % 5 - 2) * (i % 7 == 6 ? 3 : 1);

			if (length > 100 << 20 || i % 3 == 1)
				length = (size_t)i;
			text_reserve(&text, length + 1);
			memset(text.data + text.length, 'a' + i % 26, length);
			text.length += length;
			text_add_char(&text, '\n');
		}
		fd = make_file(text.data, text.length);
		line_reader_init(&reader, fd, limits[l]);
		wrong = read_all(&reader, text.data, text.length);
		tap_ok(tap, !wrong, "lines around the limit of %zu: %s", limits[l], wrong ? wrong : "as they were");
		line_reader_free(&reader);
		close(fd);
		text_free(&text);
	}
}

/* However long a line is, the buffer is about as large as the limit. */
static void test_memory(struct tap *tap)
{
	enum { LIMIT = 1 << 20, LONG = 64 << 20 };
	char *block = malloc(LONG);
	struct line_reader reader;
	enum line_status status;
	const char *line;
	size_t length, total = 0;
	int fd;

	memset(block, 'x', LONG);
	block[LONG - 1] = '\n';
	fd = make_file(block, LONG);
	line_reader_init(&reader, fd, LIMIT);
	while ((status = line_reader_next(&reader, &line, &length)) == LINE_PIECE)
		total += length;
	tap_ok(tap, status == LINE_TAIL && total + length == LONG - 1, "a line of 64 MiB, in pieces");
	tap_ok(tap, reader.capacity <= 4 * LIMIT, "and the buffer has %zu bytes", reader.capacity);
	line_reader_free(&reader);
	close(fd);
	free(block);
}

/* Called before the reader waits: gives it the next of what it waits for. */
struct feeder {
	int fd;
	const char *const *next; /* NULL: close */
	int waits;
};

static void feed(void *context)
{
	struct feeder *feeder = context;

	feeder->waits++;
	if (*feeder->next)
		must(write(feeder->fd, *feeder->next, strlen(*feeder->next)) > 0, "write");
	else
		close(feeder->fd);
	feeder->next += !!*feeder->next;
}

static void test_waiting(struct tap *tap, int flags, const char *name)
{
	static const char *const pieces[] = {"c\n", "d", "e\nf\ng", "\n", "h", NULL};
	static const struct {
		const char *line;
		int waits;
	} lines[] = {{"a", 0}, {"b", 0}, {"c", 1}, {"de", 3}, {"f", 3}, {"g", 4}, {"h", 6}};
	struct feeder feeder = {.next = pieces};
	struct line_reader reader;
	const char *line;
	size_t length;
	int fds[2];

	must(pipe2(fds, O_CLOEXEC) == 0 && fcntl(fds[0], F_SETFL, flags) == 0, "pipe");
	must(write(fds[1], "a\nb\n", 4) == 4, "write");
	feeder.fd = fds[1];
	line_reader_init(&reader, fds[0], 100);
	reader.before_wait = feed;
	reader.context = &feeder;
	for (size_t i = 0; i < COUNT(lines); i++) {
		enum line_status status = line_reader_next(&reader, &line, &length);

		tap_ok(tap,
		       status == LINE_WHOLE && length == strlen(lines[i].line) &&
		               memcmp(line, lines[i].line, length) == 0,
		       "%s: line %s", name, lines[i].line);
		tap_ok(tap, feeder.waits == lines[i].waits, "%s: told %d times that it would wait", name, feeder.waits);
	}
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_END && feeder.waits == 6, "%s: end", name);
	line_reader_free(&reader);
	close(fds[0]);
}

static void on_alarm(int number)
{
	(void)number;
}

/* Signals while it waits: no line is lost, no end is seen, and it is told once. */
static void test_signals(struct tap *tap)
{
	static const char *const nothing[] = {NULL};
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {{0, 3000}, {0, 3000}}, never = {{0, 0}, {0, 0}};
	struct feeder feeder = {.fd = -1, .next = nothing};
	struct line_reader reader;
	const char *line = "";
	size_t length = 0;
	int fds[2];
	pid_t child;

	must(pipe2(fds, O_CLOEXEC) == 0, "pipe");
	child = fork();
	if (child == 0) {
		usleep(50000);
		_exit(write(fds[1], "after\n", 6) != 6);
	}
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	line_reader_init(&reader, fds[0], 100);
	reader.before_wait = feed;
	reader.context = &feeder;
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_WHOLE && length == 5, "a line after signals");
	tap_ok(tap, feeder.waits == 1, "told once that it would wait");
	setitimer(ITIMER_REAL, &never, NULL);
	waitpid(child, NULL, 0);
	line_reader_free(&reader);
	close(fds[0]);
	close(fds[1]);
}

static void test_stop(struct tap *tap)
{
	struct line_reader reader;
	const char *line;
	size_t length;
	int fds[2], stop = eventfd(1, EFD_CLOEXEC);

	must(pipe2(fds, O_CLOEXEC) == 0 && write(fds[1], "a\nb\nhalf", 8) == 8, "pipe");
	line_reader_init(&reader, fds[0], 100);
	tap_ok(tap, line_reader_fill(&reader) == LINE_WAIT, "filled");
	reader.stop_fd = stop;
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_WHOLE && *line == 'a',
	       "what was read comes first");
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_WHOLE && *line == 'b', "all of it");
	tap_ok(tap, !reader.stopped && line_reader_next(&reader, &line, &length) == LINE_END, "then it stops");
	tap_ok(tap, reader.stopped && reader.number == 2, "and says so");
	tap_ok(tap, reader.offset == 4, "half a line does not count as read");
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_END, "for good");
	line_reader_free(&reader);
	close(fds[0]);
	close(fds[1]);
	close(stop);
}

static void test_halves(struct tap *tap)
{
	struct line_reader reader;
	const char *line;
	size_t length;
	int fds[2], directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_packets(fds);
	must(write(fds[1], "a\nb", 3) == 3 && write(fds[1], "c\nd", 3) == 3, "write");
	close(fds[1]);
	line_reader_init(&reader, fds[0], 100);
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WAIT && reader.number == 0, "take: nothing yet");
	tap_ok(tap, line_reader_fill(&reader) == LINE_WAIT, "fill");
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WHOLE && length == 1, "take: a line");
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WAIT && reader.number == 1, "take: half a line");
	tap_ok(tap, line_reader_fill(&reader) == LINE_WAIT, "fill");
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WHOLE && length == 2 && reader.offset == 2,
	       "take: all of it");
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WAIT, "take: half a line");
	tap_ok(tap, line_reader_fill(&reader) == LINE_END, "fill: the end");
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WHOLE && length == 1, "take: the last line");
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_END && reader.number == 3, "take: the end");
	tap_ok(tap, line_reader_fill(&reader) == LINE_END, "fill: still the end");
	line_reader_free(&reader);
	close(fds[0]);

	line_reader_init(&reader, directory, 100);
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_ERROR && errno == EISDIR, "an error");
	line_reader_free(&reader);
	close(directory);
	line_reader_init(&reader, directory, 100);
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_ERROR && errno == EBADF, "a closed descriptor");
	line_reader_free(&reader);
}

int main(void)
{
	struct tap tap = {0};

	test_pieces(&tap);
	test_lengths(&tap);
	test_memory(&tap);
	test_waiting(&tap, 0, "pipe");
	test_waiting(&tap, O_NONBLOCK, "non-blocking pipe");
	test_signals(&tap);
	test_stop(&tap);
	test_halves(&tap);
	return tap_end(&tap);
}
