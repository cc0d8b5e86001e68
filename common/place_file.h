/*
 * place_file: where a source is, as a handful of whole numbers with names, and the state file (--state) that keeps them between two runs.
 *
 * What the numbers are is the source's: a struct of nothing but int64_t, which is also its cursor under a runner. The file holds
 * them as a JSON object in one line, for people to read. It is saved at most once a second in a busy stream, and before each
 * longer pause: who is killed goes on from at most a second before.
 */
#ifndef PYPE_PLACE_FILE_H
#define PYPE_PLACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/state_file.h"

struct place_file {
	/* private */
	struct state_file file;
	const char *const *names;
	size_t count;
	int64_t saved; /* when, on moment_now */
	bool open;
};

/*
 * Takes the file; path NULL: there is none, and all below does nothing. names are those of the numbers, borrowed. True if it held a
 * place, which is then in numbers. Ends the program with 1 if the file is in use or cannot be read, with 2 if it holds something else.
 */
bool place_file_open(struct place_file *place, const char *path, const char *const *names, int64_t *numbers,
                     size_t count);

/* True if the place is to be saved now that a pause of so many nanoseconds follows (0: none). */
bool place_file_due(const struct place_file *place, int64_t pause);

/* Ends the program with 1 if it cannot be written. Before it, what led to this place must be flushed. */
void place_file_save(struct place_file *place, const int64_t *numbers);
void place_file_close(struct place_file *place);

#endif
