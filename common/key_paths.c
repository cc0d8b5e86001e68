#include "common/key_paths.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/message.h"

void key_paths_compile(struct key_paths *paths, struct json_want *want, const char *word)
{
	const char *mistake;

	paths->slots = xcalloc(paths->names.count + 1, sizeof(*paths->slots));
	for (size_t i = 0; i < paths->names.count; i++) {
		paths->slots[i] = json_want_path(want, paths->names.items[i], &mistake);
		if (paths->slots[i] < 0)
			die("--%s '%s': %s", word, paths->names.items[i], mistake);
	}
}

void key_paths_free(struct key_paths *paths)
{
	free(paths->slots);
	free(paths->names.items);
	*paths = (struct key_paths){0};
}

void key_paths_add(const struct key_paths *paths, const struct json_span *spans, struct text *text)
{
	for (size_t i = 0; i < paths->names.count; i++)
		fingerprint_add(text, &spans[paths->slots[i]]);
}
