#include "common/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "common/json_text.h"
#include "common/utf8.h"
#include "common/message.h"
#include "common/unit.h"

void dead_letters_init(struct dead_letters *letters, const char *path)
{
	*letters = (struct dead_letters){.path = path && *path ? path : NULL, .fd = -1};
}

void dead_letters_free(struct dead_letters *letters)
{
	if (letters->fd >= 0)
		close(letters->fd);
	text_free(&letters->record);
	letters->fd = -1;
}

/* Unlocks, and returns the result given; errno stays. */
static int unlock(struct dead_letters *letters, int result)
{
	int saved = errno;

	flock(letters->fd, LOCK_UN);
	errno = saved;
	return result;
}

/* On failure the file is unlocked, too. */
static int write_all(struct dead_letters *letters, const char *at, size_t length)
{
	while (length > 0) {
		ssize_t n = write(letters->fd, at, length);

		if (n < 0 && errno != EINTR)
			return unlock(letters, -1);
		if (n > 0) {
			at += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static int write_record(struct dead_letters *letters)
{
	int result = write_all(letters, letters->record.data, letters->record.length);

	text_clear(&letters->record);
	return result;
}

/* Opens the file at the first record, and takes the lock that all its writers share. */
static int lock(struct dead_letters *letters)
{
	int result;
	off_t size;
	char last;

	if (letters->fd < 0)
		letters->fd = open(letters->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (letters->fd < 0)
		return -1;
	do
		result = flock(letters->fd, LOCK_EX);
	while (result < 0 && errno == EINTR);
	if (result < 0)
		return -1;
	/* A writer that was killed within a record left half a line, which must not swallow the next. */
	size = lseek(letters->fd, 0, SEEK_END);
	if (size > 0 && pread(letters->fd, &last, 1, size - 1) == 1 && last != '\n')
		return write_all(letters, "\n", 1);
	return 0;
}

static void add_head(struct dead_letters *letters, const char *error, uint64_t number)
{
	struct text *record = &letters->record;
	const char *name = message_name();
	char time[UNIT_TEXT_MAX];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	unit_time_text(time, now.tv_sec * UNIT_S + now.tv_nsec / 1000 * 1000);
	text_clear(record);
	text_addf(record, "{\"event\":\"dead_letter\",\"time\":%s,\"source\":", time);
	json_add_string(record, name, strlen(name));
	text_add_string(record, ",\"data\":{\"error\":");
	json_add_string(record, error, strlen(error));
	if (number > 0)
		text_addf(record, ",\"line\":%llu", (unsigned long long)number);
}

int dead_letters_add(struct dead_letters *letters, const char *error, uint64_t number, const char *line, size_t length)
{
	if (!letters->path)
		return 0;
	if (!utf8_valid(line, length)) {
		if (dead_letters_begin(letters, error, number) < 0 || dead_letters_piece(letters, line, length) < 0)
			return -1;
		return dead_letters_end(letters);
	}
	add_head(letters, error, number);
	text_add_string(&letters->record, ",\"text\":");
	json_add_string(&letters->record, line, length);
	text_add_string(&letters->record, "}}\n");
	if (lock(letters) < 0 || write_record(letters) < 0)
		return -1;
	return unlock(letters, 0);
}

int dead_letters_begin(struct dead_letters *letters, const char *error, uint64_t number)
{
	if (!letters->path)
		return 0;
	add_head(letters, error, number);
	text_add_string(&letters->record, ",\"base64\":\"");
	letters->rests = 0;
	return lock(letters);
}

int dead_letters_piece(struct dead_letters *letters, const char *piece, size_t length)
{
	if (!letters->path)
		return 0;
	/* Base64 takes whole groups of three: what is over waits for the next piece. */
	while (length > 0 && letters->rests > 0 && letters->rests < 3) {
		letters->rest[letters->rests++] = (unsigned char)*piece++;
		length--;
	}
	if (letters->rests == 3) {
		json_add_base64(&letters->record, letters->rest, 3);
		letters->rests = 0;
	}
	json_add_base64(&letters->record, piece, length - length % 3);
	for (size_t i = length - length % 3; i < length; i++)
		letters->rest[letters->rests++] = (unsigned char)piece[i];
	return write_record(letters);
}

int dead_letters_end(struct dead_letters *letters)
{
	if (!letters->path)
		return 0;
	json_add_base64(&letters->record, letters->rest, letters->rests);
	text_add_string(&letters->record, "\"}}\n");
	if (write_record(letters) < 0)
		return -1;
	return unlock(letters, 0);
}
