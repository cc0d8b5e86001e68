/*
 * mistakes: what is wrong with a manifest, gathered, and said in one go in the order of the file.
 *
 * Each is one line on stderr, one write(2), without a program's name in front:
 *   FILE:LINE:COLUMN: message
 *   FILE:LINE:COLUMN: warning: message
 * FILE is the path as given; lines and columns (characters) count from 1. Control characters are masked
 * as \xNN, and what is longer than MISTAKES_LINE bytes is cut.
 */
#ifndef PYPE_FLOW_MISTAKES_H
#define PYPE_FLOW_MISTAKES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

enum { MISTAKES_LINE = 1000 };

struct place {
	size_t line, column; /* from 1 */
};

struct mistake {
	struct place place;
	size_t order; /* in which they were added: that of mistakes in one place */
	bool warning;
	char *text;
};

/* Zero-initialise; mistakes_free. */
struct mistakes {
	struct mistake *items;
	size_t count;
	size_t fatal; /* those that are more than warnings */
};

void mistakes_add(struct mistakes *mistakes, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void mistakes_warn(struct mistakes *mistakes, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Says them all, in the order of the file, in which they are left; the same at the same place once. True if there was none but warnings. */
bool mistakes_say(struct mistakes *mistakes, const char *path);
/* Appends one as it is said, without the newline. */
void mistakes_add_line(struct text *line, const struct mistake *mistake, const char *path);
void mistakes_free(struct mistakes *mistakes);

#endif
