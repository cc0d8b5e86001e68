#include "cmd/flow/journal/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cmd/flow/manager/inlet.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/journal/store_record.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

/* How often a full disk is tried again. */
static const double try_again = 0.2;

static struct store_stage *stage_of(const struct store *store, const struct port *port)
{
	return &store->stages[port - store->manager->ports];
}

/* What is held, and what may go. */

/* How far all readers of a stage have handled its output, by what is in the journal. */
static uint64_t handled_by_all(const struct store *store, size_t stage)
{
	const struct plan *plan = &store->manager->setup->plumbing->plan;
	uint64_t lowest = store->stages[stage].stored;
	size_t number = 0;

	for (size_t i = 0; i < plan->link_count; i++) {
		const struct plan_link *link = &plan->links[i];

		number = i > 0 && plan->links[i - 1].to == link->to ? number + 1 : 0;
		if (link->from == stage && !store->stages[link->to].done &&
		    store->stages[link->to].handled[number] < lowest)
			lowest = store->stages[link->to].handled[number];
	}
	return lowest;
}

static void forget_held(struct store_stage *stage, uint64_t handled)
{
	size_t n = 0;

	while (n < stage->held_count && stage->held[n].to <= handled)
		n++;
	if (n == 0)
		return;
	stage->held_count -= n;
	memmove(stage->held, stage->held + n, stage->held_count * sizeof(*stage->held));
}

/* The first segment that is still needed; UINT64_MAX: none. */
static uint64_t first_needed(struct store *store)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < store->count; i++) {
		struct store_stage *stage = &store->stages[i];

		forget_held(stage, handled_by_all(store, i));
		if (stage->held_count > 0 && stage->held[0].segment < first)
			first = stage->held[0].segment;
		if (stage->route_count > 0 && stage->routes[0].segment < first)
			first = stage->routes[0].segment;
	}
	return first;
}

static void release(struct store *store)
{
	uint64_t first = first_needed(store);

	if (first > journal_first(&store->journal).segment && store->journal.count > 1 &&
	    journal_release(&store->journal, first) < 0)
		message_warning("%s: cannot remove what is handled from its journal:",
		                store->manager->setup->pipeline->name);
}

void store_note_handled(struct store *store, size_t number)
{
	struct store_stage *stage = &store->stages[number];
	const struct manifest_stage *manifest = &store->manager->setup->pipeline->stages[number];
	size_t n = 0;

	if (store_is_straight(manifest)) {
		stage->handled[0] = stage->mark.in;
		return;
	}
	while (n < stage->route_count && stage->routes[n].to_end <= stage->mark.in) {
		stage->handled[stage->routes[n].link] = stage->routes[n].from_end;
		n++;
	}
	if (n == 0)
		return;
	stage->route_count -= n;
	memmove(stage->routes, stage->routes + n, stage->route_count * sizeof(*stage->routes));
}

void store_note_held(struct store_stage *stage, uint64_t segment, uint64_t to)
{
	if (stage->held_count > 0 && stage->held[stage->held_count - 1].segment == segment) {
		stage->held[stage->held_count - 1].to = to;
		return;
	}
	stage->held = xreallocarray(stage->held, stage->held_count + 1, sizeof(*stage->held));
	stage->held[stage->held_count++] = (struct store_held){segment, to};
}

void store_note_route(struct store_stage *stage, const struct store_route *route)
{
	stage->routes = xreallocarray(stage->routes, stage->route_count + 1, sizeof(*stage->routes));
	stage->routes[stage->route_count++] = *route;
}

/* Appending. */

static void on_again(EV_P_ ev_timer *watcher, int events)
{
	struct store *store = watcher->data;

	(void)EV_A;
	(void)events;
	manager_work(store->manager);
}

void store_timer(struct store *store)
{
	ev_init(&store->again, on_again);
	store->again.data = store;
}

static void wake_me(struct store *store, double after)
{
	if (ev_is_active(&store->again))
		return;
	ev_now_update(EV_DEFAULT);
	ev_timer_set(&store->again, after, 0.);
	ev_timer_start(EV_DEFAULT_ & store->again);
}

/* The newest mark of a stage of which all output is there. False: none, or not yet. */
static bool effective_mark(const struct port *port, struct page_mark *mark)
{
	uint64_t head = ring_head(&port->out);
	bool found = false;

	switch (port_mode(port)) {
	case PORT_RINGS:
		found = page_arrived(&port->page->marks, head, mark);
		break;
	case PORT_PIPES:
	case PORT_LINES:
	case PORT_EOF:
		found = page_newest(&port->page->taken, mark) && mark->out <= head;
		break;
	case PORT_UNKNOWN:
		found = page_arrived(&port->page->marks, head, mark) && mark->out == head;
		if (found)
			break;
		/* FALLTHROUGH */
	case PORT_PLAIN:
		*mark = (struct page_mark){.in = port->in ? ring_tail(port->in, 0) : 0, .out = head};
		found = true;
		break;
	}
	return found && (!port->plan->drained || mark->out <= ring_tail(&port->out, 0));
}

