/*
 * command: the commands of pype. Each parses its own options and returns the exit status.
 */
#ifndef PYPE_FLOW_COMMAND_H
#define PYPE_FLOW_COMMAND_H

#include "common/option.h"

struct command {
	const char *name; /* NULL ends the table */
	const char *summary;
	int (*function)(char **argv);
};

extern const struct command commands[];
extern const struct option_program pype_program;

int check_command(char **argv);
int graph_command(char **argv);
int print_command(char **argv);
int ps_command(char **argv);
int top_command(char **argv);
int events_command(char **argv);
int logs_command(char **argv);
int restart_command(char **argv);
int reload_command(char **argv);
int stop_command(char **argv);
int dead_letter_command(char **argv);
int help_command(char **argv);

/* Becomes the program pype-NAME, argv[0] being NAME. Ends with 2 if there is none, and names what is near. */
_Noreturn void tool_command(char **argv);

#endif
