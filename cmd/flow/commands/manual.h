/*
 * manual: what the manual page of a tool says of it: what it is for, and its group, by the name of its source file.
 */
#ifndef PYPE_FLOW_MANUAL_H
#define PYPE_FLOW_MANUAL_H

#include <stdbool.h>

enum manual_group { MANUAL_SOURCE, MANUAL_PROCESSOR, MANUAL_OUTPUT, MANUAL_OTHER, MANUAL_GROUPS };

/* manual_free gives its summary back. */
struct manual {
	char *summary; /* or NULL */
	enum manual_group group;
};

/*
 * The path of the page of pype-NAME, of section 1, 5 or 7, if it lies where an installed pype or the source tree has it;
 * else NULL. The caller's.
 */
char *manual_find(const char *name);
/* False: there is none, the group is MANUAL_OTHER. */
bool manual_read(struct manual *manual, const char *name);
void manual_free(struct manual *manual);

#endif
