/*
 * emit: a source that does nothing but write: so many MB of the same event of 200 bytes, as fast as they go out.
 */
#include <stdint.h>
#include <string.h>

#include "common/message.h"
#include "common/option.h"
#include "common/output.h"
#include "common/signals.h"
#include "common/source.h"

enum { LENGTH = 200 };

static const struct option_program program = {
	.name = "emit",
	.summary = "write events of 200 bytes",
	.operands = "",
};

struct emit {
	int64_t megabytes;

	struct source source;
	uint64_t written; /* events */
};

static void make_event(char event[LENGTH])
{
	static const char head[] = "{\"event\":\"data\",\"time\":1700000000,\"data\":\"", tail[] = "\"}";

	memset(event, '.', LENGTH);
	memcpy(event, head, sizeof(head) - 1);
	/* The writer adds the newline. */
	memcpy(event + LENGTH - 1 - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
}

static void resume(struct emit *emit)
{
	size_t length;
	const void *cursor = source_resumed(&emit->source, &length);

	if (cursor && length == sizeof(emit->written))
		memcpy(&emit->written, cursor, length);
}

int main(int argc, char **argv)
{
	struct emit emit = {.megabytes = 1};
	const struct option options[] = {
		OPTION_NUMBER('m', "megabytes", "N", &emit.megabytes, "stop after so many millions of bytes (1)"),
		OPTION_END,
	};
	char event[LENGTH];
	struct line_writer *out = &emit.source.out;

	(void)argc;
	option_parse_both(&program, options, source_options(&emit.source), argv);
	make_event(event);
	source_open(&emit.source);
	resume(&emit);
	while (!signals_stop() && emit.written < (uint64_t)emit.megabytes * 1000000 / LENGTH) {
		line_writer_add(out, event, LENGTH - 1);
		output_check(line_writer_end(out));
		emit.written++;
		source_cursor(&emit.source, &emit.written, sizeof(emit.written));
	}
	return source_close(&emit.source);
}
