/*
 * The file that rows go to.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/outputs/csv/csv.h"
#include "common/memory.h"
#include "common/unit.h"

static void lock_file(struct csv *csv)
{
	enum { TRIES = 500 };
	static const struct timespec pause = {.tv_nsec = 10 * UNIT_MS};

	/* A predecessor that was killed holds its lock until it is gone altogether. */
	for (int i = 0; flock(csv->file.fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			fail("cannot lock '%s':", csv->path);
		if (i == TRIES)
			fail("'%s' is being written by another process", csv->path);
		nanosleep(&pause, NULL);
	}
}

/* Where a reader stands within a row, and what a byte makes of it. A quote has a meaning only where a field begins. */
enum place { START, PLAIN, QUOTED, CLOSED };

static inline enum place next_place(const struct csv *csv, enum place place, char byte)
{
	enum { QUOTE, END, OTHER };
	static const unsigned char next[][3] = {
		[START] = {[QUOTE] = QUOTED, [END] = START, [OTHER] = PLAIN},
		[PLAIN] = {[QUOTE] = PLAIN, [END] = START, [OTHER] = PLAIN},
		[QUOTED] = {[QUOTE] = CLOSED, [END] = QUOTED, [OTHER] = QUOTED},
		[CLOSED] = {[QUOTE] = QUOTED, [END] = START, [OTHER] = PLAIN},
	};

	return next[place][byte == '"' ? QUOTE : byte == csv->delimiter || byte == '\n' ? END : OTHER];
}

/*
 * Where the last whole row before limit ends. The first row is put into header, and where the reading ended into *size: that is
 * the length of the file if it is not over the limit.
 */
static uint64_t whole_rows(struct csv *csv, struct text *header, uint64_t limit, uint64_t *size)
{
	char *block = xmalloc(LINE_READ);
	enum place place = START;
	uint64_t whole = 0;
	ssize_t n = 0;

	for (*size = 0; *size < limit && (n = pread(csv->file.fd, block, LINE_READ, (off_t)*size)) > 0;
	     *size += (uint64_t)n) {
		size_t first = whole == 0 ? (size_t)n : 0;

		for (size_t i = 0; i < (size_t)n; i++) {
			place = next_place(csv, place, block[i]);
			if (place != START || block[i] != '\n')
				continue;
			if (whole == 0)
				first = i + 1;
			whole = *size + i + 1;
		}
		if (header->length + first > HEADER_MAX)
			die("'%s' is no CSV file: its first row is longer than 16M", csv->path);
		text_add(header, block, first);
	}
	if (n < 0)
		fail("cannot read '%s':", csv->path);
	free(block);
	return whole;
}

/* The next name of a header row, into csv->plain. False behind the last. */
static bool next_name(struct csv *csv, const char **at, const char *end)
{
	enum place place = START, before;

	if (*at > end)
		return false;
	text_clear(&csv->plain);
	for (; *at < end; ++*at) {
		before = place;
		place = next_place(csv, place, **at);
		if (place == START)
			break;
		if (place != CLOSED && !(before == START && place == QUOTED))
			text_add_char(&csv->plain, **at);
	}
	++*at;
	return true;
}

/*
 * The header of a file that is gone on with names the columns, or those that are wanted anyway. A torn one, which
 * will be written again, is the begin of what is wanted.
 */
