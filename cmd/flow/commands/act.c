/*
 * pype restart, reload, stop: telling a running flow what to do.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "cmd/flow/commands/ask.h"
#include "cmd/flow/command.h"
#include "cmd/flow/run/state.h"
#include "common/message.h"
#include "common/option.h"

static const char state_help[] = "the flow's state directory (.pype beside FLOW)";

int restart_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype restart",
		.summary = "restart stages or whole pipelines of a running flow",
		.operands = "PIPELINE[.STAGE]...",
		.least = 1,
		.most = -1,
	};
	char *state = NULL, *flow = NULL;
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &state, state_help),
		OPTION_STRING(0, "flow", "FLOW", &flow, "the manifest of the flow (flow.yaml)"),
		OPTION_END,
	};
	char **names = option_parse(&program, options, argv);
	struct ask ask;
	int status = STATUS_OK;

	if (option_checking())
		return STATUS_OK;
	ask_open(&ask, state_path(state, flow));
	for (; *names; names++) {
		ask_send(&ask, "restart", *names, false);
		while (ask_next(&ask))
			;
		if (ask.status > status)
			status = ask.status;
		if (ask.gone)
			break;
	}
	ask_close(&ask);
	return status;
}

int reload_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype reload",
		.summary = "let a running flow read its manifest again",
		.operands = "[FLOW]",
		.most = 1,
	};
	char *state = NULL;
	struct option options[] = {OPTION_STRING('d', "state", "DIR", &state, state_help), OPTION_END};
	char **operands = option_parse(&program, options, argv);
	struct ask ask;

	if (option_checking())
		return STATUS_OK;
	ask_open(&ask, state_path(state, operands[0]));
	ask_send(&ask, "reload", NULL, false);
	while (ask_next(&ask)) {
		if (strcmp(ask.event, "mistake") == 0)
			fprintf(stderr, "%s\n", ask.message);
		else if (strcmp(ask.event, "reloaded") == 0)
			message_info("%s", ask.message);
	}
	return ask_close(&ask);
}

/* Until nothing is left of the flow process. */
static void wait_for_end(struct ask *ask)
{
	struct pollfd end = {.fd = ask->process, .events = POLLIN};

	int status = ask->status;

	while (ask_follow(ask))
		;
	ask->status = status;
	while (ask->process >= 0 && poll(&end, 1, -1) < 0 && errno == EINTR)
		;
}

int stop_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype stop",
		.summary = "stop a running flow",
		.operands = "[FLOW]",
		.most = 1,
	};
	char *state = NULL;
	bool now = false, no_wait = false;
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &state, state_help),
		OPTION_FLAG(0, "now", &now, "end all stages at once, do not let them drain"),
		OPTION_FLAG(0, "no-wait", &no_wait, "do not wait until the flow has ended"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	struct ask ask;

	if (option_checking())
		return STATUS_OK;
	ask_open(&ask, state_path(state, operands[0]));
	ask_send(&ask, "stop", NULL, now);
	while (ask_next(&ask))
		;
	if (ask.status == STATUS_OK && !no_wait)
		wait_for_end(&ask);
	return ask_close(&ask);
}
