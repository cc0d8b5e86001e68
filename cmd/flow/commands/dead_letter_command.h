/*
 * dead_letter_command: pype dead-letter list, show, replay and drop.
 */
#ifndef PYPE_FLOW_DEAD_LETTER_COMMAND_H
#define PYPE_FLOW_DEAD_LETTER_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/flow/commands/letters.h"
#include "common/option.h"

/* What is asked for. */
struct dead_letter_job {
	const char *flow; /* the manifest's path */
	char *state, *directory; /* STATE, STATE/dead-letters */
	struct option_list stages; /* those meant, sorted, each once, all with a file */
	struct letters_filter filter;
	struct letter_parser parser;
	int64_t limit; /* -1: none */
	bool json, keep, run;
};

/* The letters of a stage of the job. Ends the program (1) if they cannot be read. */
void dead_letter_open(const struct dead_letter_job *job, const char *stage, struct letters *letters);
/* The next record that passes the filter. False: there are no more. Ends the program (1) if they cannot be read. */
bool dead_letter_next(struct dead_letter_job *job, struct letters *letters, struct letters_record *record);

/* The exit status each. */
int dead_letter_list(struct dead_letter_job *job);
int dead_letter_show(struct dead_letter_job *job);
int dead_letter_replay(struct dead_letter_job *job);

#endif
