#include "cmd/flow/manifest/host.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/unit.h"

/* "name", "name:group" */
static void check_user(const char *user, struct place place, struct mistakes *mistakes)
{
	char *name = xstrdup(user), *group = strchr(name, ':');

	if (group)
		*group++ = '\0';
	if (!getpwnam(name))
		mistakes_add(mistakes, place, "there is no user '%s' on this machine", name);
	if (group && !getgrnam(group))
		mistakes_add(mistakes, place, "there is no group '%s' on this machine", group);
	if (geteuid() != 0)
		mistakes_add(mistakes, place, "only root can start stages as another user");
	free(name);
}

static void check_limit(const char *name, __rlimit_resource_t resource, uint64_t value, struct place place,
                        struct mistakes *mistakes)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max)
		mistakes_add(mistakes, place, "limits: only root can raise '%s' above %llu", name,
		             (unsigned long long)limit.rlim_max);
}

static void check_limits(const struct manifest_limits *limits, struct place place, struct mistakes *mistakes)
{
	if (geteuid() == 0)
		return;
	check_limit("memory", RLIMIT_AS, limits->memory, place, mistakes);
	check_limit("cpu", RLIMIT_CPU, (uint64_t)(limits->cpu / UNIT_S), place, mistakes);
	check_limit("files", RLIMIT_NOFILE, (uint64_t)limits->files, place, mistakes);
	check_limit("processes", RLIMIT_NPROC, (uint64_t)limits->processes, place, mistakes);
	check_limit("file_size", RLIMIT_FSIZE, limits->file_size, place, mistakes);
	check_limit("core", RLIMIT_CORE, limits->core == MANIFEST_NO_LIMIT ? 0 : limits->core, place, mistakes);
}

/* What a level sets itself. */
static void check_settings(const struct manifest_settings *settings, struct mistakes *mistakes)
{
	const struct manifest_origin *user = &settings->origins[SETTING_USER];
	const struct manifest_origin *limits = &settings->origins[SETTING_LIMITS];

	if (settings->user && user->level == settings->level)
		check_user(settings->user, user->place, mistakes);
	if (limits->level == settings->level)
		check_limits(&settings->limits, limits->place, mistakes);
}

static void check_processes(const struct manifest_settings *settings, struct mistakes *mistakes)
{
	const char *user = settings->user;

	if (settings->limits.processes > 0 && geteuid() == 0 &&
	    (!user || strcmp(user, "root") == 0 || strncmp(user, "root:", 5) == 0))
		mistakes_warn(mistakes, settings->origins[SETTING_LIMITS].place,
		              "limits: 'processes' has no effect on root: give the stage a 'user'");
}

void host_check(const struct manifest *manifest, struct mistakes *mistakes)
{
	check_settings(&manifest->settings, mistakes);
	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_pipeline *pipeline = &manifest->pipelines[i];

		check_settings(&pipeline->settings, mistakes);
		for (size_t j = 0; j < pipeline->count; j++) {
			check_settings(&pipeline->stages[j].settings, mistakes);
			check_processes(&pipeline->stages[j].settings, mistakes);
		}
	}
}
