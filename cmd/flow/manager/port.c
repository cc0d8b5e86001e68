#include "cmd/flow/manager/port.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/manager.h"
#include "common/line.h"

static bool attached(const struct port *port)
{
	return port->page && atomic_load_explicit(&port->page->keeps, memory_order_acquire) == PAGE_RINGS;
}

enum port_mode port_mode(const struct port *port)
{
	enum manifest_ack ack = port->child->stage->settings.ack;
	uint32_t keeps = port->page ? atomic_load_explicit(&port->page->keeps, memory_order_acquire) : PAGE_NOT;

	if (!port->plan->paged)
		return PORT_PLAIN;
	if (keeps == PAGE_RINGS)
		return PORT_RINGS;
	if (ack == ACK_LINES)
		return PORT_LINES;
	if (ack == ACK_EOF)
		return PORT_EOF;
	if (keeps == PAGE_PIPES)
		return PORT_PIPES;
	return port->plain ? PORT_PLAIN : PORT_UNKNOWN;
}

enum page_part port_part(const struct port *port)
{
	static const enum page_part parts[] = {
		[PORT_UNKNOWN] = PAGE_PART_UNKNOWN, [PORT_PLAIN] = PAGE_PART_PLAIN, [PORT_PIPES] = PAGE_PART_PAGE,
		[PORT_LINES] = PAGE_PART_LINES,     [PORT_EOF] = PAGE_PART_EOF,     [PORT_RINGS] = PAGE_PART_PAGE,
	};

	if (!port->plan->paged && port->plan->out != OUT_RING)
		return PAGE_PART_FAST;
	/* A program that keeps the page says so before it writes. */
	if (port_mode(port) == PORT_UNKNOWN && port->wrote)
		return PAGE_PART_PLAIN;
	return parts[port_mode(port)];
}

/* For the flow process. */
static enum page_ask wanted_ask(const struct port *port)
{
	const struct plan *plan = &port->manager->setup->plumbing->plan;

	/* One that keeps the page over its pipes has no other way to be heard of when it marks without output. */
	if (plan->durable || (port->child->stage->settings.ack == ACK_PAGE && !attached(port)))
		return PAGE_ASK_MARKS;
	return plan->sync ? PAGE_ASK_IDLE : PAGE_ASK_NOTHING;
}

static void note_part(struct port *port)
{
	uint32_t part = port_part(port);

	if (attached(port) && atomic_load_explicit(&port->page->ask, memory_order_relaxed) != wanted_ask(port))
		atomic_store(&port->page->ask, wanted_ask(port));
	if (port->page && port->page->ack != part)
		atomic_store_explicit((_Atomic uint32_t *)&port->page->ack, part, memory_order_relaxed);
}

void port_wake_readers(struct port *port)
{
	for (int i = 0; i < port->reader_count; i++) {
		struct port *reader = port->readers[i];

		if (reader && attached(reader) && ring_reader_waits(&port->out, (unsigned)i))
			bell_ring(reader->bell);
	}
	manager_work_later(port->manager);
}

void port_wake_writer(struct port *port)
{
	struct port *writer = port->plan->in == IN_SHARED ? manager_port(port->manager, port->plan->from) : NULL;

	if (writer && attached(writer) && ring_writer_waits(port->in))
		bell_ring(writer->bell);
	manager_work_later(port->manager);
}

/* Watchers: whatever happens, all ports are looked at. */

static void on_ready(EV_P_ ev_io *watcher, int events)
{
	struct port *port = watcher->data;

	(void)EV_A;
	(void)events;
	manager_work(port->manager);
}

static void on_bell(EV_P_ ev_io *watcher, int events)
{
	struct port *port = watcher->data;

	(void)events;
	bell_clear(port->bell);
	if (attached(port)) {
		/* It is its own now, and may have been rung for it. */
		ev_io_stop(EV_A_ watcher);
		bell_ring(port->bell);
	}
	manager_work(port->manager);
}

