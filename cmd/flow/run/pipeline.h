/*
 * pipeline: a pipeline as the flow process sees it: the manager process that runs it, kept running.
 *
 * A manager that dies, or that asks for it because a stage failed more often than it may, is replaced by the
 * pipeline's restart policy; a pipeline that exceeds that has failed, and the flow goes on without it.
 * A successor starts only when all that the dead manager has left behind is gone. What is on the way between stages
 * outlives it: a pipeline that is to stop while it has no manager gets one more, which drains it and starts no source, and so does
 * one whose manager dies while it stops, for stop_timeout.
 *
 *           ENDED    FAILED      TIMER   STOP   HURRY
 *   UP      finish   retry               stop   hurry
 *   WAIT                         start   stop*  finish
 *   LAST    finish   retry_last                 hurry
 *   AGAIN                        drain          cut
 *   DONE
 *
 * LAST: it stops; AGAIN: it stops, and waits for another manager. stop*: drain, if there can be something on the way.
 *
 * It may get a successor, another version of the same pipeline or none at all: it is stopped then, and when it is DONE, its successor
 * takes its place (pipeline_succeed), or it is taken away (leaving).
 */
#ifndef PYPE_FLOW_PIPELINE_H
#define PYPE_FLOW_PIPELINE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/flow/run/board.h"
#include "cmd/flow/manager/plumbing.h"
#include "cmd/flow/manager/restart.h"
#include "cmd/flow/manifest/version.h"

enum pipeline_state { PIPELINE_WAIT, PIPELINE_UP, PIPELINE_LAST, PIPELINE_AGAIN, PIPELINE_DONE, PIPELINE_STATES };

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
	struct version *version; /* held */
	const struct manifest_pipeline *manifest; /* of it */
	struct version *next; /* held: what it is to become; NULL: nothing else */
	bool leaving; /* it is to be taken away */
	struct plumbing plumbing; /* made at the first start, kept until it is done: managers come and go */
	bool plumbed;
	enum pipeline_state state;
	pid_t pid; /* of the manager; 0: none */
	int status; /* of waitpid, of the last one */
	int channel; /* the flow's end of the socket; -1: none */
	bool failed;
	uint64_t starts;
	int64_t started; /* monotonic nanoseconds */
	int64_t last_until; /* no manager starts to drain it after that, monotonic nanoseconds */
	struct restart restart;
	struct board board;
	uint64_t failures;
	char *failure; /* the last one, or NULL */
	struct ev_io words;
	struct ev_child exit;
	struct ev_timer timer; /* back-off */
	struct ev_timer gone; /* what a dead manager left behind */
};

/* Ready to start at PIPELINE_TIMER. */
void pipeline_init(struct pipeline *pipeline, struct run *run, struct version *version,
                   const struct manifest_pipeline *manifest);
void pipeline_handle(struct pipeline *pipeline, enum pipeline_happening happening);
void pipeline_free(struct pipeline *pipeline);

/* A happening of its own or of one of its stages. */
void pipeline_hear(struct pipeline *pipeline, const struct heard *heard);
/* Stops it, to become what the version (which has it) says; or to go for good, for NULL. */
void pipeline_replace(struct pipeline *pipeline, struct version *version);
/* Of one that is DONE, and has a next version: starts that. */
void pipeline_succeed(struct pipeline *pipeline);
/* Tells its manager to restart a stage. False if there is none to tell. */
bool pipeline_restart_stage(struct pipeline *pipeline, const char *stage);

/* Appends it as an event "pipeline": pype-control(5). */
void pipeline_add(struct pipeline *pipeline, struct text *text);

#endif
