/*
 * same: whether a pipeline that runs is the one that the manifest describes now.
 */
#ifndef PYPE_FLOW_SAME_H
#define PYPE_FLOW_SAME_H

#include <stdbool.h>

#include "cmd/flow/manifest/manifest.h"

/* True if running one is running the other: stages, edges and all settings, secrets by their content; not where it stands. */
bool manifest_same_pipeline(const struct manifest_pipeline *a, const struct manifest_pipeline *b);
/* The same for the command that gets failures. */
bool manifest_same_report(const struct manifest *a, const struct manifest *b);

#endif
