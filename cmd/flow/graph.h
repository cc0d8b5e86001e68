/*
 * graph: which stage of a pipeline reads which, by the `from` of the long form.
 */
#ifndef PYPE_FLOW_GRAPH_H
#define PYPE_FLOW_GRAPH_H

#include "cmd/flow/manifest.h"
#include "cmd/flow/schema.h"

/*
 * Sets the stages' from and puts them in the order of the data. keys[i] is the name of stage i in the document, froms[i]
 * what its `from` is. What is wrong (an unknown stage, a cycle, a second source …) goes to the mistakes; then nothing is
 * changed.
 */
void graph_link(const struct schema *schema, struct manifest_pipeline *pipeline, const struct node *const *keys,
                const struct schema_pair *froms);

#endif
