/*
 * jobs: an engine in each of several processes (common/parallel.h).
 */
#ifndef PYPE_JQ_JOBS_H
#define PYPE_JQ_JOBS_H

#include "cmd/processors/jq/engine.h"
#include "common/parallel.h"

struct jobs {
	struct parallel parallel;
	struct parallel_work work;
	struct engine *engine;
	struct engine_host *host; /* the engine's; in a worker it becomes the worker's */
	struct engine_host own; /* … what it is in the program */
};

/*
 * How many processes handle the lines: as many as was asked for (0: as there are processors), or 1 since the program has *why, which
 * needs its lines one after the other. Ends the program (2) if there cannot be so many.
 */
unsigned jobs_count(int64_t asked, const struct engine_program *program, uint64_t max_line, const char **why);

/* The engine has not run yet, and does not in this process. All is borrowed; host gets results and bad lines in order. */
void jobs_open(struct jobs *jobs, unsigned count, struct stage *stage, struct engine *engine, struct engine_host *host);
/* The whole of the stage's input. */
void jobs_run(struct jobs *jobs);
void jobs_close(struct jobs *jobs);

#endif
