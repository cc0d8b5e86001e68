#include "cmd/flow/commands/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/flow/manifest/shell.h"
#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/spawn.h"
#include "common/text.h"

/* Sets chain->pipeline; returns the index of the stage. */
static size_t find_stage(struct chain *chain, const char *name)
{
	const struct manifest *manifest = chain->manifest;

	for (size_t i = 0; i < manifest->count; i++) {
		const struct manifest_pipeline *pipeline = &manifest->pipelines[i];
		size_t length = strlen(pipeline->name);

		if (strncmp(name, pipeline->name, length) != 0 || name[length] != '.')
			continue;
		chain->pipeline = pipeline;
		for (size_t j = 0; j < pipeline->count; j++)
			if (strcmp(pipeline->stages[j].name, name + length + 1) == 0)
				return j;
	}
	die("the flow has no stage '%s'", name);
}

/* The stage that reads this one; count is how many times it is read. */
static size_t find_reader(const struct manifest_pipeline *pipeline, size_t stage, size_t *count)
{
	size_t reader = stage;

	*count = 0;
	for (size_t i = 0; i < pipeline->count; i++)
		for (size_t j = 0; j < pipeline->stages[i].from_count; j++)
			if (pipeline->stages[i].from[j].stage == stage) {
				reader = i;
				++*count;
			}
	return reader;
}

void chain_find(struct chain *chain, const struct manifest *manifest, const char *stage)
{
	const struct manifest_pipeline *pipeline;
	size_t at, readers;

	*chain = (struct chain){.manifest = manifest};
	at = find_stage(chain, stage);
	pipeline = chain->pipeline;
	if (pipeline->stages[at].from_count == 0)
		die("'%s' is a source: it reads no events", stage);
	chain->links = xcalloc(pipeline->count, sizeof(*chain->links));
	for (;;) {
		chain->links[chain->count++].stage = &pipeline->stages[at];
		at = find_reader(pipeline, at, &readers);
		if (readers == 0)
			return;
		if (readers > 1)
			die("'%s.%s' is read by several stages, and --run can only run a chain", pipeline->name,
			    chain->links[chain->count - 1].stage->name);
		if (pipeline->stages[at].from_count > 1)
			die("'%s.%s' reads several stages, and --run can only run a chain", pipeline->name,
			    pipeline->stages[at].name);
		if (pipeline->stages[at].from[0].event)
			die("'%s.%s' reads only the events '%s', and --run can only run a chain that reads all",
			    pipeline->name, pipeline->stages[at].name, pipeline->stages[at].from[0].event);
	}
}

void chain_free(struct chain *chain)
{
	free(chain->links);
}

static char **make_environment(const struct chain *chain, size_t index, const char *directory)
{
	const struct manifest_stage *stage = chain->links[index].stage;
	const char *pipeline = chain->pipeline->name;
	struct option_list list = {0};
	char **environment;

	for (size_t i = 0; i < stage->settings.env.count; i++)
		option_list_add(&list, xstrdup(stage->settings.env.items[i]));
	option_list_add(&list, text_format("PYPE_NAME=%s.%s", pipeline, stage->name));
	option_list_add(&list,
	                index > 0 ? text_format("PYPE_DEAD_LETTER=%s/%s.%s.ndjson", directory, pipeline, stage->name)
	                          : xstrdup("PYPE_DEAD_LETTER="));
	/* An output goes on with its file. */
	option_list_add(&list, xstrdup("PYPE_RESTART=1"));
	environment = tools_environment(&list);
	tools_list_free(&list);
	return environment;
}

static pid_t start(const struct chain *chain, size_t index, const char *directory, int in, int out)
{
	char shell[] = "/bin/sh", option[] = "-c", *command = shell_direct(chain->links[index].stage->run);
	char *argv[] = {shell, option, command, NULL}, **environment = make_environment(chain, index, directory);
	struct spawn_fd fds[] = {{in, STDIN_FILENO}, {out, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
	struct spawn spawn = {
		.argv = argv,
		.fds = fds,
		.fd_count = sizeof(fds) / sizeof(fds[0]),
		.environment = environment,
		.directory = chain->manifest->directory,
		.death_signal = SIGTERM,
	};
	const char *failed;
	pid_t pid = spawn_program(&spawn, &failed);

	if (pid < 0)
		fail("'%s.%s': %s:", chain->pipeline->name, chain->links[index].stage->name, failed);
	tools_environment_free(environment);
	free(command);
	return pid;
}

int chain_start(struct chain *chain, const char *directory)
{
	int out = STDOUT_FILENO;

	/* From the last to the first, so that each has its reader. */
	for (size_t i = chain->count; i-- > 0;) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			fail("cannot make a pipe:");
		chain->links[i].pid = start(chain, i, directory, ends[0], out);
		close(ends[0]);
		if (out != STDOUT_FILENO)
			close(out);
		out = ends[1];
	}
	return out;
}

int chain_wait(struct chain *chain)
{
	int failures = 0;

	for (size_t i = 0; i < chain->count; i++) {
		const char *pipeline = chain->pipeline->name, *name = chain->links[i].stage->name;
		int status = -1;

		while (waitpid(chain->links[i].pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		failures++;
		if (WIFSIGNALED(status))
			message_error("%s.%s: killed by signal %d", pipeline, name, WTERMSIG(status));
		else
			message_error("%s.%s: ended with status %d", pipeline, name, WEXITSTATUS(status));
	}
	return failures;
}
