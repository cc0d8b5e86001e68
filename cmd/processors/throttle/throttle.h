/*
 * throttle: what the files of pype-throttle share.
 *
 * main.c reads options and events and knows the time; rules.c says which events pass, and when; waiting.c keeps those that may
 * pass later, and the mark before them.
 */
#ifndef PYPE_THROTTLE_H
#define PYPE_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/handled.h"
#include "common/key_map.h"
#include "common/key_paths.h"
#include "common/stage.h"
#include "common/token_bucket.h"

/* What is known of a key. */
struct gate {
	struct token_bucket bucket; /* --rate */
	uint64_t count; /* --sample */
	int64_t until; /* --every: when its time ends */
};

/* The last event of a key, which passes later. */
struct waiting {
	struct text line;
	struct stage_place place;
	int64_t until; /* --debounce: when it passes */
};

struct throttle {
	char *rate_text;
	int excess, keep;
	int64_t burst, sample, debounce, every, most;
	bool event_time;
	struct key_paths by;

	const struct rule *rule;
	int64_t interval; /* of the rate */
	struct stage stage;
	struct handled handled;
	struct text text; /* what a fingerprint is taken of */
	struct fingerprint key; /* of the current event */
	int time_slot;
	int64_t now; /* nanoseconds: of the clock, or the latest time of an event */

	struct key_map gates; /* by the time of their last use; with --every by their ends */
	struct key_map waits; /* by the order of their events */
	struct waiting *first; /* the first of them that the mark does not pass; all after it, too */
	struct stage_place pending; /* the current event's, while others are put out before it */
	bool let_go;
	uint64_t passed, dropped;
};

enum { EXCESS_WAIT, EXCESS_DROP };
enum { KEEP_FIRST, KEEP_LAST };

/* One of the ways to throttle. */
struct rule {
	bool holds; /* events pass later */
	/* Deals with the current event. */
	void (*handle)(struct throttle *);
	/* Does what is due; before the current event is dealt with (pending), or after it. */
	void (*expire)(struct throttle *, bool pending);
	/* When expire has to be called at the latest; INT64_MAX: not at all. */
	int64_t (*due)(const struct throttle *);
};

/* The one that the options ask for, or the end of the program. */
const struct rule *rule_of(struct throttle *throttle);
/* What the predecessor knew, if it was of one key. */
void rules_open(struct throttle *throttle);

/* The current event waits; one of the same key that did is dropped. */
struct waiting *waiting_put(struct throttle *throttle);
/* It passes. pending: before the current event is dealt with. */
void waiting_pass(struct throttle *throttle, struct waiting *waiting, bool pending);
/* The current event is dealt with. */
void waiting_settle(struct throttle *throttle);
/* Lets go of what there is no room for in the input's buffer. True if it did. */
bool waiting_relieve(struct throttle *throttle);

#endif
