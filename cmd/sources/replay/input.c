#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "cmd/sources/replay/replay.h"
#include "common/signals.h"

enum { UNPACK = 128 * 1024 };

/* As read(2). Half a file is a mistake, not the end of it. */
static ssize_t unpack(void *packed, void *buffer, size_t size)
{
	int n = gzread(packed, buffer, size < UNPACK ? (unsigned)size : UNPACK), error;
	const char *text = gzerror(packed, &error);

	if (n > 0 || (n == 0 && error == Z_OK))
		return n;
	if (error != Z_ERRNO) {
		message_error("not a whole gzip file: %s", text);
		errno = EBADMSG;
	}
	return -1;
}

static bool is_packed(int fd)
{
	unsigned char magic[2];

	return pread(fd, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

/* A place is behind a newline, or at the end of a file without one. */
static bool goes_on_at(int fd, int64_t offset)
{
	struct stat status;
	char before;

	return fstat(fd, &status) == 0 && status.st_size >= offset && pread(fd, &before, 1, offset - 1) == 1 &&
	       (before == '\n' || status.st_size == offset);
}

static void open_packed(struct replay_input *input, int fd, const char *name, int64_t offset)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	input->packed = copy < 0 ? NULL : gzdopen(copy, "rb");
	if (!input->packed || gzbuffer(input->packed, UNPACK) < 0)
		fail("cannot uncompress '%s':", name);
	if (offset > 0 && gzseek(input->packed, offset, SEEK_SET) != offset)
		fail("'%s' is not the recording that the place is from: it is shorter", name);
}

/* Opens the file of the place, at the place. */
static void open_file(struct replay *replay)
{
	struct replay_input *input = &replay->input;
	struct replay_place *place = &replay->place;
	const char *name = input->files[place->file];
	int64_t offset = place->position - place->start;
	struct stage_part part = {
		.fd = open(name, O_RDONLY | O_CLOEXEC),
		.name = name,
		.at = (uint64_t)place->position,
		.lines = (uint64_t)place->line,
	};

	if (part.fd < 0)
		fail("cannot open '%s':", name);
	if (is_packed(part.fd)) {
		open_packed(input, part.fd, name, offset);
		part.pull = unpack;
		part.from = input->packed;
	} else if (offset > 0 && (!goes_on_at(part.fd, offset) || lseek(part.fd, offset, SEEK_SET) < 0)) {
		fail("'%s' is not the recording that the place is from: no line begins at byte %lld", name,
		     (long long)offset);
	}
	stage_input_at(&replay->stage, &part);
}

static void end_round(struct replay *replay)
{
	if (replay->place.passed == 0)
		fail("--loop: there was no event to replay in the recording");
	replay->place.round++;
	replay->place.file = replay->place.passed = 0;
	replay->place.turned = replay->place.begun;
}

bool input_next(struct replay *replay)
{
	struct replay_input *input = &replay->input;
	struct replay_place *place = &replay->place;
	uint64_t line;

	if (!input->files || signals_stop())
		return false;
	if (replay->reading) {
		input_free(input);
		place->start = place->position = (int64_t)stage_position(&replay->stage, &line);
		place->line = 0;
		place->file++;
	}
	if ((size_t)place->file >= input->count && (input->rounds == 0 || place->round + 1 < input->rounds))
		end_round(replay);
	if ((size_t)place->file >= input->count)
		return false;
	replay->reading = true;
	open_file(replay);
	return true;
}

void input_free(struct replay_input *input)
{
	if (input->packed)
		gzclose(input->packed);
	input->packed = NULL;
}
