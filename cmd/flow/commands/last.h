/*
 * last: the last N of many lines.
 */
#ifndef PYPE_FLOW_LAST_H
#define PYPE_FLOW_LAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/line.h"
#include "common/text.h"

/* A ring; last_init, last_free. */
struct last {
	struct text *lines;
	size_t most, count, next;
	bool all; /* nothing is kept back */
	struct line_writer *writer;
};

/* Lines go to the writer (borrowed): as they come if most is negative, else the last ones at last_flush. */
void last_init(struct last *last, int64_t most, struct line_writer *writer);
/* Without its newline. */
void last_add(struct last *last, const char *line, size_t length);
/* What is kept is written, and what comes from now on at once. */
void last_flush(struct last *last);
void last_free(struct last *last);

#endif
