/*
 * settings: what a flow, a pipeline or a stage may be set, the nearest wins.
 */
#ifndef PYPE_FLOW_SETTINGS_H
#define PYPE_FLOW_SETTINGS_H

#include "cmd/flow/manifest.h"
#include "cmd/flow/schema.h"

/* The keys, for a schema_part whose target is a struct manifest_settings. */
extern const struct schema_key settings_keys[];

/* The defaults. */
void settings_init(struct manifest_settings *settings);
/* Those of the next level in: what it does not set itself stays so. */
void settings_inherit(struct manifest_settings *settings, const struct manifest_settings *outer);
void settings_free(struct manifest_settings *settings);

#endif
