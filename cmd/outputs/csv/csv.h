/*
 * csv: what the files of pype-csv share.
 *
 * main.c reads events; row.c makes rows of them; file.c is the file they go to: locked, gone on with at its last whole row,
 * never left with half of one.
 */
#ifndef PYPE_CSV_H
#define PYPE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/line.h"
#include "common/message.h"
#include "common/stage.h"
#include "common/text.h"

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

/* A column named for a member of the event. */
void csv_add_member(struct csv *csv, const char *name, size_t length);

/* The columns' names as a row, and the current event. */
void csv_put_header(struct csv *csv);
void csv_put_row(struct csv *csv);

/* Opens csv->path and finds out whether rows and a header are there; ends the program if it cannot be written. */
void csv_open_file(struct csv *csv);

/* Takes note of what was written to the file: whole rows, or with result -1 perhaps a part of the last; then the program ends. */
void csv_written(struct csv *csv, int result);

#endif
