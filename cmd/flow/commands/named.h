/*
 * named: whether something belongs to what was asked for: a pipeline, or a stage of one.
 */
#ifndef PYPE_FLOW_NAMED_H
#define PYPE_FLOW_NAMED_H

#include <stdbool.h>
#include <stddef.h>

/* name: "pipeline" or "pipeline.stage". wanted: the same, a pipeline standing for all its stages too; NULL: everything. */
bool named(const char *wanted, const char *name, size_t length);

#endif
