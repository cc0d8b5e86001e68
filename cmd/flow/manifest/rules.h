/*
 * rules: what the settings of a manifest make of each other and of the graph, each of them being well written.
 *
 * Contradictions are mistakes, settings without any effect are warnings. Each is said at the setting that was the nearest
 * to the stage, or at the stage's text if none was set there.
 */
#ifndef PYPE_FLOW_RULES_H
#define PYPE_FLOW_RULES_H

#include "cmd/flow/manifest/manifest.h"

/*
 * Also takes ACK_LINES and ACK_EOF from the stages that have inherited them and cannot have them: sources, which read
 * nothing, and programs of ours, which keep the stage page.
 */
void rules_check(struct manifest *manifest, struct mistakes *mistakes);

#endif
