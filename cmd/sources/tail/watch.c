/*
 * watch: inotify(7). Folders tell that a name in them has changed, files that they were written.
 *
 * It only ever says that something is worth a look: what it is, the scan and the reader find out.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"
#include "common/unit.h"

#define FOLDER_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define FILE_EVENTS   (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)

void watch_open(struct tail *tail)
{
	tail->inotify = -1;
	if (tail->poll > 0 || tail->once)
		return;
	tail->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (tail->inotify < 0) {
		message_warning("no inotify, so files are looked at every second: %s", strerror(errno));
		tail->slow = true;
	}
	tail->watch_buffer = xmalloc(WATCH_ROOM);
}

static struct watch **place(struct tail *tail, int descriptor)
{
	struct watch **watch = &tail->watches[descriptor % BUCKETS];

	while (*watch && (*watch)->descriptor != descriptor)
		watch = &(*watch)->next;
	return watch;
}

/* Network and user space file systems do not tell what others do. */
static bool tells(const char *path)
{
	static const long silent[] = {
		0x6969, /* NFS */
		0x517b, /* SMB */
		(long)0xff534d42, /* CIFS */
		(long)0xfe534d42, /* SMB 2 */
		0x65735546, /* FUSE */
		0x01021997, /* 9P */
		0x00c36400, /* Ceph */
		0x5346414f, /* AFS */
		0x0bd00bd0, /* Lustre */
		0x47504653, /* GPFS */
		0x19830326, /* BeeGFS */
	};
	struct statfs status;

	if (statfs(path, &status) < 0)
		return true;
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		if ((unsigned int)status.f_type == (unsigned int)silent[i])
			return false;
	return true;
}

/* Takes the next best way: looking. */
static void do_without(struct tail *tail, const char *path, int error)
{
	if (!tail->slow && error == ENOSPC)
		message_warning(
			"inotify has no room for more (/proc/sys/fs/inotify/max_user_watches): files are looked at "
			"every second as well");
	else if (!tail->slow)
		message_info("'%s' is looked at every second: %s", path, strerror(error));
	tail->slow = true;
}

static struct watch *add(struct tail *tail, const char *path, uint32_t events)
{
	struct watch **watch;
	int descriptor;

	if (tail->inotify < 0)
		return NULL;
	descriptor = inotify_add_watch(tail->inotify, path, events);
	if (descriptor < 0) {
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			do_without(tail, path, errno);
		return NULL;
	}
	watch = place(tail, descriptor);
	if (!*watch) {
		*watch = xcalloc(1, sizeof(**watch));
		(*watch)->descriptor = descriptor;
	}
	return *watch;
}

void watch_folder(struct tail *tail, const char *path, const char *name)
{
	struct watch *watch = add(tail, path, FOLDER_EVENTS | IN_ONLYDIR);

	if (!watch)
		return;
	if (watch->seen == 0 && !tells(path))
		do_without(tail, path, ENOTSUP);
	watch->seen = tail->scans;
	for (size_t i = 0; i < watch->count; i++)
		if (strcmp(watch->names[i], name) == 0)
			return;
	watch->names = xreallocarray(watch->names, watch->count + 1, sizeof(*watch->names));
	watch->names[watch->count++] = xstrdup(name);
}

void watch_file(struct tail *tail, struct file *file)
{
	char path[64];
	struct watch *watch;

	/* By its descriptor: the name may be another file's by now. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	watch = add(tail, path, FILE_EVENTS);
	if (!watch)
		return;
	watch->file = file;
	file->watch = watch->descriptor;
}

static void remove_watch(struct tail *tail, struct watch **place)
{
	struct watch *watch = *place;

	inotify_rm_watch(tail->inotify, watch->descriptor);
	*place = watch->next;
	for (size_t i = 0; i < watch->count; i++)
		free(watch->names[i]);
	free(watch->names);
	free(watch);
}

void watch_forget(struct tail *tail, struct file *file)
{
	struct watch **watch;

	if (file->watch < 0)
		return;
	watch = place(tail, file->watch);
	if (*watch)
		remove_watch(tail, watch);
	file->watch = -1;
}

void watch_clean(struct tail *tail)
{
	if (tail->inotify < 0)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct watch **watch = &tail->watches[i]; *watch;) {
			if (!(*watch)->file && (*watch)->seen != tail->scans)
				remove_watch(tail, watch);
			else
				watch = &(*watch)->next;
		}
}

static bool matters(const struct watch *watch, const struct inotify_event *event)
{
	if (event->len == 0)
		return true;
	for (size_t i = 0; i < watch->count; i++)
		if (fnmatch(watch->names[i], event->name, 0) == 0)
			return true;
	return false;
}

static void heard(struct tail *tail, const struct inotify_event *event)
{
	struct watch **found, *watch;

	if (event->mask & IN_Q_OVERFLOW) {
		/* What was not told may be anything. */
		for (struct file *file = tail->files; file; file = file->next)
			file_ready(tail, file);
		tail->scan_due = 0;
		return;
	}
	found = place(tail, event->wd);
	watch = *found;
	if (!watch)
		return;
	if (watch->file && event->mask & IN_MODIFY)
		file_ready(tail, watch->file);
	if (watch->file ? (event->mask & ~(unsigned)IN_MODIFY) != 0 : matters(watch, event))
		tail->scan_due = 0;
	if (event->mask & IN_IGNORED) {
		if (watch->file)
			watch->file->watch = -1;
		remove_watch(tail, found);
	}
}

void watch_read(struct tail *tail)
{
	ssize_t length;

	if (tail->inotify < 0)
		return;
	while ((length = read(tail->inotify, tail->watch_buffer, WATCH_ROOM)) > 0) {
		const struct inotify_event *event;

		for (const char *at = tail->watch_buffer; at < tail->watch_buffer + length;
		     at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			heard(tail, event);
		}
	}
}

void watch_close(struct tail *tail)
{
	if (tail->inotify < 0)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (tail->watches[i])
			remove_watch(tail, &tail->watches[i]);
	close(tail->inotify);
	tail->inotify = -1;
	free(tail->watch_buffer);
}
