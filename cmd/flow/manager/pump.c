/*
 * The pipes of a stage that does not use rings.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/port.h"
#include "common/line.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

enum {
	HELD = 256 << 10, /* taken and not yet in the ring, at most, but for a longer line … */
	LONGEST = 64 << 20, /* … up to this */
	BATCH_HELD = 16 << 20, /* output of a batch that is kept back until its end */
};

static const int64_t batch_time = 100 * UNIT_MS;
static const double look_first = 0.001, look_last = 0.25;

/* Feeding. */

/* How far it may be fed: a batch is at most half of the ring, so that the writer can go on meanwhile. */
static uint64_t feed_limit(const struct port *port, uint64_t head)
{
	uint64_t most = port->base + port->in->size / 2;
	const char *newline;

	if (port_mode(port) != PORT_EOF || head <= most)
		return head;
	/* The batch ends with a line; one that is longer than that is a batch of its own. */
	newline = memrchr(ring_at(port->in, port->base), '\n', (size_t)(most - port->base));
	if (!newline)
		newline = memchr(ring_at(port->in, most), '\n', (size_t)(head - most));
	return newline ? port->base + (uint64_t)(newline + 1 - ring_at(port->in, port->base)) : head;
}

static void look_later(struct port *port, double after)
{
	if (ev_is_active(&port->look))
		return;
	ev_now_update(EV_DEFAULT);
	ev_timer_set(&port->look, after, 0.);
	ev_timer_start(EV_DEFAULT_ & port->look);
}

bool pump_has_read(const struct port *port)
{
	int unread = 0;

	return port->fed > port->base && ioctl(port->child->in, FIONREAD, &unread) == 0 &&
	       (uint64_t)unread < port->fed - port->base;
}

static void decide(struct port *port)
{
	if (pump_has_read(port) && port_mode(port) == PORT_UNKNOWN) {
		port->plain = true;
	} else if (port->fed > port->base) {
		double age = (double)(moment_now() - port->child->started) / (double)UNIT_S;

		look_later(port, age < look_first ? look_first : age > look_last ? look_last : age);
	}
}

static void close_input(struct port *port)
{
	port->closed = true;
	if (port->page && atomic_load(&port->in->shared->ended) == RING_ENDED)
		atomic_fetch_or_explicit(&port->page->flags, PAGE_ENDED, memory_order_seq_cst);
	ev_io_stop(EV_DEFAULT_ & port->feed_ready);
	close(port->feed);
	port->feed = -1;
}

static bool batch_over(struct port *port, uint64_t limit)
{
	int64_t age = port->batch ? moment_now() - port->batch : 0;

	if (port->fed == port->base)
		return false;
	if (port->fed < ring_head(port->in) || limit < ring_head(port->in) || age >= batch_time)
		return port->fed == limit;
	look_later(port, (double)(batch_time - age) / (double)UNIT_S);
	return false;
}

