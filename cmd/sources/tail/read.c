/*
 * read: what is new in a file, a block at a time.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/json.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

enum { SEARCH = 64 * 1024 }; /* a part of a line that is longer is not read again before its end is there */

#define RETRY UNIT_S

/* Appends up to that many bytes from `at` on. False: the end of the file is among them, or it cannot be read. */
static bool append(struct tail *tail, const struct file *file, size_t length, uint64_t at)
{
	struct text *block = &tail->block;

	text_reserve(block, length + JSON_PADDING);
	while (length > 0) {
		ssize_t n = pread(file->fd, block->data + block->length, length, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		tail->read_failed = n < 0;
		if (n < 0 && scan_refuse(tail, file->path, errno))
			message_error("cannot read '%s': %s; trying again", file->path, strerror(errno));
		if (n <= 0)
			return false;
		block->length += (size_t)n;
		length -= (size_t)n;
		at += (uint64_t)n;
	}
	return true;
}

/* The file holds something else than what was read, or less. */
static void was_cut(struct tail *tail, struct file *file)
{
	struct place place = file_place(file);

	message_warning("'%s' has been truncated or written anew: reading it from its start", file->path);
	file_rewind(file);
	moved_copy(tail, file, &place);
	file->emptied = tail->looked;
	place_note(tail, file);
}

/* A line over the limit goes to the dead letters piece by piece, with its newline if it has one. */
static void put_away(struct tail *tail, struct file *file, uint64_t length)
{
	char size[UNIT_TEXT_MAX];

	emit_bad_begins(tail, file);
	source_bad_begin(&tail->source, "'%s' at %llu: a line of %llu bytes is longer than %s (--max-line)", file->path,
	                 (unsigned long long)file->offset, (unsigned long long)length,
	                 unit_size_text(size, tail->source.max_line));
	while (length > 0) {
		text_clear(&tail->block);
		append(tail, file, length < BLOCK ? (size_t)length : BLOCK, file->offset);
		if (tail->block.length == 0)
			break;
		length -= tail->block.length;
		source_bad_piece(&tail->source, tail->block.data,
		                 tail->block.length -
		                         (length == 0 && tail->block.data[tail->block.length - 1] == '\n'));
		file_advance(file, tail->block.data, tail->block.length);
	}
	source_bad_end(&tail->source);
	emit_bad_ends(tail, file);
}

static void say_long(const struct tail *tail, struct file *file)
{
	char size[UNIT_TEXT_MAX];

	if (!file->long_line)
		message_warning("'%s' at %llu: a line is longer than %s (--max-line) and has no end yet", file->path,
		                (unsigned long long)file->offset, unit_size_text(size, tail->source.max_line));
	file->long_line = true;
}

/*
 * Looks for the end of a long line behind what was searched. False: there is none yet. True: there is one, or the line was over the
 * limit and has been dealt with, or the file has been cut: it is to be read from its place on.
 */
static bool search(struct tail *tail, struct file *file, enum ending at_end)
{
	struct text *block = &tail->block;
	const char *newline = NULL;
	struct identity_of is;
	bool more = true;

	if (identity_fd(file->fd, &is) && is.size < file->offset + file->searched)
		return true;

	while (more && !newline && !signals_stop()) {
		text_clear(block);
		more = append(tail, file, BLOCK, file->offset + file->searched);
		newline = block->length ? memchr(block->data, '\n', block->length) : NULL;
		file->searched += newline ? (size_t)(newline - block->data) + 1 : block->length;
	}
	if (signals_stop())
		return false;
	if (file->searched - (newline != NULL) <= tail->source.max_line)
		return newline || at_end == ENDING_ALL;
	if (newline || at_end == ENDING_ALL) {
		put_away(tail, file, file->searched);
		return true;
	}
	say_long(tail, file);
	return false;
}

/* What is left behind the last record waits for more, or for its time. */
static void wait_for_more(struct tail *tail, struct file *file, const char *rest, size_t length)
{
	bool lines = length > 0 && memchr(rest, '\n', length);
	int64_t timeout = lines ? tail->multiline_timeout : tail->line_timeout;
	uint64_t size = file->offset + length;

	if (size != file->is.size || length == 0)
		file->changed = tail->now;
	if (length == 0 || timeout == 0)
		file->due = 0;
	else if (file->due == 0 || size != file->is.size)
		file_wait(tail, file, tail->now + timeout);
	file->is.size = size;
	file->partial = !lines;
	if (!lines && length >= SEARCH)
		file->searched = length;
	file->at_end = true;
}

/* Reads from the place on. True: there is more, or may be. */
static bool read_block(struct tail *tail, struct file *file, enum ending at_end)
{
	struct text *block = &tail->block;
	size_t known = file->offset < TAIL ? (size_t)file->offset : TAIL, used = 0, length;
	uint64_t start = file->offset;
	bool more;

	text_clear(block);
	more = append(tail, file, known + BLOCK, start - known);
	if (tail->read_failed) {
		file_wait(tail, file, tail->now + RETRY);
		file->at_end = true;
		return false;
	}
	if (block->length < known || memcmp(block->data, file->tail + TAIL - known, known) != 0) {
		was_cut(tail, file);
		return true;
	}
	if (start == 0 && file->emptied > 0 && !file->lost && block->length > 0) {
		if (moved_unread(tail, file, block))
			return true;
		file->emptied = 0;
	}
	for (;;) {
		length = block->length - known;
		used = record_take(tail, file, block->data + known, length, more ? ENDING_NOT : at_end);
		if (used > 0 || !more || length > tail->source.max_line || signals_stop())
			break;
		more = append(tail, file, length, start + length);
	}
	if (used == 0 && length > tail->source.max_line && !signals_stop()) {
		file->searched = length;
		return true;
	}
	if (!more && !signals_stop())
		wait_for_more(tail, file, block->data + known + used, length - used);
	return more;
}

static bool slice(struct tail *tail, struct file *file, enum ending at_end)
{
	tail->time = moment_unix();
	if (file->searched > 0) {
		if (!search(tail, file, at_end)) {
			file->at_end = true;
			file->is.size = file->offset + file->searched;
			return false;
		}
		file->searched = 0;
	}
	return read_block(tail, file, at_end);
}

bool read_some(struct tail *tail, struct file *file)
{
	if (file->compressed)
		return unpack_some(tail, file);
	return slice(tail, file, tail->once ? ENDING_ALL : ENDING_NOT);
}

void read_due(struct tail *tail, struct file *file, bool last)
{
	enum ending ending = last || file->partial ? ENDING_ALL : ENDING_RECORD;

	file->due = 0;
	if (file->compressed) {
		file_ready(tail, file);
		return;
	}
	file->searched = 0;
	while (slice(tail, file, ending) && !signals_stop())
		;
}
