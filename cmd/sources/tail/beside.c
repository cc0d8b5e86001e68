/*
 * beside: the files of a folder, and whose old ones they are by their names.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

enum { TRIES = 50, LAST_TRY = 150, PAUSE = 2000 }; /* microseconds */
#define QUIET (10 * UNIT_MS) /* a folder that was not changed for so long is at rest */

/* How many bytes at the end of a name are a number or a date, with what separates it; 0: none. */
static size_t number_length(const char *name, size_t length)
{
	size_t at = length, begin = length;

	while (at > 0 && strchr("0123456789T:-_.", name[at - 1])) {
		at--;
		if (at + 1 < length && strchr(".-_", name[at]) && name[at + 1] >= '0' && name[at + 1] <= '9')
			begin = at;
	}
	return begin > 0 ? length - begin : 0;
}

/* The name that a rotated file had, or NULL. The caller's to free. */
static char *base_name(const char *name)
{
	size_t length = strlen(name), number, stem;
	const char *extension;

	if (is_compressed(name))
		length -= 3;
	number = number_length(name, length);
	if (number > 0)
		return xstrndup(name, length - number);
	extension = memrchr(name, '.', length);
	if (!extension || extension == name)
		return is_compressed(name) ? xstrndup(name, length) : NULL;
	stem = (size_t)(extension - name);
	number = number_length(name, stem);
	/* "app-2.log" is rather one of several than an old "app.log". */
	if (number == 0 || (number < 7 && name[stem - number] != '.'))
		return is_compressed(name) ? xstrndup(name, length) : NULL;
	return text_format("%.*s%.*s", (int)(stem - number), name, (int)(length - stem), extension);
}

static char *join(const char *folder, const char *name)
{
	if (strcmp(folder, ".") == 0)
		return xstrdup(name);
	return text_format("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
}

static void add_entry(const struct tail *tail, struct candidates *list, const char *folder, const char *name)
{
	struct candidate found = {.path = join(folder, name)};
	char *base;

	if (!identity_at(found.path, &found.is) || file_find(tail, found.is.device, found.is.inode)) {
		free(found.path);
		return;
	}
	base = base_name(name);
	if (base)
		found.base = join(folder, base);
	free(base);
	list->items = xreallocarray(list->items, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = found;
}

static void list_cut(struct candidates *list, size_t count)
{
	while (list->count > count) {
		list->count--;
		free(list->items[list->count].path);
		free(list->items[list->count].base);
	}
}

/* When something in the folder was named or renamed last; Unix, nanoseconds. */
static int64_t folder_time(const char *folder)
{
	struct stat status;

	if (stat(folder, &status) < 0)
		return 0;
	return (int64_t)status.st_mtim.tv_sec * UNIT_S + status.st_mtim.tv_nsec;
}

static int compare_keys(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one < other ? -1 : one > other;
}

static bool is_among(uint64_t key, const uint64_t *keys, size_t count)
{
	return count > 0 && bsearch(&key, keys, count, sizeof(key), compare_keys);
}

/* Adds what is listed to the sorted keys that were seen. False: something that was seen is not listed. */
static bool has_all(const struct candidates *list, size_t from, uint64_t **seen, size_t *count)
{
	size_t listed = list->count - from, known = *count;
	uint64_t *keys = xcalloc(listed + 1, sizeof(*keys));
	bool all = true;

	for (size_t i = 0; i < listed; i++)
		keys[i] = identity_key(list->items[from + i].is.device, list->items[from + i].is.inode);
	qsort(keys, listed, sizeof(*keys), compare_keys);
	for (size_t i = 0; i < known; i++)
		all &= is_among((*seen)[i], keys, listed);
	*seen = xreallocarray(*seen, known + listed + 1, sizeof(**seen));
	for (size_t i = 0; i < listed; i++)
		if (!is_among(keys[i], *seen, known))
			(*seen)[(*count)++] = keys[i];
	qsort(*seen, *count, sizeof(**seen), compare_keys);
	free(keys);
	return all;
}

/*
 * While names are being shifted, a file may be missed that is there all the time: so that is waited for. Where it does not end,
 * a list will do that has all that any before had.
 */
void beside_list(const struct tail *tail, struct candidates *list, const char *folder)
{
	size_t before = list->count, count = 0;
	uint64_t *seen = NULL;

	for (int tries = 0; tries < LAST_TRY && !signals_stop(); tries++) {
		int64_t changed = folder_time(folder), age = moment_unix() - changed;
		DIR *stream = opendir(folder);
		const struct dirent *entry;

		list_cut(list, before);
		while (stream && (entry = readdir(stream)))
			add_entry(tail, list, folder, entry->d_name);
		if (stream)
			closedir(stream);
		if (changed == folder_time(folder) && (age < 0 || age >= QUIET))
			break;
		if (has_all(list, before, &seen, &count) && tries >= TRIES)
			break;
		usleep(PAUSE);
	}
	free(seen);
}

void beside_free(struct candidates *list)
{
	list_cut(list, 0);
	free(list->items);
}
