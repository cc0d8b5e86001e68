/*
 * pipeline: a pipeline as the flow process sees it: the manager process that runs it, kept running.
 *
 * A manager that dies, or that asks for it because a stage failed more often than it may, is replaced by the
 * pipeline's restart policy; a pipeline that exceeds that has failed, and the flow goes on without it.
 * A successor starts only when all that the dead manager has left behind is gone.
 *
 *           ENDED    FAILED   TIMER   STOP    HURRY
 *   UP      finish   retry            stop    hurry
 *   WAIT                      start   finish  finish
 *   LAST    finish   finish                   hurry
 *   DONE
 */
#ifndef PYPE_FLOW_PIPELINE_H
#define PYPE_FLOW_PIPELINE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/flow/manifest.h"
#include "cmd/flow/plumbing.h"
#include "cmd/flow/restart.h"

enum pipeline_state { PIPELINE_WAIT, PIPELINE_UP, PIPELINE_LAST, PIPELINE_DONE, PIPELINE_STATES };

enum pipeline_happening {
	PIPELINE_ENDED,
	PIPELINE_FAILED,
	PIPELINE_TIMER,
	PIPELINE_STOP,
	PIPELINE_HURRY,
	PIPELINE_HAPPENINGS,
};

struct run;

struct pipeline {
	struct run *run;
	const struct manifest_pipeline *manifest;
	struct plumbing plumbing; /* made at the first start */
	bool plumbed;
	enum pipeline_state state;
	pid_t pid; /* of the manager; 0: none */
	int status; /* of waitpid, of the last one */
	int channel; /* the flow's end of the socket; -1: none */
	bool failed;
	uint64_t starts;
	int64_t started; /* monotonic nanoseconds */
	struct restart restart;
	struct ev_io words;
	struct ev_child exit;
	struct ev_timer timer; /* back-off */
	struct ev_timer gone; /* what a dead manager left behind */
};

void pipeline_init(struct pipeline *pipeline, struct run *run, const struct manifest_pipeline *manifest);
void pipeline_handle(struct pipeline *pipeline, enum pipeline_happening happening);
void pipeline_free(struct pipeline *pipeline);

#endif
