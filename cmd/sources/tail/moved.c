/*
 * moved: files that were renamed, copied or compressed while nobody looked, found by inode or by what they hold.
 *
 * Who rotates logs leaves the old ones in the same folder, as NAME.1, NAME-20261125, NAME.2.gz, STEM.1.EXT or STEM-20261125.EXT. What
 * is called so belongs to NAME. Another name will do only if the inode says whose file it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"

enum { LISTINGS = 5 };

/* Some operand leads to the name that it had. */
static bool is_ours(const struct tail *tail, const struct candidate *candidate)
{
	const char *slash;

	if (!candidate->base || is_excluded(tail, candidate->base))
		return false;
	slash = strrchr(candidate->base, '/');
	for (size_t i = 0; i < tail->pattern_count; i++)
		if (pattern_fits(&tail->patterns[i], slash ? slash + 1 : candidate->base))
			return true;
	return false;
}

/* Opens it, or its content. -1: it cannot be read, or is called something else by now. */
static int open_listed(struct candidate *candidate, struct identity_of *is)
{
	int fd = open(candidate->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		candidate->renamed |= errno == ENOENT;
		return -1;
	}
	if (identity_fd(fd, is) && is->inode == candidate->is.inode && is->device == candidate->is.device)
		return fd;
	candidate->renamed = true;
	close(fd);
	return -1;
}

static bool some_renamed(const struct candidates *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].renamed)
			return true;
	return false;
}

/* Follows it as a lost file, from the place on, or from the start if there is none. NULL: it is not the place's file. */
static struct file *follow_lost(struct tail *tail, struct candidate *candidate, const struct place *place)
{
	struct identity_of is;
	int fd = open_listed(candidate, &is);
	const char *path = candidate->base ? candidate->base : candidate->path;
	struct file *file;

	if (fd < 0)
		return NULL;
	if (tail->file_count >= tail->file_limit + RESERVE) {
		if (message_pass(&tail->crowded))
			message_error("too many files: '%s', a renamed one, is not read", candidate->path);
		close(fd);
		return NULL;
	}
	if (file_find(tail, is.device, is.inode)) {
		close(fd);
		return NULL;
	}
	file = file_add(tail, place && place->path ? place->path : path, fd, &is);
	file->compressed = is_compressed(candidate->path);
	file->moved = xstrdup(candidate->path);
	file->lost = true;
	if (place && !file_resume(file, place)) {
		file_forget(tail, file);
		return NULL;
	}
	message_info("'%s' is read from %llu on, as '%s'", candidate->path, (unsigned long long)file->offset,
	             file->path);
	watch_file(tail, file);
	file_ready(tail, file);
	file_wait(tail, file, 0);
	return file;
}

/* True if it holds what was read at the place already. */
static bool holds(struct candidate *candidate, const struct place *place)
{
	struct identity_of is;
	int fd = open_listed(candidate, &is);
	unsigned char head[HEAD], end[TAIL];
	enum same same = SAME_NO;

	if (fd >= 0)
		same = file_same(fd, is_compressed(candidate->path), place, head, end);
	if (fd >= 0)
		close(fd);
	return same == SAME_YES;
}

/* A copy of something that was read, in part or to its end; or compressed, of something that is about to be read. */
static bool is_copy(const struct tail *tail, struct candidate *candidate)
{
	for (const struct file *file = tail->files; file; file = file->next) {
		struct place place = file_place(file);

		if (place.offset == 0 && is_compressed(candidate->path))
			file_everything(file, &place);
		if (place.offset > 0 && holds(candidate, &place))
			return true;
	}
	for (size_t i = 0; i < GONE && i < tail->gone_count; i++)
		if (holds(candidate, &tail->gone[i]))
			return true;
	return false;
}

/* ---- files that came and went ---- */

static void add_to(struct file ***files, size_t *count, struct file *file)
{
	*files = xreallocarray(*files, *count + 1, sizeof(struct file *));
	(*files)[(*count)++] = file;
}

/* It is a copy of what is still there, or is about to be one. */
static bool begins_so(struct candidate *candidate, const struct text *block)
{
	struct identity_of is;
	int fd = open_listed(candidate, &is);
	char head[HEAD] = {0};
	ssize_t n = -1;

	if (fd >= 0) {
		n = pread(fd, head, block->length < HEAD ? block->length : HEAD, 0);
		close(fd);
	}
	return n >= 0 && memcmp(head, block->data, (size_t)n) == 0;
}

/* It is being compressed, or was a moment ago: what it is made of is there, or is followed. */
static bool is_unfinished(const struct tail *tail, const struct candidates *list, const struct candidate *candidate)
{
	char *plain;
	bool there;

	if (!is_compressed(candidate->path))
		return false;
	plain = xstrndup(candidate->path, strlen(candidate->path) - 3);
	there = access(plain, F_OK) == 0;
	for (size_t i = 0; i < list->count && !there; i++)
		there = strcmp(list->items[i].path, plain) == 0 &&
		        file_find(tail, list->items[i].is.device, list->items[i].is.inode);
	free(plain);
	return there;
}

