/*
 * report: the command that gets failures on its stdin (`report:` in the manifest), kept running.
 *
 * Events wait in a queue of at most REPORT_QUEUE bytes; while the command is down or does not read, more than that
 * are dropped, counted, and the number is said. The flow never waits for it, but at its own end, for report_end.
 */
#ifndef PYPE_FLOW_REPORT_H
#define PYPE_FLOW_REPORT_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "cmd/flow/manifest.h"
#include "cmd/flow/restart.h"
#include "common/text.h"

enum { REPORT_QUEUE = 1 << 20 };

struct report {
	const struct manifest *manifest; /* manifest->report NULL: nothing is done */
	char **environment;
	rlim_t files; /* as in struct spawn */
	pid_t pid; /* 0: it does not run */
	int fd; /* write end of its stdin, not blocking; -1: none */
	struct text queue;
	size_t sent; /* of the queue's first event */
	uint64_t dropped;
	bool ending, given_up;
	int64_t started;
	struct restart restart;
	struct ev_io writable;
	struct ev_child exit;
	struct ev_timer again;
};

/* environment is borrowed. Starts the command. */
void report_init(struct report *report, const struct manifest *manifest, char **environment, rlim_t files);
/* One event, a whole line with its newline. */
void report_add(struct report *report, const char *line, size_t length);
/* No more will come: the command gets the rest and its end of input. The loop ends by itself when it has ended. */
void report_end(struct report *report);
/* Ends it whatever it does. */
void report_kill(struct report *report);
void report_free(struct report *report);

#endif
