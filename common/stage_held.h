/*
 * stage_held: for stages that hold events and answer them later, or whose answers depend on more than the event.
 *
 * Their marks reach up to the oldest event that is held (stage.held), or they make them themselves (stage.marks).
 */
#ifndef PYPE_STAGE_HELD_H
#define PYPE_STAGE_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/stage.h"

/* The place behind all that is handled; outside of an event it is the same as stage_began. */
struct stage_place stage_here(const struct stage *stage);

/*
 * All output so far is that of the events up to here, and a successor with the cursor gets the input again from a place that
 * is not behind the last one's. False: there is no room to keep the input from there on (it is too far back, or each event is
 * to be answered at once), and no mark was made. Without a page nothing is done.
 */
bool stage_mark(struct stage *stage, const struct stage_place *from);

/* True if the input has come to its end. False: told to stop, and a successor goes on: nothing is to be finished. */
bool stage_ended(const struct stage *stage);

/*
 * For event loops: what is held takes so much of the input's buffer that there may be no room for more, or, with
 * protocol: sync, the source waits for it: it is to go out, or to be let go of.
 */
bool stage_crowded(const struct stage *stage);

/*
 * For stages that do not make the same of the same input a second time, since they look at a clock, say. Their lines go out
 * whole, each with its mark, so that a successor need not write any of them again:
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
 * Lines that fit go out as one. Of others a kill may part the first from the rest: then stage_goes_on is true at the
 * beginning, and stays so until stage_handled: the lines of the first event are to be written before all others, and those
 * that are out are dropped. stage.out.patient has to be set.
 */
bool stage_can_write(struct stage *stage, size_t length);
void stage_handled(struct stage *stage);
bool stage_goes_on(const struct stage *stage);

#endif
