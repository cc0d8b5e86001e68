/*
 * unpack: reading a compressed file, one at a time, from its start to its end.
 *
 * The place counts what the file holds. Going on within it means to decompress up to there again.
 */
#include <string.h>

#include "cmd/sources/tail/tail.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

#define SETTLE UNIT_S /* a file that was written a moment ago is not complete, probably */

void unpack_close(struct tail *tail, struct file *file)
{
	if (tail->decoding != file)
		return;
	gz_free(file->gz);
	file->gz = NULL;
	tail->decoding = NULL;
	text_free(&tail->decoded);
}

static void finish(struct tail *tail, struct file *file)
{
	file->at_end = true;
	file->changed = tail->now;
	unpack_close(tail, file);
}

/* Decompresses up to the place. False: it does not reach so far, or the program is to stop. */
static bool begin(struct tail *tail, struct file *file)
{
	enum gz_status status = GZ_MORE;
	uint64_t place = file->known.whole ? file->known.offset : file->offset;

	file_rewind(file);
	file->gz = gz_new(file->fd);
	tail->decoding = file;
	while (file->offset < place && status == GZ_MORE && !signals_stop()) {
		uint64_t left = place - file->offset;

		text_clear(&tail->decoded);
		status = gz_read(file->gz, &tail->decoded, left < BLOCK ? (size_t)left : BLOCK);
		file_advance(file, tail->decoded.data, tail->decoded.length);
	}
	text_clear(&tail->decoded);
	return file->offset == place;
}

static void bad(struct tail *tail, struct file *file, const char *what)
{
	file->whole = true;
	place_note(tail, file);
	source_bad(&tail->source, NULL, 0, "cannot decompress '%s' behind %llu bytes: %s", file->path,
	           (unsigned long long)file->offset, what);
	finish(tail, file);
}

/* A line over the limit goes to the dead letters as it comes. */
static enum gz_status put_away(struct tail *tail, struct file *file)
{
	struct text *decoded = &tail->decoded;
	enum gz_status status = GZ_MORE;
	const char *newline = NULL;
	char size[UNIT_TEXT_MAX];

	emit_bad_begins(tail, file);
	source_bad_begin(&tail->source, "'%s' at %llu: a line is longer than %s (--max-line)", file->path,
	                 (unsigned long long)file->offset, unit_size_text(size, tail->source.max_line));
	for (;;) {
		size_t length;

		newline = decoded->length ? memchr(decoded->data, '\n', decoded->length) : NULL;
		length = newline ? (size_t)(newline - decoded->data) : decoded->length;
		source_bad_piece(&tail->source, decoded->data, length);
		length += newline != NULL;
		file_advance(file, decoded->data, length);
		text_drop(decoded, length);
		if (newline || status != GZ_MORE || signals_stop())
			break;
		status = gz_read(file->gz, decoded, BLOCK);
	}
	source_bad_end(&tail->source);
	emit_bad_ends(tail, file);
	return status;
}

/* Makes events of what has been decompressed. */
static void take(struct tail *tail, struct file *file, enum gz_status status)
{
	struct text *decoded = &tail->decoded;
	bool final = status == GZ_END || (status != GZ_MORE && tail->once);

	json_pad(decoded);
	text_drop(decoded, record_take(tail, file, decoded->data, decoded->length, final ? ENDING_ALL : ENDING_NOT));
}

/* The end of what is there. */
static void ended(struct tail *tail, struct file *file, enum gz_status status)
{
	if (status == GZ_BAD || (status == GZ_SHORT && tail->once)) {
		bad(tail, file, gz_error(file->gz));
		return;
	}
	if (status == GZ_SHORT && !file->warned)
		message_warning("'%s' is not a whole gzip file: waiting for the rest", file->path);
	if (status == GZ_END && gz_trailing(file->gz) && !file->warned)
		message_warning("'%s': behind the compressed data is something else: ignored", file->path);
	file->warned = true;
	file->whole = status == GZ_END;
	place_note(tail, file);
	finish(tail, file);
}

static bool has_settled(struct tail *tail, struct file *file)
{
	struct identity_of is;
	int64_t age;

	if (identity_fd(file->fd, &is)) {
		file->whole &= is.size == file->is.size;
		file->is = is;
	}
	age = moment_unix() - file->is.written;
	if (age < 0 || age >= SETTLE)
		return true;
	file_wait(tail, file, tail->now + SETTLE - age);
	return false;
}

bool unpack_some(struct tail *tail, struct file *file)
{
	struct text *decoded = &tail->decoded;
	enum gz_status status;

	if (tail->decoding && tail->decoding != file)
		return true;
	if (!file->gz && !has_settled(tail, file) && !tail->once)
		return false;
	if (file->whole) {
		file->at_end = true;
		return false;
	}
	tail->time = moment_unix();
	if (!file->gz && file->offset == 0 && !file->known.whole && moved_known(tail, file) == SAME_SHORT &&
	    !tail->once) {
		file_wait(tail, file, tail->now + SETTLE);
		return false;
	}
	if (!file->gz && !begin(tail, file)) {
		if (!signals_stop())
			bad(tail, file, "it is shorter than it was");
		return false;
	}
	status = gz_read(file->gz, decoded, BLOCK);
	take(tail, file, status);
	if (status == GZ_MORE && decoded->length > tail->source.max_line &&
	    !memchr(decoded->data, '\n', decoded->length) && !signals_stop()) {
		status = put_away(tail, file);
		take(tail, file, status);
	}
	if (signals_stop())
		return false;
	if (status == GZ_MORE)
		return true;
	ended(tail, file, status);
	return false;
}
