/*
 * scan: what the operands lead to now, and what has become of the files that were followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

enum { REST = 10 }; /* a scan pauses for so many times as long as it took */
#define LEAST_PAUSE  (5 * UNIT_MS)
#define LINKS_PAUSE  UNIT_S
#define REFUSE_PAUSE (2 * UNIT_S)

bool scan_refuse(struct tail *tail, const char *path, int error)
{
	struct refused *refused = tail->refused;
	bool same;

	for (size_t i = 0; i < tail->refused_count; i++, refused++)
		if (strcmp(refused->path, path) == 0) {
			same = refused->error == error;
			refused->error = error;
			refused->seen = tail->scans;
			return !same;
		}
	if (tail->refused_count >= FILES)
		return false;
	tail->refused = xreallocarray(tail->refused, tail->refused_count + 1, sizeof(*tail->refused));
	tail->refused[tail->refused_count++] =
		(struct refused){.path = xstrdup(path), .error = error, .seen = tail->scans};
	return true;
}

void scan_cannot(struct tail *tail, bool wild, const char *path, int error)
{
	bool missing = error == ENOENT || error == ENOTDIR, other = error == EISDIR || error == ESPIPE;
	const char *reason = error == ESPIPE ? "not a regular file" : strerror(error);

	tail->scan_failed |= !missing && !other;
	if ((wild && (missing || other)) || !scan_refuse(tail, path, error))
		return;
	if (tail->once)
		source_bad(&tail->source, NULL, 0, "cannot read '%s': %s", path, reason);
	else if (missing && tail->scans > 1)
		message_info("'%s' is not there", path);
	else
		message_warning("cannot read '%s': %s; trying again", path, reason);
}

/* What is no longer so is said again when it comes again. */
static void forget_refused(struct tail *tail)
{
	size_t kept = 0;

	for (size_t i = 0; i < tail->refused_count; i++) {
		if (tail->refused[i].seen == tail->scans)
			tail->refused[kept++] = tail->refused[i];
		else
			free(tail->refused[i].path);
	}
	tail->refused_count = kept;
}

struct file *scan_by_path(const struct tail *tail, const char *path)
{
	struct file *lost = NULL;

	/* The one that had the path until now, or else the one that lost it last. */
	for (struct file *file = tail->last_file; file; file = file->previous) {
		if (strcmp(file->path, path) != 0)
			continue;
		if (!file->lost)
			return file;
		if (!lost)
			lost = file;
	}
	return lost;
}

static void set_start(struct tail *tail, struct file *file, bool first)
{
	struct place *place = place_find(tail, identity_key(file->is.device, file->is.inode));

	file->emptied = first && !tail->resumed ? moment_unix() : tail->looked;
	if (place && file_resume(file, place)) {
		if (place->offset == 0)
			file->emptied = tail->left;
		place_found(tail, place);
		return;
	}
	if (!place && first && !tail->resumed && tail->from == FROM_END)
		file_to_end(file);
}

static void add(struct tail *tail, const struct match *match, bool first)
{
	struct file *old = first ? NULL : scan_by_path(tail, match->path), *file;
	struct identity_of is;
	int fd = open(match->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || !identity_fd(fd, &is)) {
		scan_cannot(tail, false, match->path, errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	file = file_find(tail, is.device, is.inode);
	if (file) {
		file->seen = tail->scans;
		close(fd);
		return;
	}
	file = file_add(tail, match->path, fd, &is);
	file->seen = tail->scans;
	set_start(tail, file, first);
	if (tail->once && tail->file_count > tail->open_limit) {
		/* It is opened again when its turn comes: so there may be any number of them. */
		close(fd);
		file->fd = -1;
	} else {
		watch_file(tail, file);
	}
	message_info("'%s' from %llu on", file->path, (unsigned long long)file->offset);
	file_ready(tail, file);
	if (!first)
		place_note(tail, file);
	if (old)
		moved_between(tail, old, file);
}

static void crowded(struct tail *tail, const char *path, bool first)
{
	const char *hint = tail->file_limit < FILES && tail->source.keeper.page && !tail->state_open
	                           ? "with --state FILE there may be more"
	                           : "ulimit -n may be the limit";

	if (first)
		die("more than %zu files at once: %s", tail->file_limit, hint);
	if (scan_refuse(tail, path, EMFILE) && message_pass(&tail->crowded))
		message_warning("'%s' waits: %zu files are followed already; %s", path, tail->file_limit, hint);
}

static void take(struct tail *tail, const struct match *match, bool first)
{
	struct file *file = file_find(tail, match->is.device, match->is.inode);

	if (!file && tail->file_count >= tail->file_limit) {
		crowded(tail, match->path, first);
		return;
	}
	if (!file) {
		add(tail, match, first);
		return;
	}
	file->seen = tail->scans;
	file->lost = false;
	if (match->is.size != file->is.size || match->is.written != file->is.written)
		file_ready(tail, file);
	file->is.written = match->is.written;
}

static void find_lost(struct tail *tail)
{
	for (struct file *file = tail->files; file; file = file->next) {
		if (file->seen == tail->scans || file->lost)
			continue;
		message_info("'%s' was renamed or removed: reading it to its end", file->path);
		file->lost = true;
		file->changed = tail->now;
		tail->wake = 0;
		file_ready(tail, file);
	}
}

static void set_next(struct tail *tail, int64_t began)
{
	int64_t now = moment_now(), pause = REST * (now - began);

	tail->scan_earliest = now + (pause > LEAST_PAUSE ? pause : LEAST_PAUSE);
	tail->scan_due = INT64_MAX;
	if (tail->refused_count > 0)
		tail->scan_due = now + REFUSE_PAUSE;
	if (tail->links)
		tail->scan_due = now + LINKS_PAUSE;
}

void scan(struct tail *tail)
{
	bool first = tail->scans++ == 0;
	int64_t began = moment_now();

	tail->now = began;
	walk_all(tail);
	for (size_t i = 0; i < tail->matches.count; i++)
		take(tail, &tail->matches.items[i], first);
	if (!tail->scan_failed && !first)
		find_lost(tail);
	if (first) {
		tail->keep_places = tail->scan_failed;
		if (tail->resumed)
			moved_resume(tail);
		place_begin(tail);
	}
	if (!tail->scan_failed)
		watch_clean(tail);
	forget_refused(tail);
	set_next(tail, began);
}

/* A file of which nothing has been read yet is found again, after a kill, only by way of the one before it. */
static bool is_needed(const struct tail *tail, const struct file *file)
{
	for (const struct file *other = tail->files; other; other = other->next)
		if (other->after == file && other->offset == 0 && other->is.size > 0)
			return true;
	return false;
}

bool scan_let_go(struct tail *tail, struct file *file)
{
	if (!file->lost || !file->at_end || file->queued || tail->now - file->changed < tail->rotate_wait ||
	    is_needed(tail, file))
		return false;
	if (!file->compressed)
		read_due(tail, file, true);
	if (signals_stop())
		return false;
	message_info("'%s' is let go at %llu", file->path, (unsigned long long)file->offset);
	file_forget(tail, file);
	return true;
}
