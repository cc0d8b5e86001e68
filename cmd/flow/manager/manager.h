/*
 * manager: the process that runs one pipeline.
 *
 * The flow process forks it (run.c) and hears from it over a socket: every happening as one
 * message; it says back what to do, a message each: an enum manager_order, and bytes that belong to it. When the flow process dies, the
 * socket ends, and the manager takes its pipeline down with it.
 *
 * It makes all pipes and keeps both ends of each, starts the stages from the last to the first, and
 * ends when all of them have.
 */
#ifndef PYPE_FLOW_MANAGER_H
#define PYPE_FLOW_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <ev.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/drain.h"
#include "cmd/flow/manager/inlet.h"
#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/manager/plumbing.h"
#include "cmd/flow/manager/port.h"
#include "cmd/flow/journal/store.h"
#include "common/text.h"

enum manager_order {
	MANAGER_STOP = 's', /* end the source, let the rest drain */
	MANAGER_HURRY = 'h', /* end all now; once more: kill */
	MANAGER_RESTART = 'r', /* a stage, whose name follows: end its process and start another */
};

/* The exit status of a manager, by the rule for all programs: 1 asks for a restart, as does death by a signal. */
enum manager_end {
	MANAGER_WELL = 0,
	MANAGER_AFRESH =
		1, /* a stage failed more often than it may, or the manager itself did: start the pipeline anew */
	MANAGER_POINTLESS = 2, /* a stage must not be started again */
	MANAGER_BADLY = 3, /* a stage failed at its end, and that is said */
};

struct manager_setup {
	const struct manifest *manifest;
	const struct manifest_pipeline *pipeline;
	const struct plumbing *plumbing; /* what the pipeline's stages share with it; outlives the manager */
	const char *state; /* the state directory */
	int channel; /* the socket to the flow process */
	rlim_t files; /* how many descriptors a stage may have open; 0: as many as this process */
	uint64_t restarts; /* how often the pipeline was started before */
	bool drains; /* the pipeline is being stopped: no source starts, the others end when their input does */
};

/* Runs the pipeline in this process. Returns an enum manager_end. */
int manager_run(const struct manager_setup *setup);

/* What follows is for the parts of a manager: manager*.c, child.c, port.c, inlet.c and drain.c. */

struct manager {
	const struct manager_setup *setup;
	struct child *children; /* as in the manifest: in the order of the data */
	struct port *ports; /* one for one */
	size_t count, done;
	struct inlet *inlets;
	size_t inlet_count;
	struct store *store; /* delivery: durable; else NULL */
	struct drain drain;
	bool stopping, hurried;
	bool afresh; /* a stage failed too often: all end, and the pipeline goes on in another manager */
	bool working, again;
	enum child_verdict worst; /* of the stages that are done */
	int null; /* /dev/null: what a source reads */
	struct text text; /* the happening that is being said */
	struct ev_io channel, bell;
	struct ev_signal term;
};

/* manager_make.c: ends the process if something cannot be had. */
void manager_make(struct manager *manager);
void manager_free(struct manager *manager);
pid_t manager_spawn(struct manager *manager, const struct child *child, const char **failed);

/* Moves what can be moved in the whole pipeline, now or in the next turn of the loop. */
void manager_work(struct manager *manager);
void manager_work_later(struct manager *manager);

struct port *manager_port(struct manager *manager, size_t number);
int manager_bell(const struct manager *manager);
/* That of a stage; NULL: it has none. */
struct inlet *manager_inlet(const struct manager *manager, size_t number);
/* The port's stage is done, and its output complete. */
void manager_note_done(struct manager *manager, const struct port *port);
/* Nobody reads this child's pipe any more. */
bool manager_reader_gone(const struct manager *manager, const struct child *child);
/* The port reads no more: those who write for it need not wait for it. */
void manager_lost_reader(struct manager *manager, const struct port *port);
void manager_child_done(struct manager *manager, struct child *child);

/* manager_tell.c */
void manager_tell_start(struct manager *manager, const struct child *child);
void manager_tell_end(struct manager *manager, const struct child *child);
/* The child failed; it starts again after delay, or (-1) it does not, and why. */
void manager_tell_death(struct manager *manager, struct child *child, int64_t delay, const char *why);
/* So many events on their way into the child were dropped by now; last: it will not be more. */
void manager_tell_drop(struct manager *manager, struct child *child, uint64_t dropped, bool last);
/* There is no room for the journal of so many bytes, or there is again. */
void manager_tell_full(struct manager *manager, uint64_t size, bool full);
/* The event at that position of its input was put into the dead letters. */
void manager_tell_poison(struct manager *manager, const struct child *child, const char *reason, uint64_t at);

#endif
