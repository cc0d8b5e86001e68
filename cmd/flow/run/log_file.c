#include "cmd/flow/run/log_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

void log_file_init(struct log_file *log, const char *directory, const char *name, const char *ending, off_t most)
{
	*log = (struct log_file){
		.path = text_format("%s/%s.%s", directory, name, ending),
		.before = text_format("%s/%s.1.%s", directory, name, ending),
		.most = most,
		.fd = -1,
	};
}

int log_file_open(struct log_file *log)
{
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return log->fd < 0 ? -1 : 0;
}

static void close_file(struct log_file *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void complain(struct log_file *log)
{
	if (message_pass(&log->unkept))
		message_error("cannot write to '%s':", log->path);
}

void log_file_add(struct log_file *log, const char *lines, size_t length)
{
	struct stat status;
	ssize_t n;

	/* Somebody has cleaned up. */
	if (log->fd >= 0 && fstat(log->fd, &status) == 0 && status.st_nlink == 0)
		close_file(log);
	if (log->fd < 0 && log_file_open(log) < 0) {
		complain(log);
		return;
	}
	n = write(log->fd, lines, length);
	if (n != (ssize_t)length)
		complain(log);
	if (fstat(log->fd, &status) < 0)
		return;
	/* A part of a line would spoil the next one. */
	if (n > 0 && n < (ssize_t)length && ftruncate(log->fd, status.st_size - n) < 0)
		message_debug("cannot cut '%s':", log->path);
	if (status.st_size > log->most && rename(log->path, log->before) == 0)
		close_file(log);
}

void log_file_free(struct log_file *log)
{
	close_file(log);
	free(log->path);
	free(log->before);
}
