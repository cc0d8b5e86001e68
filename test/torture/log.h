/*
 * log: when an event's handling began and ended in a stage, on the clock all processes share: for the test that in lock
 * step no two events are in the flow at once. A line "NUMBER BEGIN END" (nanoseconds) per event, in one write.
 */
#ifndef PYPE_TORTURE_LOG_H
#define PYPE_TORTURE_LOG_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "common/message.h"
#include "common/moment.h"

struct log {
	const char *path; /* NULL: nothing is written */
	int fd;
	int64_t began;
};

static inline void log_open(struct log *log, const char *path)
{
	log->path = path;
	if (!path)
		return;
	log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (log->fd < 0)
		fail("cannot open '%s':", path);
}

static inline void log_begin(struct log *log)
{
	if (log->path)
		log->began = moment_now();
}

static inline void log_end(struct log *log, uint64_t number)
{
	if (log->path && dprintf(log->fd, "%llu %lld %lld\n", (unsigned long long)number, (long long)log->began,
	                         (long long)moment_now()) < 0)
		fail("cannot write '%s':", log->path);
}

#endif