/*
 * Marks that come without output need no room of their own: they stand in the checkpoint of the next segment, too. So what
 * was handled meanwhile can go although nothing can be appended.
 */
static void adopt_marks(struct store *store)
{
	for (size_t i = 0; i < store->count; i++) {
		struct store_stage *stage = &store->stages[i];
		struct page_mark mark;

		if (!store->manager->ports[i].out.shared || !effective_mark(&store->manager->ports[i], &mark) ||
		    (mark.out != stage->stored && !store->manager->ports[i].plan->drained))
			continue;
		stage->mark = mark;
		stage->stored = mark.out;
		stage->marked = true;
		store_note_handled(store, i);
	}
}

static bool is_needed(const struct store *store, uint64_t segment)
{
	for (size_t i = 0; i < store->count; i++) {
		const struct store_stage *stage = &store->stages[i];

		for (size_t j = 0; j < stage->held_count; j++)
			if (stage->held[j].segment == segment)
				return true;
		for (size_t j = 0; j < stage->route_count; j++)
			if (stage->routes[j].segment == segment)
				return true;
	}
	return false;
}

/* Removes all segments that nobody needs, wherever they are: one old event is not to keep all that came after it. */
static void make_room(struct store *store)
{
	struct journal *journal = &store->journal;
	uint64_t newest = journal_end(journal).segment, first;
	bool any = false;

	first_needed(store);
	first = journal_first(journal).segment;
	for (uint64_t i = first; i <= newest && !any; i++)
		any = journal_has(journal, i) && !is_needed(store, i);
	/* What was in them of marks stands in the checkpoint of a new one. */
	if (!any || journal_turn(journal) < 0)
		return;
	for (uint64_t i = first; i <= newest; i++)
		if (journal_has(journal, i) && !is_needed(store, i) && journal_remove(journal, i) < 0)
			message_warning("%s: cannot remove what is handled from its journal:",
			                store->manager->setup->pipeline->name);
}

/* There is no room, on the disk or in the quota: what is handled already goes, if there is any. */
static void out_of_room(struct store *store, size_t number)
{
	if (errno != ENOSPC)
		fail("%s: cannot write to its journal:", store->manager->setup->pipeline->name);
	if (!store->full || number < store->lacking)
		store->lacking = number;
	if (!store->full)
		store->full_since = moment_now();
	store->full = true;
	/* At once, and then not each time that a little room has come and gone. */
	if (!store->full_told && (!store->was_full || moment_now() - store->full_since >= UNIT_S)) {
		store->full_told = store->was_full = true;
		manager_tell_full(store->manager, journal_size(&store->journal), true);
	}
	adopt_marks(store);
	make_room(store);
	wake_me(store, try_again);
}

static bool append(struct store *store, uint16_t kind, size_t who, const struct iovec *parts, int count,
                   struct journal_place *place)
{
	if (journal_append(&store->journal, kind, (uint16_t)who, parts, count, place) < 0) {
		out_of_room(store, who);
		return false;
	}
	if (store->full && who <= store->lacking) {
		store->full = false;
		if (store->full_told)
			manager_tell_full(store->manager, journal_size(&store->journal), false);
		store->full_told = false;
	}
	return true;
}

/*
 * Those behind a stage need room for what they make of its output, or nothing of that could ever go: each leaves some to
 * every stage behind it that has readers.
 */
static bool leaves_room(const struct store *store, size_t number, uint64_t length)
{
	uint64_t size = journal_size(&store->journal);
	uint64_t room = size < store->quota ? store->quota - size : 0, all, behind = 0, least;
	struct statvfs status;

	for (size_t i = number + 1; i < store->count; i++)
		behind += !store->manager->ports[i].plan->drained;
	if (behind == 0)
		return true;
	if (statvfs(store->path, &status) == 0 && (uint64_t)status.f_bavail * status.f_frsize < room)
		room = (uint64_t)status.f_bavail * status.f_frsize;
	all = (room + size) / 2 * behind / store->count;
	least = 2 * store->segment * behind;
	return room >= length + (least < all ? least : all);
}

static bool same_mark(const struct page_mark *a, const struct page_mark *b)
{
	return a->in == b->in && a->out == b->out && a->skip == b->skip && a->cursor_length == b->cursor_length &&
	       memcmp(a->cursor, b->cursor, a->cursor_length) == 0;
}

