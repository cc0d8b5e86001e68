/*
 * child: a stage of a running pipeline: its process, its two pipe ends, its state.
 *
 * The manager owns both ends of every pipe, so a child dies and is replaced while its neighbours
 * run on and notice nothing. `finish` gives a child's own ends up: end of data flows down, EPIPE
 * flows up. That is all of a pipeline's shutdown.
 *
 * What happens is one table of states and events (child.c), its columns:
 *
 *           START   ENDED    FAILED   REFUSED  TIMER   DRAIN       STOP     HURRY    RESTART
 *   DOWN    start                                      finish      finish   finish
 *   UP              ended    retry    give_up          last        ask      term     again
 *   AGAIN           anew     anew     anew     kill    note_drain  last     term
 *   WAIT                                       start   start_last  finish   finish   start
 *   IDLE    batch   finish                                                  finish
 *   LAST            ended    once     lost     term                         term
 *   ENDING          finish   finish   finish   kill                         kill
 *   DONE
 *
 * ENDED    exited with 0, or with SIGPIPE because its reader was done
 * FAILED   exited with 1 or another status, or killed by a signal nobody here sent
 * REFUSED  exited with 2, 126 or 127: running it again is pointless
 * DRAIN    the pipeline stops: end when the input does
 * STOP     the same for a source: it is asked by SIGTERM
 * (IDLE: between two batches of ack: eof; START: there is one, ENDED: there will be none)
 * HURRY    end now: SIGTERM, and SIGKILL if that does not help
 * RESTART  somebody wants another process: SIGTERM, SIGKILL after stop_timeout, and however it ends it is no failure
 */
#ifndef PYPE_FLOW_CHILD_H
#define PYPE_FLOW_CHILD_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/manager/restart.h"
#include "cmd/flow/manager/rights.h"
#include "cmd/flow/manager/tail.h"
#include "common/option.h"

enum child_state {
	CHILD_DOWN,
	CHILD_UP,
	CHILD_AGAIN,
	CHILD_WAIT,
	CHILD_IDLE,
	CHILD_LAST,
	CHILD_ENDING,
	CHILD_DONE,
	CHILD_STATES
};

enum child_happening {
	CHILD_START,
	CHILD_ENDED,
	CHILD_FAILED,
	CHILD_REFUSED,
	CHILD_TIMER,
	CHILD_DRAIN,
	CHILD_STOP,
	CHILD_HURRY,
	CHILD_RESTART,
	CHILD_HAPPENINGS,
};

/* How a finished child ended, from good to bad. */
enum child_verdict {
	CHILD_WELL,
	CHILD_BADLY, /* it failed at its end, and that is said */
	CHILD_POINTLESS, /* it must not be started again: the pipeline cannot go on */
	CHILD_TOO_OFTEN, /* it failed more often than its policy allows: the pipeline is to start afresh */
};

struct manager;
struct port;

struct child {
	const struct manifest_stage *stage;
	struct manager *manager;
	struct port *port; /* its data */
	char *name; /* "pipeline.stage" */
	char *letters; /* the path of its dead letters */
	int in, out; /* its ends of its pipes, held by the manager; -1: none, or given up */
	int said[2]; /* the pipe of its stderr, both ends */
	struct rights rights;
	char *command; /* for sh -c */
	char **environment;
	char *restarts; /* its entry of PYPE_RESTART, with CHILD_RESTART_ROOM bytes */
	char *page; /* … and of PYPE_STAGE, with PORT_VARIABLE bytes */

	enum child_state state;
	enum child_verdict verdict;
	pid_t pid; /* 0: no process */
	int status; /* of waitpid, of the last one */
	bool asked; /* the last one was sent a signal from here */
	bool source;
	bool drains; /* the pipeline began to drain while this one was to be replaced */
	int64_t last_until; /* it is told to end then, monotonic nanoseconds; 0: it does not end yet */
	bool last_start; /* it was started once more while the pipeline drains */
	uint64_t starts;
	int64_t started; /* monotonic nanoseconds */
	uint64_t dropped_said; /* of the events that were dropped on their way to it */
	struct restart restart;
	struct tail tail;

	struct ev_child exit;
	struct ev_timer timer; /* back-off, stop_timeout or kill: they exclude each other */
	struct ev_timer gone; /* the rest of a dead child's process group */
	struct ev_io words; /* stderr */
};

enum { CHILD_RESTART_ROOM = 40 };

/* Sets up a child that is DOWN; its variables and environment are the manager's to make. 0, or -1: errno. */
int child_init(struct child *child, struct manager *manager, const struct manifest_stage *stage, const char *pipeline);
void child_free(struct child *child);

void child_handle(struct child *child, enum child_happening happening);

/* What a wait status means for a child. Pure. */
enum child_happening child_meaning(int status, bool asked, bool reader_gone);

#endif
