/*
 * pype: the runner's commands by name. What is no command is a tool: "pype csv" is "pype-csv".
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/command.h"
#include "cmd/flow/run/run.h"
#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

const struct option_program pype_program = {
	.name = "pype",
	.summary = "run flows of small programs that hand each other events",
	.operands = "COMMAND [ARGUMENT...]",
	.most = -1,
};

const struct command commands[] = {
	{"run", "run the flow of a manifest", run_command},
	{"check", "find the mistakes in a manifest without running it", check_command},
	{"graph", "draw the flow of a manifest", graph_command},
	{"print", "write the flow of a manifest as a shell script", print_command},
	{"ps", "show the pipelines and stages of a running flow", ps_command},
	{"top", "watch the pipelines and stages of a running flow", top_command},
	{"events", "show what has become of a flow", events_command},
	{"logs", "show what stages have said on standard error", logs_command},
	{"restart", "restart stages or whole pipelines of a running flow", restart_command},
	{"reload", "let a running flow read its manifest again", reload_command},
	{"stop", "stop a running flow", stop_command},
	{"dead-letter", "list, show, replay or drop what stages could not handle", dead_letter_command},
	{"help", "list the commands and tools, or show the manual of one", help_command},
	{NULL, NULL, NULL},
};

static const struct command *find_command(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

_Noreturn static void unknown_tool(char *const *environment, const char *name)
{
	struct option_list words = {0};
	char hint[OPTION_HINT];

	tools_list(environment, &words);
	for (const struct command *command = commands; command->name; command++)
		option_list_add(&words, xstrdup(command->name));
	die("'%s' is neither a command nor a tool%s (try 'pype help')", name,
	    option_hint(hint, name, (const char *const *)words.items));
}

void tool_command(char **argv)
{
	static const struct option_list none;
	char **environment = tools_environment(&none), *path = NULL;
	struct text word = {0};

	text_addf(&word, "pype-%s", argv[0]);
	if (!strchr(argv[0], '/'))
		path = tools_search(environment, word.data);
	if (!path)
		unknown_tool(environment, argv[0]);
	argv[0] = word.data;
	execv(path, argv);
	fail("cannot run '%s':", path);
}

/* Takes the options in front of the command, which are pype's own; returns where the command is. */
static char **parse_own(char **argv)
{
	static const struct option none[] = {OPTION_END};
	struct option_list own = {0};
	char **rest = argv;

	if (argv[0])
		option_list_add(&own, *rest++);
	for (; *rest && (*rest)[0] == '-'; rest++) {
		if (strcmp(*rest, "--help") == 0 || strcmp(*rest, "-h") == 0)
			exit(help_command((char *[]){own.items[0], NULL}));
		option_list_add(&own, *rest);
		if (strcmp(*rest, "--") == 0) {
			rest++;
			break;
		}
	}
	option_parse(&pype_program, none, own.items ? own.items : rest);
	free(own.items);
	return rest;
}

int main(int argc, char **argv)
{
	char **rest = parse_own(argv);
	const struct command *command;

	(void)argc;
	if (!*rest)
		die("command missing: %s (try 'pype --help')", pype_program.operands);
	command = find_command(*rest);
	if (command)
		return command->function(rest);
	tool_command(rest);
}
