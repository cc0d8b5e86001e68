/*
 * store: delivery: durable: what a pipeline must not forget, in one journal (journal.h) for all its stages.
 *
 * A record holds a stage's mark and the output that came with it, so that both are there or neither. It is in the journal before
 * anybody reads that output (with fsync: always on disk). So any beginning of the journal is a state in which the
 * pipeline was: what a reader has handled stands behind what it has read. After the runner was killed, or the
 * machine lost power, the stages start again at the last mark of each, and what they had not handled comes back from the journal.
 *
 * What a stage reads of several writers, or of some events only, is a stream of its own: how it was put together is in the
 * journal as well, and is done again in the same way.
 *
 * A segment goes when all in it is handled, and that is in the journal, too. When the disk or the quota is full nothing more is
 * read from the writers' rings: the data stops, until there is room again.
 */
#ifndef PYPE_FLOW_STORE_H
#define PYPE_FLOW_STORE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/journal/backlog.h"
#include "cmd/flow/journal/journal.h"
#include "cmd/flow/manifest/manifest.h"
#include "common/message.h"
#include "common/page.h"

struct inlet;
struct manager;
struct port;

/* That much of a stage's output is in a segment. */
struct store_held {
	uint64_t segment, to;
};

/* What was moved from a writer to a reader: bytes of its ring to bytes of the reader's. */
struct store_route {
	uint64_t segment;
	uint64_t link, from, from_end, to, to_end;
};

struct store_stage {
	uint64_t stored; /* its output up to here is in the journal … */
	uint64_t ready; /* … and may be read */
	uint64_t seen; /* how far its ring went when that was looked at */
	struct page_mark mark; /* the newest in the journal */
	bool marked, done;
	struct store_held *held; /* oldest first */
	size_t held_count;
	struct store_route *routes; /* those that it has not handled to their end; oldest first */
	size_t route_count;
	uint64_t handled[MANIFEST_EDGES]; /* of each of its writers' output, by what is in the journal */
	uint64_t to,
		from[MANIFEST_EDGES]; /* as the journal was opened: how far its stream was put together, and of what */
};

struct store {
	struct manager *manager;
	char *path;
	uint64_t segment, quota; /* bytes, of one and of all */
	struct journal journal;
	struct store_stage *stages; /* as in the pipeline */
	size_t count;
	char *names; /* what the pipeline is made of */
	bool other; /* the journal is of another pipeline … */
	bool clean; /* … which had left nothing to be handled */
	bool gap; /* something is missing in it */
	bool always; /* fsync: always */
	bool settled; /* it is open, and the stages' memory is as it says */
	bool full; /* there is no room, for what stage `lacking` has at least */
	bool full_told, was_full; /* that was said, now or before */
	int64_t full_since; /* monotonic nanoseconds */
	size_t lacking;
	struct ev_timer again; /* to try once more, or to sync */
};

/*
 * Opens the pipeline's journal; if the stages' memory is new, puts into it what the journal knows. To be called when
 * ports and inlets are made. Ends the process if it cannot be done.
 */
void store_open(struct store *store, struct manager *manager);
/* over: the pipeline has come to its end by itself: there is nothing to remember. */
void store_close(struct store *store, bool over);

/* Puts into the journal what is new. True: something was. */
bool store_work(struct store *store);

/* Up to where the port's output may be read; and from where on its ring still holds it, not only the journal. */
uint64_t store_ready(const struct store *store, const struct port *port);
uint64_t store_in_ring(const struct port *port);
/* Where in the journal to look for that position of a stage's output. */
struct journal_place store_place(const struct store *store, size_t stage, uint64_t position);

/* Notes how a link of an inlet was moved. False: there is no room; nothing was moved. */
bool store_route(struct store *store, const struct inlet *inlet, size_t link, uint64_t from, uint64_t from_end,
                 uint64_t to, uint64_t to_end);
/* The stage has finished by itself, and is not to be started again. */
void store_done(struct store *store, size_t stage);

/* How many bytes the journal of a pipeline has in that state directory; 0: it has none. */
uint64_t store_size(const char *state, const char *pipeline);

/* The settings of a pipeline's journal: those of its first durable stage; NULL: it has none. One makes all its edges durable. */
const struct manifest_settings *store_settings(const struct manifest_pipeline *pipeline);

/* The kind of the records with lines. */
enum { STORE_DATA = 1 };

#endif
