/*
 * What a manager works with: children with their environments, ports, inlets; and how a stage is started.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manifest/shell.h"
#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/spawn.h"
#include "common/text.h"

pid_t manager_spawn(struct manager *manager, const struct child *child, const char **failed)
{
	enum { STANDARD = 3 };
	char shell[] = "/bin/sh", option[] = "-c", *argv[] = {shell, option, child->command, NULL};
	struct spawn_fd fds[STANDARD + PORT_FDS] = {
		{child->source ? manager->null : child->in, STDIN_FILENO},
		{child->out >= 0 ? child->out : STDOUT_FILENO, STDOUT_FILENO},
		{child->said[1], STDERR_FILENO},
	};
	struct spawn spawn = {
		.argv = argv,
		.fds = fds,
		.fd_count = STANDARD + port_give(child->port, fds + STANDARD, child->page),
		.environment = child->environment,
		.directory = manager->setup->manifest->directory,
		.group = true,
		.death_signal = SIGKILL,
		.files = manager->setup->files,
	};

	rights_give(&child->rights, &spawn);
	return spawn_program(&spawn, failed);
}

/*
 * A program that answers each line shall do so at once, and not when a block of output is full: what stdbuf(1) does for
 * those that use stdio, and Python's own word.
 */
static void add_line_buffering(const struct child *child, struct option_list *list)
{
	static const char *const libraries[] = {"/usr/libexec/coreutils/libstdbuf.so",
	                                        "/usr/lib/coreutils/libstdbuf.so"};

	if (child->stage->settings.ack != ACK_LINES)
		return;
	option_list_add(list, xstrdup("PYTHONUNBUFFERED=1"));
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		if (access(libraries[i], R_OK) < 0)
			continue;
		option_list_add(list, text_format("LD_PRELOAD=%s", libraries[i]));
		option_list_add(list, xstrdup("_STDBUF_O=L"));
		return;
	}
}

/* What the manifest sets, and what a stage is told of its place. */
static void make_environment(const struct manager *manager, struct child *child)
{
	static const char restarts[] = "PYPE_RESTART=", page[] = "PYPE_STAGE=";
	const struct option_list *own = &child->stage->settings.env;
	struct option_list list = {0};

	child->letters = text_format("%s/dead-letters/%s.ndjson", manager->setup->state, child->name);
	if (rights_to_dead_letters(&child->rights, manager->setup->state, child->letters) < 0)
		fail("cannot give the dead letters '%s' to the stage's user:", child->letters);
	rights_environment(&child->rights, &list);
	add_line_buffering(child, &list);
	for (size_t i = 0; i < own->count; i++)
		option_list_add(&list, xstrdup(own->items[i]));
	option_list_add(&list, text_format("PYPE_NAME=%s", child->name));
	option_list_add(&list, text_format("PYPE_DEAD_LETTER=%s", child->letters));
	option_list_add(&list, text_format("%s%*s", restarts, CHILD_RESTART_ROOM, ""));
	option_list_add(&list, text_format("%s%*s", page, PORT_VARIABLE, ""));
	child->environment = tools_environment(&list);
	for (char **e = child->environment; *e; e++) {
		if (strncmp(*e, restarts, strlen(restarts)) == 0)
			child->restarts = *e;
		if (strncmp(*e, page, strlen(page)) == 0)
			child->page = *e;
	}
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

/* What joins a stage to the one it reads, where that is a plain pipe. */
static void join(struct manager *manager, size_t number)
{
	const struct plan_stage *plan = &manager->setup->plumbing->plan.stages[number];

	if (plan->in == IN_PIPE)
		make_pipe(&manager->children[plan->from], &manager->children[number]);
}

static void make_port(struct manager *manager, size_t number)
{
	struct child *child = &manager->children[number];

	child->port = &manager->ports[number];
	if (port_init(child->port, manager, child, manager->setup->plumbing, number, manager->ports) < 0)
		fail("cannot map the memory of stage '%s':", child->name);
}

static void make_inlets(struct manager *manager)
{
	const struct plan *plan = &manager->setup->plumbing->plan;

	manager->inlets = xcalloc(manager->count, sizeof(*manager->inlets));
	for (size_t i = 0; i < manager->count; i++)
		if (plan->stages[i].in == IN_OWN &&
		    inlet_init(&manager->inlets[manager->inlet_count++], &manager->ports[i], manager->ports, plan) < 0)
			fail("cannot map the memory of stage '%s':", manager->children[i].name);
}

static void make_store(struct manager *manager)
{
	if (!manager->setup->plumbing->plan.durable)
		return;
	manager->store = xcalloc(1, sizeof(*manager->store));
	store_open(manager->store, manager);
}

/* What is there from before this manager began. */
static void adopt(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++) {
		struct child *child = &manager->children[i];

		port_adopt(child->port);
		if (!child->port->finished)
			continue;
		child->state = CHILD_DONE;
		manager->done++;
	}
	for (size_t i = 0; i < manager->inlet_count; i++)
		inlet_adopt(&manager->inlets[i]);
}

void manager_make(struct manager *manager)
{
	const struct manifest_pipeline *pipeline = manager->setup->pipeline;
	const char *failed;

	manager->count = pipeline->count;
	manager->children = xcalloc(manager->count, sizeof(*manager->children));
	manager->ports = xcalloc(manager->count, sizeof(*manager->ports));
	for (size_t i = 0; i < manager->count; i++) {
		struct child *child = &manager->children[i];

		if (child_init(child, manager, &pipeline->stages[i], pipeline->name) < 0)
			fail("cannot set up stage '%s':", pipeline->stages[i].name);
		tail_keep(&child->tail, manager->setup->state);
		if (!rights_init(&child->rights, &child->stage->settings, &failed))
			fail("stage '%s': user '%s': %s", child->name, child->stage->settings.user, failed);
		child->command = shell_direct(pipeline->stages[i].run);
		make_environment(manager, child);
	}
	for (size_t i = 0; i < manager->count; i++) {
		join(manager, i);
		make_port(manager, i);
	}
	make_inlets(manager);
	make_store(manager);
	adopt(manager);
	drain_init(&manager->drain, manager);
}

void manager_free(struct manager *manager)
{
	drain_free(&manager->drain);
	for (size_t i = 0; i < manager->inlet_count; i++)
		inlet_free(&manager->inlets[i]);
	if (manager->store)
		store_close(manager->store, !manager->stopping && !manager->afresh);
	free(manager->store);
	for (size_t i = 0; i < manager->count; i++) {
		struct child *child = &manager->children[i];

		port_free(child->port);
		rights_free(&child->rights);
		free(child->command);
		tools_environment_free(child->environment);
		child_free(child);
	}
	free(manager->inlets);
	free(manager->ports);
	free(manager->children);
	text_free(&manager->text);
	close(manager->null);
}
