/*
 * settings: what a flow, a pipeline or a stage may be set, the nearest wins.
 */
#ifndef PYPE_FLOW_SETTINGS_H
#define PYPE_FLOW_SETTINGS_H

#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/manifest/schema.h"

/*
 * Reads a mapping that has, besides the settings, the keys of own; `what` it is, for messages. Where the settings stand
 * is kept in their origins.
 */
void settings_read(const struct schema *schema, const struct node *node, const char *what,
                   const struct schema_part *own, struct manifest_settings *settings);

/* The word of a setting that is a choice: "exact". NULL for the other settings. */
const char *settings_word(const struct manifest_settings *settings, enum manifest_setting setting);

/*
 * True if a stage with the one is run as with the other: all values, secrets by their content; not where they stand in the
 * manifest.
 */
bool settings_same(const struct manifest_settings *a, const struct manifest_settings *b);
/* The same of those that concern a command that is no stage: restart, stop_timeout, env. */
bool settings_same_command(const struct manifest_settings *a, const struct manifest_settings *b);

/* The defaults; the level is that of the flow. */
void settings_init(struct manifest_settings *settings);
/* Those of the next level in: what it does not set itself stays so. */
void settings_inherit(struct manifest_settings *settings, const struct manifest_settings *outer);
void settings_free(struct manifest_settings *settings);

#endif
