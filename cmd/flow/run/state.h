/*
 * state: the state directory of a flow, in which it keeps what it must not forget: where it is, and whose it is.
 */
#ifndef PYPE_FLOW_STATE_H
#define PYPE_FLOW_STATE_H

/*
 * The directory as asked for, or if that is NULL, `.pype` beside the manifest (NULL: flow.yaml; "-": it comes from standard
 * input, and the current directory is meant). The caller's. It need not exist.
 */
char *state_path(const char *asked, const char *flow);

/*
 * Takes the lock of an existing one: no flow runs there as long as a copy of the descriptor it returns is open. What is left of a
 * runner that was killed has two seconds to end. Ends the program (1) if a flow runs.
 */
int state_lock(const char *state);

/*
 * Makes the directory and what belongs in it, and takes its lock, with this process's id in it. *lock is the descriptor.
 * Returns the absolute path, the caller's. Ends the program (1) if it cannot.
 */
char *state_open(const char *path, int *lock);

#endif
