/*
 * The lines of standard input as messages. A batch of lines is with the websocket at a time; only when all of it is with the
 * kernel more is read, so that a server that takes nothing stops the reading, and what was not gone is sent again.
 */
#include <string.h>
#include <unistd.h>

#include "cmd/sources/websocket/tool.h"
#include "common/utf8.h"

enum { BATCH = 64 * 1024 };

static void readable(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct tool *tool = io->data;

	(void)loop;
	(void)events;
	if (line_reader_fill(&tool->lines) == LINE_ERROR)
		fail("cannot read standard input:");
	input_go_on(tool);
}

void input_start(struct tool *tool)
{
	if (!tool->from_input)
		return;
	line_reader_init(&tool->lines, STDIN_FILENO, tool->source.max_line);
	tool->lines.stop_fd = -1;
	ev_io_init(&tool->readable, readable, STDIN_FILENO, EV_READ);
	tool->readable.data = tool;
}

static void send_line(struct tool *tool, const char *line, size_t length)
{
	if (!utf8_valid(line, length)) {
		source_bad(&tool->source, line, length, "line %llu of standard input is not UTF-8",
		           (unsigned long long)tool->lines.number);
		return;
	}
	websocket_send(tool->socket, true, line, length);
	text_add(&tool->batch, line, length);
	text_add_char(&tool->batch, '\n');
}

static void ended(struct tool *tool)
{
	if (tool->input_ended)
		return;
	tool->input_ended = true;
	ev_io_stop(tool->loop.loop, &tool->readable);
}

/* Lines that are there. True: the batch is full; else there are no more. */
static bool send_lines(struct tool *tool)
{
	while (tool->batch.length < BATCH) {
		const char *line;
		size_t length;

		switch (line_reader_take(&tool->lines, &line, &length)) {
		case LINE_WHOLE:
			if (length > 0)
				send_line(tool, line, length);
			break;
		case LINE_PIECE:
			break;
		case LINE_TAIL: /* the rest of one that was never held */
			source_bad(&tool->source, NULL, 0, "line %llu of standard input is longer than --max-line",
			           (unsigned long long)tool->lines.number);
			break;
		case LINE_WAIT:
			return false;
		case LINE_ERROR:
		case LINE_END:
			ended(tool);
			return false;
		}
	}
	return true;
}

void input_go_on(struct tool *tool)
{
	bool full = true;

	if (!tool->from_input || !tool->open || !tool->talks || tool->ending)
		return;
	if (tool->batch.length > 0 && websocket_queued(tool->socket) == 0)
		text_clear(&tool->batch);
	if (tool->batch.length == 0)
		full = send_lines(tool);
	if (tool->input_ended && tool->batch.length == 0 && tool->close_on_eof)
		link_finish(tool, STATUS_OK);
	else if (!full && !tool->input_ended)
		ev_io_start(tool->loop.loop, &tool->readable);
	else
		ev_io_stop(tool->loop.loop, &tool->readable);
}

void input_lost(struct tool *tool)
{
	if (tool->from_input)
		ev_io_stop(tool->loop.loop, &tool->readable);
}

void input_again(struct tool *tool)
{
	size_t at = 0;

	while (at < tool->batch.length) {
		const char *line = tool->batch.data + at, *end = memchr(line, '\n', tool->batch.length - at);

		websocket_send(tool->socket, true, line, (size_t)(end - line));
		at += (size_t)(end - line) + 1;
	}
	input_go_on(tool);
}

void input_free(struct tool *tool)
{
	if (!tool->from_input)
		return;
	if (tool->batch.length > 0 || !tool->input_ended)
		message_info("standard input was not sent to its end");
	line_reader_free(&tool->lines);
	text_free(&tool->batch);
}
