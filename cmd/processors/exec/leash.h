/*
 * leash: nothing that this process has started outlives it, even if it is killed.
 *
 * A child dies with its parent (PR_SET_PDEATHSIG), but what the child has started does not. So a second process of ours, the keeper of the
 * leash, waits until this one is gone, and then kills the process groups of the children. A child puts its group into memory that both
 * share before its program begins, so there is no moment at which the keeper does not know it.
 */
#ifndef PYPE_EXEC_LEASH_H
#define PYPE_EXEC_LEASH_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

struct leash {
	_Atomic pid_t *groups; /* one for each child that there may be; 0: there is none */
	size_t count;
	int end; /* of a pipe, whose other end the keeper reads */
	pid_t keeper;
};

/* Ends the program if that fails. */
void leash_open(struct leash *leash, size_t count);
/* The keeper kills what is left, and ends. */
void leash_close(struct leash *leash);

#endif
