#include "common/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/locked_file.h"
#include "common/memory.h"

/* Closes what is open, and leaves errno as it is. */
static int give_up(struct state_file *file)
{
	int saved = errno;

	state_file_close(file);
	errno = saved;
	return -1;
}

static int take_lock(struct state_file *file)
{
	char *name = text_format("%s.lock", file->path);

	file->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	return file->lock < 0 ? -1 : flock(file->lock, LOCK_EX | LOCK_NB);
}

static int open_folder(struct state_file *file)
{
	char *path = xstrdup(file->path);

	file->folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(path);
	return file->folder;
}

static int read_content(const char *path, struct text *content)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result, saved;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	result = text_add_file(content, fd, STATE_FILE_MAX);
	saved = result > 0 ? EFBIG : errno;
	close(fd);
	errno = saved;
	return result == 0 ? 0 : -1;
}

int state_file_open(struct state_file *file, const char *path, struct text *content)
{
	*file = (struct state_file){.path = path, .lock = -1, .folder = -1, .fresh = text_format("%s.new", path)};
	if (take_lock(file) < 0 || open_folder(file) < 0 || read_content(path, content) < 0)
		return give_up(file);
	return 0;
}

int state_file_replace(struct state_file *file, const void *bytes, size_t length)
{
	int fd = open(file->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), result, saved;

	if (fd < 0)
		return -1;
	result = locked_file_write(fd, bytes, length);
	if (result == 0)
		result = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	if (result == 0)
		result = rename(file->fresh, file->path);
	return result == 0 ? fsync(file->folder) : -1;
}

void state_file_close(struct state_file *file)
{
	if (file->lock >= 0)
		close(file->lock);
	if (file->folder >= 0)
		close(file->folder);
	free(file->fresh);
	*file = (struct state_file){.lock = -1, .folder = -1};
}
