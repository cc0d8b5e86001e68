/*
 * host: what a manifest asks of this machine and of the user who runs it: that the users are there, that it may become
 * them, and that the limits are within its own.
 */
#ifndef PYPE_FLOW_HOST_H
#define PYPE_FLOW_HOST_H

#include "cmd/flow/manifest/manifest.h"

void host_check(const struct manifest *manifest, struct mistakes *mistakes);

#endif
