#include "cmd/flow/commands/last.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/output.h"

enum { MOST = 1 << 20 };

void last_init(struct last *last, int64_t most, struct line_writer *writer)
{
	*last = (struct last){.writer = writer, .all = most < 0};
	if (!last->all) {
		last->most = most < MOST ? (size_t)most : MOST;
		last->lines = xcalloc(last->most + 1, sizeof(*last->lines));
	}
}

static void write_line(struct last *last, const char *line, size_t length)
{
	line_writer_add(last->writer, line, length);
	output_check(line_writer_end(last->writer));
}

void last_add(struct last *last, const char *line, size_t length)
{
	struct text *place;

	if (last->all) {
		write_line(last, line, length);
		return;
	}
	if (last->most == 0)
		return;
	place = &last->lines[last->next];
	text_clear(place);
	text_add(place, line, length);
	last->next = (last->next + 1) % last->most;
	if (last->count < last->most)
		last->count++;
}

void last_flush(struct last *last)
{
	for (size_t i = 0; !last->all && i < last->count; i++) {
		const struct text *line = &last->lines[(last->next + last->most - last->count + i) % last->most];

		write_line(last, line->data, line->length);
	}
	last->all = true;
	output_check(line_writer_flush(last->writer));
}

void last_free(struct last *last)
{
	for (size_t i = 0; last->lines && i < last->most; i++)
		text_free(&last->lines[i]);
	free(last->lines);
}
