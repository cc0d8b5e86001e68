// with: common/line.c common/keeper.c common/page.c common/ring.c common/moment.c common/unit.c common/text.c common/memory.c common/message.c common/signals.c
/*
 * line_reader: the first bytes of the input say how long a line may be and how the rest of it comes in, in reads of
 * which sizes. The lines are those of the rest, whole, and counted right.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/json.h"
#include "common/line.h"

enum { SIZES = 4, MOST_PIECES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static void check_padding(const char *line, size_t length)
{
	volatile char sum = 0;

	for (size_t i = 0; i < JSON_PADDING; i++)
		sum = (char)(sum + line[length + i]);
}

static void check_lines(int fd, size_t limit, const char *text, size_t size)
{
	struct line_reader reader;
	const char *line;
	size_t length, at = 0;
	uint64_t number = 0;

	line_reader_init(&reader, fd, limit);
	while (at < size) {
		const char *newline = memchr(text + at, '\n', size - at);
		size_t whole = (newline ? (size_t)(newline - text) : size) - at, done = 0;
		enum line_status status;

		number++;
		do {
			status = line_reader_next(&reader, &line, &length);
			check(length <= whole - done && memcmp(line, text + at + done, length) == 0);
			check(reader.number == number && reader.offset == at);
			check_padding(line, length);
			done += length;
		} while (status == LINE_PIECE);
		check(status == (whole > limit ? LINE_TAIL : LINE_WHOLE));
		check(done == whole && reader.newline == !!newline);
		at += whole + !!newline;
	}
	check(line_reader_next(&reader, &line, &length) == LINE_END);
	check(reader.number == number && reader.offset == size);
	line_reader_free(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + SIZES + 1;
	int fds[2];

	if (size < SIZES + 1 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0)
		return 0;
	size -= SIZES + 1;
	for (size_t at = 0, piece = 0; at < size; piece++) {
		size_t length = data[1 + piece % SIZES] + 1U;

		if (length > size - at || piece == MOST_PIECES)
			length = size - at;
		check(write(fds[1], text + at, length) == (ssize_t)length);
		at += length;
	}
	close(fds[1]);
	check_lines(fds[0], data[0], text, size);
	close(fds[0]);
	return 0;
}
