/*
 * walk: the paths that an operand matches. Each part between slashes is matched by itself; "**" is any number of folders.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"

enum { DEPTH = 32 }; /* of "**" */

static bool is_wild(const char *text)
{
	return strpbrk(text, "*?[\\") != NULL;
}

void pattern_init(struct pattern *pattern, const char *text)
{
	char *copy = xstrdup(text), *rest = copy, *part;

	*pattern = (struct pattern){.text = copy, .wild = is_wild(text), .absolute = *text == '/'};
	if (!*text || text[strlen(text) - 1] == '/')
		die("'%s' is no name of a file", text);
	pattern->parts = xcalloc(strlen(text) + 2, sizeof(*pattern->parts));
	while ((part = strsep(&rest, "/")))
		if (*part)
			pattern->parts[pattern->count++] = xstrdup(part);
	if (strcmp(pattern->parts[pattern->count - 1], "**") == 0)
		die("'%s': behind '**' there must be a name", text);
	strcpy(copy, text);
}

void pattern_free(struct pattern *pattern)
{
	for (size_t i = 0; i < pattern->count; i++)
		free(pattern->parts[i]);
	free(pattern->parts);
	free(pattern->text);
}

static bool part_fits(const char *part, const char *name)
{
	return is_wild(part) ? fnmatch(part, name, FNM_PERIOD) == 0 : strcmp(part, name) == 0;
}

bool pattern_fits(const struct pattern *pattern, const char *name)
{
	return part_fits(pattern->parts[pattern->count - 1], name);
}

bool is_excluded(const struct tail *tail, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < tail->excludes.count; i++) {
		const char *exclude = tail->excludes.items[i];

		if (fnmatch(exclude, strchr(exclude, '/') ? path : name, 0) == 0)
			return true;
	}
	return false;
}

void matches_add(struct matches *matches, const char *path, const struct identity_of *is)
{
	if (matches->count == matches->room) {
		matches->room = matches->room ? 2 * matches->room : 64;
		matches->items = xreallocarray(matches->items, matches->room, sizeof(*matches->items));
	}
	matches->items[matches->count++] = (struct match){.path = xstrdup(path), .is = *is};
}

void matches_clear(struct matches *matches)
{
	for (size_t i = 0; i < matches->count; i++)
		free(matches->items[i].path);
	matches->count = 0;
}

static int compare(const void *a, const void *b)
{
	const struct match *one = a, *other = b;

	if (one->is.written != other->is.written)
		return one->is.written < other->is.written ? -1 : 1;
	return strverscmp(one->path, other->path);
}

void matches_sort(struct match *items, size_t count)
{
	if (count > 1)
		qsort(items, count, sizeof(*items), compare);
}

/* The path is one of those that have the name of another one's file, with what this program adds to it. */
static bool is_beside(const char *path, const char *own)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *own_slash = strrchr(own, '/'), *own_name = own_slash ? own_slash + 1 : own;
	size_t length = strlen(own_name);

	return strncmp(name, own_name, length) == 0 &&
	       (!name[length] || strcmp(name + length, ".new") == 0 || strcmp(name + length, ".lock") == 0);
}

/* What this program writes itself would go round and round. */
static bool is_own(const struct tail *tail, const char *path, const struct identity_of *is)
{
	struct identity_of other;

	if (identity_fd(STDOUT_FILENO, &other) && other.inode == is->inode && other.device == is->device)
		return true;
	if (tail->source.dead_letter && identity_at(tail->source.dead_letter, &other) && other.inode == is->inode &&
	    other.device == is->device)
		return true;
	return tail->state_path && is_beside(path, tail->state_path);
}

