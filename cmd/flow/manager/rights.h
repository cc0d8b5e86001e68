/*
 * rights: as whom a stage runs, and within which limits: `user` and `limits` of the manifest.
 */
#ifndef PYPE_FLOW_RIGHTS_H
#define PYPE_FLOW_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/flow/manifest/manifest.h"
#include "common/identity.h"
#include "common/option.h"
#include "common/spawn.h"

struct rights {
	bool another; /* user than the runner's */
	struct identity identity;
	struct spawn_limit limits[6];
	size_t limit_count;
	bool no_new_privileges;
};

/* False: *failed, a literal, says what is wrong, errno why, or 0. rights_free in either case. */
bool rights_init(struct rights *rights, const struct manifest_settings *settings, const char **failed);
void rights_free(struct rights *rights);

/* Lets the child of spawn have them. */
void rights_give(const struct rights *rights, struct spawn *spawn);

/* HOME, USER and LOGNAME of another user, for its environment. */
void rights_environment(const struct rights *rights, struct option_list *list);

/*
 * Makes a stage's dead letters, a file in STATE/dead-letters, that user's, and lets it get there. Nothing is done for the
 * runner's own. 0, or -1: errno.
 */
int rights_to_dead_letters(const struct rights *rights, const char *state, const char *path);

#endif
