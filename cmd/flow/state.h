/*
 * state: the state directory of a flow: where it is, and whose it is.
 */
#ifndef PYPE_FLOW_STATE_H
#define PYPE_FLOW_STATE_H

/* The directory as asked for, or `.pype` in the directory of the flow (one of them may be NULL); the caller's. It need not exist. */
char *state_path(const char *asked, const char *directory);

/* The same for who has the manifest's path: where it lies is found out. flow NULL: flow.yaml. */
char *state_path_of(const char *asked, const char *flow);

/*
 * Makes the directory and what belongs in it, and takes its lock, with this process's id in it. *lock is the descriptor, which
 * holds it until all copies are closed. Returns the absolute path, the caller's. Ends the program (1) if it cannot, or
 * the flow runs already.
 */
char *state_open(const char *path, int *lock);

#endif
