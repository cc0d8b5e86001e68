/*
 * reload: a running flow gets its manifest again.
 *
 * A manifest with mistakes changes nothing. Else pipelines that are the same (same.h) are not touched; those that have changed
 * drain, and then start anew; those that are gone drain; new ones start. The report command is replaced if it has
 * changed.
 */
#ifndef PYPE_FLOW_RELOAD_H
#define PYPE_FLOW_RELOAD_H

#include "cmd/flow/manifest/mistakes.h"
#include "common/text.h"

struct run;

/* Zero-initialise; reload_free. */
struct reload {
	struct mistakes mistakes; /* in the order of the file; said already */
	struct text message; /* what became of it */
};

/* STATUS_OK; STATUS_POINTLESS: the manifest has mistakes; STATUS_FAILED: not now. */
int reload_run(struct reload *reload, struct run *run);
void reload_free(struct reload *reload);

#endif
