/*
 * drain: what the stages of a pipeline write that no stage reads, on its way to the runner's standard output.
 *
 * Lines go out whole, in one write each or several together, so that those of other pipelines, which write there too, do not mix
 * with them: into a file all, else those that are not longer than PIPE_BUF. Nobody but the manager of the pipeline waits for a slow reader.
 */
#ifndef PYPE_FLOW_DRAIN_H
#define PYPE_FLOW_DRAIN_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>

#include "cmd/flow/manager/port.h"

struct drain {
	struct manager *manager;
	int fd;
	bool own; /* fd is one of its own that does not block */
	bool file; /* … or a file, which never does */
	bool gone; /* nobody reads it */
	struct port *middle; /* of whose line a part is out: no other may write before the rest is */
	struct ev_io ready;
};

/* For standard output. */
void drain_init(struct drain *drain, struct manager *manager);
void drain_free(struct drain *drain);

/* Writes what a port has. True: something was written. */
bool drain_work(struct drain *drain, struct port *port);
/* The port has written all, or nobody reads it. */
bool drain_done(const struct drain *drain, const struct port *port);

/* protocol: sync: there is nothing to write. */
bool drain_idle(const struct drain *drain, const struct port *port);

#endif