static void on_look(EV_P_ ev_timer *watcher, int events)
{
	struct port *port = watcher->data;

	(void)EV_A;
	(void)events;
	manager_work(port->manager);
}

/* Making. */

static int map(struct port *port)
{
	void *page = mmap(NULL, PAGE_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, port->memory, 0);

	if (page == MAP_FAILED)
		return -1;
	port->page = page;
	if (port->plan->out == OUT_RING && ring_open(&port->out, port->memory, PLUMBING_OUT, true) < 0)
		return -1;
	if (port->plan->in == IN_OWN && ring_open(&port->own_in, port->memory, PLUMBING_IN, true) < 0)
		return -1;
	return 0;
}

/* The rings say what the newest mark of a stage that is gone says, and the page has one that its successor starts from. */
static void restore(struct port *port)
{
	enum port_mode mode = port_mode(port);
	struct page_marks *truth = mode == PORT_RINGS ? &port->page->marks : &port->page->taken;
	struct page_marks *copy = mode == PORT_RINGS ? &port->page->taken : &port->page->marks;
	struct page_mark mark = {0};

	if (mode == PORT_PLAIN || (!page_newest(truth, &mark) && mode != PORT_PIPES))
		return;
	/* Over pipes the newest mark may be one whose output has never arrived, and the first of all. */
	page_store(copy, &mark);
	/* What came of a whole batch counts once there is room for it. */
	if (port->due == 0 || mode != PORT_EOF)
		port->mark = mark;
	/* With ack: lines the ring may be ahead of the mark, or behind it if the manager was killed between the two. */
	if (port->plan->out == OUT_RING && mark.out > ring_head(&port->out))
		ring_publish(&port->out, mark.out);
	if (port->in && mark.in > ring_tail(port->in, port->plan->slot))
		ring_release(port->in, port->plan->slot, mark.in);
}

int port_init(struct port *port, struct manager *manager, struct child *child, const struct plumbing *plumbing,
              size_t number, struct port *ports)
{
	const struct plan_stage *plan = &plumbing->plan.stages[number];

	*port = (struct port){
		.child = child,
		.manager = manager,
		.plan = plan,
		.memory = plumbing->memories[number],
		.bell = plumbing->bells[number],
		.feed = -1,
		.take = -1,
		.reader_count = (int)plan->slots,
	};
	ev_init(&port->feed_ready, on_ready);
	ev_init(&port->take_ready, on_ready);
	ev_init(&port->bell_ready, on_bell);
	ev_init(&port->look, on_look);
	port->feed_ready.data = port->take_ready.data = port->bell_ready.data = port->look.data = port;
	if (port->memory >= 0 && map(port) < 0)
		return -1;
	if (plan->in == IN_OWN)
		port->in = &port->own_in;
	if (plan->in == IN_SHARED) {
		port->in = &ports[plan->from].out;
		ports[plan->from].readers[plan->slot] = port;
	}
	if (plan->drained)
		atomic_store(&port->out.shared->slots[0].present, 1);
	else if (plumbing->plan.durable)
		atomic_store(&port->out.shared->slots[plan->journal_slot].present, 1);
	if (port->bell >= 0) {
		ev_io_set(&port->bell_ready, port->bell, EV_READ);
		ev_io_start(EV_DEFAULT_ & port->bell_ready);
	}
	return 0;
}

void port_adopt(struct port *port)
{
	if (port->page && port->plan->paged)
		restore(port);
	port->finished = port->page && atomic_load(&port->page->state) == PAGE_DONE;
	if (port->in && !port->finished)
		atomic_store_explicit(&port->in->shared->slots[port->plan->slot].present, 1, memory_order_seq_cst);
}

