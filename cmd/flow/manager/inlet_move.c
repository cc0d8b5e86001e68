/*
 * The lines of one writer, on their way into the ring of a stage.
 */
#include "cmd/flow/manager/inlet_move.h"

#include <errno.h>
#include <string.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/journal/store_record.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/journal/store.h"
#include "common/json.h"
#include "common/line.h"
#include "common/message.h"

/* What is being moved from one writer. */
struct move {
	struct inlet *inlet;
	struct inlet_link *link;
	size_t number; /* of the link */
	const char *bytes; /* those from `start` on, up to `end` */
	uint64_t start, end;
	uint64_t from, to; /* how far it is, in the writer's ring and the own */
	size_t room;
};

static const char *at(const struct move *move)
{
	return move->bytes + (move->from - move->start);
}

/* Up to behind the newline of the line at move->from, or the end. */
static size_t line_length(const struct move *move)
{
	size_t rest = (size_t)(move->end - move->from);
	const char *newline = memchr(at(move), '\n', rest);

	return newline ? (size_t)(newline + 1 - at(move)) : rest;
}

/* Choosing. */

static void put_away(struct inlet *inlet, const struct inlet_link *link, const char *line, size_t length)
{
	static const char reason[] = "not an event, and events are chosen by their name";

	inlet->note.strange++;
	if (message_pass(&inlet->said))
		message_error("%s: from '%s': %s", inlet->port->child->name, link->from->child->stage->name, reason);
	if (dead_letters_add(&inlet->letters, reason, 0, PAGE_NOWHERE, line, length) < 0)
		message_error("%s: cannot write to the dead letters '%s':", inlet->port->child->name,
		              inlet->letters.path);
}

/* One of the edges from that writer has this name. */
static bool is_named(const struct inlet *inlet, const struct inlet_link *link, const struct json_span *name)
{
	const struct manifest_stage *stage = inlet->port->child->stage;
	size_t writer = (size_t)(link->from - inlet->port->manager->ports);

	for (size_t i = 0; i < stage->from_count; i++)
		if (stage->from[i].stage == writer && stage->from[i].event &&
		    json_span_is(name, stage->from[i].event, strlen(stage->from[i].event)))
			return true;
	return false;
}

static bool is_blank(const char *line, size_t length)
{
	while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t' || line[length - 1] == '\r'))
		length--;
	return length == 0;
}

/* look: only looks, a line that is no event is put away another time. */
static bool is_wanted(struct inlet *inlet, struct inlet_link *link, const char *line, size_t length, bool look)
{
	struct json_span span;
	struct json_result result;

	if (link->all)
		return true;
	if (is_blank(line, length))
		return false;
	if (!json_shapes_scan(&link->shapes, line, length, &inlet->want, &span, 0, &result) ||
	    result.kind != JSON_OBJECT) {
		if (!look)
			put_away(inlet, link, line, length);
		return false;
	}
	return span.kind == JSON_STRING && is_named(inlet, link, &span);
}

/* What has been moved is noted, and then to be seen. False: the journal has no room for that: nothing was moved. */
static bool commit(struct move *move)
{
	struct inlet *inlet = move->inlet;
	struct store *store = inlet->port->manager->store;

	if (store && inlet->again_next == inlet->again_count && move->to > inlet->note.to &&
	    !store_route(store, inlet, move->number, inlet->note.from[move->number], move->from, inlet->note.to,
	                 move->to))
		return false;
	inlet->note.from[move->number] = move->from;
	inlet->note.to = move->to;
	inlet_store_note(inlet);
	inlet_publish(inlet, move->number);
	if (inlet->spill.open)
		spill_release(&inlet->spill, move->number, move->from);
	if (inlet->again_next < inlet->again_count && move->from == inlet->again[inlet->again_next].from_end)
		inlet->again_next++;
	return true;
}

/* Looking: where the lines are that are to be moved next. */

static void open_backlog(struct move *move)
{
	struct inlet *inlet = move->inlet;
	struct store *store = inlet->port->manager->store;
	size_t writer = (size_t)(move->link->from - inlet->port->manager->ports);

	if (store)
		backlog_init(&move->link->backlog, &store->journal, STORE_DATA, (uint16_t)writer,
		             store_place(store, writer, move->from));
	else
		backlog_init(&move->link->backlog, &inlet->spill.journal, SPILL_DATA, (uint16_t)move->number,
		             spill_place(&inlet->spill, move->number, move->from));
	move->link->reads_disk = true;
}

