#include "cmd/flow/commands/manual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/text.h"

char *manual_find(const char *name)
{
	char *directory = tools_directory(), *found = NULL;

	for (const char *section = "157"; *section && !found; section++) {
		struct text source = {0}, installed = {0};

		text_addf(&source, "%s/../man/pype-%s.%c", directory, name, *section);
		text_addf(&installed, "%s/../share/man/man%c/pype-%s.%c", directory, *section, name, *section);
		if (access(source.data, R_OK) == 0)
			found = text_detach(&source);
		else if (access(installed.data, R_OK) == 0)
			found = text_detach(&installed);
		text_free(&source);
		text_free(&installed);
	}
	free(directory);
	return found;
}

bool manual_read(struct manual *manual, const char *name)
{
	static const char *const folders[] = {
		[MANUAL_SOURCE] = "cmd/sources/",
		[MANUAL_PROCESSOR] = "cmd/processors/",
		[MANUAL_OUTPUT] = "cmd/outputs/",
	};
	char *path = manual_find(name), *line = NULL;
	FILE *file = path ? fopen(path, "re") : NULL;
	size_t room = 0;

	free(path);
	*manual = (struct manual){.group = MANUAL_OTHER};
	if (!file)
		return false;
	while (getline(&line, &room, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!manual->summary && strncmp(line, ".Nd ", 4) == 0)
			manual->summary = xstrdup(line + 4);
		for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
			if (strstr(line, folders[i]))
				manual->group = (enum manual_group)i;
	}
	free(line);
	fclose(file);
	return manual->summary;
}

void manual_free(struct manual *manual)
{
	free(manual->summary);
	*manual = (struct manual){0};
}
