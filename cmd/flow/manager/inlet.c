#include "cmd/flow/manager/inlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/inlet_move.h"
#include "cmd/flow/journal/store_record.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/journal/store.h"
#include "common/memory.h"
#include "common/text.h"

_Static_assert(sizeof(struct inlet_notes) <= PLUMBING_MOVES_LENGTH, "the notes have room");

/* Notes. */

void inlet_store_note(struct inlet *inlet)
{
	uint64_t sequence = atomic_load_explicit(&inlet->notes->sequence, memory_order_relaxed) + 1;

	inlet->notes->notes[sequence % 2] = inlet->note;
	atomic_store_explicit(&inlet->notes->sequence, sequence, memory_order_release);
}

void inlet_publish(struct inlet *inlet, size_t number)
{
	const struct inlet_link *link = &inlet->links[number];
	uint64_t from = inlet->note.from[number];

	if (inlet->note.spilled[number] > from)
		from = inlet->note.spilled[number];
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

/* Making. */

int inlet_init(struct inlet *inlet, struct port *port, struct port *ports, const struct plan *plan)
{
	void *notes =
		mmap(NULL, PLUMBING_MOVES_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, port->memory, PLUMBING_MOVES);
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
	spill_init(&inlet->spill, text_format("%s/spill/%s", port->manager->setup->state, port->child->name),
	           port->child->stage->settings.quota);
	dead_letters_init(&inlet->letters, port->child->letters);
	inlet->letters.source = port->child->name;
	for (size_t i = 0; i < plan->link_count; i++) {
		const struct plan_link *planned = &plan->links[i];

		if (&ports[planned->to] == port)
			inlet->links[inlet->count++] = (struct inlet_link){
				.from = &ports[planned->from], .slot = planned->slot, .all = planned->all};
	}
	return 0;
}

/* A writer's ring waits for this link; in a durable pipeline it waits for the journal alone. */
static void take_slot(struct inlet *inlet, size_t number)
{
	const struct inlet_link *link = &inlet->links[number];

	if (inlet->port->manager->store)
		ring_release(&link->from->out, link->slot, UINT64_MAX);
	if (!inlet->port->finished)
		atomic_store(&link->from->out.shared->slots[link->slot].present, 1);
}

void inlet_adopt(struct inlet *inlet)
{
	for (size_t i = 0; i < inlet->count; i++) {
		take_slot(inlet, i);
		inlet_publish(inlet, i);
		if (inlet->note.spilled[i] > inlet->note.from[i] && !spill_open(&inlet->spill, false))
			fail("cannot open '%s', where lines for stage '%s' are:", inlet->spill.path,
			     inlet->port->child->name);
	}
}

/* Those of the routes that are not in the stage's stream yet, or not all of it. */
static void remember_routes(struct inlet *inlet, const struct store_stage *stage, uint64_t to)
{
	inlet->again = xcalloc(stage->route_count + 1, sizeof(*inlet->again));
	for (size_t i = 0; i < stage->route_count; i++)
		if (stage->routes[i].to_end > to)
			inlet->again[inlet->again_count++] = stage->routes[i];
}

void inlet_go_on(struct inlet *inlet, const struct store_stage *stage)
{
	bool fresh = atomic_load(&inlet->notes->sequence) == 0;

	if (store_is_straight(inlet->port->child->stage)) {
		if (!fresh)
			return;
		inlet->note.from[0] = inlet->note.to = stage->mark.in;
		inlet_store_note(inlet);
		return;
	}
	remember_routes(inlet, stage, fresh ? stage->mark.in : inlet->note.to);
	if (!fresh)
		return;
	inlet->note.to = inlet->again_count > 0 ? inlet->again[0].to : stage->to;
	memcpy(inlet->note.from, stage->from, sizeof(inlet->note.from));
	for (size_t i = inlet->again_count; i-- > 0;)
		inlet->note.from[inlet->again[i].link] = inlet->again[i].from;
	inlet_store_note(inlet);
}

void inlet_free(struct inlet *inlet)
{
	manager_tell_drop(inlet->port->manager, inlet->port->child, inlet->note.dropped, true);
	for (size_t i = 0; i < inlet->count; i++) {
		if (inlet->links[i].reads_disk)
			backlog_free(&inlet->links[i].backlog);
		json_shapes_free(&inlet->links[i].shapes);
	}
	spill_free(&inlet->spill, !inlet->port->manager->afresh);
	if (message_hidden(&inlet->said))
		message_error("%s: %llu lines in all that are not events", inlet->port->child->name,
		              (unsigned long long)inlet->said.count);
	dead_letters_free(&inlet->letters);
	free(inlet->links);
	free(inlet->again);
	json_want_free(&inlet->want);
	if (inlet->notes)
		munmap(inlet->notes, PLUMBING_MOVES_LENGTH);
}

/* Working. */

static enum ring_end end_of_all(const struct inlet *inlet)
{
	for (size_t i = 0; i < inlet->count; i++)
		if (atomic_load(&inlet->links[i].from->out.shared->ended) != RING_ENDED)
			return RING_GIVEN_UP;
	return RING_ENDED;
}

bool inlet_work(struct inlet *inlet)
{
	bool moved = false, ended = true;

	if (inlet->port->completed)
		return false;
	for (size_t i = 0; i < inlet->count; i++) {
		size_t number = (inlet->next + i) % inlet->count;

		moved |= inlet_move(inlet, number);
		ended &= inlet->links[number].ended;
	}
	inlet->next = (inlet->next + 1) % inlet->count;
	if (ended && !ring_ended(&inlet->port->own_in)) {
		atomic_store_explicit(&inlet->port->own_in.shared->ended, end_of_all(inlet), memory_order_seq_cst);
		bell_ring(inlet->port->bell);
		moved = true;
	}
	return moved;
}

uint64_t inlet_position(const struct inlet *inlet, const struct port *from)
{
	uint64_t lowest = UINT64_MAX;

	for (size_t i = 0; i < inlet->count && !inlet->port->completed; i++)
		if (inlet->links[i].from == from && inlet->note.from[i] < lowest)
			lowest = inlet->note.from[i];
	return lowest;
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