static void close_backlog(struct inlet_link *link)
{
	if (link->reads_disk)
		backlog_free(&link->backlog);
	link->reads_disk = false;
}

static void look_at_disk(struct move *move)
{
	size_t length = 0;
	int result;

	if (!move->link->reads_disk)
		open_backlog(move);
	result = backlog_look(&move->link->backlog, move->from, &move->bytes, &length);
	if (result <= 0)
		fail("stage '%s': its lines are not where they were put on disk:", move->inlet->port->child->name);
	if (length < move->end - move->from)
		move->end = move->from + length;
}

static bool is_in_ring(const struct move *move)
{
	if (move->inlet->port->manager->store)
		return move->from >= store_in_ring(move->link->from);
	return move->from >= move->inlet->note.spilled[move->number];
}

/* Not more at a time than keeps the turns fair. */
static void take_turn(struct move *move)
{
	const struct inlet *inlet = move->inlet;
	const struct store_route *again = &inlet->again[inlet->again_next];
	uint64_t before = move->end;
	const char *newline;

	if (inlet->again_next < inlet->again_count) {
		if (again->from_end < move->end)
			move->end = again->from_end;
		return;
	}
	if (inlet->count == 1 || move->end - move->from <= LINE_BLOCK)
		return;
	newline = memchr(at(move) + LINE_BLOCK - 1, '\n', (size_t)(before - move->from) - LINE_BLOCK + 1);
	move->end = newline ? move->from + (uint64_t)(newline + 1 - at(move)) : before;
}

static void look(struct move *move)
{
	move->start = move->from;
	if (is_in_ring(move)) {
		close_backlog(move->link);
		if (ring_follow(&move->link->from->out) < 0)
			fail("cannot map a ring of stage '%s':", move->link->from->child->name);
		move->bytes = ring_at(&move->link->from->out, move->from);
	} else {
		look_at_disk(move);
	}
	take_turn(move);
}

/* Moving. */

/* Puts one line behind what was put before; one that lacks its newline, the last of a writer, gets it. False: no room. */
static bool put_line(struct move *move, const char *line, size_t length)
{
	struct ring *ring = &move->inlet->port->own_in;
	bool newline = length > 0 && line[length - 1] == '\n';
	size_t size = length + !newline;

	if (size > move->room)
		return false;
	memcpy(ring_at(ring, move->to), line, length);
	if (!newline)
		*ring_at(ring, move->to + length) = '\n';
	move->to += size;
	move->room -= size;
	return true;
}

/* All lines are wanted: as many as there is room for at once. */
static void move_block(struct move *move)
{
	uint64_t most = move->end - move->from;
	const char *newline;

	if (most > move->room)
		most = move->room;
	newline = most > 0 ? memrchr(at(move), '\n', (size_t)most) : NULL;
	if (!newline)
		return;
	most = (uint64_t)(newline + 1 - at(move));
	memcpy(ring_at(&move->inlet->port->own_in, move->to), at(move), (size_t)most);
	move->from += most;
	move->to += most;
	move->room -= (size_t)most;
}

/* False: there is no room for the line at move->from. */
static bool move_lines(struct move *move)
{
	if (move->link->all)
		move_block(move);
	while (move->from < move->end) {
		const char *line = at(move);
		size_t length = line_length(move);
		bool newline = line[length - 1] == '\n';

		if (is_wanted(move->inlet, move->link, line, length - newline, false) && !put_line(move, line, length))
			return false;
		move->from += length;
	}
	return true;
}

/* No room. */

/* Passes over lines; that is counted, and said. */
static void drop(struct move *move, uint64_t length)
{
	struct inlet *inlet = move->inlet;
	uint64_t end = move->from + length, lines = 0;

	while (move->from < end) {
		size_t line = line_length(move);

		lines += is_wanted(inlet, move->link, at(move), line - (at(move)[line - 1] == '\n'), true);
		move->from += line;
	}
	inlet->note.dropped += lines;
	commit(move);
	inlet->port->page->dropped = inlet->note.dropped;
	if (lines > 0)
		manager_tell_drop(inlet->port->manager, inlet->port->child, inlet->note.dropped, false);
}

/* What this reader has not fetched leaves the writer less room than it needs, or soon will. */
static bool holds_up(const struct move *move)
{
	struct ring *from = &move->link->from->out;
	uint64_t lag = ring_head(from) - ring_tail(from, move->link->slot);
	size_t room = lag < from->size ? from->size - (size_t)lag : 0;

	return lag > 0 && (room < from->size / 4 || room < atomic_load(&from->shared->wanted));
}