static void take_header(struct csv *csv, const struct text *header, bool torn)
{
	const char *at = header->data, *end = at + header->length;
	const struct text *name = &csv->plain;
	bool same = !(torn && csv->all);
	size_t i;

	if (header->length >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	end -= end > at && end[-1] == '\n';
	end -= end > at && end[-1] == '\r';
	for (i = 0; same && next_name(csv, &at, end); i++) {
		if (csv->all) {
			csv_add_member(csv, name->data, name->length);
		} else {
			const struct column *column = i < csv->count ? &csv->columns[i] : NULL;
			bool cut = torn && at > end && column && name->length < column->length;

			same = column && (cut || name->length == column->length) &&
			       memcmp(name->data, column->name, name->length) == 0;
		}
	}
	if (!same || (i < csv->count && !torn)) {
		size_t length = (size_t)(end - header->data);

		die("'%s' begins with other columns: %.*s", csv->path, (int)(length < 200 ? length : 200),
		    header->data);
	}
}

void csv_written(struct csv *csv, int result)
{
	int saved = errno;
	struct stat status;

	if (result < 0) {
		if (csv->regular && fstat(csv->file.fd, &status) == 0 && (uint64_t)status.st_size > csv->length &&
		    ftruncate(csv->file.fd, (off_t)csv->length) < 0)
			message_error("cannot cut '%s' back to its whole rows:", csv->path);
		errno = saved;
		fail("cannot write to '%s':", csv->path);
	}
	if (csv->file.written == csv->length)
		return;
	if (csv->fsync && fdatasync(csv->file.fd) < 0)
		fail("cannot sync '%s':", csv->path);
	csv->length = csv->file.written;
}

/* A stage that a runner started again goes on with its file. */
static bool restarted(void)
{
	const char *restart = getenv("PYPE_RESTART");

	return restart && *restart && strcmp(restart, "0") != 0;
}

/* A file that is new is on disk only once its directory is. */
static void sync_directory(struct csv *csv)
{
	char *path = xstrdup(csv->path);
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		fail("cannot sync the directory of '%s':", csv->path);
	close(fd);
	free(path);
}

/* Goes on with what is there. Nothing is changed before it is known to be ours. */
static void go_on(struct csv *csv)
{
	struct text header = {0};
	uint64_t size;

	csv->length = whole_rows(csv, &header, UINT64_MAX, &size);
	if (size > 0 && !csv->no_header && (csv->length > 0 || !restarted()))
		take_header(csv, &header, csv->length == 0);
	if (csv->length > 0)
		csv->no_header = true;
	if (size > csv->length)
		message_warning("'%s' ends in the middle of a row: cut off its last %llu bytes", csv->path,
		                (unsigned long long)(size - csv->length));
	text_free(&header);
}

/*
 * Goes on where the predecessor under the same runner was: what it wrote behind that it had not said to be done, and it
 * comes again.
 */
static void go_on_at(struct csv *csv, uint64_t length, uint64_t size)
{
	struct text header = {0};
	uint64_t read;

	if (size < length) {
		message_warning("'%s' has lost %llu bytes since they were written", csv->path,
		                (unsigned long long)(length - size));
		go_on(csv);
		return;
	}
	if (length > 0 && csv->all) {
		whole_rows(csv, &header, HEADER_MAX, &read);
		take_header(csv, &header, false);
		text_free(&header);
	}
	csv->length = length;
	csv->no_header |= length > 0;
}

void csv_open_file(struct csv *csv)
{
	struct stat status;
	const void *cursor;
	size_t cursor_length;
	uint64_t length;
	int fd;

	csv->regular = stat(csv->path, &status) < 0 || S_ISREG(status.st_mode);
	fd = open(csv->path, (csv->regular ? O_RDWR | O_CREAT : O_WRONLY) | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		fail("cannot open '%s':", csv->path);
	line_writer_init(&csv->file, fd);
	csv->out = &csv->file;
	csv->fsync = csv->fsync && csv->regular;
	if (!csv->regular)
		return;
	lock_file(csv);
	if (fstat(fd, &status) < 0)
		fail("cannot look at '%s':", csv->path);
	cursor = stage_resumed(&csv->stage, &cursor_length);
	if (cursor && cursor_length == sizeof(length)) {
		memcpy(&length, cursor, sizeof(length));
		go_on_at(csv, length, (uint64_t)status.st_size);
	} else if (csv->append || restarted()) {
		go_on(csv);
	}
	if (ftruncate(fd, (off_t)csv->length) < 0)
		fail("cannot cut '%s' to its whole rows:", csv->path);
	csv->file.written = csv->length;
	if (csv->fsync)
		sync_directory(csv);
	/* From here on what is behind this length is ours. */
	stage_cursor(&csv->stage, &csv->length, sizeof(csv->length));
	stage_flush(&csv->stage);
}
