/*
 * spawn: the one place that forks.
 *
 * A child starts from a known state, whatever the parent's is:
 *   signals      all have their default action, none is blocked
 *   descriptors  those listed, under the numbers listed; all others are closed. 0, 1 and 2 that are not
 *                listed are /dev/null, so that none of them is ever missing
 *   directory, environment, process group, user, limits, what happens when the parent dies: as asked for
 * What goes wrong in the child before its program or function begins comes back to the caller: when
 * spawn_… returns a pid, the new program runs, and its process group exists.
 *
 * The parent has one thread only (PR_SET_PDEATHSIG goes by thread, and the child of
 * spawn_function goes on with this process's memory). It waits, with all signals blocked, until the new program runs.
 * Until then the child of spawn_program works in the parent's memory, on a stack of its own, so that nothing is copied,
 * however large the parent is; only a child that changes its user has a copy.
 */
#ifndef PYPE_SPAWN_H
#define PYPE_SPAWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* The parent's descriptor becomes number `child`; one of the parent's may be listed more than once. */
struct spawn_fd {
	int parent, child;
};

/*
 * A bound on a resource (RLIMIT_…), soft and hard: the child cannot exceed it. Of RLIMIT_CPU, the hard limit is a
 * second more, so that SIGXCPU comes before SIGKILL.
 */
struct spawn_limit {
	int resource;
	rlim_t value;
};

struct identity;

/* What the child shall be like; what is zero stays as it is in the parent. */
struct spawn {
	char *const *argv; /* of spawn_program: argv[0] is the path of the program, no search in PATH */
	char **environment; /* "NAME=VALUE", NULL-terminated */
	const char *directory;
	const struct spawn_fd *fds;
	size_t fd_count;
	bool group; /* leads a process group of its own, whose id is its pid */
	/* NULL, or where the child puts its pid, behind `group` and before its program can start others. */
	_Atomic pid_t *born;
	int death_signal; /* what it gets when the parent dies (its own children do not) */
	rlim_t files; /* how many descriptors it may have open: its soft limit, which it may raise itself */
	const struct spawn_limit *limits;
	size_t limit_count;
	const struct identity *identity; /* whose rights it has; what is listed above is done with the parent's */
	bool no_new_privileges; /* no program it starts gives it more rights, set-user-ID or not */
};

/* Both return the child's pid, or -1: errno, and *failed, a literal, says what failed: "cannot run it", … */

pid_t spawn_program(const struct spawn *spawn, const char **failed);

/*
 * Runs function(context) in a copy of this process; what it returns is the exit status. spawn->environment becomes
 * environ. No atexit function runs in the child, and no buffer of stdio is flushed twice.
 */
pid_t spawn_function(const struct spawn *spawn, int (*function)(void *context), void *context, const char **failed);

#endif
