/*
 * select: the pipelines that --only names.
 */
#ifndef PYPE_FLOW_SELECT_H
#define PYPE_FLOW_SELECT_H

#include <stdbool.h>

#include "cmd/flow/manifest/manifest.h"
#include "common/option.h"

/* True if the list has the name, or is empty. */
bool select_has(const struct option_list *only, const char *pipeline);
/* Ends the program (2) if the list names a pipeline that is not in the manifest. */
void select_check(const struct option_list *only, const struct manifest *manifest);

#endif
