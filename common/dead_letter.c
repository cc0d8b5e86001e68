#include "common/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json_text.h"
#include "common/letter.h"
#include "common/locked_file.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"
#include "common/utf8.h"

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

/* On failure the file is unlocked, too. */
static int write_all(struct dead_letters *letters, const char *at, size_t length)
{
	if (locked_file_write(letters->fd, at, length) == 0)
		return 0;
	locked_file_unlock(letters->fd);
	return -1;
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
	off_t size;
	char last;

	letters->fd = locked_file_lock(letters->fd, letters->path, O_RDWR | O_CREAT | O_APPEND);
	if (letters->fd < 0)
		return -1;
	/* A writer that was killed within a record left half a line, which must not swallow the next. */
	size = lseek(letters->fd, 0, SEEK_END);
	if (size > 0 && pread(letters->fd, &last, 1, size - 1) == 1 && last != '\n')
		return write_all(letters, "\n", 1);
	return 0;
}

static void add_head(struct dead_letters *letters, const char *error, uint64_t number, uint64_t at)
{
	struct text *record = &letters->record;
	const char *name = letters->source ? letters->source : message_name();
	char time[UNIT_TEXT_MAX];
	int64_t now = moment_unix();

	unit_time_text(time, now - now % UNIT_US);
	text_clear(record);
	text_addf(record, "{\"event\":\"dead_letter\",\"time\":%s,\"source\":", time);
	json_add_string(record, name, strlen(name));
	text_add_string(record, ",\"data\":{\"error\":");
	json_add_string(record, error, strlen(error));
	if (number > 0)
		text_addf(record, ",\"line\":%llu", (unsigned long long)number);
	if (at != LETTER_NOWHERE)
		text_addf(record, ",\"at\":%llu", (unsigned long long)at);
}

int dead_letters_add(struct dead_letters *letters, const char *error, uint64_t number, uint64_t at, const char *line,
                     size_t length)
{
	if (!letters->path)
		return 0;
	if (!utf8_valid(line, length)) {
		if (dead_letters_begin(letters, error, number, at) < 0 || dead_letters_piece(letters, line, length) < 0)
			return -1;
		return dead_letters_end(letters);
	}
	add_head(letters, error, number, at);
	text_add_string(&letters->record, ",\"text\":");
	json_add_string(&letters->record, line, length);
	text_add_string(&letters->record, "}}\n");
	if (lock(letters) < 0 || write_record(letters) < 0)
		return -1;
	locked_file_unlock(letters->fd);
	return 0;
}

int dead_letters_begin(struct dead_letters *letters, const char *error, uint64_t number, uint64_t at)
{
	if (!letters->path)
		return 0;
	add_head(letters, error, number, at);
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
	locked_file_unlock(letters->fd);
	return 0;
}

static int read_all(int fd, char *bytes, size_t length, off_t at)
{
	while (length > 0) {
		ssize_t n = pread(fd, bytes, length, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		bytes += n;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Where the line begins that ends, with its newline or without, before end > 0. -1: errno. */
static off_t line_start(int fd, off_t end)
{
	enum { BLOCK = 4096 };
	char block[BLOCK];

	for (off_t at = end - 1; at > 0;) {
		size_t length = at < BLOCK ? (size_t)at : BLOCK;
		const char *newline;

		at -= (off_t)length;
		if (read_all(fd, block, length, at) < 0)
			return -1;
		newline = memrchr(block, '\n', length);
		if (newline)
			return at + (newline - block) + 1;
	}
	return 0;
}

/* Makes half a record one without its line, if it has got as far as that. In a string, quotes have backslashes before them. */
static bool mend(struct text *record)
{
	static const char *const bodies[] = {",\"text\":\"", ",\"base64\":\""};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *body = memmem(record->data, record->length, bodies[i], strlen(bodies[i]));

		if (body) {
			record->length = (size_t)(body - record->data);
			text_add_string(record, "}}");
			return true;
		}
	}
	return false;
}

/* Whether the record in [start, end) of the file is to go: 1 or 0; -1: errno. */
static int goes(struct dead_letters *letters, const struct letter_parser *parser, off_t start, off_t end, uint64_t at,
                int64_t since)
{
	struct text *record = &letters->record;
	size_t length = (size_t)(end - start);
	struct letter letter;

	text_clear(record);
	text_reserve(record, length + JSON_PADDING);
	if (read_all(letters->fd, record->data, length, start) < 0)
		return -1;
	record->length = length;
	if (record->data[length - 1] == '\n')
		record->length--;
	else if (!letter_parse(parser, record->data, record->length, &letter) && !mend(record))
		/* Nothing of the line is in it. */
		return 1;
	json_pad(record);
	return letter_parse(parser, record->data, record->length, &letter) && letter.at != LETTER_NOWHERE &&
	       letter.at >= at && letter.time != LETTER_NO_TIME && letter.time >= since;
}

static int cut(struct dead_letters *letters, const struct letter_parser *parser, uint64_t at, int64_t since)
{
	struct stat status;
	off_t end;

	if (fstat(letters->fd, &status) < 0)
		return -1;
	for (end = status.st_size; end > 0;) {
		off_t start = line_start(letters->fd, end);
		int going = start < 0 ? -1 : goes(letters, parser, start, end, at, since);

		if (going < 0)
			return -1;
		if (going == 0)
			break;
		end = start;
	}
	return end < status.st_size ? locked_file_cut(letters->fd, letters->path, end) : 0;
}

int dead_letters_cut(struct dead_letters *letters, uint64_t at, int64_t since)
{
	struct letter_parser parser;
	int result;

	if (!letters->path)
		return 0;
	letters->fd = locked_file_lock(letters->fd, letters->path, O_RDWR | O_APPEND);
	if (letters->fd < 0)
		return errno == ENOENT ? 0 : -1;
	letter_parser_init(&parser);
	result = cut(letters, &parser, at, since - since % UNIT_US);
	letter_parser_free(&parser);
	text_clear(&letters->record);
	locked_file_unlock(letters->fd);
	return result;
}