/* Those that came and went after the one of this path that was written last at `written`; none that begins as `current`, if there is one. */
static void find_missed_of(struct tail *tail, const struct candidates *list, const char *path, int64_t written,
                           bool compressed, const struct text *current, struct file ***files, size_t *count)
{
	for (size_t i = 0; i < list->count; i++) {
		struct candidate *candidate = &list->items[i];
		struct file *file;

		if (!candidate->base || strcmp(candidate->base, path) != 0 || candidate->is.written < written ||
		    candidate->is.size == 0 || is_compressed(candidate->path) != compressed ||
		    file_find(tail, candidate->is.device, candidate->is.inode) || is_copy(tail, candidate) ||
		    is_unfinished(tail, list, candidate) || (current && begins_so(candidate, current)))
			continue;
		file = follow_lost(tail, candidate, NULL);
		if (file)
			add_to(files, count, file);
	}
}

static void find_missed(struct tail *tail, const struct candidates *list, const char *path, int64_t written,
                        bool compressed, const struct text *current, struct file ***files, size_t *count)
{
	find_missed_of(tail, list, path, written, false, current, files, count);
	if (compressed)
		find_missed_of(tail, list, path, written, true, current, files, count);
}

/* ---- after a start ---- */

/*
 * The file has kept its name but not its inode: it was copied and put in its own place, or the devices have other numbers now. A few
 * bytes may be the same by chance.
 */
static bool find_replaced(const struct tail *tail, const struct place *place)
{
	struct file *file = tail->files;

	if (place->offset < HEAD || place->whole)
		return false;
	for (; file; file = file->next)
		if (!file->lost && !file->compressed && file->offset == 0 && file->is.size >= place->offset &&
		    file->fd >= 0 && (!place->path || strcmp(place->path, file->path) == 0) && file_resume(file, place))
			return true;
	return false;
}

/* The file itself under another name. */
static struct file *find_renamed(struct tail *tail, const struct candidates *list, const struct place *place)
{
	struct file *file = NULL;

	for (size_t i = 0; i < list->count && !file; i++) {
		struct candidate *candidate = &list->items[i];

		/* A file that has kept its name is not asked for any more. */
		if (identity_key(candidate->is.device, candidate->is.inode) == place->key &&
		    (!place->path || strcmp(place->path, candidate->path) != 0) &&
		    (place->offset > 0 || is_ours(tail, candidate)))
			file = follow_lost(tail, candidate, place);
	}
	return file;
}

/* A copy of what it held. */
static struct file *find_copy(struct tail *tail, const struct candidates *list, const struct place *place)
{
	struct file *file = NULL;

	for (size_t i = 0; i < list->count && !file && place->offset > 0 && !place->whole; i++)
		if (is_ours(tail, &list->items[i]))
			file = follow_lost(tail, &list->items[i], place);
	return file;
}

/* The place's file is not there any more, and nor is what it held. */
static void say_gone(const struct tail *tail, const struct place *place)
{
	for (const struct file *file = tail->files; file; file = file->next)
		if (identity_key(file->is.device, file->is.inode) == place->key && place->offset > 0) {
			message_warning("'%s' is not the file that it was, or was truncated: reading it from its start",
			                file->path);
			return;
		}
	message_info("'%s', read up to %llu, is gone", place->path ? place->path : "a file",
	             (unsigned long long)place->offset);
}

/* Finds what it can of the places that are still open. True: all of them. */
static bool find_places(struct tail *tail, const struct candidates *list, struct file ***files, size_t *count)
{
	bool all = true;

	for (size_t i = 0; i < tail->place_count; i++) {
		struct place *place = &tail->places[i];
		struct file *file;

		if (place->found)
			continue;
		file = find_renamed(tail, list, place);
		if (!file && !find_replaced(tail, place))
			file = find_copy(tail, list, place);
		else if (!file)
			place->found = true;
		if (file)
			add_to(files, count, file);
		if (file || place->found)
			place_found(tail, place);
		else
			all = false;
	}
	return all;
}

/* With what has the names now. */
static void add_current(const struct tail *tail, struct file ***files, size_t *count)
{
	for (struct file *file = tail->files; file; file = file->next) {
		if (file->lost)
			continue;
		/* It may have been cut meanwhile, and be newer than its copies; or renamed, and be older than others. */
		chain_look(file);
		add_to(files, count, file);
	}
}

static void list_all(const struct tail *tail, struct candidates *list)
{
	beside_free(list);
	*list = (struct candidates){0};
	for (size_t i = 0; i < tail->folders.count; i++)
		beside_list(tail, list, tail->folders.items[i]);
}

