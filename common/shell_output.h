/*
 * shell_output: runs a command with /bin/sh on a libev loop and collects what it prints. For short answers, such as a password
 * from a keeper of passwords.
 *
 * Its standard input is empty, and it has a process group of its own, which is killed (SIGKILL) when its time is over, when it is
 * aborted, and when its first process has ended: nothing of it is left behind. The first process dies with this one, too.
 */
#ifndef PYPE_SHELL_OUTPUT_H
#define PYPE_SHELL_OUTPUT_H

#include <ev.h>
#include <stddef.h>
#include <stdint.h>

struct shell_result {
	const char *
		error; /* one line that says what failed, with the last line of standard error; NULL: it ended with 0 */
	const char *output; /* NUL behind it */
	size_t length;
	const char *said; /* the last line that it wrote to standard error, or "" */
};

enum { SHELL_OUTPUT_MAX = 64 * 1024 }; /* more output is a failure */

struct shell_output;

/* The command is borrowed. done is called once, later, unless it is aborted; the result is valid in it. timeout: nanoseconds. */
struct shell_output *shell_output_start(struct ev_loop *loop, const char *command, int64_t timeout,
                                        void (*done)(void *context, const struct shell_result *result), void *context);
void shell_output_abort(struct shell_output *shell);

#endif
