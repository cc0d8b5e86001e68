/*
 * pype-csv: events to rows of a CSV file.
 *
 * A row is put together in the output's own buffer from spans of the event's line: no value is
 * copied twice, and only strings with escapes are looked at byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "common/json_text.h"
#include "common/line.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/stage.h"
#include "common/text.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-csv",
	.summary = "write events as rows of CSV",
	.operands = "[FIELD[=PATH]...]",
	.most = -1,
};

struct column {
	char *name;
	size_t length;
	int slot; /* of the event's spans */
};

struct csv {
	char *delimiter_text, *path;
	char *missing, *null;
	bool append, no_header, crlf, fsync;

	struct stage stage;
	char delimiter;
	struct column *columns;
	size_t count;
	bool named_by_first;       /* the columns are the members of the first event */
	struct message_limit more; /* events with members that are no columns */
	struct line_writer file;   /* with --output */
	struct line_writer *out;
	bool regular;              /* the file is one, and not a device or a pipe */
	uint64_t length;           /* of the file, in rows that were written whole */
	uint64_t synced;
	struct text plain; /* a string without its escapes, a value without its white space */
};

static void add_column(struct csv *csv, const char *name, size_t length, int slot)
{
	csv->columns = xreallocarray(csv->columns, csv->count + 1, sizeof(*csv->columns));
	csv->columns[csv->count++] = (struct column){xstrndup(name, length), length, slot};
}

/* A column named for a member of the event. */
static void add_member(struct csv *csv, const char *name, size_t length)
{
	add_column(csv, name, length, json_want_member(&csv->stage.want, name, length));
}

/* FIELD is a member of the event; NAME=PATH and .PATH are found by a path. */
static void parse_column(struct csv *csv, const char *operand)
{
	const char *equals = strchr(operand, '='), *path = equals ? equals + 1 : operand, *mistake;
	int slot;

	if (!equals && operand[0] != '.') {
		add_member(csv, operand, strlen(operand));
		return;
	}
	slot = json_want_path(&csv->stage.want, path, &mistake);
	if (slot < 0)
		die("column '%s': %s", operand, mistake);
	if (equals)
		add_column(csv, operand, (size_t)(equals - operand), slot);
	else
		add_column(csv, operand + 1, strlen(operand + 1), slot);
}

static char parse_delimiter(const char *string)
{
	if (strcmp(string, "\\t") == 0 || strcmp(string, "tab") == 0)
		return '\t';
	if (strlen(string) != 1 || strchr("\"\r\n+-.", *string) || (unsigned char)*string >= 0x80 ||
	    (*string >= '0' && *string <= '9') || ((*string | 0x20) >= 'a' && (*string | 0x20) <= 'z'))
		die("--delimiter takes one character that values do not consist of, or \\t, not '%s'", string);
	return *string;
}

/* The file: whole rows, and nobody else writes it. */

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

/* Where the last whole row ends: behind the last newline that is in no quotes. The first row is put into header. */
static uint64_t whole_rows(struct csv *csv, struct text *header)
{
	char *block = xmalloc(LINE_READ);
	uint64_t at = 0, whole = 0;
	bool quoted = false;
	ssize_t n;

	while ((n = pread(csv->file.fd, block, LINE_READ, (off_t)at)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] == '"') {
				quoted = !quoted;
			} else if (block[i] == '\n' && !quoted) {
				if (whole == 0)
					text_add(header, block, (size_t)i + 1);
				whole = at + (uint64_t)i + 1;
			}
		}
		if (whole == 0)
			text_add(header, block, (size_t)n);
		at += (uint64_t)n;
		if (whole == 0 && header->length > csv->stage.max_line)
			die("'%s' does not begin with a header", csv->path);
	}
	if (n < 0)
		fail("cannot read '%s':", csv->path);
	free(block);
	return whole;
}

/* The columns' names from a header row. */
static void names_from_header(struct csv *csv, const char *row, size_t length)
{
	struct text name = {0};
	bool quoted = false;

	text_init(&name);
	for (size_t i = 0; i < length; i++) {
		if (row[i] == '"' && quoted && row[i + 1] == '"')
			text_add_char(&name, row[i++]);
		else if (row[i] == '"')
			quoted = !quoted;
		else if (!quoted && row[i] == '\r' && row[i + 1] == '\n')
			continue;
		else if (quoted || (row[i] != csv->delimiter && row[i] != '\n'))
			text_add_char(&name, row[i]);
		else {
			add_member(csv, name.data, name.length);
			text_clear(&name);
		}
	}
	text_free(&name);
}

/* Rows. */

