#include "cmd/flow/inlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/flow/child.h"
#include "cmd/flow/manager.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/line.h"
#include "common/memory.h"
#include "common/text.h"

_Static_assert(sizeof(struct inlet_notes) <= PLUMBING_MOVES_LENGTH, "the notes have room");

/* Notes. */

static void store_note(struct inlet *inlet)
{
	uint64_t sequence = atomic_load_explicit(&inlet->notes->sequence, memory_order_relaxed) + 1;

	inlet->notes->notes[sequence % 2] = inlet->note;
	atomic_store_explicit(&inlet->notes->sequence, sequence, memory_order_release);
}

/* What is noted holds for the rings. */
static void publish(struct inlet *inlet, const struct inlet_link *link)
{
	uint64_t from = inlet->note.from[link - inlet->links];

	if (inlet->note.to > ring_head(&inlet->port->own_in)) {
		ring_publish(&inlet->port->own_in, inlet->note.to);
		if (ring_reader_waits(&inlet->port->own_in, 0))
			bell_ring(inlet->port->bell);
	}
	if (from > ring_tail(&link->from->out, link->slot)) {
		ring_release(&link->from->out, link->slot, from);
		if (ring_writer_waits(&link->from->out))
			bell_ring(link->from->bell);
	}
}

int inlet_init(struct inlet *inlet, struct port *port, struct port *ports, const struct plan *plan)
{
	void *notes = mmap(NULL, PLUMBING_MOVES_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, port->memory, PLUMBING_MOVES);
	const char *mistake;

	*inlet = (struct inlet){
		.port = port,
		.when_full = port->child->stage->settings.when_full,
		.links = xcalloc(port->child->stage->from_count, sizeof(*inlet->links)),
	};
	if (notes == MAP_FAILED)
		return -1;
	inlet->notes = notes;
	inlet->note = inlet->notes->notes[atomic_load(&inlet->notes->sequence) % 2];
	json_want_path(&inlet->want, ".event", &mistake);
	for (size_t i = 0; i < plan->link_count; i++) {
		const struct plan_link *planned = &plan->links[i];
		struct inlet_link *link = &inlet->links[inlet->count];

		if (&ports[planned->to] != port)
			continue;
		link->from = &ports[planned->from];
		link->slot = planned->slot;
		link->event = planned->event;
		inlet->count++;
		if (!port->finished)
			atomic_store(&link->from->out.shared->slots[link->slot].present, 1);
		publish(inlet, link);
	}
	return 0;
}

void inlet_free(struct inlet *inlet)
{
	free(inlet->links);
	json_want_free(&inlet->want);
	if (inlet->notes)
		munmap(inlet->notes, PLUMBING_MOVES_LENGTH);
}

/* Moving. */

static bool is_wanted(struct inlet *inlet, const struct inlet_link *link, const char *line, size_t length)
{
	struct json_span span;
	struct json_result result;

	if (!link->event)
		return true;
	return json_scan(line, length, &inlet->want, &span, 0, &result) && result.kind == JSON_OBJECT &&
	       span.kind == JSON_STRING && json_string_is(span.at, span.length, link->event, strlen(link->event));
}

/* Where the wanted lines go: the ring of its own, or nowhere. */
struct move {
	struct inlet *inlet;
	const struct inlet_link *link;
	uint64_t from, to;
	uint64_t end; /* what there is to move */
	size_t room;
};

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
	struct ring *from = &move->link->from->out;
	uint64_t most = move->end - move->from;
	const char *start = ring_at(from, move->from), *newline;

	if (most > move->room)
		most = move->room;
	newline = most > 0 ? memrchr(start, '\n', (size_t)most) : NULL;
	if (!newline)
		return;
	most = (uint64_t)(newline + 1 - start);
	memcpy(ring_at(&move->inlet->port->own_in, move->to), start, (size_t)most);
	move->from += most;
	move->to += most;
	move->room -= (size_t)most;
}

/* False: there is no room for the line at move->from. */
static bool move_lines(struct move *move)
{
	struct ring *from = &move->link->from->out;

	if (!move->link->event)
		move_block(move);
	while (move->from < move->end) {
		const char *line = ring_at(from, move->from);
		const char *newline = memchr(line, '\n', (size_t)(move->end - move->from));
		size_t length = newline ? (size_t)(newline + 1 - line) : (size_t)(move->end - move->from);

		if (is_wanted(move->inlet, move->link, line, length - (newline != NULL)) &&
		    !put_line(move, line, length))
			return false;
		move->from += length;
	}
	return true;
}

static uint64_t count_lines(struct inlet *inlet, const struct inlet_link *link, const char *at, uint64_t length)
{
	const char *end = at + length;
	uint64_t lines = 0;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *next = newline ? newline + 1 : end;

		lines += is_wanted(inlet, link, at, (size_t)(next - at) - (newline != NULL));
		at = next;
	}
	return lines;
}

static void commit(struct inlet *inlet, const struct move *move)
{
	inlet->note.from[move->link - inlet->links] = move->from;
	inlet->note.to = move->to;
	store_note(inlet);
	publish(inlet, move->link);
}

