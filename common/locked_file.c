#include "common/locked_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text.h"

/* Closes, and returns -1; errno stays. */
static int close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

/* 1 or 0; -1: errno. */
static int has_name(int fd, const char *path)
{
	struct stat own, named;

	if (fstat(fd, &own) < 0)
		return -1;
	if (stat(path, &named) < 0)
		return errno == ENOENT ? 0 : -1;
	return own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

int locked_file_lock(int fd, const char *path, int flags)
{
	for (;;) {
		int result;

		if (fd < 0)
			fd = open(path, flags | O_CLOEXEC, 0600);
		if (fd < 0)
			return -1;
		do
			result = flock(fd, LOCK_EX);
		while (result < 0 && errno == EINTR);
		if (result == 0)
			result = has_name(fd, path);
		if (result > 0)
			return fd;
		if (result < 0)
			return close_failed(fd);
		close(fd);
		fd = -1;
	}
}

void locked_file_unlock(int fd)
{
	int saved = errno;

	flock(fd, LOCK_UN);
	errno = saved;
}

/* These locks belong to the open file and have nothing to do with flock's: F_RDLCK is held by who reads, F_WRLCK by who cuts. */
static int mark(int fd, int command, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	int result;

	do
		result = fcntl(fd, command, &lock);
	while (result < 0 && errno == EINTR);
	return result;
}

int locked_file_read(int fd)
{
	return mark(fd, F_OFD_SETLKW, F_RDLCK);
}

int locked_file_write(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static char *fresh_path(const char *path)
{
	return text_format("%s.new", path);
}

int locked_file_begin(int fd, const char *path)
{
	char *name = fresh_path(path);
	struct stat old, new;
	int fresh = -1;

	/* Only who has the lock is here: what has the name is left over. */
	if ((unlink(name) == 0 || errno == ENOENT) && fstat(fd, &old) == 0)
		fresh = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	/* Who runs as another user than the writers must not lock them out. */
	if (fresh >= 0 &&
	    (fstat(fresh, &new) < 0 ||
	     ((new.st_uid != old.st_uid || new.st_gid != old.st_gid) && fchown(fresh, old.st_uid, old.st_gid) < 0) ||
	     fchmod(fresh, old.st_mode & 0777) < 0)) {
		int saved = errno;

		locked_file_abandon(fresh, path);
		errno = saved;
		fresh = -1;
	}
	free(name);
	return fresh;
}

int locked_file_replace(int fresh, const char *path)
{
	char *name = fresh_path(path);
	int result = fsync(fresh);

	if (result == 0)
		result = rename(name, path);
	if (result < 0) {
		int saved = errno;

		unlink(name);
		errno = saved;
		close_failed(fresh);
	} else {
		close(fresh);
	}
	free(name);
	return result;
}

void locked_file_abandon(int fresh, const char *path)
{
	char *name = fresh_path(path);

	unlink(name);
	close(fresh);
	free(name);
}

static int copy(int from, int to, off_t size)
{
	enum { BLOCK = 1 << 16 };
	char block[BLOCK];
	off_t at = 0;

	while (at < size) {
		ssize_t n = pread(from, block, size - at < BLOCK ? (size_t)(size - at) : BLOCK, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0 || locked_file_write(to, block, (size_t)n) < 0)
			return -1;
		at += n;
	}
	return 0;
}

int locked_file_cut(int fd, const char *path, off_t size)
{
	int fresh, result;

	if (mark(fd, F_OFD_SETLK, F_WRLCK) == 0) {
		result = ftruncate(fd, size);
		mark(fd, F_OFD_SETLK, F_UNLCK);
		return result;
	}
	if (errno != EAGAIN && errno != EACCES)
		return -1;
	fresh = locked_file_begin(fd, path);
	if (fresh < 0)
		return -1;
	if (copy(fd, fresh, size) < 0) {
		int saved = errno;

		locked_file_abandon(fresh, path);
		errno = saved;
		return -1;
	}
	return locked_file_replace(fresh, path);
}
