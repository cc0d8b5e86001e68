#include "cmd/flow/commands/logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/run/log_file.h"
#include "cmd/flow/commands/named.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

enum { TIME_LENGTH = 24 }; /* of "2026-11-23T10:00:00.000Z", which sorts as text */

/* Finding. */

static int open_log(const struct logs *logs, const char *name, const char *ending)
{
	struct text path = {0};
	int fd;

	text_addf(&path, "%s/%s%s", logs->directory, name, ending);
	fd = open(path.data, O_RDONLY | O_CLOEXEC);
	text_free(&path);
	return fd;
}

static struct log *find(const struct logs *logs, const char *name, size_t length)
{
	for (size_t i = 0; i < logs->count; i++)
		if (strlen(logs->items[i].name) == length && memcmp(logs->items[i].name, name, length) == 0)
			return &logs->items[i];
	return NULL;
}

/* The log that a file belongs to, which is added if it is new; NULL: it is none, or not wanted. */
static struct log *log_of(struct logs *logs, const char *file)
{
	static const char ending[] = ".log", before[] = ".1.log";
	size_t length = strlen(file);
	struct log *log;

	if (length > sizeof(before) - 1 && strcmp(file + length - (sizeof(before) - 1), before) == 0)
		length -= sizeof(before) - 1;
	else if (length > sizeof(ending) - 1 && strcmp(file + length - (sizeof(ending) - 1), ending) == 0)
		length -= sizeof(ending) - 1;
	else
		return NULL;
	if (!named(logs->wanted, file, length))
		return NULL;
	log = find(logs, file, length);
	if (log)
		return log;
	logs->items = xreallocarray(logs->items, logs->count + 1, sizeof(*logs->items));
	log = &logs->items[logs->count++];
	*log = (struct log){.name = xstrndup(file, length), .fd = -1};
	return log;
}

void logs_open(struct logs *logs, const char *state, const char *wanted, bool follows)
{
	struct dirent *entry;
	DIR *directory;

	*logs = (struct logs){.directory = text_format("%s/logs", state), .wanted = wanted, .watch = -1};
	if (follows) {
		/* Before the files are looked at, so that nothing is missed. */
		logs->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (logs->watch < 0 ||
		    inotify_add_watch(logs->watch, logs->directory, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
			fail("cannot watch '%s':", logs->directory);
	}
	directory = opendir(logs->directory);
	if (!directory && errno == ENOENT)
		fail("no flow has run here (state directory '%s')", state);
	if (!directory)
		fail("cannot read '%s':", logs->directory);
	while ((entry = readdir(directory)))
		log_of(logs, entry->d_name);
	closedir(directory);
}

void logs_close(struct logs *logs)
{
	for (size_t i = 0; i < logs->count; i++) {
		if (logs->items[i].fd >= 0)
			close(logs->items[i].fd);
		free(logs->items[i].name);
	}
	free(logs->items);
	free(logs->directory);
	if (logs->watch >= 0)
		close(logs->watch);
}

/* What is there: a heap of files by the time of their next line. */

struct part {
	struct text text;
	size_t at; /* of the next line */
	size_t order; /* among lines of the same time */
};

struct heap {
	struct part **items;
	size_t count;
};

static size_t line_length(const struct part *part)
{
	const char *newline = memchr(part->text.data + part->at, '\n', part->text.length - part->at);

	return newline ? (size_t)(newline - part->text.data) - part->at : part->text.length - part->at;
}

static bool is_earlier(const struct part *a, const struct part *b)
{
	int order = strncmp(a->text.data + a->at, b->text.data + b->at, TIME_LENGTH);

	return order ? order < 0 : a->order < b->order;
}

static void sink(struct heap *heap, size_t i)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1, right = left + 1;
		struct part *moved = heap->items[i];

		if (left < heap->count && is_earlier(heap->items[left], heap->items[least]))
			least = left;
		if (right < heap->count && is_earlier(heap->items[right], heap->items[least]))
			least = right;
		if (least == i)
			return;
		heap->items[i] = heap->items[least];
		heap->items[least] = moved;
		i = least;
	}
}

