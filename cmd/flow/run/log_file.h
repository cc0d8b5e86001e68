/*
 * log_file: a file that lines are appended to for good, kept to two of a limited size: NAME.ENDING, and NAME.1.ENDING, what it was
 * before it grew too large.
 */
#ifndef PYPE_FLOW_LOG_FILE_H
#define PYPE_FLOW_LOG_FILE_H

#include <sys/types.h>

#include "common/message.h"

enum { LOG_FILE_EVENTS = 4 << 20, LOG_FILE_STDERR = 1 << 20 }; /* bytes of STATE/events.ndjson, and of a stage's log */

struct log_file {
	char *path, *before;
	off_t most; /* bytes */
	int fd; /* -1: not open (yet) */
	struct message_limit unkept; /* lines that could not be written */
};

/* DIRECTORY/NAME.ENDING; it is opened when there is something to write. One writer at a time. */
void log_file_init(struct log_file *log, const char *directory, const char *name, const char *ending, off_t most);
/* Opens it now. 0, or -1: errno. */
int log_file_open(struct log_file *log);
/* Whole lines, in one write(2), or not at all; that they could not be written is said. */
void log_file_add(struct log_file *log, const char *lines, size_t length);
void log_file_free(struct log_file *log);

#endif
