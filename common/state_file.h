/*
 * state_file: a small file that holds a program's place between two runs, replaced as a whole.
 *
 * Whoever reads it finds the old content or the new one, whenever the writer or the machine dies: the new content is written to
 * FILE.new, synced, and renamed over FILE. One process at a time keeps a state file (a lock on FILE.lock, which stays).
 */
#ifndef PYPE_STATE_FILE_H
#define PYPE_STATE_FILE_H

#include <stddef.h>

#include "common/text.h"

struct state_file {
	const char *path; /* borrowed */

	/* private */
	int lock, folder;
	char *fresh;
};

/*
 * Takes the file for this process and appends what it holds to content (nothing if there is no such file yet). 0, or -1: errno;
 * EWOULDBLOCK: another process has it. The largest it may be is STATE_FILE_MAX; EFBIG.
 */
enum { STATE_FILE_MAX = 64 << 20 };
int state_file_open(struct state_file *file, const char *path, struct text *content);

/* Puts new content in its place. When it returns 0, that is on disk. 0, or -1: errno, and the old content is still there. */
int state_file_replace(struct state_file *file, const void *bytes, size_t length);

void state_file_close(struct state_file *file);

#endif