/* Writes bytes as a field; quoted if RFC 4180 wants it or if alone in its row and empty (an empty line is no row). */
static void put_field(struct csv *csv, const char *bytes, size_t length, bool look)
{
	struct line_writer *out = csv->out;
	char *to, *start;
	bool quote = length == 0 && csv->count == 1;

	for (size_t i = 0; look && !quote && i < length; i++)
		quote = bytes[i] == csv->delimiter || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r';
	if (!quote) {
		line_writer_add(out, bytes, length);
		return;
	}
	start = to = line_writer_room(out, 2 * length + 2);
	*to++ = '"';
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '"')
			*to++ = '"';
		*to++ = bytes[i];
	}
	*to++ = '"';
	line_writer_used(out, (size_t)(to - start));
}

static void put_value(struct csv *csv, const struct json_span *value)
{
	switch (value->kind) {
	case JSON_NONE:
		put_field(csv, csv->missing, strlen(csv->missing), true);
		break;
	case JSON_NULL:
		put_field(csv, csv->null, strlen(csv->null), true);
		break;
	case JSON_FALSE:
	case JSON_TRUE:
	case JSON_NUMBER:
		put_field(csv, value->at, value->length, false);
		break;
	case JSON_STRING:
		if (value->flags & JSON_ESCAPED) {
			text_clear(&csv->plain);
			json_add_unescaped(&csv->plain, value->at, value->length);
			put_field(csv, csv->plain.data, csv->plain.length, true);
		} else {
			/* Without escapes there is no quote and no newline: only the delimiter counts. */
			put_field(csv, value->at + 1, value->length - 2,
			          memchr(value->at + 1, csv->delimiter, value->length - 2) != NULL);
		}
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		text_clear(&csv->plain);
		json_add_compact(&csv->plain, value->at, value->length);
		put_field(csv, csv->plain.data, csv->plain.length, true);
		break;
	}
}

static void written(struct csv *csv, int result)
{
	int saved = errno;
	struct stat status;

	if (result == 0) {
		csv->length = csv->file.written;
		return;
	}
	/* Whatever part of the block is there: no half row stays behind. */
	if (csv->regular && fstat(csv->file.fd, &status) == 0 && (uint64_t)status.st_size > csv->length &&
	    ftruncate(csv->file.fd, (off_t)csv->length) < 0)
		message_error("cannot cut '%s' back to its whole rows:", csv->path);
	errno = saved;
	fail("cannot write to '%s':", csv->path);
}

static void flush(struct csv *csv)
{
	if (csv->out != &csv->file) {
		stage_flush(&csv->stage);
		return;
	}
	written(csv, line_writer_flush(csv->out));
	if (csv->fsync && csv->synced != csv->length) {
		if (fdatasync(csv->file.fd) < 0)
			fail("cannot sync '%s':", csv->path);
		csv->synced = csv->length;
	}
}

static void end_row(struct csv *csv)
{
	if (csv->crlf)
		line_writer_add(csv->out, "\r", 1);
	if (csv->out != &csv->file)
		stage_end_line(&csv->stage);
	else
		written(csv, line_writer_end(csv->out));
}

static void put_names(struct csv *csv)
{
	for (size_t i = 0; i < csv->count; i++) {
		if (i > 0)
			line_writer_add(csv->out, &csv->delimiter, 1);
		put_field(csv, csv->columns[i].name, csv->columns[i].length, true);
	}
}

static void put_row(struct csv *csv)
{
	for (size_t i = 0; i < csv->count; i++) {
		if (i > 0)
			line_writer_add(csv->out, &csv->delimiter, 1);
		put_value(csv, &csv->stage.event.spans[csv->columns[i].slot]);
	}
	end_row(csv);
}

static void before_wait(struct stage *stage)
{
	flush(stage->context);
}

/* The header of an existing file names the columns, or is the one that would be written. */
static void take_header(struct csv *csv, const char *header, size_t length)
{
	struct line_writer wanted, *out = csv->out;

	if (csv->count == 0) {
		names_from_header(csv, header, length);
		return;
	}
	while (length > 0 && (header[length - 1] == '\n' || header[length - 1] == '\r'))
		length--;
	line_writer_init(&wanted, -1);
	csv->out = &wanted;
	put_names(csv);
	csv->out = out;
	if (wanted.length != length || memcmp(wanted.buffer, header, length) != 0)
		die("'%s' begins with other columns: %.*s", csv->path, (int)(length < 200 ? length : 200), header);
	line_writer_free(&wanted);
}

/* A stage that a runner started again goes on with its file. */
static bool restarted(void)
{
	const char *restart = getenv("PYPE_RESTART");

	return restart && *restart && strcmp(restart, "0") != 0;
}

