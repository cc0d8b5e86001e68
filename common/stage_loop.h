/*
 * stage_loop: for stages with an event loop, or with timers.
 *
 * stage_fill when the descriptor of the input is readable, and then every event that is there, with stage_take. stage_fill is
 * false at the end of input; stage_take may then still give a last line without newline. The caller flushes before it waits.
 */
#ifndef PYPE_STAGE_LOOP_H
#define PYPE_STAGE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/stage.h"

int stage_descriptor(const struct stage *stage);
bool stage_fill(struct stage *stage);

/*
 * For event loops that wait for other things, too: before each wait. What is handled is flushed and marked, and who is killed
 * then was not killed by an event.
 */
void stage_idle(struct stage *stage);

/*
 * For programs with timers: flushes, and waits until a moment (moment_now; INT64_MAX: no such), until told to stop, or, if
 * input is true, until stage_fill should be called: true then. If it is false, that is in the middle of the current event.
 */
bool stage_wait(struct stage *stage, bool input, int64_t until);

#endif
