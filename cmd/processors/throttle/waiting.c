/*
 * Events that pass later, if none comes for them: the last of each key.
 *
 * The mark stays before the first of them. If the input's buffer has no room for that, the mark goes on without the first ones, which are
 * lost if the process is killed.
 */
#include "cmd/processors/throttle/throttle.h"
#include "common/stage_held.h"

static void set_held(struct throttle *throttle, bool pending)
{
	throttle->stage.held = throttle->first ? &throttle->first->place : pending ? &throttle->pending : NULL;
}

static void let_go(struct throttle *throttle, bool pending)
{
	if (!throttle->let_go)
		message_warning(
			"holds back more than can be kept for a successor (buffer, number of keys, sync): what it "
			"holds is lost if it is killed");
	throttle->let_go = true;
	throttle->first = key_map_newer(throttle->first);
	set_held(throttle, pending);
}

void waiting_settle(struct throttle *throttle)
{
	set_held(throttle, false);
}

bool waiting_relieve(struct throttle *throttle)
{
	bool any = false;

	while (throttle->first && stage_crowded(&throttle->stage)) {
		let_go(throttle, false);
		any = true;
	}
	return any;
}

void waiting_pass(struct throttle *throttle, struct waiting *waiting, bool pending)
{
	struct stage *stage = &throttle->stage;
	const struct fingerprint key = *key_map_key(waiting);
	struct text line = waiting->line;
	uint64_t to, lines;

	stage_will_write(stage, line.length);
	throttle->pending = stage_began(stage);
	to = pending ? throttle->pending.in : stage_position(stage, &lines);
	if (throttle->first == waiting)
		throttle->first = key_map_newer(waiting);
	key_map_drop(&throttle->waits, waiting);
	set_held(throttle, pending);
	while (!handled_note(&throttle->handled, stage, &key, to))
		let_go(throttle, pending);
	line_writer_add(&stage->out, line.data, line.length);
	stage_end_handled(stage);
	text_free(&line);
	throttle->passed++;
}

struct waiting *waiting_put(struct throttle *throttle)
{
	const struct event *event = &throttle->stage.event;
	struct waiting *waiting = key_map_find(&throttle->waits, &throttle->key);

	if (waiting) {
		throttle->dropped++;
		if (throttle->first == waiting)
			throttle->first = key_map_newer(waiting);
		key_map_touch(&throttle->waits, waiting);
	} else {
		if (throttle->waits.count == (size_t)throttle->most)
			waiting_pass(throttle, key_map_oldest(&throttle->waits), true);
		waiting = key_map_add(&throttle->waits, &throttle->key);
	}
	text_clear(&waiting->line);
	text_add(&waiting->line, event->line, event->length);
	waiting->place = stage_began(&throttle->stage);
	if (!throttle->first)
		throttle->first = waiting;
	return waiting;
}
