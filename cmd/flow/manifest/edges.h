/*
 * edges: which stage of a pipeline reads which, by the `from` of the long form.
 */
#ifndef PYPE_FLOW_EDGES_H
#define PYPE_FLOW_EDGES_H

#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/manifest/schema.h"

/*
 * Sets the stages' from and puts them in the order of the data. froms[i] is what the `from` of stage i is. What is wrong
 * (an unknown stage, a cycle, too many readers …) goes to the mistakes; then nothing is changed.
 */
void edges_link(const struct schema *schema, struct manifest_pipeline *pipeline, const struct schema_pair *froms);

/* Gives back a stage's from. */
void edges_free(struct manifest_stage *stage);

#endif
