/*
 * chain: a stage of a pipeline and all that follow it, run once, without a runner around them.
 */
#ifndef PYPE_FLOW_CHAIN_H
#define PYPE_FLOW_CHAIN_H

#include <stddef.h>
#include <sys/types.h>

#include "cmd/flow/manifest/manifest.h"

struct chain_link {
	const struct manifest_stage *stage;
	pid_t pid;
};

struct chain {
	const struct manifest *manifest; /* borrowed */
	const struct manifest_pipeline *pipeline;
	struct chain_link *links; /* in the order of the data */
	size_t count;
};

/* The stage "pipeline.stage" and what follows it. Ends the program (2) if that is not a chain, or the stage is a source. */
void chain_find(struct chain *chain, const struct manifest *manifest, const char *stage);
void chain_free(struct chain *chain);

/*
 * Starts them as a runner would that has started them before: sh, the manifest's directory and environment. Their dead
 * letters go to the directory, but the first one has none: what it refuses is still in those that it reads. Returns
 * the pipe that it reads; ends the program (1) if something cannot be started.
 */
int chain_start(struct chain *chain, const char *directory);

/* Waits for all. Says which ended with another status than 0; returns how many. */
int chain_wait(struct chain *chain);

#endif
