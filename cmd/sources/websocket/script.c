/*
 * What is said on a new connection, step by step, and then every so often.
 */
#include <string.h>

#include "cmd/sources/websocket/tool.h"
#include "common/unit.h"

static void go_on(struct tool *tool);

static void command_done(void *context, const struct shell_result *result)
{
	struct tool *tool = context;
	size_t length = result->length;

	tool->step_command = NULL;
	if (result->error) {
		link_fail(tool, "--send-command: %s", result->error);
		return;
	}
	length -= length > 0 && result->output[length - 1] == '\n';
	websocket_send(tool->socket, true, result->output, length);
	tool->step++;
	go_on(tool);
}

/* The steps up to the next that has to be waited for. */
static void go_on(struct tool *tool)
{
	for (; tool->step < tool->step_count; tool->step++) {
		struct step *step = &tool->steps[tool->step];

		if (step->kind == STEP_SEND) {
			websocket_send(tool->socket, true, step->text, strlen(step->text));
		} else if (step->kind == STEP_COMMAND) {
			tool->step_command = shell_output_start(tool->loop.loop, step->text, tool->settings.timeout,
			                                        command_done, tool);
			return;
		} else {
			source_loop_after(&tool->loop, &tool->patience, tool->expect_timeout);
			return;
		}
	}
	tool->talks = true;
	if (tool->heartbeat_send)
		source_loop_after(&tool->loop, &tool->heartbeat, tool->heartbeat_every);
	input_again(tool);
}

static void patience_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct tool *tool = timer->data;
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	link_fail(tool, "no message with '%s' for %s", tool->steps[tool->step].text,
	          unit_duration_text(limit, tool->expect_timeout));
}

static void heartbeat_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct tool *tool = timer->data;

	(void)loop;
	(void)events;
	/* One that takes nothing has enough to do with what is on its way. */
	if (websocket_queued(tool->socket) == 0)
		websocket_send(tool->socket, true, tool->heartbeat_send, strlen(tool->heartbeat_send));
	source_loop_after(&tool->loop, timer, tool->heartbeat_every);
}

void script_init(struct tool *tool)
{
	ev_init(&tool->patience, patience_over);
	ev_init(&tool->heartbeat, heartbeat_due);
	tool->patience.data = tool->heartbeat.data = tool;
}

void script_start(struct tool *tool)
{
	tool->step = 0;
	tool->talks = false;
	go_on(tool);
}

void script_message(struct tool *tool, const struct content *content)
{
	if (tool->step >= tool->step_count || tool->steps[tool->step].kind != STEP_EXPECT ||
	    !pattern_matches(&tool->patterns, tool->steps[tool->step].pattern, content))
		return;
	ev_timer_stop(tool->loop.loop, &tool->patience);
	tool->step++;
	go_on(tool);
}

void script_stop(struct tool *tool)
{
	ev_timer_stop(tool->loop.loop, &tool->patience);
	ev_timer_stop(tool->loop.loop, &tool->heartbeat);
	if (tool->step_command)
		shell_output_abort(tool->step_command);
	tool->step_command = NULL;
	tool->talks = false;
}
