/*
 * inlet: what the manager moves into a stage's own ring from the rings of the stages it reads: whole lines, those
 * of all writers in turn, or of the events that are asked for.
 *
 * What has been moved is noted in the stage's memory, two notes in turn, before it is published: how far each writer's
 * ring was moved, and where that led to in the own ring. A manager that is killed leaves one that is right.
 *
 * When there is no room (when_full):
 *   block        the writer's ring is left as it is, until that is full, too
 *   drop-newest  what there is no room for is dropped
 *   drop-oldest  the oldest lines in the writer's ring are dropped, once it is full and only this reader holds it up
 *   spill        what there is no room for goes to disk, and comes back in order (backlog.h)
 */
#ifndef PYPE_FLOW_INLET_H
#define PYPE_FLOW_INLET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/port.h"
#include "common/json_want.h"

struct inlet_note {
	uint64_t to; /* position in the own ring */
	uint64_t dropped; /* events, so far */
	uint64_t from[MANIFEST_EDGES]; /* positions in the writers' */
};

/* In the stage's memory, at PLUMBING_MOVES. */
struct inlet_notes {
	_Atomic uint64_t sequence; /* the newest is notes[sequence % 2] */
	struct inlet_note notes[2];
};

struct inlet_link {
	struct port *from;
	unsigned slot; /* of its ring */
	const char *event; /* NULL: all */
	bool ended; /* nothing more will come from there */
};

struct inlet {
	struct port *port; /* whose it is */
	enum manifest_when_full when_full;
	struct inlet_link *links;
	size_t count, next; /* whose turn it is */
	struct inlet_notes *notes;
	struct inlet_note note;
	struct json_want want; /* .event */
	struct message_limit said; /* of the drops */
};

/* 0, or -1: errno. */
int inlet_init(struct inlet *inlet, struct port *port, struct port *ports, const struct plan *plan);
void inlet_free(struct inlet *inlet);

/* Moves what can be moved. True: something was. */
bool inlet_work(struct inlet *inlet);

/* protocol: sync: there is nothing to move. */
bool inlet_idle(const struct inlet *inlet);
/* The stage reads no more: nor does this. */
void inlet_lost_reader(struct inlet *inlet);

#endif
