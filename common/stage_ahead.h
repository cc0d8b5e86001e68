/*
 * stage_ahead: for those who have lines looked at before it is their turn (parallel.h).
 *
 * When a line's turn comes, stage_take_line gives it, unless it begins at the position of stage_hold_back or behind it.
 */
#ifndef PYPE_STAGE_AHEAD_H
#define PYPE_STAGE_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/stage.h"

/* What is there from a position on. 0: nothing, or a line over the limit is being put away. */
size_t stage_ahead(struct stage *stage, uint64_t from, const char **bytes);
/*
 * Reads more, when stage_wait_beside is true; the current event is gone then. False: errno; to be said with
 * stage_cannot_read, when what was read before is handled.
 */
bool stage_more(struct stage *stage);
/* There is no more. */
bool stage_has_all(const struct stage *stage);
/* A line over the limit is being put away. */
bool stage_in_long_line(const struct stage *stage);
/*
 * Whether the stage will give this line when its turn comes, and as what (without a byte order mark). False: it will pass
 * over it. number: of the line.
 */
bool stage_is_event(const struct stage *stage, uint64_t position, uint64_t number, const char **line, size_t *length);
void stage_hold_back(struct stage *stage, uint64_t position);
/*
 * Waits for this descriptor, for a first signal to stop, or, if input is true, for input: true then. Flushes if it has to
 * wait.
 */
bool stage_wait_beside(struct stage *stage, bool input, int other);

#endif
