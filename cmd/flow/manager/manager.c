#include "cmd/flow/manager/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/orphans.h"
#include "common/message.h"

/* Ending. */

bool manager_reader_gone(const struct manager *manager, const struct child *child)
{
	size_t self = (size_t)(child - manager->children);

	for (size_t i = 0; i < manager->count; i++)
		for (size_t j = 0; j < manager->children[i].stage->from_count; j++)
			if (manager->children[i].stage->from[j].stage == self &&
			    manager->children[i].state != CHILD_DONE)
				return false;
	return true;
}

void manager_lost_reader(struct manager *manager, const struct port *port)
{
	struct inlet *inlet = manager_inlet(manager, (size_t)(port - manager->ports));

	if (port->plan->in == IN_SHARED)
		port_lost_reader(&manager->ports[port->plan->from], port->plan->slot);
	if (inlet)
		inlet_lost_reader(inlet);
}

/* From the first to the last. */
static void handle_all(struct manager *manager, enum child_happening of_sources, enum child_happening of_others)
{
	for (size_t i = 0; i < manager->count; i++)
		child_handle(&manager->children[i], manager->children[i].source ? of_sources : of_others);
}

static void stop(struct manager *manager)
{
	if (manager->stopping)
		return;
	manager->stopping = true;
	handle_all(manager, CHILD_STOP, CHILD_DRAIN);
}

static void hurry(struct manager *manager)
{
	manager->stopping = manager->hurried = true;
	handle_all(manager, CHILD_HURRY, CHILD_HURRY);
}

void manager_child_done(struct manager *manager, struct child *child)
{
	manager->done++;
	if (child->verdict > manager->worst)
		manager->worst = child->verdict;
	if (child->verdict == CHILD_POINTLESS)
		stop(manager);
	else if (child->verdict == CHILD_TOO_OFTEN)
		hurry(manager);
	manager_work_later(manager);
}

/* Working. */

/* protocol: sync: sources may go on once nobody has anything to do. */
static bool all_idle(const struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++)
		if (!port_idle(&manager->ports[i]) || !drain_idle(&manager->drain, &manager->ports[i]))
			return false;
	for (size_t i = 0; i < manager->inlet_count; i++)
		if (!inlet_idle(&manager->inlets[i]))
			return false;
	return true;
}

static void lock_step(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++) {
		struct port *port = &manager->ports[i];
		uint64_t head;

		if (!port->page || port->plan->in != IN_NONE || !port->out.shared)
			continue;
		/* In this order: what it writes meanwhile is not what was looked for. */
		head = ring_head(&port->out);
		if (atomic_load(&port->page->synced) >= head || !all_idle(manager))
			continue;
		atomic_store_explicit(&port->page->synced, head, memory_order_seq_cst);
		bell_ring(port->bell);
	}
}

/* delivery: durable: sources that answer to somebody hear what is in the journal. */
static void tell_safe(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++) {
		struct port *port = &manager->ports[i];
		uint64_t ready;

		if (!port->page || port->plan->in != IN_NONE || !port->out.shared)
			continue;
		ready = store_ready(manager->store, port);
		if (atomic_load_explicit(&port->page->safe, memory_order_relaxed) == ready)
			continue;
		/* In this order: the source says that it waits before it looks. */
		atomic_store_explicit(&port->page->safe, ready, memory_order_seq_cst);
		if (atomic_exchange_explicit(&port->page->waits, 0, memory_order_seq_cst))
			bell_ring(port->bell);
	}
}

/* So many rounds at a time: then others have their turn, the ends of children and orders from above. */
enum { ROUNDS = 32 };

struct port *manager_port(struct manager *manager, size_t number)
{
	return &manager->ports[number];
}

int manager_bell(const struct manager *manager)
{
	return manager->setup->plumbing->bell;
}

struct inlet *manager_inlet(const struct manager *manager, size_t number)
{
	for (size_t i = 0; i < manager->inlet_count; i++)
		if (manager->inlets[i].port == &manager->ports[number])
			return &manager->inlets[i];
	return NULL;
}

void manager_note_done(struct manager *manager, const struct port *port)
{
	if (manager->store && !manager->stopping)
		store_done(manager->store, (size_t)(port - manager->ports));
}

void manager_work_later(struct manager *manager)
{
	manager->again = true;
	if (manager->working)
		return;
	/* By way of the bell, so that libev looks at everything else before: what is fed it handles first, for ever. */
	if (manager_bell(manager) >= 0)
		bell_ring(manager_bell(manager));
	else
		ev_feed_event(EV_DEFAULT_ & manager->bell, EV_CUSTOM);
}

static bool work_once(struct manager *manager)
{
	bool moved = false;

	for (size_t i = 0; i < manager->count; i++)
		moved |= port_work(&manager->ports[i]);
	if (manager->store)
		moved |= store_work(manager->store);
	for (size_t i = 0; i < manager->inlet_count; i++)
		moved |= inlet_work(&manager->inlets[i]);
	for (size_t i = 0; i < manager->count; i++)
		if (manager->ports[i].plan->drained)
			moved |= drain_work(&manager->drain, &manager->ports[i]);
	return moved;
}