static void open_file(struct csv *csv)
{
	struct text header = {0};
	struct stat status;
	int fd;

	csv->regular = stat(csv->path, &status) < 0 || S_ISREG(status.st_mode);
	fd = open(csv->path, (csv->regular ? O_RDWR | O_CREAT : O_WRONLY) | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0)
		fail("cannot open '%s':", csv->path);
	line_writer_init(&csv->file, fd);
	csv->out = &csv->file;
	if (!csv->regular)
		return;
	lock_file(csv);
	if (csv->append || restarted())
		csv->length = whole_rows(csv, &header);
	if (ftruncate(fd, (off_t)csv->length) < 0)
		fail("cannot cut '%s' to its whole rows:", csv->path);
	csv->file.written = csv->synced = csv->length;
	if (csv->length > 0 && !csv->no_header) {
		take_header(csv, header.data, header.length);
		csv->no_header = true;
	}
	text_free(&header);
}

static bool name_by_first(struct csv *csv)
{
	struct event *event = &csv->stage.event;
	const char *at = event->line + event->json.start;
	struct json_span key, value;

	if (event->json.members == 0) {
		stage_bad(&csv->stage, "the first event has no members to name the columns");
		return false;
	}
	while (json_next_member(&at, &key, &value)) {
		text_clear(&csv->plain);
		json_add_unescaped(&csv->plain, key.at, key.length);
		add_member(csv, csv->plain.data, csv->plain.length);
	}
	stage_rescan(&csv->stage);
	return true;
}

/* The columns are those of the first event: says when a later one has members that have no column. */
static void look_for_more(struct csv *csv)
{
	struct event *event = &csv->stage.event;
	size_t found = 0;

	for (size_t i = 0; i < csv->count; i++)
		found += event->spans[csv->columns[i].slot].kind != JSON_NONE;
	if (event->json.members > found && message_pass(&csv->more))
		message_warning("line %llu: members that are no columns (the first event named the columns)",
		                (unsigned long long)event->number);
}

static void handle(struct csv *csv)
{
	if (csv->count == 0 && !name_by_first(csv))
		return;
	if (!csv->no_header) {
		put_names(csv);
		end_row(csv);
		csv->no_header = true;
	}
	if (csv->named_by_first)
		look_for_more(csv);
	put_row(csv);
}

static int finish(struct csv *csv)
{
	flush(csv);
	if (csv->out == &csv->file && close(csv->file.fd) < 0)
		fail("cannot close '%s':", csv->path);
	if (csv->out == &csv->file)
		line_writer_free(&csv->file);
	for (size_t i = 0; i < csv->count; i++)
		free(csv->columns[i].name);
	free(csv->columns);
	text_free(&csv->plain);
	return stage_close(&csv->stage);
}

int main(int argc, char **argv)
{
	char comma[] = ",", stdout_name[] = "-", nothing[] = "";
	struct csv csv = {.delimiter_text = comma, .path = stdout_name, .missing = nothing, .null = nothing};
	struct option options[] = {
		OPTION_STRING('d', "delimiter", "CHAR", &csv.delimiter_text, "what stands between fields (,)"),
		OPTION_STRING('o', "output", "FILE", &csv.path, "write to FILE, replacing it (-: standard output)"),
		OPTION_FLAG('a', "append", &csv.append, "go on with FILE if it is there"),
		OPTION_FLAG(0, "no-header", &csv.no_header, "no row with the columns' names"),
		OPTION_FLAG(0, "crlf", &csv.crlf, "end rows with CR LF, as RFC 4180 has it"),
		OPTION_STRING(0, "missing", "TEXT", &csv.missing, "what a missing value is written as (nothing)"),
		OPTION_STRING(0, "null", "TEXT", &csv.null, "what null is written as (nothing)"),
		OPTION_FLAG(0, "fsync", &csv.fsync, "have each block of rows on disk before going on"),
		OPTION_END,
	};
	char **operands = option_parse_both(&program, options, stage_options(&csv.stage), argv);

	(void)argc;
	csv.delimiter = parse_delimiter(csv.delimiter_text);
	csv.out = &csv.stage.out;
	for (; *operands; operands++)
		parse_column(&csv, *operands);
	if (csv.append && strcmp(csv.path, "-") == 0)
		die("--append needs a file (-o FILE)");
	if (option_checking())
		return STATUS_OK;
	if (strcmp(csv.path, "-") != 0)
		open_file(&csv);
	csv.named_by_first = csv.count == 0;
	csv.stage.context = &csv;
	csv.stage.before_wait = before_wait;
	stage_open(&csv.stage);
	while (stage_next(&csv.stage))
		handle(&csv);
	return finish(&csv);
}