void moved_resume(struct tail *tail)
{
	struct candidates list = {0};
	struct file **files = NULL;
	size_t count = 0, found;
	bool all = false;

	/* A file may get another name between the listing and the look at it. */
	for (int tries = 0; tries < LISTINGS && !all; tries++) {
		list_all(tail, &list);
		all = find_places(tail, &list, &files, &count);
	}
	for (size_t i = 0; i < tail->place_count; i++)
		if (!tail->places[i].found && !tail->keep_places)
			say_gone(tail, &tail->places[i]);
	found = count;
	for (int tries = 0; tries < LISTINGS; tries++) {
		for (size_t i = 0; i < found; i++)
			find_missed(tail, &list, files[i]->path, files[i]->is.written, true, NULL, &files, &count);
		if (!some_renamed(&list))
			break;
		list_all(tail, &list);
	}
	if (count > 0)
		add_current(tail, &files, &count);
	chain_all(files, count);
	free(files);
	beside_free(&list);
}

/* ---- while files are followed ---- */

static void list_beside(const struct tail *tail, struct candidates *list, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? xstrndup(path, slash > path ? (size_t)(slash - path) : 1) : xstrdup(".");

	beside_free(list);
	*list = (struct candidates){0};
	beside_list(tail, list, folder);
	free(folder);
}

void moved_between(struct tail *tail, struct file *old, struct file *new)
{
	struct candidates list = {0};
	struct file **files = NULL, *last = chain_last(tail, old);
	struct identity_of is = old->is;
	struct place place = file_place(old);
	size_t count = 0;

	if (find_replaced(tail, &place)) {
		message_info("'%s' was put in the place of itself: going on at %llu", new->path,
		             (unsigned long long)new->offset);
		file_forget(tail, old);
		place_note(tail, new);
		return;
	}
	identity_fd(old->fd, &is);
	for (int tries = 0; tries == 0 || (tries < LISTINGS && some_renamed(&list)); tries++) {
		list_beside(tail, &list, new->path);
		find_missed(tail, &list, new->path, is.written, true, NULL, &files, &count);
	}
	/* It may have been renamed by now, and others be newer. */
	chain_look(new);
	add_to(&files, &count, new);
	chain_sort(files, count);
	for (size_t i = 0; i < count; i++) {
		files[i]->after = last;
		last = files[i];
		place_note(tail, last);
	}
	free(files);
	beside_free(&list);
}

bool moved_unread(struct tail *tail, struct file *file, const struct text *block)
{
	struct candidates list = {0};
	struct identity_of is = file->is;
	struct file **files = NULL;
	size_t count = 0;

	identity_fd(file->fd, &is);
	for (int tries = 0; tries == 0 || (tries < LISTINGS && some_renamed(&list)); tries++) {
		list_beside(tail, &list, file->path);
		/* Newer ones are not copies: the file itself has been renamed. */
		for (size_t i = 0; i < list.count; i++)
			if (list.items[i].is.written > is.written)
				list.items[i].is.size = 0;
		find_missed(tail, &list, file->path, file->emptied, false, block, &files, &count);
	}
	chain_sort(files, count);
	for (size_t i = 0; i < count; i++) {
		files[i]->after = file->after;
		file->after = files[i];
		place_note(tail, files[i]);
	}
	free(files);
	beside_free(&list);
	return count > 0;
}

/* Its copy is read first, then those that were to be read behind it, then the file, which holds what is newer. */
static void put_last(const struct tail *tail, struct file *file, struct file *copy)
{
	struct file *next = chain_follower(tail, file), *last = next;

	if (!next) {
		file->after = copy ? copy : file->after;
		return;
	}
	next->after = copy;
	for (struct file *other = chain_follower(tail, last); other && other != file;
	     other = chain_follower(tail, last))
		last = other;
	file->after = last;
}

void moved_copy(struct tail *tail, struct file *file, const struct place *place)
{
	struct candidates list = {0};
	struct file *copy = NULL;

	if (place->offset == 0)
		return;
	for (int tries = 0; !copy && (tries == 0 || (tries < LISTINGS && some_renamed(&list))); tries++) {
		list_beside(tail, &list, file->path);
		for (size_t i = 0; i < list.count && !copy; i++)
			if (list.items[i].base && strcmp(list.items[i].base, file->path) == 0)
				copy = follow_lost(tail, &list.items[i], place);
	}
	if (copy)
		place_note(tail, copy);
	put_last(tail, file, copy);
	beside_free(&list);
}

enum same moved_known(const struct tail *tail, struct file *file)
{
	enum same result = SAME_NO;

	for (const struct file *other = tail->files; other && result == SAME_NO; other = other->next) {
		struct place place = file_place(other);

		if (other == file || place.offset == 0 || (other->whole && other->known.whole))
			continue;
		result = file_same(file->fd, true, &place, file->head, file->tail);
		if (result != SAME_YES)
			continue;
		message_info("'%s' holds what was read of '%s' up to %llu", file->path, other->path,
		             (unsigned long long)place.offset);
		file->offset = place.offset;
		if (file->offset >= HEAD)
			file->head_hash = place.head;
	}
	return result;
}
