/*
 * child: a process with pipes on the event loop.
 *
 * It leads a process group of its own, which is killed when the process has ended: nothing of it is left behind. What it says on
 * standard error is passed on line by line. Whoever has too long is asked to end (SIGTERM to the group), and killed when it does not.
 */
#ifndef PYPE_EXEC_CHILD_H
#define PYPE_EXEC_CHILD_H

#include <ev.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/text.h"

struct child {
	/* set once by child_init */
	struct ev_loop *loop;
	_Atomic pid_t *group; /* its place in the leash */
	size_t most; /* bytes of output that are kept at a time */
	int64_t grace; /* between SIGTERM and SIGKILL */
	/* More output is there: takes what it wants of it, and sets too_much. NULL: it is kept until the end. */
	void (*heard)(struct child *child);
	/* It has ended, with that status of wait(2); all of its output is there. May start it again. */
	void (*ended)(struct child *child, int status);
	void *context;

	pid_t pid; /* 0: it does not run */
	struct text input; /* for its standard input, not yet written */
	struct text output;
	struct text last; /* what it said last on standard error, up to CHILD_SAID bytes of it */
	int64_t started;
	bool timed_out, too_much; /* what it was ended for: it took too long, it wrote more than `most` */

	/* private */
	struct ev_io in, out, err, end;
	struct ev_timer timer;
	struct text said; /* half a line */
};

enum { CHILD_SAID = 200 };

void child_init(struct child *child);
void child_free(struct child *child);

/*
 * Starts it. last: nothing follows what is in `input`. False: errno, and *failed says what failed.
 */
bool child_start(struct child *child, char *const *argv, char **environment, bool last, const char **failed);

/* Writes what is in `input`, now and as room comes. */
void child_send(struct child *child);
/* Nothing follows what was sent: which must be all of `input`. */
void child_close_input(struct child *child);

/* It has so long from now on; 0: as long as it wants. */
void child_allow(struct child *child, int64_t time);
/* Asks it to end, and sees to it that it does. */
void child_stop(struct child *child);

#endif
