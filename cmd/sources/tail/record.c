/*
 * record: where a record ends: at a newline, or with --multiline-start and --multiline-continue where the next one begins.
 *
 * The first line of a record is whatever follows the one before. A later line belongs to it unless it matches the one
 * expression or does not match the other, or the record would become too large.
 */
#include <string.h>

#include "cmd/sources/tail/tail.h"
#include "common/signals.h"
#include "common/utf8.h"

struct cut {
	struct tail *tail;
	struct file *file;
	const char *bytes;
	size_t length;
	size_t record; /* where the current record begins */
	size_t line; /* where the next line begins: all between belongs to the record */
	int64_t lines; /* between */
};

bool record_multiline(const struct tail *tail)
{
	return tail->start || tail->more;
}

static bool matches(struct regex *regex, const char *line, size_t length)
{
	char mistake[REGEX_MISTAKE];

	/* What is not UTF-8 matches nothing; nor does what takes for ever. */
	return utf8_valid(line, length) && regex_match(regex, line, length, mistake) > 0;
}

static size_t without_end(const char *line, size_t length)
{
	if (length > 0 && line[length - 1] == '\n')
		length--;
	if (length > 0 && line[length - 1] == '\r')
		length--;
	return length;
}

/* The line of that many bytes, its newline included, belongs to the record. */
static bool belongs(const struct cut *cut, size_t all)
{
	const struct tail *tail = cut->tail;
	const char *line = cut->bytes + cut->line;
	size_t length = without_end(line, all);

	if (cut->lines >= tail->multiline_lines || cut->line - cut->record + all > tail->multiline_size)
		return false;
	if (tail->start && matches(tail->start, line, length))
		return false;
	return !tail->more || matches(tail->more, line, length);
}

static void end_record(struct cut *cut)
{
	size_t all = cut->line - cut->record;
	const char *record = cut->bytes + cut->record;

	emit(cut->tail, cut->file, record, without_end(record, all), all);
	cut->record = cut->line;
	cut->lines = 0;
}

/* How long the line is that begins at cut->line, with its newline; 0: it is not whole. */
static size_t line_length(const struct cut *cut, enum ending ending)
{
	size_t left = cut->length - cut->line;
	const char *newline = left > 0 ? memchr(cut->bytes + cut->line, '\n', left) : NULL;

	if (newline)
		return (size_t)(newline - cut->bytes) + 1 - cut->line;
	return ending == ENDING_ALL ? left : 0;
}

/* The part of a line that is there makes the record too large already, whatever it is. */
static bool is_full(const struct cut *cut)
{
	return cut->lines > 0 && cut->length - cut->record > cut->tail->multiline_size;
}

size_t record_take(struct tail *tail, struct file *file, const char *bytes, size_t length, enum ending ending)
{
	struct cut cut = {.tail = tail, .file = file, .bytes = bytes, .length = length};
	bool multiline = record_multiline(tail);
	size_t line;

	while (!signals_stop() && (line = line_length(&cut, ending)) > 0) {
		if (cut.lines > 0 && !belongs(&cut, line)) {
			end_record(&cut);
			continue;
		}
		cut.line += line;
		cut.lines++;
		if (!multiline)
			end_record(&cut);
	}
	if (!signals_stop() && cut.lines > 0 && (ending != ENDING_NOT || is_full(&cut)))
		end_record(&cut);
	return cut.record;
}