/* Reads a file, up to its last whole line. */
static void read_part(struct part *part, int fd, size_t order)
{
	const char *end;

	part->order = order;
	text_init(&part->text);
	if (fd >= 0 && text_add_file(&part->text, fd, 2 * LOG_FILE_STDERR) < 0)
		message_warning("cannot read a log:");
	end = memrchr(part->text.data, '\n', part->text.length);
	part->text.length = end ? (size_t)(end - part->text.data) + 1 : 0;
	part->text.data[part->text.length] = '\0';
}

static void merge(struct heap *heap, struct last *last)
{
	for (size_t i = heap->count / 2; i-- > 0;)
		sink(heap, i);
	while (heap->count > 0) {
		struct part *part = heap->items[0];
		size_t length = line_length(part);

		last_add(last, part->text.data + part->at, length);
		part->at += length + 1;
		if (part->at >= part->text.length)
			heap->items[0] = heap->items[--heap->count];
		sink(heap, 0);
	}
}

void logs_show(struct logs *logs, struct last *last)
{
	struct part *parts = xcalloc(2 * logs->count + 1, sizeof(*parts));
	struct heap heap = {.items = xcalloc(2 * logs->count + 1, sizeof(struct part *))};

	for (size_t i = 0; i < logs->count; i++) {
		struct log *log = &logs->items[i];
		int before;

		/* In this order: if the file is turned in between, it is read as the older one, and followed as the newer. */
		log->fd = open_log(logs, log->name, ".log");
		before = open_log(logs, log->name, ".1.log");
		read_part(&parts[2 * i], before, 2 * i);
		read_part(&parts[2 * i + 1], log->fd, 2 * i + 1);
		log->offset = (off_t)parts[2 * i + 1].text.length;
		if (before >= 0)
			close(before);
	}
	for (size_t i = 0; i < 2 * logs->count; i++)
		if (parts[i].text.length > 0)
			heap.items[heap.count++] = &parts[i];
	merge(&heap, last);
	for (size_t i = 0; i < 2 * logs->count; i++)
		text_free(&parts[i].text);
	free(heap.items);
	free(parts);
}

/* What is added. */

static void show_rest(struct log *log, struct last *last)
{
	struct text text = {0};
	char block[65536];
	ssize_t n;

	while (log->fd >= 0 && (n = pread(log->fd, block, sizeof(block), log->offset + (off_t)text.length)) > 0) {
		const char *at, *newline;
		size_t whole = 0;

		text_add(&text, block, (size_t)n);
		for (at = text.data; (newline = memchr(at, '\n', text.length - whole)); at = newline + 1) {
			last_add(last, at, (size_t)(newline - at));
			whole = (size_t)(newline - text.data) + 1;
		}
		text_drop(&text, whole);
		log->offset += (off_t)whole;
	}
	text_free(&text);
}

static ino_t inode_of(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* The file may have got its other name since, and what follows stands in a new one. */
static void show_log(const struct logs *logs, struct log *log, struct last *last)
{
	int now = open_log(logs, log->name, ".log");
	ino_t shown = inode_of(log->fd);

	show_rest(log, last);
	if (now < 0 || inode_of(now) == shown) {
		if (now >= 0)
			close(now);
		return;
	}
	if (log->fd >= 0) {
		/* Twice, maybe. */
		int before = open_log(logs, log->name, ".1.log");
		bool missed = before >= 0 && inode_of(before) != shown && inode_of(before) != inode_of(now);

		close(log->fd);
		log->fd = before;
		log->offset = 0;
		if (missed)
			show_rest(log, last);
		if (before >= 0)
			close(before);
	}
	log->fd = now;
	log->offset = 0;
	show_rest(log, last);
}

static void show_change(struct logs *logs, const struct inotify_event *event, struct last *last)
{
	struct log *log;

	if (event->mask & IN_Q_OVERFLOW) {
		for (size_t i = 0; i < logs->count; i++)
			show_log(logs, &logs->items[i], last);
		return;
	}
	log = event->len > 0 ? log_of(logs, event->name) : NULL;
	if (log)
		show_log(logs, log, last);
}

void logs_show_added(struct logs *logs, struct last *last)
{
	char block[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(logs->watch, block, sizeof(block))) > 0) {
		const char *at = block;

		while (at < block + n) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

			show_change(logs, event, last);
			at += sizeof(*event) + event->len;
		}
	}
}
