/*
 * stage: what every program that reads events does alike (pype-stage(7)).
 *
 *     struct stage stage = {0};
 *     operands = option_parse_both(&program, options, stage_options(&stage), argv);
 *     …                                        compile, add paths to stage.want
 *     if (option_checking()) return STATUS_OK;
 *     stage_open(&stage);
 *     while (stage_next(&stage))
 *             if (!handle(&stage.event)) stage_bad(&stage, "cannot …");
 *     return stage_close(&stage);
 *
 * Options it adds: --dead-letter FILE (default $PYPE_DEAD_LETTER), --on-error skip|fail, --max-line SIZE.
 *
 * A bad event is said on stderr with its line number (repetitions limited), counted, put into the dead
 * letters, and skipped; stage_close then returns 1. With --on-error=fail the first one ends the program.
 * Empty lines (white space only) are skipped without a word. A byte order mark before the first line is skipped.
 *
 * Under a runner a stage keeps its page (keeper.h) without a line of its own: what it had not handled to the end when it
 * was killed, its successor gets again, and nobody sees anything twice. That holds for what depends on nothing but the event. An
 * output that writes elsewhere does so, or takes it back, in before_wait, and leaves a cursor there.
 *
 * Output goes to standard output in whole lines and is flushed before the stage waits
 * for input. When the reader of standard output has gone, the program ends with 0, without a word; any
 * other write error is said and ends it with 1.
 */
#ifndef PYPE_STAGE_H
#define PYPE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/dead_letter.h"
#include "common/json_shape.h"
#include "common/line.h"
#include "common/message.h"
#include "common/option.h"

struct event {
	const char *line; /* as it came, without its newline; JSON_PADDING readable bytes behind it */
	size_t length;
	uint64_t number; /* line number in the input, from 1 */
	bool newline; /* it had one; only the last line of an input may lack it */
	struct json_span *spans; /* one per slot of stage.want */
	struct json_result json; /* what the scan found out */
};

/* A place in the input, and what was counted before it. */
struct stage_place {
	uint64_t in, lines; /* bytes and lines of the input before it */
	uint64_t events, bad; /* … and how many of these */
};

struct stage {
	/* to be set between stage_options and stage_open; want before the first stage_next */
	struct json_want want; /* the members to find; owned: stage_close frees it */
	int ask; /* for json_scan: JSON_FACTS or 0 */
	bool blank_lines; /* stage_next_line gives empty lines, too */
	bool apart; /* its input is not standard input, or not only: it keeps no page */
	/*
	 * It is a source that reads files (stage_input_at): it keeps a page without an input, goes on at stage_position with
	 * what stage_cursor said last before a stage_next, and with protocol: sync waits after each event.
	 */
	bool files;
	/*
	 * Before the stage waits for input, fails, or makes a mark: all that was handled is to be where it belongs after this,
	 * and stage_cursor says how far that is; or NULL.
	 */
	void (*before_wait)(struct stage *);
	void *context; /* the caller's */

	struct event event; /* the current one, until the next stage_next */
	struct line_writer out; /* standard output; write with stage_write or line_writer_… and stage_end_line */
	uint64_t events, bad; /* so far, those of a predecessor included */
	const char *name; /* of the file it reads; NULL: standard input */
	/*
	 * The next event belongs to what the one before began: no mark is made between them, unless the stage is waited for, by who needs
	 * room in its input ring or, with protocol: sync, for each event; that is said, once.
	 */
	bool hold;
	/*
	 * Before a line that is bad is put away, which begins at `line`: what it holds is to be handled, and held set to `line`; or
	 * NULL. For stages with stage_bad_held: dead letters must come in the order of the input, since a successor takes back those
	 * behind its mark (dead_letter.h).
	 */
	void (*before_bad)(struct stage *, const struct stage_place *line);
	/*
	 * NULL, or where the oldest event begins that it holds: marks reach up to there and no further, though events behind it may
	 * have gone out, which a successor gets again (handled.h). Borrowed.
	 */
	const struct stage_place *held;
	bool marks; /* to be set before stage_open: it makes its marks itself, with stage_mark in before_wait */
	bool left; /* the current event is not handled, and will not be: for who goes on from here it is the next one */

