/*
 * spawn: the one place that forks.
 *
 * A child starts from a known state, whatever the parent's is:
 *   signals      all have their default action, none is blocked
 *   descriptors  those listed, under the numbers listed; all others are closed. 0, 1 and 2 that are not
 *                listed are /dev/null, so that none of them is ever missing
 *   directory, environment, process group, what happens when the parent dies: as asked for
 * What goes wrong in the child before its program or function begins comes back to the caller: when
 * spawn_… returns a pid, the new program runs, and its process group exists.
 *
 * The parent has one thread only (PR_SET_PDEATHSIG goes by thread, and the child of
 * spawn_function goes on with this process's memory).
 */
#ifndef PYPE_SPAWN_H
#define PYPE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The parent's descriptor becomes number `child`; one of the parent's may be listed more than once. */
struct spawn_fd {
	int parent, child;
};

/* What the child shall be like; what is zero stays as it is in the parent. */
struct spawn {
	char *const *argv; /* of spawn_program: argv[0] is the path of the program, no search in PATH */
	char **environment; /* "NAME=VALUE", NULL-terminated */
	const char *directory;
	const struct spawn_fd *fds;
	size_t fd_count;
	bool group; /* leads a process group of its own, whose id is its pid */
	int death_signal; /* what it gets when the parent dies (its own children do not) */
	rlim_t files; /* how many descriptors it may have open (soft limit) */
};

/* Both return the child's pid, or -1: errno, and *failed, a literal, says what failed: "cannot run it", … */

pid_t spawn_program(const struct spawn *spawn, const char **failed);

/*
 * Runs function(context) in a copy of this process; what it returns is the exit status. spawn->environment becomes
 * environ. No atexit function runs in the child, and no buffer of stdio is flushed twice.
 */
pid_t spawn_function(const struct spawn *spawn, int (*function)(void *context), void *context, const char **failed);

#endif
