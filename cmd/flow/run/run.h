/*
 * run: the flow process, `pype run`: one manager per pipeline, what they tell, and the end of it all.
 */
#ifndef PYPE_FLOW_RUN_H
#define PYPE_FLOW_RUN_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "cmd/flow/run/control.h"
#include "cmd/flow/run/heard.h"
#include "cmd/flow/run/log_file.h"
#include "cmd/flow/run/pipeline.h"
#include "cmd/flow/run/report.h"
#include "cmd/flow/run/service.h"
#include "cmd/flow/manifest/version.h"
#include "common/option.h"

enum { RUN_SIGNALS = 3 };

struct run {
	struct version *version; /* of the manifest, the newest; held */
	const struct option_list *only; /* the pipelines to run, if not all */
	bool once; /* whatever the manifest says, nothing is started again */
	char *state; /* the state directory */
	int lock; /* descriptor of STATE/lock */
	struct log_file events; /* STATE/events.ndjson */
	struct pipeline **pipelines; /* in the order of the manifest they came with */
	size_t count;
	bool failed; /* a pipeline that is gone had failed */
	bool ending; /* all pipelines have ended */
	rlim_t files; /* how many descriptors this process could have open before it asked for more */
	bool terminal; /* it was started from one */
	unsigned stops; /* how often it was told to stop */
	struct report *report;
	struct report *reports; /* those of earlier versions that end */
	struct control control;
	struct service service;
	struct heard heard;
	struct ev_signal signals[RUN_SIGNALS];
	struct ev_timer settle;
};

/* The command `pype run`; returns the exit status. */
int run_command(char **argv);

/* What a pipeline asks of the flow (pipeline.c). */
pid_t run_spawn_manager(struct run *run, struct pipeline *pipeline, int channel, const char **failed);
/* One happening, of a pipeline or its stages, or (NULL) of the flow: a whole line with its newline. */
void run_hear(struct run *run, struct pipeline *pipeline, const char *event, size_t length);
bool run_owns(void *run, pid_t pid);
/* A pipeline has ended or got a successor: the flow sees to it, soon. */
void run_settle(struct run *run);

/* The first time all pipelines are stopped, and drain; from the second time on they are hurried. */
void run_stop(struct run *run);
/* Reads the manifest as this flow runs it: version_read. */
struct version *run_read(const struct run *run, const char *path, struct mistakes *mistakes);
/* Adds a pipeline, ready to start. */
void run_add(struct run *run, struct version *version, const struct manifest_pipeline *manifest);
struct pipeline *run_find(const struct run *run, const char *name);

#endif
