/*
 * line_writer: whole lines in each write, large ones, none lost and none twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/line.h"
#include "common/text.h"
#include "test/unit/tap.h"

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

/* How many write(2) the process has called, or 0 if that cannot be known. */
static unsigned long writes(void)
{
	char line[64];
	unsigned long count = 0;
	FILE *io = fopen("/proc/self/io", "re");

	while (io && fgets(line, sizeof(line), io))
		sscanf(line, "syscw: %lu", &count);
	if (io)
		fclose(io);
	return count;
}

/* Whole lines in each write, and no small writes. */
static void test_blocks(struct tap *tap)
{
	struct line_writer writer;
	struct text expected = {0}, got = {0};
	char *packet = malloc(1 << 20);
	size_t longest = 0, small = 0, torn = 0, packets = 0;
	int fds[2];
	ssize_t n;

	make_packets(fds);
	line_writer_init(&writer, fds[1]);
	for (int i = 0; i < 20000; i++) {
		char line[512];
		size_t length = (size_t)snprintf(line, sizeof(line), "%d %*s", i, i % 300, "");

		longest = length > longest ? length : longest;
		text_add(&expected, line, length);
		text_add_char(&expected, '\n');
		line_writer_add(&writer, line, length / 2);
		if (i % 10 == 0) {
			line_writer_drop(&writer);
			line_writer_add(&writer, line, length / 2);
		}
		memcpy(line_writer_room(&writer, length), line + length / 2, length - length / 2);
		line_writer_used(&writer, length - length / 2);
		must(line_writer_end(&writer) == 0, "line_writer_end");
		for (;;) {
			n = recv(fds[0], packet, 1 << 20, MSG_DONTWAIT);
			if (n <= 0)
				break;
			packets++;
			small += n < LINE_BLOCK || n > LINE_BLOCK + (ssize_t)longest + 1;
			torn += packet[n - 1] != '\n';
			text_add(&got, packet, (size_t)n);
		}
	}
	tap_ok(tap, packets > 40 && small == 0, "%zu blocks, none small", packets);
	must(line_writer_flush(&writer) == 0, "line_writer_flush");
	n = recv(fds[0], packet, 1 << 20, MSG_DONTWAIT);
	text_add(&got, packet, n > 0 ? (size_t)n : 0);
	tap_ok(tap, torn == 0, "none ends within a line");
	tap_ok(tap, got.length == expected.length && memcmp(got.data, expected.data, got.length) == 0,
	       "all lines came");
	tap_ok(tap, writer.written == got.length, "and were counted");
	must(line_writer_flush(&writer) == 0, "line_writer_flush");
	tap_ok(tap, recv(fds[0], packet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "nothing to flush: no write");
	line_writer_add(&writer, "half", 4);
	must(line_writer_flush(&writer) == 0, "line_writer_flush");
	tap_ok(tap, recv(fds[0], packet, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "half a line: no write");
	must(line_writer_end_raw(&writer) == 0 && line_writer_flush(&writer) == 0, "line_writer_end_raw");
	tap_ok(tap, recv(fds[0], packet, 9, MSG_DONTWAIT) == 4 && memcmp(packet, "half", 4) == 0, "as it is");
	line_writer_free(&writer);
	close(fds[0]);
	close(fds[1]);
	free(packet);
	text_free(&expected);
	text_free(&got);
}

static void test_long_line(struct tap *tap)
{
	enum { LONG = 1 << 20 };
	char *line = malloc(LONG), *back = malloc(LONG + 5);
	int fd = make_file("", 0);
	struct line_writer writer;
	unsigned long before, after;

	memset(line, 'y', LONG);
	line_writer_init(&writer, fd);
	before = writes();
	must(line_writer_flush(&writer) == 0, "line_writer_flush");
	line_writer_add(&writer, "abc", 3);
	line_writer_end(&writer);
	line_writer_add(&writer, line, LONG);
	must(line_writer_end(&writer) == 0, "line_writer_end");
	after = writes();
	tap_ok(tap, after == 0 || after == before + 1, "a line of 1 MiB, and what came before it, in one write");
	tap_ok(tap,
	       pread(fd, back, LONG + 5, 0) == LONG + 5 && memcmp(back, "abc\n", 4) == 0 &&
	               memcmp(back + 4, line, LONG) == 0 && back[LONG + 4] == '\n',
	       "whole");
	line_writer_free(&writer);
	close(fd);
	free(line);
	free(back);
}

/* A slow reader, and a pipe that somebody made non-blocking: nothing is lost. */
static void test_slow_reader(struct tap *tap)
{
	struct line_writer writer;
	int fds[2], status;
	pid_t child;

	must(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 && fcntl(fds[0], F_SETFL, 0) == 0, "pipe");
	child = fork();
	if (child == 0) {
		struct line_reader reader;
		const char *line;
		size_t length;
		int expected = 0;

		close(fds[1]);
		line_reader_init(&reader, fds[0], 1000);
		while (line_reader_next(&reader, &line, &length) == LINE_WHOLE)
			if (atoi(line) == expected)
				expected++;
		_exit(expected != 200000);
	}
	close(fds[0]);
	line_writer_init(&writer, fds[1]);
	must(fcntl(fds[1], F_GETPIPE_SZ) > 0, "pipe");
	for (int i = 0; i < 200000; i++) {
		char line[16];

		line_writer_add(&writer, line, (size_t)snprintf(line, sizeof(line), "%d", i));
		must(line_writer_end(&writer) == 0, "line_writer_end");
	}
	must(line_writer_flush(&writer) == 0, "line_writer_flush");
	line_writer_free(&writer);
	close(fds[1]);
	waitpid(child, &status, 0);
	tap_ok(tap, status == 0, "200000 lines through a non-blocking pipe");
}

static void test_no_reader(struct tap *tap)
{
	struct line_writer writer;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	must(pipe2(fds, O_CLOEXEC) == 0, "pipe");
	close(fds[0]);
	line_writer_init(&writer, fds[1]);
	line_writer_add(&writer, "a", 1);
	tap_ok(tap, line_writer_end(&writer) == 0, "kept");
	tap_ok(tap, line_writer_flush(&writer) == -1 && errno == EPIPE, "the reader has gone");
	tap_ok(tap, line_writer_flush(&writer) == -1 && errno == EPIPE, "and stays so");
	line_writer_free(&writer);
	close(fds[1]);
}

/* What was written before an error is not written again after it. */
static void test_full(struct tap *tap)
{
	struct rlimit full = {30000, RLIM_INFINITY}, unlimited = {RLIM_INFINITY, RLIM_INFINITY};
	struct line_writer writer;
	char line[1000], back[51000];
	int fd = make_file("", 0);

	signal(SIGXFSZ, SIG_IGN);
	memset(line, 'z', sizeof(line));
	line_writer_init(&writer, fd);
	for (int i = 0; i < 50; i++) {
		line_writer_add(&writer, line, sizeof(line));
		must(line_writer_end(&writer) == 0, "line_writer_end");
	}
	must(setrlimit(RLIMIT_FSIZE, &full) == 0, "setrlimit");
	tap_ok(tap, line_writer_flush(&writer) == -1 && errno == EFBIG, "no room for all of it");
	tap_ok(tap, writer.written == 30000, "%d bytes were written", (int)writer.written);
	must(setrlimit(RLIMIT_FSIZE, &unlimited) == 0, "setrlimit");
	tap_ok(tap, line_writer_flush(&writer) == 0, "now there is");
	tap_ok(tap, pread(fd, back, sizeof(back), 0) == 50050, "all is there once");
	line_writer_free(&writer);
	close(fd);
}

int main(void)
{
	struct tap tap = {0};

	test_blocks(&tap);
	test_long_line(&tap);
	test_slow_reader(&tap);
	test_no_reader(&tap);
	test_full(&tap);
	return tap_end(&tap);
}
