#include "cmd/flow/manager.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/flow/child.h"
#include "cmd/flow/happening.h"
#include "cmd/flow/moment.h"
#include "cmd/flow/orphans.h"
#include "cmd/flow/shell.h"
#include "cmd/flow/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/spawn.h"
#include "common/text.h"
#include "common/unit.h"

struct manager {
	const struct manager_setup *setup;
	struct child *children; /* as in the manifest: in the order of the data */
	size_t count, done;
	bool stopping;
	enum child_verdict worst; /* of the stages that are done */
	int null; /* /dev/null: what a source reads */
	struct text text; /* the happening that is being said */
	struct ev_io channel;
	struct ev_signal term;
};

/* Saying. */

static void tell(struct manager *manager)
{
	happening_end(&manager->text);
	/* Fails only if the flow process is gone, which on_channel notices. */
	if (send(manager->setup->channel, manager->text.data, manager->text.length, MSG_NOSIGNAL) < 0)
		message_debug("cannot tell the flow process:");
}

void manager_tell_start(struct manager *manager, const struct child *child)
{
	happening_begin(&manager->text, "started", child->name);
	happening_message(&manager->text, child->starts == 1 ? "started" : "started again");
	text_addf(&manager->text, ",\"pid\":%d,\"start\":%llu", (int)child->pid, (unsigned long long)child->starts);
	tell(manager);
}

void manager_tell_end(struct manager *manager, const struct child *child)
{
	happening_begin(&manager->text, "finished", child->name);
	happening_message(&manager->text, "finished");
	text_addf(&manager->text, ",\"pid\":%d", (int)child->exit.pid);
	tell(manager);
}

void manager_tell_death(struct manager *manager, struct child *child, int64_t delay, const char *why)
{
	struct happening_death death = {
		.pid = child->exit.pid,
		.status = child->status,
		.attempt = child->restart.attempts,
		.uptime = moment_now() - child->started,
		.delay = delay,
		.why = why,
	};

	happening_begin(&manager->text, delay >= 0 ? "failed" : "given_up", child->name);
	happening_add_death(&manager->text, &death, &child->stage->settings.restart);
	text_add_string(&manager->text, ",\"stderr\":");
	tail_add_json(&child->tail, &manager->text);
	tell(manager);
}

/* Starting. */

uint64_t manager_restarts(const struct manager *manager)
{
	return manager->setup->restarts;
}

pid_t manager_spawn(struct manager *manager, const struct child *child, const char **failed)
{
	char shell[] = "/bin/sh", option[] = "-c", *argv[] = {shell, option, child->command, NULL};
	struct spawn_fd fds[] = {
		{child->source ? manager->null : child->in, STDIN_FILENO},
		{child->out >= 0 ? child->out : STDOUT_FILENO, STDOUT_FILENO},
		{child->said[1], STDERR_FILENO},
	};
	struct spawn spawn = {
		.argv = argv,
		.fds = fds,
		.fd_count = sizeof(fds) / sizeof(fds[0]),
		.environment = child->environment,
		.directory = manager->setup->manifest->directory,
		.group = true,
		.death_signal = SIGKILL,
		.files = manager->setup->files,
	};

	return spawn_program(&spawn, failed);
}

static char *variable(const char *format, ...) MESSAGE_FORMAT(1, 2);

static char *variable(const char *format, ...)
{
	struct text text = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&text, format, arguments);
	va_end(arguments);
	return text_detach(&text);
}

/* What the manifest sets, and what a stage is told of its place. */
static void make_environment(const struct manager *manager, struct child *child)
{
	static const char restarts[] = "PYPE_RESTART=";
	const struct option_list *own = &child->stage->settings.env;
	struct option_list list = {0};

	for (size_t i = 0; i < own->count; i++)
		option_list_add(&list, xstrdup(own->items[i]));
	option_list_add(&list, variable("PYPE_NAME=%s", child->name));
	option_list_add(&list,
	                variable("PYPE_DEAD_LETTER=%s/dead-letters/%s.ndjson", manager->setup->state, child->name));
	option_list_add(&list, variable("%s%*s", restarts, CHILD_RESTART_ROOM, ""));
	child->environment = tools_environment(&list);
	for (char **e = child->environment; *e; e++)
		if (strncmp(*e, restarts, strlen(restarts)) == 0)
			child->restarts = *e;
	tools_list_free(&list);
}

static void make_pipe(struct child *from, struct child *to)
{
	uint64_t size = to->stage->settings.buffer;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("cannot make a pipe:");
	from->out = ends[1];
	to->in = ends[0];
	/* Best effort: users without privileges have few large pipes. */
	if (fcntl(ends[1], F_SETPIPE_SZ, size > INT32_MAX ? INT32_MAX : (int)size) < 0)
		message_debug("%s: its pipe stays smaller than asked for:", to->name);
}

