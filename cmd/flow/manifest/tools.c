#include "cmd/flow/manifest/tools.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

static const char prefix[] = "pype-";

char *tools_directory(void)
{
	char *path = realpath("/proc/self/exe", NULL);

	if (!path)
		fail("cannot find out where this program lies:");
	/* "/pype" lies in "/". */
	path[strrchr(path, '/') == path ? 1 : strrchr(path, '/') - path] = '\0';
	return path;
}

/* Puts "NAME=VALUE" in, in the place of an entry of that name; the entry is the list's. */
static void put(struct option_list *environment, char *entry)
{
	size_t length = strcspn(entry, "=") + 1;

	for (size_t i = 0; i < environment->count; i++)
		if (strncmp(environment->items[i], entry, length) == 0) {
			free(environment->items[i]);
			environment->items[i] = entry;
			return;
		}
	option_list_add(environment, entry);
}

static const char *get(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

char **tools_environment(const struct option_list *env)
{
	static const char not_theirs[] = "NOTIFY_SOCKET=";
	struct option_list environment = {0};
	char *directory = tools_directory();
	const char *inherited;

	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, not_theirs, sizeof(not_theirs) - 1) != 0)
			put(&environment, xstrdup(*entry));
	for (size_t i = 0; i < env->count; i++)
		put(&environment, xstrdup(env->items[i]));
	inherited = environment.count > 0 ? get(environment.items, "PATH") : NULL;
	put(&environment, text_format("PATH=%s:%s", directory, inherited ? inherited : "/usr/local/bin:/usr/bin:/bin"));
	free(directory);
	return environment.items;
}

void tools_environment_free(char **environment)
{
	struct option_list list = {.items = environment};

	while (environment && environment[list.count])
		list.count++;
	tools_list_free(&list);
}

static bool is_executable(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* The next directory of PATH, "" being the current one, as a string of the caller's; NULL behind the last. */
static char *next_directory(const char **path)
{
	size_t length;
	char *directory;

	if (!*path)
		return NULL;
	length = strcspn(*path, ":");
	directory = length > 0 ? xstrndup(*path, length) : xstrdup(".");
	*path = (*path)[length] ? *path + length + 1 : NULL;
	return directory;
}

char *tools_search(char *const *environment, const char *word)
{
	const char *path = get(environment, "PATH");
	char *directory, *found = NULL;

	if (strchr(word, '/'))
		return is_executable(word) ? xstrdup(word) : NULL;
	while (!found && *word && (directory = next_directory(&path))) {
		struct text file = {0};

		text_addf(&file, "%s/%s", directory, word);
		free(directory);
		if (is_executable(file.data))
			found = text_detach(&file);
		text_free(&file);
	}
	return found;
}

static void add_tools(struct option_list *names, const char *directory)
{
	DIR *stream = opendir(directory);
	struct text path = {0};

	if (!stream)
		return;
	for (struct dirent *entry; (entry = readdir(stream));) {
		if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0 || !entry->d_name[sizeof(prefix) - 1])
			continue;
		text_clear(&path);
		text_addf(&path, "%s/%s", directory, entry->d_name);
		if (is_executable(path.data))
			option_list_add(names, xstrdup(entry->d_name + sizeof(prefix) - 1));
	}
	text_free(&path);
	closedir(stream);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void tools_list(char *const *environment, struct option_list *names)
{
	const char *path = get(environment, "PATH");
	char *directory;
	size_t count = 0;

	while ((directory = next_directory(&path))) {
		add_tools(names, directory);
		free(directory);
	}
	if (names->count == 0)
		return;
	qsort(names->items, names->count, sizeof(*names->items), compare);
	for (size_t i = 0; i < names->count; i++) {
		if (count > 0 && strcmp(names->items[count - 1], names->items[i]) == 0)
			free(names->items[i]);
		else
			names->items[count++] = names->items[i];
	}
	names->count = count;
	names->items[count] = NULL;
}

void tools_list_free(struct option_list *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct option_list){0};
}
