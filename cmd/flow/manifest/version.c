#include "cmd/flow/manifest/version.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/host.h"
#include "common/memory.h"

struct version *version_read(const char *path, struct mistakes *mistakes)
{
	struct version *version = xcalloc(1, sizeof(*version));

	version->holders = 1;
	manifest_load(&version->manifest, path, mistakes);
	host_check(&version->manifest, mistakes);
	if (mistakes->fatal == 0)
		return version;
	version_drop(version);
	return NULL;
}

struct version *version_hold(struct version *version)
{
	version->holders++;
	return version;
}

void version_drop(struct version *version)
{
	if (!version || --version->holders > 0)
		return;
	manifest_free(&version->manifest);
	free(version);
}

const struct manifest_pipeline *version_find(const struct version *version, const char *name)
{
	for (size_t i = 0; i < version->manifest.count; i++)
		if (strcmp(version->manifest.pipelines[i].name, name) == 0)
			return &version->manifest.pipelines[i];
	return NULL;
}
