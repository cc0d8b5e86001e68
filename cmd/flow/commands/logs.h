/*
 * logs: the files in STATE/logs (tail.h), in one stream ordered by time, and what is added to them.
 */
#ifndef PYPE_FLOW_LOGS_H
#define PYPE_FLOW_LOGS_H

#include <stddef.h>
#include <sys/types.h>

#include "cmd/flow/commands/last.h"

/* What one stage says. */
struct log {
	char *name; /* "pipeline.stage" */
	int fd; /* of NAME.log; -1: it is not there (yet) */
	off_t offset; /* up to there it is shown */
};

struct logs {
	char *directory; /* STATE/logs */
	const char *wanted; /* pipeline or stage; NULL: all */
	int watch; /* inotify on the directory; -1: nobody follows */
	struct log *items;
	size_t count;
};

/* Finds the logs; those that are wanted. follows: changes are noted from here on. Ends the program (1) if it cannot. */
void logs_open(struct logs *logs, const char *state, const char *wanted, bool follows);
/* All lines that are there, the oldest first. */
void logs_show(struct logs *logs, struct last *last);
/* What has been added since. Returns without waiting. */
void logs_show_added(struct logs *logs, struct last *last);
void logs_close(struct logs *logs);

#endif
