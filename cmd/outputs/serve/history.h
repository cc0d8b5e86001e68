/*
 * history: the newest events, as the bytes of an event stream (text/event-stream), and the readers' places in them.
 *
 * One buffer, in which each event is a record just as a client gets it:
 *   id: N-RUN \n event: NAME \n data: JSON \n \n
 * N counts the events from 1, RUN names this run of the program, so that an id of an earlier run is not taken for
 * one of this run. A record ends at the first empty line, and nowhere else is one.
 *
 * A full buffer lets its older half go at a stroke, so that an event costs one copy and nothing else. So at least
 * half of it holds the newest events. It grows only for a record longer than itself.
 *
 * Pure: no input, no output.
 */
#ifndef PYPE_SERVE_HISTORY_H
#define PYPE_SERVE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/text.h"

/* How far a reader has come. Belongs to the reader; the history moves it on when what it points at goes. */
struct history_place {
	uint64_t at; /* offset of the next byte, counted over all records there ever were */
	uint64_t lost; /* events that went unread; the reader says so and sets it to 0 */
	bool astray; /* what went unread cannot be counted: the reader came with an id of another run */
	bool torn; /* the first event lost had been read in part: there is no way to go on */
	struct history_place *next, **link;
};

struct history {
	uint64_t events; /* so far: N of the newest record */
	const char *latest; /* the newest record's JSON, and its newline; valid until the next history_add */
	size_t latest_length; /* with the newline; 0 before the first event */
	size_t capacity; /* of the buffer, in bytes */

	/* private */
	char *bytes;
	size_t length;
	uint64_t base; /* offset of bytes[0], where a record begins */
	char run[20];
	struct text name;
	struct history_place *places;
};

void history_init(struct history *history, size_t capacity, uint64_t run);
void history_free(struct history *history);

/*
 * Adds an event. name is NULL or its "event" member: anything but a string that can stand in an event stream (no
 * line breaks or NUL, not empty) gives a record without a name. data is JSON; a CR in it, which can only be white
 * space, but would end the line in an event stream, becomes a space.
 */
void history_add(struct history *history, const struct json_span *name, const char *data, size_t length);

/* A new place, at the end: what comes next. */
void history_enter(struct history *history, struct history_place *place);
void history_leave(struct history_place *place);

/* Back to the count newest events, or as many as there are. */
void history_back(const struct history *history, struct history_place *place, uint64_t count);
/* Behind the event with this id; "N" alone is of this run. */
void history_resume(const struct history *history, struct history_place *place, const char *id);

/* True if nothing is left to read. */
bool history_read_up(const struct history *history, const struct history_place *place);
/* From the beginning of a record, of which there is one, to its JSON, whose length is returned. */
size_t history_open(const struct history *history, struct history_place *place);
/* Reads that much of the JSON, valid until the next history_add; at its end the place moves to the next record. */
const char *history_take(const struct history *history, struct history_place *place, size_t length);

/* Reads on: whole records if room (at least 1) is enough for one, else a part of one. Returns how many bytes. */
size_t history_read(const struct history *history, struct history_place *place, char *to, size_t room);

#endif
