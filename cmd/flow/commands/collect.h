/*
 * collect: runs programs, a few at a time, and collects what they write. Nothing they do can hold it up: who is not done in
 * time is killed with its process group.
 */
#ifndef PYPE_FLOW_COLLECT_H
#define PYPE_FLOW_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/text.h"

enum {
	COLLECT_AT_ONCE = 4,
	COLLECT_MOST = 65536, /* bytes of output that are kept, the first ones */
};

struct collect {
	/* what to run; borrowed */
	char *const *argv; /* argv[0] is a path */
	char **environment;
	const char *directory;
	int fd; /* what is collected: 1 or 2; the other one, and standard input, are /dev/null */

	/* what came of it; collect_free */
	struct text output;
	int status; /* of waitpid */
	bool late; /* killed, since the time was over */
	const char *failed; /* why it was not even started, with errno in number; or NULL */
	int number;

	/* private */
	pid_t pid;
	int pipe, process;
	int64_t deadline;
};

/* Runs them all, each for at most this many nanoseconds. */
void collect_all(struct collect *jobs, size_t count, int64_t time);
void collect_free(struct collect *job);

#endif