static bool write_some(struct port *port, uint64_t limit)
{
	bool moved = false;

	while (port->fed < limit) {
		uint64_t most = limit - port->fed;
		ssize_t n = write(port->feed, ring_at(port->in, port->fed), most < LINE_BLOCK ? most : LINE_BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		if (port->batch == 0)
			port->batch = moment_now();
		port->fed += (uint64_t)n;
		moved = true;
	}
	if (port->fed < limit)
		ev_io_start(EV_DEFAULT_ & port->feed_ready);
	else
		ev_io_stop(EV_DEFAULT_ & port->feed_ready);
	return moved;
}

bool pump_feed(struct port *port)
{
	enum port_mode mode = port_mode(port);
	uint64_t head, limit;
	bool moved, ended;

	if (!port->in || mode == PORT_RINGS || port->feed < 0)
		return false;
	ended = ring_ended(port->in);
	/* In this order: the ring stays where it is while something is unread. */
	head = ring_head(port->in);
	if (ring_follow(port->in) < 0)
		fail("cannot map a ring of stage '%s':", port->child->name);
	limit = feed_limit(port, head);
	moved = write_some(port, limit);
	if (mode == PORT_UNKNOWN)
		decide(port);
	if (port_mode(port) == PORT_PLAIN && ring_tail(port->in, port->plan->slot) < port->fed) {
		ring_release(port->in, port->plan->slot, port->fed);
		port_wake_writer(port);
		moved = true;
	}
	if ((ended && port->fed == ring_head(port->in)) || (mode == PORT_EOF && batch_over(port, limit))) {
		close_input(port);
		return moved;
	}
	if (moved || ended || port->fed < head)
		return moved;
	/* What has come since the look at head is not slept over: nobody would ring for it. */
	return port->fed < ring_head(port->in) || !ring_wait_reader(port->in, port->plan->slot, port->fed);
}

/* Taking. */

/* The position behind the `lines` next lines of input. */
static uint64_t behind_lines(struct port *port, uint64_t lines)
{
	uint64_t at = port->mark.in;

	for (; lines > 0 && at < port->fed; lines--) {
		const char *from = ring_at(port->in, at), *newline = memchr(from, '\n', (size_t)(port->fed - at));

		at = newline ? at + (uint64_t)(newline - from) + 1 : port->fed;
	}
	return at;
}

/* Stores port->mark, and gives back the input that it covers. */
static void store_mark(struct port *port)
{
	page_store(&port->page->taken, &port->mark);
	if (!port->in)
		return;
	ring_release(port->in, port->plan->slot, port->mark.in);
	port_wake_writer(port);
}

/* The first n bytes go into the ring, for which there is room. */
static void put(struct port *port, size_t n)
{
	uint64_t head = ring_head(&port->out);

	memcpy(ring_at(&port->out, head), port->got.data, n);
	if (port_mode(port) == PORT_LINES) {
		uint64_t lines = ring_lines(port->got.data, n);

		port->mark.in = behind_lines(port, lines);
		port->mark.out = head + n;
		port->mark.lines += lines;
		port->mark.events = port->mark.results = port->mark.lines;
		store_mark(port);
	}
	ring_publish(&port->out, head + n);
	port_wake_readers(port);
	port->due -= n < port->due ? n : port->due;
	text_drop(&port->got, n);
}

/* How many of the bytes that were taken may go into the ring by now. */
static size_t allowed(struct port *port)
{
	const char *newline;
	uint64_t begin = port->arrived - port->got.length;

	if (port->due > 0)
		return port->due;
	switch (port_mode(port)) {
	case PORT_PIPES:
		return port->mark.out > begin ? (size_t)(port->mark.out - begin) : 0;
	case PORT_EOF:
		if (port->got.length < BATCH_HELD)
			return 0;
		break;
	default:
		break;
	}
	newline = port->got.length ? memrchr(port->got.data, '\n', port->got.length) : NULL;
	return newline ? (size_t)(newline + 1 - port->got.data) : 0;
}

/* Puts as much as is allowed. False: there is no room for more. */
static bool put_allowed(struct port *port, size_t most)
{
	while (most > 0) {
		size_t wanted = 0, n = ring_portion(&port->out, port->got.data, most, &wanted);

		if (n == SIZE_MAX)
			fail("cannot make room for the output of stage '%s':", port->child->name);
		if (n == 0 && ring_wait_writer(&port->out, wanted)) {
			/* Who holds what it has read is to let go of it. */
			if (wanted == port->out.size)
				port_ring_readers(port);
			return false;
		}
		if (n > 0)
			put(port, n);
		most -= n;
	}
	return true;
}

/* PIPES: a mark that was newest before a read counts when its output has arrived, at the latest with what is read now. */
static void note_candidate(struct port *port)
{
	if (port_mode(port) != PORT_PIPES)
		return;
	/* Of a mark without output nobody would hear else. */
	atomic_store(&port->page->ask, PAGE_ASK_MARKS);
	if (!port->waits_for_candidate)
		port->waits_for_candidate =
			page_newest(&port->page->marks, &port->candidate) && port->candidate.out >= port->mark.out;
}

static void take_marks(struct port *port)
{
	struct page_mark mark;

	if (port_mode(port) != PORT_PIPES)
		return;
	if (page_arrived(&port->page->marks, port->arrived, &mark) &&
	    (mark.out > port->mark.out || (mark.out == port->mark.out && mark.in >= port->mark.in))) {
		port->mark = mark;
		port->waits_for_candidate = false;
	} else if (port->waits_for_candidate && port->candidate.out <= port->arrived) {
		port->mark = port->candidate;
		port->waits_for_candidate = false;
	}
}

/* PIPES, EOF: what the mark stands for is in the ring: it counts. */
static bool settle(struct port *port)
{
	enum port_mode mode = port_mode(port);
	struct page_mark newest;

	if ((mode != PORT_PIPES && mode != PORT_EOF) || port->mark.out > ring_head(&port->out))
		return false;
	if (page_newest(&port->page->taken, &newest) && newest.in == port->mark.in && newest.out == port->mark.out)
		return false;
	store_mark(port);
	return true;
}

/* What a predecessor has put into the ring already, and this one has written again. */
static void drop_repeated(struct port *port)
{
	uint64_t begin = port->arrived - port->got.length, head = ring_head(&port->out);
	size_t n = head > begin ? (size_t)(head - begin) : 0;

	if (n > port->got.length)
		n = port->got.length;
	if (n == 0)
		return;
	text_drop(&port->got, n);
}

/* A line that nobody could take: it is gone, and that is said. */
static void drop_overlong(struct port *port)
{
	if (port->got.length < LONGEST || memchr(port->got.data, '\n', port->got.length))
		return;
	if (message_pass(&port->overlong))
		message_error("%s: %zu bytes without a newline are dropped", port->child->name, port->got.length);
	port->page->dropped++;
	port->got.length = 0;
}

/* False: nothing more is there now. */
static bool read_some(struct port *port)
{
	ssize_t n;

	text_reserve(&port->got, LINE_BLOCK);
	do
		n = read(port->take, port->got.data + port->got.length, LINE_BLOCK);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	port->wrote = true;
	port->got.length += (size_t)n;
	port->arrived += (uint64_t)n;
	return true;
}

/* PIPES: nothing of it counts before more is read: a mark stands for all output up to the one before. */
static bool waits_for_mark(struct port *port)
{
	return port_mode(port) == PORT_PIPES && allowed(port) == 0;
}

static bool has_room(struct port *port)
{
	size_t held = port_mode(port) == PORT_EOF ? BATCH_HELD + HELD : HELD;

	return port->got.length < held || (port->got.length < LONGEST &&
	                                   (waits_for_mark(port) || !memchr(port->got.data, '\n', port->got.length)));
}

bool pump_take(struct port *port)
{
	bool moved = false;

	if (port->finished)
		put_allowed(port, port->due);
	if (port->take < 0 || port->finished || port_mode(port) == PORT_RINGS)
		return false;
	note_candidate(port);
	while (has_room(port) && read_some(port)) {
		moved = true;
		drop_repeated(port);
		drop_overlong(port);
		if (port->got.length >= HELD && port_mode(port) != PORT_EOF)
			break;
	}
	take_marks(port);
	put_allowed(port, allowed(port));
	if (port->due == 0)
		put_allowed(port, allowed(port));
	moved |= settle(port);
	/* While it is full, room in the ring is what is waited for, not more to read. */
	if (has_room(port))
		ev_io_start(EV_DEFAULT_ & port->take_ready);
	else
		ev_io_stop(EV_DEFAULT_ & port->take_ready);
	return moved;
}

/* The process has ended well: all it wrote counts, and so does what it was fed. */
static void all_counts(struct port *port)
{
	enum port_mode mode = port_mode(port);

	port->due = port->got.length;
	if (mode == PORT_EOF) {
		port->mark.lines += ring_lines(ring_at(port->in, port->base), (size_t)(port->fed - port->base));
		port->mark.events = port->mark.lines;
	}
	if (mode == PORT_EOF || mode == PORT_PIPES) {
		port->mark.in = port->in ? port->fed : 0;
		port->mark.out = port->arrived;
	}
}

/* It was killed: what is not covered by a mark comes again, or was half a line. */
static void some_counts(struct port *port)
{
	enum port_mode mode = port_mode(port);

	if (mode == PORT_PLAIN || mode == PORT_UNKNOWN) {
		port->due = allowed(port);
		port->arrived -= port->got.length - port->due;
		port->got.length = port->due;
		return;
	}
	port->due = port->got.length = 0;
	if (!page_newest(&port->page->taken, &port->mark))
		port->mark = (struct page_mark){0};
	port->arrived = port->mark.out;
}

void pump_drain(struct port *port, bool well)
{
	if (port->take < 0 || port_mode(port) == PORT_RINGS)
		return;
	note_candidate(port);
	while (read_some(port))
		drop_repeated(port);
	take_marks(port);
	put_allowed(port, allowed(port));
	settle(port);
	if (well)
		all_counts(port);
	else
		some_counts(port);
	/* What there is no room for now is put as the readers give some back (port_work). */
	put_allowed(port, port->due);
	settle(port);
}
