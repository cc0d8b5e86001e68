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
 *   spill        what is in the writer's ring then goes to disk, and comes back in order (spill.h)
 *
 * With delivery: durable what is moved is in the pipeline's journal before (store.h), and is read from there where a
 * writer's ring does not have it any more.
 */
#ifndef PYPE_FLOW_INLET_H
#define PYPE_FLOW_INLET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/journal/backlog.h"
#include "cmd/flow/manager/port.h"
#include "cmd/flow/journal/spill.h"
#include "common/dead_letter.h"
#include "common/json_shape.h"
#include "common/json_want.h"

struct store_route;
struct store_stage;

struct inlet_note {
	uint64_t to; /* position in the own ring */
	uint64_t dropped, strange; /* events, and lines that are none where they are chosen by name, so far */
	uint64_t from[MANIFEST_EDGES]; /* positions in the writers' */
	uint64_t spilled[MANIFEST_EDGES]; /* so far they are on disk; not more than from: nothing is */
};

/* In the stage's memory, at PLUMBING_MOVES. */
struct inlet_notes {
	_Atomic uint64_t sequence; /* the newest is notes[sequence % 2] */
	struct inlet_note notes[2];
};

struct inlet_link {
	struct port *from;
	unsigned slot; /* of its ring */
	bool all; /* else those that the stage's edges from there name */
	bool ended; /* nothing more will come from there */
	struct json_shapes shapes; /* of the lines from there, if not all are wanted */
	bool reads_disk; /* backlog is in use */
	struct backlog backlog;
};

struct inlet {
	struct port *port; /* whose it is */
	enum manifest_when_full when_full;
	struct inlet_link *links;
	size_t count, next; /* whose turn it is */
	struct inlet_notes *notes;
	struct inlet_note note;
	struct json_want want; /* .event */
	struct spill spill;
	struct store_route *again; /* what is to be moved as it was before */
	size_t again_count, again_next;
	struct dead_letters letters; /* lines that are no events, where events are chosen */
	struct message_limit said; /* … and that is said */
};

/* 0, or -1: errno. */
int inlet_init(struct inlet *inlet, struct port *port, struct port *ports, const struct plan *plan);
/* After store_open: goes on where a predecessor was. */
void inlet_adopt(struct inlet *inlet);
void inlet_free(struct inlet *inlet);

/* For store_open: what the journal knows of it. */
void inlet_go_on(struct inlet *inlet, const struct store_stage *stage);

/* Moves what can be moved. True: something was. */
bool inlet_work(struct inlet *inlet);

/* The lowest position that is still to be moved of that port's output; UINT64_MAX: it does not read it. */
uint64_t inlet_position(const struct inlet *inlet, const struct port *from);
/* protocol: sync: there is nothing to move. */
bool inlet_idle(const struct inlet *inlet);
/* The stage reads no more: nor does this. */
void inlet_lost_reader(struct inlet *inlet);

#endif
