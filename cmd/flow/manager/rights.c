#include "cmd/flow/manager/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/text.h"
#include "common/unit.h"

static void add_limit(struct rights *rights, int resource, uint64_t value, bool set)
{
	if (set)
		rights->limits[rights->limit_count++] = (struct spawn_limit){resource, (rlim_t)value};
}

static void add_limits(struct rights *rights, const struct manifest_limits *limits)
{
	add_limit(rights, RLIMIT_AS, limits->memory, limits->memory > 0);
	add_limit(rights, RLIMIT_FSIZE, limits->file_size, limits->file_size > 0);
	add_limit(rights, RLIMIT_CORE, limits->core, limits->core != MANIFEST_NO_LIMIT);
	add_limit(rights, RLIMIT_CPU, (uint64_t)((limits->cpu + UNIT_S - 1) / UNIT_S), limits->cpu > 0);
	add_limit(rights, RLIMIT_NOFILE, (uint64_t)limits->files, limits->files > 0);
	add_limit(rights, RLIMIT_NPROC, (uint64_t)limits->processes, limits->processes > 0);
	rights->no_new_privileges = limits->no_new_privs;
}

bool rights_init(struct rights *rights, const struct manifest_settings *settings, const char **failed)
{
	char *user, *group;

	*rights = (struct rights){.another = settings->user != NULL};
	add_limits(rights, &settings->limits);
	if (!settings->user)
		return true;
	group = user = xstrdup(settings->user);
	strsep(&group, ":");
	rights->another = identity_find(&rights->identity, user, group, failed);
	free(user);
	return rights->another;
}

void rights_free(struct rights *rights)
{
	if (rights->another)
		identity_free(&rights->identity);
}

void rights_give(const struct rights *rights, struct spawn *spawn)
{
	spawn->limits = rights->limits;
	spawn->limit_count = rights->limit_count;
	spawn->no_new_privileges = rights->no_new_privileges;
	spawn->identity = rights->another ? &rights->identity : NULL;
}

void rights_environment(const struct rights *rights, struct option_list *list)
{
	const struct passwd *entry = rights->another ? getpwuid(rights->identity.user) : NULL;

	if (!entry)
		return;
	option_list_add(list, text_format("HOME=%s", entry->pw_dir));
	option_list_add(list, text_format("USER=%s", entry->pw_name));
	option_list_add(list, text_format("LOGNAME=%s", entry->pw_name));
}

int rights_to_dead_letters(const struct rights *rights, const char *state, const char *path)
{
	struct text directory = {0};
	int fd, result = -1;

	if (!rights->another)
		return 0;
	text_addf(&directory, "%s/dead-letters", state);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && fchown(fd, rights->identity.user, rights->identity.group) == 0 && chmod(state, 0711) == 0 &&
	    chmod(directory.data, 0711) == 0)
		result = 0;
	if (fd >= 0)
		close(fd);
	text_free(&directory);
	return result;
}
