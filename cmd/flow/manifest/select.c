#include "cmd/flow/manifest/select.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/message.h"

bool select_has(const struct option_list *only, const char *pipeline)
{
	for (size_t i = 0; i < only->count; i++)
		if (strcmp(only->items[i], pipeline) == 0)
			return true;
	return only->count == 0;
}

void select_check(const struct option_list *only, const struct manifest *manifest)
{
	const char **names = xcalloc(manifest->count + 1, sizeof(*names));

	for (size_t i = 0; i < manifest->count; i++)
		names[i] = manifest->pipelines[i].name;
	for (size_t i = 0; i < only->count; i++) {
		char hint[OPTION_HINT];
		size_t j = 0;

		while (names[j] && strcmp(names[j], only->items[i]) != 0)
			j++;
		if (!names[j])
			die("the flow has no pipeline '%s'%s", only->items[i],
			    option_hint(hint, only->items[i], names));
	}
	free(names);
}
