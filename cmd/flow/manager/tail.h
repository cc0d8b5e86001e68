/*
 * tail: what a child says on stderr: passed on line by line, and the last lines kept for the report.
 *
 * Each line goes to the runner's stderr in one write(2), behind "NAME: " unless it begins with that already
 * (as the lines of pype's own programs do, message.h). A line over TAIL_LINE bytes is passed on in parts.
 *
 * It also goes to STATE/logs/NAME.log, with the time in front (UTC): "2026-11-23T10:00:00.000Z NAME: line".
 */
#ifndef PYPE_FLOW_TAIL_H
#define PYPE_FLOW_TAIL_H

#include <stddef.h>

#include "cmd/flow/run/log_file.h"
#include "common/text.h"

enum {
	TAIL_LINES = 20,
	TAIL_LINE = 2048,
	TAIL_KEPT = 500, /* bytes of a line for the report: all of it must fit into one message */
};

struct tail {
	const char *name; /* borrowed */
	int fd; /* read end of the pipe, not blocking */
	char part[TAIL_LINE];
	size_t length;
	char *lines[TAIL_LINES]; /* a ring */
	size_t next;
	struct log_file log; /* path NULL: none */
};

void tail_init(struct tail *tail, const char *name, int fd);
/* Keeps what comes from now on in the state directory, which has a directory "logs". */
void tail_keep(struct tail *tail, const char *state);
void tail_free(struct tail *tail);

/* Reads all that is there now. */
void tail_read(struct tail *tail);
/* The child is gone: what it has said is read, half a line counts as one. */
void tail_end(struct tail *tail);
/* Appends the last lines as a JSON array, without the name in front of them, and forgets them. */
void tail_add_json(struct tail *tail, struct text *text);

#endif
