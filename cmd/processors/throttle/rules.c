/*
 * The ways to throttle.
 */
#include <string.h>

#include "cmd/processors/throttle/throttle.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/stage_held.h"
#include "common/stage_loop.h"

/* What a mark says of a throttle without --by that holds nothing back. */
struct note {
	struct gate gate;
	int64_t now;
};

static struct gate *gate_of(struct throttle *throttle)
{
	struct gate *gate = key_map_find(&throttle->gates, &throttle->key);

	if (gate)
		return gate;
	if (throttle->gates.count == (size_t)throttle->most)
		key_map_drop(&throttle->gates, key_map_oldest(&throttle->gates));
	gate = key_map_add(&throttle->gates, &throttle->key);
	gate->bucket = (struct token_bucket){.interval = throttle->interval, .burst = throttle->burst};
	return gate;
}

/* For a successor; what belongs to several keys it does without. */
static void note(struct throttle *throttle, const struct gate *gate)
{
	struct note note = {*gate, throttle->now};

	if (throttle->by.names.count == 0)
		stage_cursor(&throttle->stage, &note, sizeof(note));
}

static void end_event(struct throttle *throttle, const struct gate *gate, bool pass)
{
	const struct event *event = &throttle->stage.event;

	if (!pass) {
		throttle->dropped++;
		note(throttle, gate);
		return;
	}
	throttle->passed++;
	stage_will_write(&throttle->stage, event->length);
	note(throttle, gate);
	line_writer_add(&throttle->stage.out, event->line, event->length);
	stage_end_handled(&throttle->stage);
}

void rules_open(struct throttle *throttle)
{
	size_t length;
	const void *cursor = stage_resumed(&throttle->stage, &length);
	struct gate *gate;
	struct note note;

	if (!cursor || length != sizeof(note) || throttle->by.names.count > 0)
		return;
	memcpy(&note, cursor, sizeof(note));
	throttle->key = fingerprint_of(&throttle->handled.seed, "", 0);
	gate = gate_of(throttle);
	gate->count = note.gate.count;
	if (throttle->event_time) {
		throttle->now = note.now;
	} else if (note.now > moment_now()) {
		/* The machine was started anew, and its clock, too. */
		return;
	}
	gate->bucket.full = note.gate.bucket.full;
	gate->bucket.used = note.gate.bucket.used;
	gate->until = note.gate.until;
}

/* ---- --rate, --sample ---- */

static void handle_rate(struct throttle *throttle)
{
	struct gate *gate = gate_of(throttle);
	int64_t wait;

	key_map_touch(&throttle->gates, gate);
	if (throttle->excess == EXCESS_DROP) {
		end_event(throttle, gate, token_bucket_take(&gate->bucket, throttle->now));
		return;
	}
	wait = token_bucket_reserve(&gate->bucket, throttle->now);
	if (wait > 0 && !signals_stop())
		stage_wait(&throttle->stage, false, throttle->now + wait);
	end_event(throttle, gate, true);
}

static void handle_sample(struct throttle *throttle)
{
	struct gate *gate = gate_of(throttle);

	key_map_touch(&throttle->gates, gate);
	end_event(throttle, gate, gate->count++ % (uint64_t)throttle->sample == 0);
}

static void expire_nothing(struct throttle *throttle, bool pending)
{
	(void)throttle;
	(void)pending;
}

static int64_t due_never(const struct throttle *throttle)
{
	(void)throttle;
	return INT64_MAX;
}

/* ---- --every ---- */

static void handle_first(struct throttle *throttle)
{
	struct gate *gate = gate_of(throttle);
	bool pass = throttle->now >= gate->until || gate->count == 0;

	if (pass) {
		gate->count = 1;
		gate->until = throttle->now + throttle->every;
		key_map_touch(&throttle->gates, gate);
	}
	end_event(throttle, gate, pass);
}

static struct gate *expired(const struct throttle *throttle)
{
	struct gate *gate = key_map_oldest(&throttle->gates);

	return gate && gate->until <= throttle->now ? gate : NULL;
}

static void expire_gates(struct throttle *throttle, bool pending)
{
	struct gate *gate;

	(void)pending;
	while ((gate = expired(throttle)))
		key_map_drop(&throttle->gates, gate);
}

static void handle_last(struct throttle *throttle)
{
	struct gate *gate = key_map_find(&throttle->gates, &throttle->key);

	waiting_put(throttle);
	if (!gate)
		gate_of(throttle)->until = throttle->now + throttle->every;
}

static void expire_last(struct throttle *throttle, bool pending)
{
	struct waiting *waiting;
	struct gate *gate;

	while ((gate = expired(throttle))) {
		waiting = key_map_find(&throttle->waits, key_map_key(gate));
		key_map_drop(&throttle->gates, gate);
		if (waiting)
			waiting_pass(throttle, waiting, pending);
	}
}

static int64_t due_last(const struct throttle *throttle)
{
	const struct gate *gate = key_map_oldest(&throttle->gates);

	return gate ? gate->until : INT64_MAX;
}

/* ---- --debounce ---- */

static void handle_debounce(struct throttle *throttle)
{
	waiting_put(throttle)->until = throttle->now + throttle->debounce;
}

static void expire_debounce(struct throttle *throttle, bool pending)
{
	struct waiting *waiting;

	while ((waiting = key_map_oldest(&throttle->waits)) && waiting->until <= throttle->now)
		waiting_pass(throttle, waiting, pending);
}

static int64_t due_debounce(const struct throttle *throttle)
{
	const struct waiting *waiting = key_map_oldest(&throttle->waits);

	return waiting ? waiting->until : INT64_MAX;
}

/* ---- all of them ---- */

const struct rule *rule_of(struct throttle *throttle)
{
	enum { RATE, SAMPLE, FIRST, LAST, DEBOUNCE };
	static const struct rule rules[] = {
		[RATE] = {false, handle_rate, expire_nothing, due_never},
		[SAMPLE] = {false, handle_sample, expire_nothing, due_never},
		[FIRST] = {false, handle_first, expire_gates, due_never},
		[LAST] = {true, handle_last, expire_last, due_last},
		[DEBOUNCE] = {true, handle_debounce, expire_debounce, due_debounce},
	};
	int asked = (throttle->rate_text != NULL) + (throttle->sample > 0) + (throttle->every > 0) +
	            (throttle->debounce > 0);

	if (asked != 1)
		die("one of --rate, --sample, --every and --debounce is needed, and only one");
	if (throttle->rate_text)
		return &rules[RATE];
	if (throttle->sample > 0)
		return &rules[SAMPLE];
	if (throttle->debounce > 0)
		return &rules[DEBOUNCE];
	return &rules[throttle->keep == KEEP_LAST ? LAST : FIRST];
}
