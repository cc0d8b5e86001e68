/*
 * pype logs: what stages have said on standard error.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/flow/commands/ask.h"
#include "cmd/flow/command.h"
#include "cmd/flow/commands/logs.h"
#include "cmd/flow/run/state.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"

/* Until the flow has ended: its process, or, if that cannot be watched, its end of the socket. */
static void follow(struct logs *logs, struct ask *ask, struct last *last)
{
	struct pollfd fds[] = {{.fd = logs->watch, .events = POLLIN},
	                       {.fd = ask->process >= 0 ? ask->process : ask->fd, .events = POLLIN}};

	do {
		logs_show_added(logs, last);
		last_flush(last);
		fds[1].revents = 0;
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			fail("cannot wait:");
	} while (!fds[1].revents);
	logs_show_added(logs, last);
	last_flush(last);
}

int logs_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype logs",
		.summary = "show what stages have said on standard error",
		.operands = "[PIPELINE[.STAGE]]",
		.most = 1,
	};
	char *state = NULL, *flow = NULL, *path;
	int64_t count = -1;
	bool follows = false;
	struct option options[] = {
		OPTION_FLAG('f', "follow", &follows, "go on with what they say, until the flow has ended"),
		OPTION_NUMBER('n', "count", "N", &count, "only the last N lines of those that are kept"),
		OPTION_STRING('d', "state", "DIR", &state, "the flow's state directory (.pype beside FLOW)"),
		OPTION_STRING(0, "flow", "FLOW", &flow, "the manifest of the flow (flow.yaml)"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	struct line_writer writer;
	struct last last;
	struct logs logs;
	struct ask ask;

	if (option_checking())
		return STATUS_OK;
	signal(SIGPIPE, SIG_IGN);
	line_writer_init(&writer, STDOUT_FILENO);
	last_init(&last, count, &writer);
	path = state_path(state, flow);
	if (follows)
		ask_open(&ask, xstrdup(path));
	logs_open(&logs, path, operands[0], follows);
	logs_show(&logs, &last);
	last_flush(&last);
	if (follows) {
		follow(&logs, &ask, &last);
		ask_close(&ask);
	}
	logs_close(&logs);
	last_free(&last);
	line_writer_free(&writer);
	free(path);
	return STATUS_OK;
}