	/* private */
	char *dead_letter;
	int on_error;
	uint64_t max_line;
	struct option options[4];
	struct line_reader in;
	struct dead_letters letters;
	struct message_limit limit;
	struct keeper keeper;
	struct json_shapes shapes; /* of the events so far */
	uint64_t poison; /* of the page */
	uint64_t looked; /* marks: where before_wait was called last */
	size_t span_room; /* of event.spans */
	uint64_t event_bad; /* … before the current event */
	uint64_t bad_before; /* … of `bad` are its predecessors' */
	bool let_go; /* it held more than the input ring has room for, and that was said */
	bool in_long_line; /* of a line over the limit, a part is in the dead letters */
};

/* The table of the common options, defaults set, for option_parse_both. */
const struct option *stage_options(struct stage *stage);

/* Reads standard input and writes standard output from here on; also signals_init. */
void stage_open(struct stage *stage);

/*
 * The cursor that the predecessor left with the mark this stage goes on from, or NULL: it begins. Valid until the first
 * stage_next.
 */
const void *stage_resumed(const struct stage *stage, size_t *length);
/* The stage's own note in the next mark: where its output stands. For before_wait; PAGE_CURSOR bytes at most. */
void stage_cursor(struct stage *stage, const void *bytes, size_t length);

/*
 * A place is where an input may be gone on from: between two events. stage_began is the one
 * before the current event, stage_here the one behind all that is handled; outside of an event they are the same.
 */
struct stage_place stage_began(const struct stage *stage);
struct stage_place stage_here(const struct stage *stage);

/*
 * All output so far is that of the events up to here, and a successor with the cursor gets the input again from a place that is not
 * behind the last one's. False: there is no room to keep the input from there on (it is too far back, or each event is to be
 * answered at once), and no mark was made. Without a page nothing is done.
 */
bool stage_mark(struct stage *stage, const struct stage_place *from);

/* True if the input has come to its end. False: told to stop, and a successor goes on: nothing is to be finished. */
bool stage_ended(const struct stage *stage);

/*
 * Goes on with another input from its line 1, which fd has. fd becomes the stage's; name stands in
 * messages and is borrowed.
 */
void stage_input(struct stage *stage, int fd, const char *name);

/*
 * The same for stage.files. `at` is the position of what fd has next, in bytes since the start of all that is read, and `lines` the
 * lines of this input before it. pull is called in place of read(2) if it is not NULL (line.h).
 */
struct stage_part {
	int fd;
	const char *name;
	uint64_t at, lines;
	ssize_t (*pull)(void *from, void *buffer, size_t size);
	void *from;
};
void stage_input_at(struct stage *stage, const struct stage_part *part);

/* Behind the last event or bad line, in bytes since the start and in lines of the current input; at first where a predecessor was. */
uint64_t stage_position(const struct stage *stage, uint64_t *lines);

/* The next event: a valid JSON object. False at the end of input, or when told to stop. */
bool stage_next(struct stage *stage);

/*
 * The next line that is not empty, whatever it holds (event.json and spans are not set): for programs with a
 * parser of their own. Lines over the limit are dealt with as bad events.
 */
bool stage_next_line(struct stage *stage);

/*
 * For event loops: stage_fill when the descriptor of the input is readable, and then every event that is there.
 * stage_fill is false at the end of input; stage_take may then still give a last line without newline. The caller flushes before
 * it waits.
 */
int stage_descriptor(const struct stage *stage);
bool stage_fill(struct stage *stage);
bool stage_take(struct stage *stage);

/*
 * For event loops that wait for other things, too: before each wait. What is handled is flushed and marked, and who is killed then
 * was not killed by an event.
 */
void stage_idle(struct stage *stage);

/*
 * For those who have lines looked at before it is their turn (parallel.h). stage_ahead: what is there from a position on (0: nothing, or
 * a line over the limit is being put away); stage_more reads more, when stage_wait_beside is true, and the current event is gone
 * then. stage_has_all: there is no more. stage_is_event: as the stage will see that line when its turn comes; false: it will pass over it. stage_take_line: as stage_next_line, but
 * does not wait, and gives no line that begins at the position of stage_hold_back or behind it; it also puts away what there is of a line over the limit.
 */
