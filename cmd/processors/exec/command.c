/*
 * The command's arguments and environment.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/processors/exec/exec.h"
#include "common/memory.h"

/* What is this program's own business: the stage page, its dead letters, how often it was started. */
static bool is_private(const char *item)
{
	static const char *const names[] = {"PYPE_STAGE=", "PYPE_DEAD_LETTER=", "PYPE_RESTART=", "PYPE_CHECK="};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(item, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool same_name(const char *item, const char *other)
{
	size_t length = strcspn(other, "=") + 1;

	return strncmp(item, other, length) == 0;
}

static void inherit_environment(struct command *command)
{
	for (size_t i = 0; environ[i]; i++) {
		bool replaced = false;

		for (size_t k = 0; k < command->env.count; k++)
			replaced |= same_name(environ[i], command->env.items[k]);
		if (!replaced && !is_private(environ[i]))
			option_list_add(&command->inherited, environ[i]);
	}
}

static bool is_executable(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

/* As a shell looks for it. */
static char *find(const char *name)
{
	const char *path = getenv("PATH");

	if (strchr(name, '/'))
		return is_executable(name) ? xstrdup(name) : NULL;
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	for (;;) {
		size_t length = strcspn(path, ":");
		char *file = length > 0 ? text_format("%.*s/%s", (int)length, path, name) : xstrdup(name);

		if (*name && is_executable(file))
			return file;
		free(file);
		if (!path[length])
			return NULL;
		path += length + 1;
	}
}

static void compile(struct exec *exec, struct template *template, const char *text, const char *what)
{
	char *mistake = NULL;

	if (!template_compile(template, &exec->stage.want, text, &mistake))
		die("%s: %s", what, mistake);
	if (template->places > 0 && exec->pool)
		die("%s '%s' has a place for a value of the event: not with --pool, whose commands answer many", what,
		    text);
	exec->command.changes |= template->places > 0;
}

static void compile_values(struct exec *exec)
{
	struct command *command = &exec->command;

	command->values = xcalloc(command->env.count + 1, sizeof(*command->values));
	for (size_t i = 0; i < command->env.count; i++) {
		const char *item = command->env.items[i], *equals = strchr(item, '=');

		if (!equals || equals == item)
			die("--env '%s': NAME=VALUE is needed", item);
		compile(exec, &command->values[i], equals + 1, "--env");
	}
}

void command_compile(struct exec *exec, char **operands)
{
	struct command *command = &exec->command;
	char *path = find(exec->shell ? "/bin/sh" : operands[0]);

	command->name = exec->shell ? "/bin/sh" : operands[0];
	if (!path)
		die("there is no program '%s'%s", command->name,
		    strpbrk(command->name, " |;<>$&") ? " (--shell is for commands of the shell)" : "");
	option_list_add(&command->fixed, path);
	if (exec->shell) {
		option_list_add(&command->fixed, xstrdup("-c"));
		option_list_add(&command->fixed, xstrdup(operands[0]));
		option_list_add(&command->fixed, xstrdup("sh"));
	}
	while (operands[command->count + 1])
		command->count++;
	command->arguments = xcalloc(command->count + 1, sizeof(*command->arguments));
	for (size_t i = 0; i < command->count; i++)
		compile(exec, &command->arguments[i], operands[i + 1], "argument");
	compile_values(exec);
	inherit_environment(command);
}

/* Those behind the first `from`, which are this event's. */
static void free_strings(char **strings, size_t from)
{
	for (size_t i = from; strings && strings[i]; i++)
		free(strings[i]);
	free(strings);
}

static void clear(struct command *command)
{
	free_strings(command->argv, command->fixed.count);
	free_strings(command->environment, command->inherited.count);
	command->argv = command->environment = NULL;
}

void command_free(struct command *command)
{
	clear(command);
	for (size_t i = 0; i < command->count; i++)
		template_free(&command->arguments[i]);
	for (size_t i = 0; i < command->env.count; i++)
		template_free(&command->values[i]);
	free(command->arguments);
	free(command->values);
	free_strings(command->fixed.items, 0);
	free(command->inherited.items);
	free(command->env.items);
}

/* A string behind the prefix; NULL: there is none for this event. */
static char *fill(struct exec *exec, struct job *job, const struct template *template, const char *prefix,
                  size_t length)
{
	struct text text;
	const char *missing;

	text_init(&text);
	text_add(&text, prefix, length);
	missing = template_fill(template, job ? job->spans : NULL, &text);
	if (!missing && !memchr(text.data, '\0', text.length))
		return text_detach(&text);
	text_free(&text);
	if (missing)
		job_fail(exec, job, "nothing at '%s'", missing);
	else
		job_fail(exec, job, "a NUL character is in what the command would be given");
	return NULL;
}

bool command_fill(struct exec *exec, struct job *job)
{
	struct command *command = &exec->command;
	size_t fixed = command->fixed.count, inherited = command->inherited.count;

	if (command->argv && !command->changes)
		return true;
	clear(command);
	command->argv = xcalloc(fixed + command->count + 1, sizeof(*command->argv));
	command->environment = xcalloc(inherited + command->env.count + 1, sizeof(*command->environment));
	for (size_t i = 0; i < fixed; i++)
		command->argv[i] = command->fixed.items[i];
	for (size_t i = 0; i < inherited; i++)
		command->environment[i] = command->inherited.items[i];
	for (size_t i = 0; i < command->count; i++)
		if (!(command->argv[fixed + i] = fill(exec, job, &command->arguments[i], "", 0)))
			return false;
	for (size_t i = 0; i < command->env.count; i++) {
		const char *item = command->env.items[i];

		command->environment[inherited + i] =
			fill(exec, job, &command->values[i], item, strcspn(item, "=") + 1);
		if (!command->environment[inherited + i])
			return false;
	}
	return true;
}

void cannot_run(const struct exec *exec, const char *failed)
{
	die("'%s': %s:", exec->command.name, failed);
}
