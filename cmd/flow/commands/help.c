/*
 * pype help: the commands, the tools by group, and the manual of one.
 *
 * What a tool is for, and its group, stand in its manual page (page.h). Of tools without one --help tells the summary.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/commands/collect.h"
#include "cmd/flow/command.h"
#include "cmd/flow/commands/manual.h"
#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype help",
	.summary = "list the commands and tools, or show the manual of one",
	.operands = "[TOOL]",
	.most = 1,
};

static const char *const headings[] = {
	[MANUAL_SOURCE] = "sources",
	[MANUAL_PROCESSOR] = "processors",
	[MANUAL_OUTPUT] = "outputs",
	[MANUAL_OTHER] = "other tools",
};

struct tool {
	char *word; /* pype-NAME */
	struct manual page;
};

static const int64_t patience = 2 * UNIT_S;

/* Asks those that have no manual page here: the first line of --help is "NAME: summary". */
static void ask(struct tool *tools, size_t count, char **environment)
{
	char help[] = "--help", **argvs = xcalloc(count + 1, 3 * sizeof(*argvs));
	struct collect *runs = xcalloc(count + 1, sizeof(*runs));
	size_t asked = 0;

	for (size_t i = 0; i < count; i++)
		if (!tools[i].page.summary) {
			char **argv = &argvs[3 * asked];

			argv[0] = tools_search(environment, tools[i].word);
			argv[1] = help;
			runs[asked++] = (struct collect){.argv = argv, .environment = environment, .fd = 1};
		}
	collect_all(runs, asked, patience);
	asked = 0;
	for (size_t i = 0; i < count; i++) {
		const char *words;

		if (tools[i].page.summary)
			continue;
		words = strchr(runs[asked].output.data, ' ');
		tools[i].page.summary = words ? xstrndup(words + 1, strcspn(words + 1, "\n")) : xstrdup("");
		free(argvs[3 * asked]);
		collect_free(&runs[asked++]);
	}
	free(argvs);
	free(runs);
}

static void add_tools(struct text *help, const struct tool *tools, size_t count)
{
	for (size_t group = 0; group < MANUAL_GROUPS; group++) {
		bool begun = false;

		for (size_t i = 0; i < count; i++) {
			if (tools[i].page.group != group)
				continue;
			if (!begun)
				text_addf(help, "\n%s:\n", headings[group]);
			begun = true;
			text_addf(help, "  %-12s  %s\n", tools[i].word + strlen("pype-"), tools[i].page.summary);
		}
	}
}

static void add_all_tools(struct text *help)
{
	static const struct option_list none;
	char **environment = tools_environment(&none);
	struct option_list names = {0};
	struct tool *tools;

	tools_list(environment, &names);
	tools = xcalloc(names.count + 1, sizeof(*tools));
	for (size_t i = 0; i < names.count; i++) {
		tools[i].word = text_format("pype-%s", names.items[i]);
		manual_read(&tools[i].page, names.items[i]);
	}
	ask(tools, names.count, environment);
	add_tools(help, tools, names.count);
	for (size_t i = 0; i < names.count; i++) {
		free(tools[i].word);
		manual_free(&tools[i].page);
	}
	free(tools);
	tools_list_free(&names);
	tools_environment_free(environment);
}

static int show_all(void)
{
	struct text help = {0};

	text_addf(&help, "%s: %s\n", pype_program.name, pype_program.summary);
	text_addf(&help, "usage: %s [options] %s\n", pype_program.name, pype_program.operands);
	text_addf(&help, "       %s TOOL [ARGUMENT...]\n\ncommands:\n", pype_program.name);
	for (const struct command *command = commands; command->name; command++)
		text_addf(&help, "  %-12s  %s\n", command->name, command->summary);
	add_all_tools(&help);
	text_add_string(&help, "\noptions:\n"
	                       "  -v, --verbose   say more on stderr; twice: all\n"
	                       "  -h, --help      say this and exit\n"
	                       "  -V, --version   say the version and exit\n"
	                       "      --complete  list the options and exit\n"
	                       "\nOf each command and tool: pype help NAME, pype NAME --help\n");
	if (fwrite(help.data, 1, help.length, stdout) != help.length || fflush(stdout) != 0)
		fail("cannot write to standard output:");
	text_free(&help);
	return STATUS_OK;
}

/* Becomes man(1) if there is a terminal, or if there is nothing else to show. */
static void show_page(const char *path)
{
	static const struct option_list none;
	char **environment = tools_environment(&none), *man = tools_search(environment, "man");
	char word[] = "man", *copy = xstrdup(path), *argv[] = {word, copy, NULL};

	if (man)
		execv(man, argv);
	free(copy);
	free(man);
	tools_environment_free(environment);
}

int help_command(char **argv)
{
	static const struct option none[] = {OPTION_END};
	char **operands = option_parse(&program, none, argv), help[] = "--help", *page;
	char *shown[] = {operands[0], help, NULL};
	bool readable;

	if (!operands[0])
		return show_all();
	for (const struct command *command = commands; command->name; command++)
		if (strcmp(command->name, operands[0]) == 0)
			return command->function(shown);
	page = manual_find(operands[0]);
	/* A page of another section than 1 describes no program. */
	readable = page && (isatty(STDOUT_FILENO) || page[strlen(page) - 1] != '1');
	if (readable)
		show_page(page);
	free(page);
	tool_command(shown);
}
