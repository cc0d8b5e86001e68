#include "cmd/flow/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/tools.h"
#include "common/memory.h"
#include "common/text.h"

char *page_find(const char *name)
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

bool page_read(struct page *page, const char *name)
{
	static const char *const folders[] = {
		[PAGE_SOURCE] = "cmd/sources/",
		[PAGE_PROCESSOR] = "cmd/processors/",
		[PAGE_OUTPUT] = "cmd/outputs/",
	};
	char *path = page_find(name), *line = NULL;
	FILE *file = path ? fopen(path, "re") : NULL;
	size_t room = 0;

	free(path);
	*page = (struct page){.group = PAGE_OTHER};
	if (!file)
		return false;
	while (getline(&line, &room, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!page->summary && strncmp(line, ".Nd ", 4) == 0)
			page->summary = xstrdup(line + 4);
		for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
			if (strstr(line, folders[i]))
				page->group = (enum page_group)i;
	}
	free(line);
	fclose(file);
	return page->summary;
}

void page_free(struct page *page)
{
	free(page->summary);
	*page = (struct page){0};
}
