/*
 * The place that a runner keeps: how many events there were, and for each namespace what it takes to have the server send what was
 * missed. In lines: the number; then NAMESPACE TAB PID TAB SID TAB OFFSET. None of these has control characters.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/socketio/socketio.h"
#include "common/memory.h"
#include "common/page.h"

void place_note(struct socketio *socketio)
{
	struct text *place = &socketio->scratch;
	size_t alone;

	text_clear(place);
	text_addf(place, "%" PRId64 "\n", socketio->received);
	alone = place->length;
	for (size_t i = 0; i < socketio->space_count; i++) {
		const struct space *space = &socketio->spaces[i];

		if (space->pid.length > 0)
			text_addf(place, "%s\t%s\t%s\t%s\n", space->name, space->pid.data, space->sid.data,
			          space->offset.data ? space->offset.data : "");
	}
	/* Of more namespaces than fit only the number is kept: nothing is recovered then, which is seen. */
	source_cursor(&socketio->source, place->data, place->length <= PAGE_CURSOR ? place->length : alone);
}

static void find_space(struct socketio *socketio, char *line)
{
	const char *name = strsep(&line, "\t"), *words[3] = {0};

	for (int i = 0; i < 3 && line; i++)
		words[i] = strsep(&line, "\t");
	for (size_t i = 0; words[2] && i < socketio->space_count; i++) {
		struct space *space = &socketio->spaces[i];

		if (strcmp(space->name, name) != 0)
			continue;
		text_add_string(&space->pid, words[0]);
		text_add_string(&space->sid, words[1]);
		text_add_string(&space->offset, words[2]);
	}
}

void place_find(struct socketio *socketio)
{
	size_t length;
	const char *cursor = source_resumed(&socketio->source, &length);
	char *copy, *rest, *line;

	if (!cursor)
		return;
	copy = rest = xstrndup(cursor, length);
	line = strsep(&rest, "\n");
	socketio->received = strtoll(line, NULL, 10);
	while (rest && *rest && !socketio->no_recovery)
		find_space(socketio, strsep(&rest, "\n"));
	free(copy);
}
