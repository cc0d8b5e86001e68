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

#include "cmd/flow/manifest.h"

struct child;
struct manager;

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
	const char *state; /* the state directory */
	int channel; /* the socket to the flow process */
	rlim_t files; /* how many descriptors a stage may have open; 0: as many as this process */
	uint64_t restarts; /* how often the pipeline was started before */
};

/* Runs the pipeline in this process. Returns an enum manager_end. */
int manager_run(const struct manager_setup *setup);

/* What a child asks of its manager (child.c). */
pid_t manager_spawn(struct manager *manager, const struct child *child, const char **failed);
uint64_t manager_restarts(const struct manager *manager);
bool manager_reader_gone(const struct manager *manager, const struct child *child);
void manager_child_done(struct manager *manager, struct child *child);
void manager_tell_start(struct manager *manager, const struct child *child);
void manager_tell_end(struct manager *manager, const struct child *child);
/* The child failed; it starts again after delay, or (-1) it does not, and why. */
void manager_tell_death(struct manager *manager, struct child *child, int64_t delay, const char *why);

#endif