/* Stages between two batches; the next one begins when the readers have had room for what came of the one before. */
static void start_batches(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++) {
		struct child *child = &manager->children[i];

		if (child->state != CHILD_IDLE || child->port->due > 0)
			continue;
		if (!port_takes_batches(child->port))
			child_handle(child, CHILD_ENDED);
		else if (port_has_batch(child->port))
			child_handle(child, CHILD_START);
	}
}

/* All stages are done, and what they wrote is out. */
static bool is_over(const struct manager *manager)
{
	if (manager->done < manager->count)
		return false;
	for (size_t i = 0; i < manager->count && !manager->hurried; i++)
		if (!drain_done(&manager->drain, &manager->ports[i]))
			return false;
	return true;
}

void manager_work(struct manager *manager)
{
	if (manager->working) {
		manager->again = true;
		return;
	}
	manager->working = true;
	for (int i = 0; i < ROUNDS; i++) {
		manager->again = false;
		if (!work_once(manager) && !manager->again)
			break;
		manager->again = true;
	}
	if (manager->setup->plumbing->plan.sync)
		lock_step(manager);
	if (manager->store)
		tell_safe(manager);
	manager->working = false;
	start_batches(manager);
	if (is_over(manager))
		ev_break(EV_DEFAULT_ EVBREAK_ALL);
	else if (manager->again)
		manager_work_later(manager);
}

static void on_bell(EV_P_ ev_io *watcher, int events)
{
	(void)EV_A;
	if (events & EV_READ)
		bell_clear(watcher->fd);
	manager_work(watcher->data);
}

/* The flow process is gone: nothing may outlive it. */
static void abandon(struct manager *manager)
{
	for (size_t i = 0; i < manager->count; i++)
		if (manager->children[i].pid > 0)
			kill(-manager->children[i].pid, SIGKILL);
	orphans_end();
	_exit(MANAGER_BADLY);
}

static void manager_restart_stage(struct manager *manager, const char *name)
{
	for (size_t i = 0; i < manager->count; i++)
		if (strcmp(manager->children[i].stage->name, name) == 0)
			child_handle(&manager->children[i], CHILD_RESTART);
}

static void on_channel(EV_P_ ev_io *watcher, int events)
{
	struct manager *manager = watcher->data;
	char order[1 + MANIFEST_NAME + 1];
	ssize_t n = recv(watcher->fd, order, sizeof(order) - 1, MSG_DONTWAIT);

	(void)EV_A;
	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		abandon(manager);
	if (n <= 0)
		return;
	order[n] = '\0';
	switch (order[0]) {
	case MANAGER_STOP:
		stop(manager);
		break;
	case MANAGER_HURRY:
		hurry(manager);
		break;
	case MANAGER_RESTART:
		manager_restart_stage(manager, order + 1);
		break;
	}
}

static void on_term(EV_P_ ev_signal *watcher, int events)
{
	(void)EV_A;
	(void)events;
	stop(watcher->data);
}

/* From the last to the first: whoever writes finds a reader. */
static void start_all(struct manager *manager)
{
	manager->stopping = manager->setup->drains;
	for (size_t i = manager->count; i-- > 0;) {
		struct child *child = &manager->children[i];

		if (manager->stopping && child->source) {
			child_handle(child, CHILD_STOP);
			continue;
		}
		child_handle(child, CHILD_START);
		if (manager->stopping)
			child_handle(child, CHILD_DRAIN);
	}
}

int manager_run(const struct manager_setup *setup)
{
	static const enum manager_end ends[] = {
		[CHILD_WELL] = MANAGER_WELL,
		[CHILD_BADLY] = MANAGER_BADLY,
		[CHILD_POINTLESS] = MANAGER_POINTLESS,
		[CHILD_TOO_OFTEN] = MANAGER_AFRESH,
	};
	struct manager manager = {.setup = setup};

	/* The parent's loop and its watchers are no concern of this process. */
	ev_loop_destroy(EV_DEFAULT);
	if (!ev_default_loop(EVFLAG_NOENV))
		fail("cannot make an event loop");
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	manager.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (manager.null < 0)
		fail("cannot open '/dev/null':");
	manager_make(&manager);
	ev_io_init(&manager.channel, on_channel, setup->channel, EV_READ);
	ev_signal_init(&manager.term, on_term, SIGTERM);
	ev_io_init(&manager.bell, on_bell, setup->plumbing->bell, EV_READ);
	manager.channel.data = manager.term.data = manager.bell.data = &manager;
	ev_io_start(EV_DEFAULT_ & manager.channel);
	ev_signal_start(EV_DEFAULT_ & manager.term);
	if (setup->plumbing->bell >= 0)
		ev_io_start(EV_DEFAULT_ & manager.bell);
	start_all(&manager);
	manager_work(&manager);
	if (!is_over(&manager))
		ev_run(EV_DEFAULT_ 0);
	ev_io_stop(EV_DEFAULT_ & manager.bell);
	ev_io_stop(EV_DEFAULT_ & manager.channel);
	ev_signal_stop(EV_DEFAULT_ & manager.term);
	orphans_end();
	for (size_t i = 0; i < manager.inlet_count; i++)
		if (manager.inlets[i].note.strange > 0 && manager.worst == CHILD_WELL)
			manager.worst = CHILD_BADLY;
	manager_free(&manager);
	ev_loop_destroy(EV_DEFAULT);
	return (int)ends[manager.worst];
}