static void close_pipe(struct ev_io *watcher, int *fd)
{
	ev_io_stop(EV_DEFAULT_ watcher);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_pipes(struct port *port)
{
	close_pipe(&port->feed_ready, &port->feed);
	close_pipe(&port->take_ready, &port->take);
	ev_timer_stop(EV_DEFAULT_ & port->look);
}

void port_free(struct port *port)
{
	close_pipes(port);
	ev_io_stop(EV_DEFAULT_ & port->bell_ready);
	text_free(&port->got);
	ring_close(&port->out);
	ring_close(&port->own_in);
	if (port->page)
		munmap(port->page, PAGE_LENGTH);
}

/* A pipe of which one end does not block: that is the manager's. The stage's end, theirs[0], is closed before. */
static int make_pipe(int *ours, int *theirs, bool we_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	/* Best effort: users without privileges have few large pipes. */
	fcntl(ends[1], F_SETPIPE_SZ, LINE_PIPE);
	if (*theirs >= 0)
		close(*theirs);
	*ours = ends[we_write];
	*theirs = ends[!we_write];
	return fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static int make_pipes(struct port *port)
{
	close_pipes(port);
	if (port->in && make_pipe(&port->feed, &port->child->in, true) < 0)
		return -1;
	if (port->plan->out == OUT_RING && make_pipe(&port->take, &port->child->out, false) < 0)
		return -1;
	if (port->feed >= 0)
		ev_io_set(&port->feed_ready, port->feed, EV_WRITE);
	if (port->take >= 0) {
		ev_io_set(&port->take_ready, port->take, EV_READ);
		ev_io_start(EV_DEFAULT_ & port->take_ready);
	}
	port->closed = false;
	port->base = port->fed = port->in ? ring_tail(port->in, port->plan->slot) : 0;
	return 0;
}

static uint32_t first_flags(const struct plan *plan, struct page *page)
{
	uint32_t flags = atomic_load(&page->marks.sequence) > 0 ? PAGE_RESUMED : 0;

	flags |= plan->sync ? PAGE_SYNC : 0;
	flags |= plan->durable ? PAGE_JOURNAL : 0;
	return flags;
}

int port_prepare(struct port *port)
{
	const struct plan *plan = &port->manager->setup->plumbing->plan;
	struct page *page = port->page;
	struct page_mark mark;

	port->batch = 0;
	port->waits_for_candidate = port->wrote = false;
	/* What a plain one has left in its pipes is its successor's. */
	if (!(port->plain && (port->feed >= 0 || port->closed)) && make_pipes(port) < 0)
		return -1;
	if (port->plan->out == OUT_RING && port->due == 0)
		port->arrived = page_newest(&page->taken, &mark) && port_mode(port) != PORT_PLAIN
		                        ? mark.out
		                        : ring_head(&port->out);
	if (!port->plan->paged)
		return 0;
	if (atomic_load(&page->keeps) == PAGE_RINGS) {
		ev_io_start(EV_DEFAULT_ & port->bell_ready);
		bell_ring(port->bell);
	}
	atomic_store(&page->keeps, PAGE_NOT);
	atomic_store(&page->ask, wanted_ask(port));
	/* One that dies before it has begun with an event does not die of the one its predecessor had. */
	atomic_store(&page->handling, PAGE_NOWHERE);
	atomic_store(&page->flags, first_flags(plan, page));
	return 0;
}

/* Working. */

/* All it wrote is in the ring: its readers come to the end, its writers need not wait for it. */
static void complete(struct port *port)
{
	port->completed = true;
	close_pipes(port);
	if (port->manager->afresh)
		return;
	manager_note_done(port->manager, port);
	if (port->page)
		atomic_store(&port->page->state, PAGE_DONE);
	if (port->out.shared)
		atomic_store_explicit(&port->out.shared->ended,
		                      port->child->verdict == CHILD_WELL ? RING_ENDED : RING_GIVEN_UP,
		                      memory_order_seq_cst);
	if (port->in)
		atomic_store_explicit(&port->in->shared->slots[port->plan->slot].present, 0, memory_order_seq_cst);
	manager_lost_reader(port->manager, port);
	port_wake_all(port);
}

bool port_work(struct port *port)
{
	bool moved;

	if (port->completed || (port->child->pid == 0 && port->due == 0 && !port->finished))
		return false;
	moved = pump_feed(port);
	moved |= pump_take(port);
	note_part(port);
	if (port->finished && port->due == 0) {
		complete(port);
		moved = true;
	}
	return moved;
}

/* Ending. */

void port_died(struct port *port, bool well)
{
	ev_timer_stop(EV_DEFAULT_ & port->look);
	port->plain |= port_mode(port) == PORT_UNKNOWN && pump_has_read(port);
	pump_drain(port, well);
	if (port->in && port_mode(port) == PORT_PLAIN && port->fed > ring_tail(port->in, port->plan->slot))
		ring_release(port->in, port->plan->slot, port->fed);
	if (!port->plan->paged)
		return;
	restore(port);
	/* It may have died between what it did and the bell that it owed for that. */
	port_wake_all(port);
}

bool port_takes_batches(const struct port *port)
{
	return port->page && port_mode(port) == PORT_EOF && !ring_deserted(&port->out) &&
	       !(ring_ended(port->in) && !port_has_batch(port));
}

bool port_has_batch(const struct port *port)
{
	return port->mark.in < ring_head(port->in);
}

void port_ring_readers(struct port *port)
{
	for (int i = 0; i < port->reader_count; i++)
		if (port->readers[i] && port->readers[i]->bell >= 0)
			bell_ring(port->readers[i]->bell);
}

void port_wake_all(struct port *port)
{
	port_ring_readers(port);
	if (port->plan->in == IN_SHARED && manager_port(port->manager, port->plan->from)->bell >= 0)
		bell_ring(manager_port(port->manager, port->plan->from)->bell);
	manager_work_later(port->manager);
}

void port_finish(struct port *port)
{
	port->finished = true;
	close_pipe(&port->feed_ready, &port->feed);
	if (port->due == 0)
		complete(port);
	else
		manager_work_later(port->manager);
}

static bool is_journal(const struct port *port, int slot)
{
	return port->manager->setup->plumbing->plan.durable && !port->plan->drained &&
	       slot == (int)port->plan->journal_slot;
}

bool port_lost_reader(struct port *port, unsigned slot)
{
	if (!port->out.shared)
		return true;
	atomic_store_explicit(&port->out.shared->slots[slot].present, 0, memory_order_seq_cst);
	for (int i = 0; i < port->reader_count; i++)
		if (atomic_load(&port->out.shared->slots[i].present) && !is_journal(port, i)) {
			/* What that one left unread was perhaps what there was no room for. */
			if (port->bell >= 0)
				bell_ring(port->bell);
			return false;
		}
	atomic_store_explicit(&port->out.shared->deserted, 1, memory_order_seq_cst);
	/* A plain one gets SIGPIPE, one that waits for the time or an answer notices it, too. */
	close_pipe(&port->take_ready, &port->take);
	port->due = port->got.length = 0;
	if (port->bell >= 0)
		bell_ring(port->bell);
	return true;
}

uint64_t port_unhandled(const struct port *port)
{
	return port->in && port->in->shared ? ring_head(port->in) - ring_tail(port->in, port->plan->slot) : 0;
}

bool port_answers(const struct port *port)
{
	return port->plan->paged && port_mode(port) != PORT_PLAIN;
}

bool port_has_answered(const struct port *port)
{
	return port_answers(port) && port_mode(port) != PORT_UNKNOWN;
}

bool port_input_ended(const struct port *port)
{
	int unread = 0;

	if (!port->in || !ring_ended(port->in) || port_unhandled(port) > 0)
		return false;
	return port_mode(port) != PORT_PLAIN || ioctl(port->child->in, FIONREAD, &unread) < 0 || unread == 0;
}

bool port_idle(const struct port *port)
{
	struct page_mark mark;
	int unread = 0;

	if (port->finished)
		return true;
	if (port->got.length > 0 || port_unhandled(port) > 0)
		return false;
	if (port_mode(port) == PORT_RINGS && page_newest(&port->page->marks, &mark) && port->out.shared)
		return mark.out == ring_head(&port->out);
	return !port->in || port_mode(port) != PORT_PLAIN || ioctl(port->child->in, FIONREAD, &unread) < 0 ||
	       unread == 0;
}
