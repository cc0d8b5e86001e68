/*
 * source: what every program that makes events does alike (pype-stage(7)).
 *
 * It writes events as pype-event(5) lays down, {"event":NAME,"time":T,"source":…,"data":…}, "source" only under
 * a runner ($PYPE_NAME), or with --bare the data alone; in whole lines, flushed by source_flush, which the
 * caller calls before it waits. When the reader of standard output has gone, the program ends with 0, without a
 * word; any other write error ends it with 1.
 *
 * Under a runner a source keeps its page (keeper.h): with source_cursor it notes its place, and its successor goes on from there.
 * With protocol: sync the next event, and source_flush, wait until the one before is handled to its end.
 *
 * What a source received and could not turn into an event is a bad event as in stage.h: said, counted, kept.
 *
 * Options it adds: --bare, --dead-letter FILE (default $PYPE_DEAD_LETTER), --max-line SIZE.
 */
#ifndef PYPE_SOURCE_H
#define PYPE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dead_letter.h"
#include "common/line.h"
#include "common/message.h"
#include "common/option.h"
#include "common/unit.h"

struct source {
	bool bare;
	/*
	 * What it has emitted and was killed with it cannot emit again (others have sent it): each event counts by itself. Such a
	 * source writes an event only if source_room says so, and never waits. To be set before source_open.
	 */
	bool fresh;
	uint64_t max_line; /* longest line a source may write */
	struct line_writer out;
	uint64_t events, bad; /* so far */

	/* private */
	char *dead_letter;
	struct option options[4];
	struct dead_letters letters;
	struct message_limit limit;
	struct keeper keeper;
	struct text head; /* `,"source":"…"` or empty */
	int64_t time; /* of the last event, and its text, since many may have the same */
	char seconds[UNIT_TEXT_MAX];
	size_t digits; /* 0: there was none */
};

/* The table of the common options, defaults set, for option_parse_both. */
const struct option *source_options(struct source *source);

/* Writes standard output from here on; also signals_init. */
void source_open(struct source *source);

/* True under a runner that keeps its cursor. */
bool source_keeps(const struct source *source);
/* The cursor that the predecessor left with the output it got out, or NULL: there is none. Valid until the first source_event. */
const void *source_resumed(const struct source *source, size_t *length);
/*
 * With all events so far, this is the source's place: any bytes, PAGE_CURSOR of them at most. A source that says so right after
 * each event goes on exactly; one that says so after several may emit those again.
 */
void source_cursor(struct source *source, const void *bytes, size_t length);

/* Under a runner that keeps the cursor: writes the events that the newest cursor covers, and not those after it. */
void source_settle(struct source *source);

/*
 * Writes one event. name is written as it is: what JSON escapes must be escaped. time is Unix time in nanoseconds, of which
 * microseconds are written. data is a JSON text in one line, without newlines and known to be
 * valid, or NULL for no "data" member (with --bare nothing but {"time":T} is left then). False if the event
 * would be longer than max_line: nothing is written, the caller says so with source_bad.
 */
bool source_event(struct source *source, const char *name, int64_t time, const char *data, size_t length);
/*
 * The same with more members between "source" and "data": a JSON text such as `,"file":"a.log"`, valid and without newlines, or
 * NULL. With --bare they are left out.
 */
bool source_event_beside(struct source *source, const char *name, int64_t time, const struct text *members,
                         const char *data, size_t length);

/* Something received cannot become an event: said (repetitions limited), counted, and kept if bytes is not NULL. */
void source_bad(struct source *source, const void *bytes, size_t length, const char *format, ...) MESSAGE_FORMAT(4, 5);
/*
 * The same for what is too long to be held: begin, then the pieces, then end. Nobody else can write dead letters between
 * begin and end.
 */
void source_bad_begin(struct source *source, const char *format, ...) MESSAGE_FORMAT(2, 3);
void source_bad_piece(struct source *source, const void *bytes, size_t length);
void source_bad_end(struct source *source);

void source_flush(struct source *source);
/*
 * For event loops whose other side wants to hear from them meanwhile: whether source_flush would have to wait for the reader.
 * Without a runner a pipe that is half full has no room. With protocol: sync it is false, and source_flush waits.
 */
bool source_is_held_up(struct source *source);

/*
 * For fresh sources, in an event loop. source_room: an event whose data has `length` bytes can be written without waiting. If
 * not, source_bell, a descriptor (-1: there is none; ask again some milliseconds later), becomes readable when it may be worth
 * asking again; source_bell_clear before. An event that is longer than a pipe holds is written as soon as the pipe is empty,
 * and waits for its reader.
 */
bool source_room(struct source *source, size_t length);
int source_bell(const struct source *source);
void source_bell_clear(struct source *source);
/* Hands all events over, as source_flush, without waiting for what becomes of them. Returns the position of the end of them. */
uint64_t source_push(struct source *source);
/*
 * Whether events up to a position that source_push gave are safe: in the pipe; under a runner where the death of this process
 * cannot reach them; with delivery: durable in the journal; with protocol: sync handled to their end. If not, source_bell as above.
 */
bool source_safe(struct source *source, uint64_t position);

/* Flushes, says totals, frees. Returns the exit status: 1 if anything was bad, 0 if not or if told to stop. */
int source_close(struct source *source);

#endif