/* Passes over lines; that is counted, and said. */
static void drop(struct inlet *inlet, struct move *move, uint64_t length)
{
	uint64_t lines = count_lines(inlet, move->link, ring_at(&move->link->from->out, move->from), length);

	move->from += length;
	inlet->note.dropped += lines;
	commit(inlet, move);
	atomic_store_explicit((_Atomic uint64_t *)&inlet->port->page->dropped, inlet->note.dropped,
	                      memory_order_relaxed);
	if (lines > 0)
		manager_tell_drop(inlet->port->manager, inlet->port->child, inlet->note.dropped);
}

/* Whether the writer waits, and it is this reader that it waits for. */
static bool holds_up(const struct move *move)
{
	struct ring *from = &move->link->from->out;

	size_t room = ring_room(from);

	return ring_lowest(from) == move->from && (room < from->size / 4 || room < atomic_load(&from->shared->wanted));
}

/* There is no room for the line at move->from. True: it was got rid of. */
static bool make_do(struct inlet *inlet, struct move *move)
{
	struct ring *from = &move->link->from->out;
	const char *start = ring_at(from, move->from), *newline;
	uint64_t length = move->end - move->from;

	switch (inlet->when_full) {
	case WHEN_FULL_DROP_NEWEST:
		drop(inlet, move, length);
		return true;
	case WHEN_FULL_DROP_OLDEST:
		if (!holds_up(move))
			return false;
		if (length > from->size / 2) {
			newline = memchr(start + from->size / 2, '\n', (size_t)length - from->size / 2);
			length = newline ? (uint64_t)(newline + 1 - start) : length;
		}
		drop(inlet, move, length);
		return true;
	default:
		return false;
	}
}

/*
 * A line longer than the ring makes it grow, once it is empty. True: there is room for it now. Else that is waited for,
 * and with when_full: drop-oldest for the writer, too.
 */
static bool find_room(struct inlet *inlet, const struct move *move)
{
	struct ring *from = &move->link->from->out, *to = &inlet->port->own_in;
	const char *line = ring_at(from, move->from);
	const char *newline = memchr(line, '\n', (size_t)(move->end - move->from));
	size_t length = newline ? (size_t)(newline + 1 - line) : (size_t)(move->end - move->from) + 1;
	int fits = ring_fit(to, length);

	if (fits < 0)
		fail("cannot make room for the input of stage '%s':", inlet->port->child->name);
	if (fits > 0 && length <= ring_room(to))
		return true;
	if (inlet->when_full == WHEN_FULL_DROP_OLDEST && !ring_wait_reader(from, move->link->slot, ring_head(from)))
		return true;
	return !ring_wait_writer(to, fits == 0 ? to->size : length > to->size / 4 ? length : to->size / 4);
}

/* Moves from one writer. True: something happened. */
static bool work_link(struct inlet *inlet, struct inlet_link *link)
{
	struct ring *from = &link->from->out, *to = &inlet->port->own_in;
	bool ended = ring_ended(from), all;
	struct move move = {
		.inlet = inlet,
		.link = link,
		.from = inlet->note.from[link - inlet->links],
		.to = inlet->note.to,
		.end = ring_head(from),
		.room = ring_room(to),
	};
	uint64_t before = move.from;

	if (move.from == move.end) {
		link->ended = ended;
		return !ended && !ring_wait_reader(from, link->slot, move.end);
	}
	if (ring_follow(from) < 0)
		fail("cannot map a ring of stage '%s':", link->from->child->name);
	/* Not more at a time than keeps the turns fair. */
	if (move.end - move.from > LINE_BLOCK && inlet->count > 1) {
		const char *start = ring_at(from, move.from);
		const char *newline = memchr(start + LINE_BLOCK - 1, '\n', (size_t)(move.end - move.from) - LINE_BLOCK + 1);

		move.end = newline ? move.from + (uint64_t)(newline + 1 - start) : move.end;
	}
	all = move_lines(&move);
	if (move.from > before)
		commit(inlet, &move);
	if (all)
		return true;
	return make_do(inlet, &move) || find_room(inlet, &move) || move.from > before;
}

bool inlet_work(struct inlet *inlet)
{
	bool moved = false, ended = true;

	if (inlet->port->completed)
		return false;
	for (size_t i = 0; i < inlet->count; i++) {
		struct inlet_link *link = &inlet->links[(inlet->next + i) % inlet->count];

		moved |= work_link(inlet, link);
		ended &= link->ended;
	}
	inlet->next = (inlet->next + 1) % inlet->count;
	if (ended && !ring_ended(&inlet->port->own_in)) {
		atomic_store_explicit(&inlet->port->own_in.shared->ended, 1, memory_order_seq_cst);
		bell_ring(inlet->port->bell);
		moved = true;
	}
	return moved;
}

bool inlet_idle(const struct inlet *inlet)
{
	for (size_t i = 0; i < inlet->count; i++)
		if (inlet->note.from[i] < ring_head(&inlet->links[i].from->out))
			return false;
	return true;
}

void inlet_lost_reader(struct inlet *inlet)
{
	for (size_t i = 0; i < inlet->count; i++)
		port_lost_reader(inlet->links[i].from, inlet->links[i].slot);
}
