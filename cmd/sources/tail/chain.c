/*
 * chain: the files of one path, which are read one after the other: each waits for the one that it comes after.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int compare_age(const void *a, const void *b)
{
	const struct file *one = *(struct file *const *)a, *other = *(struct file *const *)b;

	if (one->is.written != other->is.written)
		return one->is.written < other->is.written ? -1 : 1;
	/* Clocks of file systems tick every few milliseconds: what has its name is the newest, … */
	if (!one->moved || !other->moved)
		return (one->moved == NULL) - (other->moved == NULL);
	/* … and of the others the one with the greatest number the oldest. */
	return strverscmp(last_part(other->moved), last_part(one->moved));
}

void chain_look(struct file *file)
{
	struct identity_of is, there;
	char link[64], name[PATH_MAX];
	ssize_t length;

	/* One of --once may be closed. */
	if (file->fd < 0 || !identity_fd(file->fd, &is))
		return;
	file->is.written = is.written;
	if (file->moved || (identity_at(file->path, &there) && there.inode == is.inode && there.device == is.device))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
	length = readlink(link, name, sizeof(name));
	if (length > 0 && length < (ssize_t)sizeof(name))
		file->moved = xstrndup(name, (size_t)length);
}

void chain_sort(struct file **files, size_t count)
{
	if (count > 1)
		qsort(files, count, sizeof(struct file *), compare_age);
}

void chain_all(struct file **files, size_t count)
{
	chain_sort(files, count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count; j++)
			if (strcmp(files[j]->path, files[i]->path) == 0) {
				files[j]->after = files[i];
				break;
			}
}

struct file *chain_follower(const struct tail *tail, const struct file *file)
{
	struct file *other = tail->files;

	while (other && other->after != file)
		other = other->next;
	return other;
}

struct file *chain_last(const struct tail *tail, struct file *file)
{
	for (struct file *next = chain_follower(tail, file); next; next = chain_follower(tail, next))
		file = next;
	return file;
}
