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
 * was killed, its successor gets again, and nobody sees anything twice. That holds for what depends on nothing but the
 * event. An output that writes elsewhere does so, or takes it back, in before_wait, and leaves a cursor there. For those that
 * hold events and answer them later, or whose answers depend on more, there is stage_held.h.
 *
 * Output goes to standard output in whole lines and is flushed before the stage waits
 * for input. When the reader of standard output has gone, the program ends with 0, without a word; any
 * other write error is said and ends it with 1.
 *
 * Also: stage_held.h, stage_loop.h (event loops and timers), stage_ahead.h (lines looked at before it is their turn).
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
	/*
	 * For stage_next_line, NULL or what says whether a line begins at `text`, and how long it is without its newline, which is
	 * among the `rest` bytes that are there (json_shapes_ahead). False: it does not know.
	 */
	bool (*ahead)(void *context, const char *text, size_t rest, size_t *length);
	void *ahead_context;
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
	 * The next event belongs to what the one before began: no mark is made between them, unless the stage is waited for
	 * (keeper_is_waited_for); that is said, once.
	 */
	bool hold;
	/*
	 * Before a line that is bad is put away, which begins at `line`: what it holds is to be handled, and held set to
	 * `line`; or NULL. For stages with stage_bad_held: dead letters must come in the order of the input, since a successor
	 * takes back those behind its mark (dead_letter.h).
	 */
	void (*before_bad)(struct stage *, const struct stage_place *line);
	/*
	 * NULL, or where the oldest event begins that it holds: marks reach up to there and no further, though events behind it
	 * may have gone out, which a successor gets again (handled.h). Borrowed.
	 */
	const struct stage_place *held;
	bool marks; /* to be set before stage_open: it makes its marks itself, with stage_mark (stage_held.h) in before_wait */
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

/* Before the current event: a place is where an input may be gone on from, between two events. */
struct stage_place stage_began(const struct stage *stage);

/*
 * Goes on with another input from its line 1, which fd has. fd becomes the stage's; name stands in
 * messages and is borrowed.
 */
void stage_input(struct stage *stage, int fd, const char *name);

/*
 * The same for stage.files. `at` is the position of what fd has next, in bytes since the start of all that is read, and
 * `lines` the lines of this input before it. pull is called in place of read(2) if it is not NULL (line.h).
 */
struct stage_part {
	int fd;
	const char *name;
	uint64_t at, lines;
	ssize_t (*pull)(void *from, void *buffer, size_t size);
	void *from;
};
void stage_input_at(struct stage *stage, const struct stage_part *part);

/*
 * Behind the last event or bad line, in bytes since the start and in lines of the current input; at first where a predecessor
 * was.
 */
uint64_t stage_position(const struct stage *stage, uint64_t *lines);

/* The next event: a valid JSON object. False at the end of input, or when told to stop. */
bool stage_next(struct stage *stage);

/*
 * The next line that is not empty, whatever it holds (event.json and spans are not set): for programs with a
 * parser of their own. Lines over the limit are dealt with as bad events.
 */
bool stage_next_line(struct stage *stage);

/* As stage_next, but does not wait (stage_loop.h). False: there is no more yet. */
bool stage_take(struct stage *stage);
/*
 * As stage_next_line, but does not wait, and gives no line that is held back (stage_ahead.h). It also puts away what there is of
 * a line over the limit.
 */
bool stage_take_line(struct stage *stage);

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

/* After paths were added to want while events flow: makes room for them and scans the current event again. */
void stage_rescan(struct stage *stage);

/* The current event cannot be handled; the text says why. Returns unless --on-error=fail. */
void stage_bad(struct stage *stage, const char *format, ...) MESSAGE_FORMAT(2, 3);
/*
 * The same for an event that came before: the oldest that is held, where stage.held stays until this has returned. Of the
 * places that are held then, each has one more `bad` before it.
 */
void stage_bad_held(struct stage *stage, const struct stage_place *place, const char *line, size_t length,
                    const char *reason);

/* One whole line to standard output; the newline is added. */
void stage_write(struct stage *stage, const void *line, size_t length);
/* Ends the line that was put together in stage->out. */
void stage_end_line(struct stage *stage);
void stage_flush(struct stage *stage);

/*
 * Flushes, says totals, frees. Returns the exit status: 1 if there were bad events, or if events of a runner were left; else
 * 0. For a source (files) only its own bad events count, lest it be started again at the end for ever, and if it was told to
 * stop, none.
 */
int stage_close(struct stage *stage);

/* ---- for stage_held.h, stage_loop.h and stage_ahead.h ---- */

/* What the next mark will say: all before the next line is handled, but for what is held. False: it stays as it is. */
bool stage_say_next(struct stage *stage);
/* The same, for what is flushed next. */
void stage_set_boundary(struct stage *stage);
/* What was handled goes to where it belongs, and is marked. */
void stage_prepare_wait(struct stage *stage);
/* A line without a byte order mark in front of the input. False: it is empty, and passed over. */
bool stage_trim(const struct stage *stage, uint64_t number, const char **line, size_t *length);
/* The end after a failed read (errno); what was read before is handled. */
_Noreturn void stage_cannot_read(struct stage *stage);

/* Where the event begins that would be blamed if this process died now; PAGE_NOWHERE: none. */
static inline void stage_set_handling(const struct stage *stage, uint64_t handling)
{
	if (stage->keeper.page && !stage->files)
		atomic_store_explicit(&stage->keeper.page->handling, handling, memory_order_relaxed);
}

#endif
