/*
 * tools: the programs named pype-NAME, those beside the running pype first, then those in PATH.
 */
#ifndef PYPE_FLOW_TOOLS_H
#define PYPE_FLOW_TOOLS_H

#include "common/option.h"

/* The directory that holds the running pype, absolute; the caller's. */
char *tools_directory(void);

/*
 * The environment of a stage: this process's with env ("NAME=VALUE", the last of a name wins) put in, and
 * tools_directory first in PATH, so that a stage finds the tools that belong to this pype. NOTIFY_SOCKET is not
 * handed on (notify.h), unless env sets it.
 */
char **tools_environment(const struct option_list *env);
void tools_environment_free(char **environment);

/*
 * The path of an executable file: a word with '/' is one already (from the current directory), others are looked
 * for in PATH of this environment. NULL if there is none; the caller's.
 */
char *tools_search(char *const *environment, const char *word);

/*
 * Fills an empty list with the names, without "pype-", of all tools in PATH of this environment, sorted, each once.
 * The strings are the list's: tools_list_free.
 */
void tools_list(char *const *environment, struct option_list *names);
void tools_list_free(struct option_list *names);

#endif
