/*
 * version: one reading of the manifest, kept until nobody uses it any more.
 *
 * A running flow may have several: after a reload, pipelines that have not changed go on with the one they were started
 * from.
 */
#ifndef PYPE_FLOW_VERSION_H
#define PYPE_FLOW_VERSION_H

#include "cmd/flow/manifest/manifest.h"

struct version {
	struct manifest manifest;
	size_t holders;
};

/* Held once. NULL if it has mistakes, or this machine or user cannot do it (host.h); all that is to be said of it is added to the list. */
struct version *version_read(const char *path, struct mistakes *mistakes);
struct version *version_hold(struct version *version);
/* NULL is let pass. */
void version_drop(struct version *version);

/* The pipeline of that name, or NULL. */
const struct manifest_pipeline *version_find(const struct version *version, const char *name);

#endif
