/*
 * pype-csv: events to rows of a CSV file.
 *
 * A row is put together in the output's own buffer from spans of the event's line: no value is
 * copied twice, and only strings with escapes are looked at byte by byte.
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

enum {
	COLUMNS = 16384, /* most that an event may name; a spreadsheet has as many */
	HEADER_MAX = 16 << 20, /* longest header row of a file to go on with */
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
	bool all; /* no FIELDs: the columns are the members of the first event, or the file's */
	struct message_limit more; /* events with members that are no columns */
	struct line_writer file; /* with --output */
	struct line_writer *out;
	bool regular; /* the file is one, and not a device or a pipe */
	uint64_t length; /* of the file, in rows that were written whole */
	struct text plain; /* a string without its escapes, a value without its white space */
};

static void add_column(struct csv *csv, const char *name, size_t length, int slot)
{
	char *copy = xmalloc(length);

	if (length)
		memcpy(copy, name, length);
	csv->columns = xreallocarray(csv->columns, csv->count + 1, sizeof(*csv->columns));
	csv->columns[csv->count++] = (struct column){copy, length, slot};
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
		add_column(csv, path + (path[1] != '\0'), strlen(path) - (path[1] != '\0'), slot);
}

static char parse_delimiter(const char *string)
{
	if (strcmp(string, "\\t") == 0 || strcmp(string, "tab") == 0)
		return '\t';
	if (strlen(string) != 1 || strchr("\"\r\n+-.", *string) || (unsigned char)*string >= 0x80 ||
	    (*string >= '0' && *string <= '9') || ((*string | 0x20) >= 'a' && (*string | 0x20) <= 'z'))
		die("--delimiter takes one ASCII character, no letter, digit, quote, '+', '-' or '.', or \\t, not '%s'",
		    string);
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

/* Where the last whole row ends. The first row is put into header, and the length of the file into *size. */
static uint64_t whole_rows(struct csv *csv, struct text *header, uint64_t *size)
{
	char *block = xmalloc(LINE_READ);
	enum place place = START;
	uint64_t whole = 0;
	ssize_t n;

	for (*size = 0; (n = pread(csv->file.fd, block, LINE_READ, (off_t)*size)) > 0; *size += (uint64_t)n) {
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
			add_member(csv, name->data, name->length);
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

/* Takes note of what was written to the file: whole rows, or with result -1 perhaps a part of the last. */
static void written(struct csv *csv, int result)
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

static void flush(struct csv *csv)
{
	if (csv->out != &csv->file)
		stage_flush(&csv->stage);
	else
		written(csv, line_writer_flush(csv->out));
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

static void put_header(struct csv *csv)
{
	if (csv->no_header)
		return;
	for (size_t i = 0; i < csv->count; i++) {
		if (i > 0)
			line_writer_add(csv->out, &csv->delimiter, 1);
		put_field(csv, csv->columns[i].name, csv->columns[i].length, true);
	}
	end_row(csv);
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

	csv->length = whole_rows(csv, &header, &size);
	if (size > 0 && !csv->no_header && (csv->length > 0 || !restarted()))
		take_header(csv, &header, csv->length == 0);
	if (csv->length > 0)
		csv->no_header = true;
	if (size > csv->length)
		message_warning("'%s' ends in the middle of a row: cut off its last %llu bytes", csv->path,
		                (unsigned long long)(size - csv->length));
	text_free(&header);
}

static void open_file(struct csv *csv)
{
	struct stat status;
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
	if (csv->append || restarted())
		go_on(csv);
	if (ftruncate(fd, (off_t)csv->length) < 0)
		fail("cannot cut '%s' to its whole rows:", csv->path);
	csv->file.written = csv->length;
	if (csv->fsync)
		sync_directory(csv);
}

/* A member that comes twice is one column. */
static bool name_by_first(struct csv *csv)
{
	struct event *event = &csv->stage.event;
	const char *at = event->line + event->json.start;
	struct json_span key, value;
	int slot;

	if (event->json.members == 0 || event->json.members > COLUMNS) {
		stage_bad(&csv->stage, "the first event names the columns, 1 to %d, and has %zu members", COLUMNS,
		          event->json.members);
		return false;
	}
	while (json_next_member(&at, &key, &value)) {
		text_clear(&csv->plain);
		json_add_unescaped(&csv->plain, key.at, key.length);
		slot = json_want_member(&csv->stage.want, csv->plain.data, csv->plain.length);
		if ((size_t)slot == csv->count)
			add_column(csv, csv->plain.data, csv->plain.length, slot);
	}
	stage_rescan(&csv->stage);
	return true;
}

static bool is_column(const struct csv *csv, const struct json_span *key)
{
	for (size_t i = 0; i < csv->count; i++)
		if (json_string_is(key->at, key->length, csv->columns[i].name, csv->columns[i].length))
			return true;
	return false;
}

/* Without FIELDs all members should be columns: says when an event has one that is not. */
static void look_for_more(struct csv *csv)
{
	struct event *event = &csv->stage.event;
	const char *at = event->line + event->json.start;
	struct json_span key, value;
	size_t found = 0;

	for (size_t i = 0; i < csv->stage.want.slots; i++)
		found += event->spans[i].kind != JSON_NONE;
	if (event->json.members == found)
		return;
	while (json_next_member(&at, &key, &value)) {
		if (is_column(csv, &key))
			continue;
		if (message_pass(&csv->more))
			message_warning("line %llu: member '%.*s' has no column", (unsigned long long)event->number,
			                (int)(key.length < 200 ? key.length - 2 : 200), key.at + 1);
		break;
	}
}

static void handle(struct csv *csv)
{
	if (csv->count == 0) {
		if (!name_by_first(csv))
			return;
		put_header(csv);
	}
	if (csv->all)
		look_for_more(csv);
	put_row(csv);
}

static int run(struct csv *csv)
{
	if (strcmp(csv->path, "-") != 0)
		open_file(csv);
	csv->stage.context = csv;
	csv->stage.before_wait = before_wait;
	stage_open(&csv->stage);
	if (csv->count > 0)
		put_header(csv);
	while (stage_next(&csv->stage))
		handle(csv);
	flush(csv);
	if (message_hidden(&csv->more))
		message_warning("%llu events with a member that has no column in all",
		                (unsigned long long)csv->more.count);
	if (csv->out == &csv->file) {
		if (close(csv->file.fd) < 0)
			fail("cannot close '%s':", csv->path);
		line_writer_free(&csv->file);
	}
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
	int status;

	(void)argc;
	csv.delimiter = parse_delimiter(csv.delimiter_text);
	csv.out = &csv.stage.out;
	for (; *operands; operands++)
		parse_column(&csv, *operands);
	if ((csv.append || csv.fsync) && strcmp(csv.path, "-") == 0)
		die("--%s needs a file (-o FILE)", csv.append ? "append" : "fsync");
	csv.all = csv.count == 0;
	status = option_checking() ? STATUS_OK : run(&csv);
	for (size_t i = 0; i < csv.count; i++)
		free(csv.columns[i].name);
	free(csv.columns);
	json_want_free(&csv.stage.want);
	return status;
}
