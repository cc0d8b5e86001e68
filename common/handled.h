/*
 * handled: for stages that hold events back by key: which events behind the mark have gone out already.
 *
 * Such a stage marks no further than where the oldest event begins that it holds (stage.held). Of the events behind that
 * some have gone out, of each key all up to a position. These positions are kept in the cursor of the mark, so that a
 * successor, who reads on from the mark, passes over them: each event goes out once. For this the events of a key must go out
 * in their order.
 *
 * The cursor has room for HANDLED_MOST keys. The seed of the fingerprints is in it, too.
 */
#ifndef PYPE_HANDLED_H
#define PYPE_HANDLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fingerprint.h"
#include "common/stage.h"

enum { HANDLED_MOST = 180 };

struct handled {
	struct fingerprint_seed seed;
	struct {
		uint64_t key; /* half of its fingerprint */
		uint64_t to; /* events of the key that begin before this are handled */
	} list[HANDLED_MOST];
	size_t count;
};

/* After stage_open: what the predecessor left, or nothing yet and a new seed, which goes into a first mark. */
void handled_init(struct handled *handled, struct stage *stage);

/* Whether the current event, which has this key, went out before the stage was started. */
bool handled_before(const struct handled *handled, const struct stage *stage, const struct fingerprint *key);

/*
 * Notes that the events of a key that begin before `to` are handled; stage.held is what is held now. Does nothing without
 * a runner. False: there is no room, and nothing was noted.
 */
bool handled_note(struct handled *handled, struct stage *stage, const struct fingerprint *key, uint64_t to);

#endif
