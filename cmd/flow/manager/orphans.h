/*
 * orphans: processes that lost their parent and were handed to this one, the subreaper. They are what a
 * stage or a manager that died has left behind; a successor starts only when they are gone.
 */
#ifndef PYPE_FLOW_ORPHANS_H
#define PYPE_FLOW_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Kills every child of this process that `ours` does not know. True if there was one. */
bool orphans_kill(bool (*ours)(void *context, pid_t pid), void *context);

/* Kills and reaps every child of this process, and theirs as they come, for two seconds at most. For the end of a process. */
void orphans_end(void);

#endif