static void make_children(struct manager *manager)
{
	const struct manifest_pipeline *pipeline = manager->setup->pipeline;

	manager->count = pipeline->count;
	manager->children = xcalloc(manager->count, sizeof(*manager->children));
	for (size_t i = 0; i < manager->count; i++) {
		struct child *child = &manager->children[i];

		if (child_init(child, manager, &pipeline->stages[i], pipeline->name) < 0)
			fail("cannot set up stage '%s':", pipeline->stages[i].name);
		tail_keep(&child->tail, manager->setup->state);
		child->command = shell_direct(pipeline->stages[i].run);
		make_environment(manager, child);
	}
	for (size_t i = 0; i < manager->count; i++)
		for (size_t j = 0; j < pipeline->stages[i].from_count; j++)
			make_pipe(&manager->children[pipeline->stages[i].from[j]], &manager->children[i]);
}

/* Ending. */

bool manager_reader_gone(const struct manager *manager, const struct child *child)
{
	size_t self = (size_t)(child - manager->children);

	for (size_t i = 0; i < manager->count; i++)
		for (size_t j = 0; j < manager->children[i].stage->from_count; j++)
			if (manager->children[i].stage->from[j] == self && manager->children[i].state != CHILD_DONE)
				return false;
	return true;
}

/* From the first to the last. */
static void handle_all(struct manager *manager, enum child_happening of_sources, enum child_happening of_others)
{
	for (size_t i = 0; i < manager->count; i++)
		child_handle(&manager->children[i], manager->children[i].source ? of_sources : of_others);
}

static void stop(struct manager *manager)
{
	if (manager->stopping)
		return;
	manager->stopping = true;
	handle_all(manager, CHILD_STOP, CHILD_DRAIN);
}

static void hurry(struct manager *manager)
{
	manager->stopping = true;
	handle_all(manager, CHILD_HURRY, CHILD_HURRY);
}

void manager_child_done(struct manager *manager, struct child *child)
{
	manager->done++;
	if (child->verdict > manager->worst)
		manager->worst = child->verdict;
	if (child->verdict == CHILD_POINTLESS)
		stop(manager);
	else if (child->verdict == CHILD_TOO_OFTEN)
		hurry(manager);
	if (manager->done == manager->count)
		ev_break(EV_DEFAULT_ EVBREAK_ALL);
}

/* The flow process is gone: nothing may outlive it. */
static void abandon(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++)
		if (manager->children[i].pid > 0)
			kill(-manager->children[i].pid, SIGKILL);
	orphans_end();
	_exit(MANAGER_BADLY);
}

static void manager_restart_stage(struct manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->count; i++)
		if (strcmp(manager->children[i].stage->name, name) == 0)
			child_handle(&manager->children[i], CHILD_RESTART);
}

static void on_channel(EV_P_ ev_io *watcher, int events)
{
	struct manager *manager = watcher->data;
	char order[1 + MANIFEST_NAME + 1];
	ssize_t n = recv(watcher->fd, order, sizeof(order) - 1, MSG_DONTWAIT);

	(void)EV_A;
	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		abandon(manager);
	if (n <= 0)
		return;
	order[n] = '\0';
	switch (order[0]) {
	case MANAGER_STOP:
		stop(manager);
		break;
	case MANAGER_HURRY:
		hurry(manager);
		break;
	case MANAGER_RESTART:
		manager_restart_stage(manager, order + 1);
		break;
	}
}

static void on_term(EV_P_ ev_signal *watcher, int events)
{
	(void)EV_A;
	(void)events;
	stop(watcher->data);
}

static void free_all(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++) {
		struct child *child = &manager->children[i];

		free(child->command);
		tools_environment_free(child->environment);
		child_free(child);
	}
	free(manager->children);
	text_free(&manager->text);
	close(manager->null);
}

int manager_run(const struct manager_setup *setup)
{
	static const enum manager_end ends[] = {
		[CHILD_WELL] = MANAGER_WELL,
		[CHILD_BADLY] = MANAGER_BADLY,
		[CHILD_POINTLESS] = MANAGER_POINTLESS,
		[CHILD_TOO_OFTEN] = MANAGER_AFRESH,
	};
	struct manager manager = {.setup = setup};

	/* The parent's loop and its watchers are no concern of this process. */
	ev_loop_destroy(EV_DEFAULT);
	if (!ev_default_loop(EVFLAG_NOENV))
		fail("cannot make an event loop");
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	manager.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (manager.null < 0)
		fail("cannot open '/dev/null':");
	make_children(&manager);
	ev_io_init(&manager.channel, on_channel, setup->channel, EV_READ);
	ev_signal_init(&manager.term, on_term, SIGTERM);
	manager.channel.data = manager.term.data = &manager;
	ev_io_start(EV_DEFAULT_ & manager.channel);
	ev_signal_start(EV_DEFAULT_ & manager.term);
	/* From the last to the first: whoever writes finds a reader. */
	for (size_t i = manager.count; i-- > 0;)
		child_handle(&manager.children[i], CHILD_START);
	if (manager.done < manager.count)
		ev_run(EV_DEFAULT_ 0);
	ev_io_stop(EV_DEFAULT_ & manager.channel);
	ev_signal_stop(EV_DEFAULT_ & manager.term);
	orphans_end();
	free_all(&manager);
	ev_loop_destroy(EV_DEFAULT);
	return (int)ends[manager.worst];
}
