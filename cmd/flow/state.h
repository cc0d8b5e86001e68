/*
 * state: the directory in which a flow keeps what it must not forget.
 */
#ifndef PYPE_FLOW_STATE_H
#define PYPE_FLOW_STATE_H

/* Where it is: asked, or if that is NULL, .pype beside the manifest flow. The caller's. */
char *state_path(const char *asked, const char *flow);

/* Keeps flows from running there, as long as the descriptor it returns is open. Ends the program (1) if one runs. */
int state_lock(const char *state);

#endif
