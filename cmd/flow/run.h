/*
 * run: the flow process, `pype run`: one manager per pipeline, what they tell, and the end of it all.
 */
#ifndef PYPE_FLOW_RUN_H
#define PYPE_FLOW_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pipeline;
struct run;

/* The command `pype run`; returns the exit status. */
int run_command(char **argv);

/* What a pipeline asks of the flow (pipeline.c). */
pid_t run_spawn_manager(struct run *run, struct pipeline *pipeline, int channel, const char **failed);
void run_hear(struct run *run, const char *event, size_t length);
bool run_owns(void *run, pid_t pid);
void run_pipeline_done(struct run *run);

#endif