static void found(struct tail *tail, const struct pattern *pattern, const char *path)
{
	struct identity_of is;
	struct stat status;

	if (is_excluded(tail, path))
		return;
	/* Behind a symbolic link changes may happen in folders that are not watched. */
	if (!tail->links && lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
		tail->links = true;
	if (!identity_at(path, &is))
		scan_cannot(tail, pattern->wild, path, errno);
	else if (!pattern->wild || !is_own(tail, path, &is))
		matches_add(&tail->matches, path, &is);
}

static bool is_folder(const char *path, const struct dirent *entry, bool follow)
{
	struct stat status;

	if (entry->d_type == DT_DIR)
		return true;
	if (entry->d_type != DT_UNKNOWN && (entry->d_type != DT_LNK || !follow))
		return false;
	return (follow ? stat(path, &status) : lstat(path, &status)) == 0 && S_ISDIR(status.st_mode);
}

static void walk(struct tail *tail, const struct pattern *pattern, size_t index, struct text *path, int depth);

static void add_name(struct text *path, const char *name)
{
	if (path->length > 0 && path->data[path->length - 1] != '/')
		text_add_char(path, '/');
	text_add_string(path, name);
}

static void cut_back(struct text *path, size_t length)
{
	path->length = length;
	path->data[length] = 0;
}

/* What the folder has for a part with wildcards. */
static void walk_entry(struct tail *tail, const struct pattern *pattern, size_t index, struct text *path,
                       const struct dirent *entry, int depth)
{
	const char *part = pattern->parts[index];
	bool any = strcmp(part, "**") == 0, last = index + 1 == pattern->count;
	size_t length = path->length;

	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return;
	if (any ? *entry->d_name == '.' : !part_fits(part, entry->d_name))
		return;
	add_name(path, entry->d_name);
	if (last)
		found(tail, pattern, path->data);
	else if (is_folder(path->data, entry, !any))
		walk(tail, pattern, any ? index : index + 1, path, depth + 1);
	cut_back(path, length);
}

static void walk_folder(struct tail *tail, const struct pattern *pattern, size_t index, struct text *path, int depth)
{
	const char *name = path->length ? path->data : ".";
	DIR *folder = opendir(name);
	const struct dirent *entry;

	if (!folder) {
		scan_cannot(tail, pattern->wild, name, errno);
		return;
	}
	while ((entry = readdir(folder)))
		walk_entry(tail, pattern, index, path, entry, depth);
	closedir(folder);
}

static void add_folder(struct tail *tail, const char *path)
{
	struct option_list *folders = &tail->folders;

	if (folders->count == 0 || strcmp(folders->items[folders->count - 1], path) != 0)
		option_list_add(folders, xstrdup(path));
}

static void clear_folders(struct tail *tail)
{
	for (size_t i = 0; i < tail->folders.count; i++)
		free(tail->folders.items[i]);
	tail->folders.count = 0;
}

/* The parts from index on, in the folder. */
static void walk(struct tail *tail, const struct pattern *pattern, size_t index, struct text *path, int depth)
{
	const char *part = pattern->parts[index];
	size_t length = path->length;

	if (index + 1 == pattern->count)
		add_folder(tail, length ? path->data : ".");
	watch_folder(tail, length ? path->data : ".", strcmp(part, "**") == 0 ? "*" : part);
	if (strcmp(part, "**") == 0)
		walk(tail, pattern, index + 1, path, depth);
	if (is_wild(part)) {
		if (depth < DEPTH)
			walk_folder(tail, pattern, index, path, depth);
		return;
	}
	add_name(path, part);
	if (index + 1 == pattern->count)
		found(tail, pattern, path->data);
	else
		walk(tail, pattern, index + 1, path, depth);
	cut_back(path, length);
}

void walk_all(struct tail *tail)
{
	struct text path = {0};

	matches_clear(&tail->matches);
	clear_folders(tail);
	tail->scan_failed = tail->links = false;
	for (size_t i = 0; i < tail->pattern_count; i++) {
		size_t before = tail->matches.count;

		text_clear(&path);
		if (tail->patterns[i].absolute)
			text_add_char(&path, '/');
		walk(tail, &tail->patterns[i], 0, &path, 0);
		if (tail->patterns[i].wild)
			matches_sort(tail->matches.items + before, tail->matches.count - before);
	}
	text_free(&path);
}