/* What is in the writer's ring goes to disk. False: there is no room there, either. */
static bool spill_lines(struct move *move)
{
	struct inlet *inlet = move->inlet;
	uint64_t *spilled = &inlet->note.spilled[move->number];
	uint64_t begin = *spilled > move->from ? *spilled : move->from, end = ring_head(&move->link->from->out);

	if (begin == end || (!inlet->spill.open && !spill_open(&inlet->spill, true)) ||
	    !spill_add(&inlet->spill, move->number, begin, ring_at(&move->link->from->out, begin),
	               (size_t)(end - begin))) {
		if (begin < end && !inlet->spill.full)
			message_error("%s: cannot spill to '%s', the writers wait:", inlet->port->child->name,
			              inlet->spill.path);
		inlet->spill.full |= begin < end;
		return false;
	}
	inlet->spill.full = false;
	*spilled = end;
	inlet_store_note(inlet);
	inlet_publish(inlet, move->number);
	return true;
}

/* There is no room for the line at move->from. True: something was done about it. */
static bool make_do(struct move *move)
{
	struct ring *from = &move->link->from->out;
	uint64_t length = move->end - move->from;
	const char *newline;

	/* What a killed runner had moved is moved once more, byte for byte: its reader may be in the middle of it. */
	if (move->inlet->again_next < move->inlet->again_count)
		return false;
	switch (move->inlet->when_full) {
	case WHEN_FULL_DROP_NEWEST:
		drop(move, length);
		return true;
	case WHEN_FULL_DROP_OLDEST:
		if (!holds_up(move))
			return false;
		if (length > from->size / 2) {
			newline = memchr(at(move) + from->size / 2, '\n', (size_t)length - from->size / 2);
			length = newline ? (uint64_t)(newline + 1 - at(move)) : length;
		}
		drop(move, length);
		return true;
	case WHEN_FULL_SPILL:
		return holds_up(move) && spill_lines(move);
	case WHEN_FULL_BLOCK:
		break;
	}
	return false;
}

/*
 * A line longer than the ring makes it grow, once it is empty. True: there is room for it now. Else that is waited for,
 * and if something is to be done when the writer's ring gets full, for the writer, too.
 */
static bool find_room(const struct move *move)
{
	struct ring *from = &move->link->from->out, *to = &move->inlet->port->own_in;
	size_t length = line_length(move) + 1;
	int fits = ring_fit(to, length);

	if (fits < 0)
		fail("cannot make room for the input of stage '%s':", move->inlet->port->child->name);
	if (fits > 0 && length <= ring_room(to))
		return true;
	/* A writer that has to wait wakes who waits for it (keeper_put): so looks again after having said that it does. */
	if (move->inlet->when_full != WHEN_FULL_BLOCK && (!ring_wait_reader(from, move->link->slot, ring_head(from)) ||
	                                                  (holds_up(move) && !move->inlet->spill.full)))
		return true;
	/* Who holds what it has read is to let go of it. */
	if (fits == 0)
		bell_ring(move->inlet->port->bell);
	return !ring_wait_writer(to, fits == 0 ? to->size : length > to->size / 4 ? length : to->size / 4);
}

bool inlet_move(struct inlet *inlet, size_t number)
{
	struct inlet_link *link = &inlet->links[number];
	struct store *store = inlet->port->manager->store;
	struct ring *ring = &link->from->out, *own = &inlet->port->own_in;
	bool ended = ring_ended(ring), all;
	uint64_t head = ring_head(ring), before = inlet->note.from[number];
	struct move move = {
		.inlet = inlet,
		.link = link,
		.number = number,
		.end = store ? store_ready(store, link->from) : head,
		.from = before,
		.to = inlet->note.to,
		.room = ring_room(own) + (size_t)(ring_head(own) - inlet->note.to),
	};

	if (inlet->again_next < inlet->again_count && inlet->again[inlet->again_next].link != number)
		return false;
	/* What lies between two of those was dropped. */
	if (inlet->again_next < inlet->again_count && store_may_drop(inlet->port->child->stage) &&
	    move.from < inlet->again[inlet->again_next].from)
		move.from = inlet->again[inlet->again_next].from;
	if (move.from >= move.end) {
		link->ended = ended && move.from >= head;
		return !store && !ended && !ring_wait_reader(ring, link->slot, head);
	}
	look(&move);
	all = move_lines(&move);
	if (move.from > before && !commit(&move))
		return false;
	if (all)
		return true;
	return make_do(&move) || find_room(&move) || move.from > before;
}
