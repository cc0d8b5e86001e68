// with: cmd/flow/manifest/manifest.c cmd/flow/manifest/settings.c cmd/flow/manifest/edges.c cmd/flow/manifest/rules.c cmd/flow/manifest/host.c cmd/flow/manifest/schema.c cmd/flow/manifest/document.c cmd/flow/manifest/node.c cmd/flow/manifest/mistakes.c cmd/flow/manifest/shell.c cmd/flow/manifest/program.c cmd/flow/manifest/scanner.c cmd/flow/manager/restart.c common/text.c common/memory.c common/message.c common/option.c common/unit.c -lyaml
/*
 * manifest: any text. Whatever is said of it has a place in it; what is accepted is a graph of stages with all they need.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/manifest/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_settings(const struct manifest_settings *settings, size_t inherited)
{
	check(settings_word(settings, SETTING_DELIVERY) && settings_word(settings, SETTING_WHEN_FULL));
	check(settings->quota >= 1 << 20 && (!settings->user || *settings->user));
	check(settings->limits.files >= 0 && settings->limits.processes >= 0 && settings->limits.cpu >= 0);
	check(settings->restart.min > 0 && settings->restart.min <= settings->restart.max);
	check(settings->restart.limit > 0 && settings->restart.limit <= RESTART_LIMIT_MAX);
	check(settings->restart.within > 0 && settings->restart.reset > 0);
	check(settings->stop_timeout >= 0 && settings->buffer >= 4096);
	check(settings->env.count == settings->secrets.count && settings->env.count >= inherited);
	for (size_t i = 0; i < settings->env.count; i++)
		check(strchr(settings->env.items[i], '=') > settings->env.items[i]);
}

static void check_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	check(*name && *name != '-' && strlen(name) <= MANIFEST_NAME && !name[strspn(name, letters)]);
}

static void check_pipeline(const struct manifest *manifest, const struct manifest_pipeline *pipeline)
{
	check_name(pipeline->name);
	check_settings(&pipeline->settings, manifest->settings.env.count);
	check(pipeline->linked && pipeline->count > 0 && pipeline->count <= MANIFEST_MOST);
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		check_name(stage->name);
		check(*stage->run && stage->place.line > 0 && stage->place.column > 0);
		check(stage->from_count <= MANIFEST_EDGES && (i > 0 || stage->from_count == 0));
		for (size_t j = 0; j < stage->from_count; j++)
			check(stage->from[j].stage < i && (!stage->from[j].event || *stage->from[j].event));
		check_settings(&stage->settings, pipeline->settings.env.count);
		for (size_t j = 0; j < i; j++)
			check(strcmp(stage->name, pipeline->stages[j].name) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("flow", MFD_CLOEXEC);
	struct mistakes mistakes = {0};
	struct manifest manifest;
	size_t lines = 1;
	char path[40];

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	manifest_load(&manifest, path, &mistakes);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80;
	for (size_t i = 0; i < mistakes.count; i++) {
		check(mistakes.items[i].place.line > 0 && mistakes.items[i].place.line <= lines);
		check(mistakes.items[i].place.column > 0 && mistakes.items[i].place.column <= size + 1);
		check(*mistakes.items[i].text);
	}
	check(manifest.name && manifest.directory && manifest.path);
	if (mistakes.count == 0) {
		check_name(manifest.name);
		check_settings(&manifest.settings, 0);
		check(manifest.count > 0);
		for (size_t i = 0; i < manifest.count; i++)
			check_pipeline(&manifest, &manifest.pipelines[i]);
	}
	mistakes_free(&mistakes);
	manifest_free(&manifest);
	close(fd);
	return 0;
}