size_t stage_ahead(struct stage *stage, uint64_t from, const char **bytes);
bool stage_more(
	struct stage
		*stage); /* false: errno; to be said with stage_cannot_read, when what was read before is handled */
_Noreturn void stage_cannot_read(struct stage *stage);
bool stage_has_all(const struct stage *stage);
bool stage_in_long_line(const struct stage *stage);
bool stage_is_event(const struct stage *stage, uint64_t position, uint64_t number, const char **line, size_t *length);
bool stage_take_line(struct stage *stage);
void stage_hold_back(struct stage *stage, uint64_t position);
/* Waits for this descriptor, for a first signal to stop, or, if input is true, for input: true then. Flushes if it has to wait. */
bool stage_wait_beside(struct stage *stage, bool input, int other);

/*
 * For programs with timers: flushes, and waits until a moment (moment_now; INT64_MAX: no such), until told to stop, or, if input
 * is true, until stage_fill should be called: true then. If it is false, that is in the middle of the current event.
 */
bool stage_wait(struct stage *stage, bool input, int64_t until);

/* Somebody keeps its input for a successor: marks count. */
static inline bool stage_is_kept(const struct stage *stage)
{
	return stage->keeper.page != NULL;
}

/* --max-line */
static inline uint64_t stage_max_line(const struct stage *stage)
{
	return stage->max_line;
}

/*
 * For event loops: what is held takes so much of the input's buffer that there may be no room for more, or, with protocol: sync, the
 * source waits for it: it is to go out, or to be let go of.
 */
bool stage_crowded(const struct stage *stage);

/* After paths were added to want while events flow: makes room for them and scans the current event again. */
void stage_rescan(struct stage *stage);

/* The current event cannot be handled; the text says why. Returns unless --on-error=fail. */
void stage_bad(struct stage *stage, const char *format, ...) MESSAGE_FORMAT(2, 3);
/*
 * The same for an event that came before: the oldest that is held, where stage.held stays until this has returned. Of the places that
 * are held then, each has one more `bad` before it.
 */
void stage_bad_held(struct stage *stage, const struct stage_place *place, const char *line, size_t length,
                    const char *reason);

/* One whole line to standard output; the newline is added. */
void stage_write(struct stage *stage, const void *line, size_t length);
/* Ends the line that was put together in stage->out. */
void stage_end_line(struct stage *stage);
/*
 * For stages that do not make the same of the same input a second time, since they look at a clock, say. Their lines go out whole,
 * each with its mark, so that a successor need not write any of them again:
 *
 *     stage_will_write(&stage, length);        before held and the cursor are changed for the line
 *     …                                        held, stage_cursor
 *     line_writer_add(&stage.out, …);
 *     stage_end_handled(&stage);
 *
 * The line, with those before it, is all that the events up to the current one gave rise to, but for those held.
 */
void stage_will_write(struct stage *stage, size_t length);
void stage_end_handled(struct stage *stage);
/*
 * For stages of that kind whose events give rise to several lines each:
 *
 *     if (!stage_can_write(&stage, length)) …   they do not fit into the buffer: only of the oldest event that is held
 *     …                                        held, stage_cursor
 *     stage_write(&stage, …);                  the lines, of that length in all
 *     stage_handled(&stage);                   all events before `held` are, with what they gave rise to
 *
 * Lines that fit go out as one. Of others a kill may part the first from the rest: then stage_goes_on is true at the beginning, and stays
 * so until stage_handled: the lines of the first event are to be written before all others, and those that are out are dropped.
 * stage.out.patient has to be set.
 */
bool stage_can_write(struct stage *stage, size_t length);
void stage_handled(struct stage *stage);
bool stage_goes_on(const struct stage *stage);
void stage_flush(struct stage *stage);

/*
 * Flushes, says totals, frees. Returns the exit status: 1 if there were bad events, or if events of a runner were left; else 0. For
 * a source (files) only its own bad events count, lest it be started again at the end for ever, and if it was told to stop, none.
 */
int stage_close(struct stage *stage);

#endif
