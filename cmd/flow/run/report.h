/*
 * report: the command that gets failures on its stdin (`report:` in the manifest), kept running.
 *
 * Events wait in a queue of at most REPORT_QUEUE bytes; while the command is down or does not read, more than that
 * are dropped, counted, and the number is said. The flow never waits for it, but at its own end, for report_end.
 *
 * After a reload there may be two: the one that ends, and its successor.
 */
#ifndef PYPE_FLOW_REPORT_H
#define PYPE_FLOW_REPORT_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "cmd/flow/manager/restart.h"
#include "cmd/flow/manifest/version.h"
#include "common/text.h"

enum { REPORT_QUEUE = 1 << 20 };

struct report {
	struct report *next; /* of those that are to end; the flow's */
	struct version *version; /* held */
	const struct manifest *manifest; /* of it; manifest->report NULL: nothing is done */
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
	struct ev_timer patience; /* at the end; it does not keep the loop alive */
};

/* Starts the command. report_free. */
struct report *report_new(struct version *version, rlim_t files);
/* One event, a whole line with its newline. */
void report_add(struct report *report, const char *line, size_t length);
/*
 * No more will come: the command gets the rest and its end of input, and after the flow's stop_timeout SIGKILL. The loop ends
 * by itself when it has ended.
 */
void report_end(struct report *report);
/* It was told to end, and has. */
bool report_is_over(const struct report *report);
void report_free(struct report *report);

#endif