static bool append_stage(struct store *store, size_t number)
{
	struct port *port = &store->manager->ports[number];
	struct store_stage *stage = &store->stages[number];
	struct page_mark mark;
	struct backlog_head head;
	struct journal_place place;
	uint64_t length;

	if (!port->out.shared)
		return false;
	stage->seen = ring_head(&port->out);
	if (!effective_mark(port, &mark) || mark.out < stage->stored ||
	    (stage->marked && same_mark(&mark, &stage->mark)))
		return false;
	if (ring_follow(&port->out) < 0)
		fail("cannot map a ring of stage '%s':", port->child->name);
	length = port->plan->drained ? 0 : mark.out - stage->stored;
	head = (struct backlog_head){stage->stored, store_mark_size(&mark)};
	if (length > 0 && !leaves_room(store, number, length)) {
		errno = ENOSPC;
		out_of_room(store, number);
		return false;
	}
	{
		const struct iovec parts[] = {
			{&head, sizeof(head)},
			{&mark, (size_t)head.between},
			{length > 0 ? ring_at(&port->out, stage->stored) : NULL, (size_t)length},
		};

		if (!append(store, length > 0 ? STORE_DATA : STORE_MARK, number, parts, 3, &place))
			return false;
	}
	stage->stored = mark.out;
	stage->mark = mark;
	stage->marked = true;
	if (length > 0)
		store_note_held(stage, place.segment, mark.out);
	store_note_handled(store, number);
	return true;
}

/* Syncs as the policy wants it; what may be read then is said. True: more may be. */
static bool sync_and_tell(struct store *store)
{
	int64_t due = journal_due(&store->journal, moment_now());
	bool all, more = false;

	if (due == 0 && journal_sync(&store->journal) < 0)
		fail("%s: cannot have its journal on disk:", store->manager->setup->pipeline->name);
	if (due > 0)
		wake_me(store, (double)due / (double)UNIT_S);
	all = !store->always || due <= 0;
	for (size_t i = 0; i < store->count && all; i++) {
		more |= store->stages[i].ready != store->stages[i].stored;
		store->stages[i].ready = store->stages[i].stored;
	}
	return more;
}

/*
 * The writers' rings: what the readers have not fetched from there stays as long as there is room, and is in the journal
 * afterwards.
 */
static void release_ring(struct store *store, struct port *port, const struct store_stage *stage)
{
	struct ring *ring = &port->out;
	uint64_t lowest = stage->ready, tail = ring_tail(ring, port->plan->journal_slot);

	if (port->plan->drained || !port->out.shared)
		return;
	for (size_t i = 0; i < store->manager->inlet_count; i++) {
		uint64_t from = inlet_position(&store->manager->inlets[i], port);

		if (from < lowest)
			lowest = from;
	}
	if (ring_room(ring) < ring->size / 2 || atomic_load(&ring->shared->wanted) > 0)
		lowest = stage->ready;
	if (lowest <= tail)
		return;
	ring_release(ring, port->plan->journal_slot, lowest);
	if (ring_writer_waits(ring))
		bell_ring(port->bell);
}

bool store_work(struct store *store)
{
	bool moved = false;

	/* The last first: what it has handled makes room for the others. */
	for (size_t i = store->count; i-- > 0;)
		moved |= append_stage(store, i);
	moved |= sync_and_tell(store);
	if (moved)
		release(store);
	for (size_t i = 0; i < store->count; i++) {
		struct port *port = &store->manager->ports[i];

		release_ring(store, port, &store->stages[i]);
		if (!moved && !port->plan->drained && !store->full && port->out.shared && !ring_ended(&port->out))
			moved |= !ring_wait_reader(&port->out, port->plan->journal_slot, store->stages[i].seen);
	}
	return moved;
}

uint64_t store_ready(const struct store *store, const struct port *port)
{
	return stage_of(store, port)->ready;
}

uint64_t store_in_ring(const struct port *port)
{
	return ring_tail(&port->out, port->plan->journal_slot);
}

struct journal_place store_place(const struct store *store, size_t number, uint64_t position)
{
	const struct store_stage *stage = &store->stages[number];

	for (size_t i = 0; i < stage->held_count; i++)
		if (stage->held[i].to > position)
			return (struct journal_place){stage->held[i].segment, 0};
	return journal_end(&store->journal);
}

bool store_route(struct store *store, const struct inlet *inlet, size_t link, uint64_t from, uint64_t from_end,
                 uint64_t to, uint64_t to_end)
{
	struct store_stage *stage = stage_of(store, inlet->port);
	struct store_route route = {0, link, from, from_end, to, to_end};
	const struct iovec part = {&route, sizeof(route)};
	struct journal_place place;

	if (store_is_straight(inlet->port->child->stage))
		return true;
	if (!append(store, STORE_ROUTE, (size_t)(stage - store->stages), &part, 1, &place))
		return false;
	route.segment = place.segment;
	store_note_route(stage, &route);
	return true;
}

void store_done(struct store *store, size_t number)
{
	if (store->stages[number].done)
		return;
	/* If there is no room for that, the stage starts again, and finds that its input has ended. */
	if (append(store, STORE_DONE, number, NULL, 0, NULL))
		store->stages[number].done = true;
}

const struct manifest_settings *store_settings(const struct manifest_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->count; i++)
		if (pipeline->stages[i].settings.delivery == DELIVERY_DURABLE)
			return &pipeline->stages[i].settings;
	return NULL;
}
