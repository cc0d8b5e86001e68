#include "common/keeper.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

/* True if both rings that are asked for are there. */
static bool open_rings(struct keeper *keeper)
{
	const struct page *page = keeper->page;

	if (keeper->reads && (page->in_fd < 0 || ring_open(&keeper->in, page->in_fd, (off_t)page->in_place, false) < 0))
		return false;
	return !keeper->writes ||
	       (page->out_fd >= 0 && ring_open(&keeper->out, page->out_fd, (off_t)page->out_place, true) == 0);
}

void keeper_open(struct keeper *keeper, bool reads, bool writes)
{
	*keeper = (struct keeper){.page = page_attach(), .reads = reads, .writes = writes};
	if (!keeper->page)
		return;
	if (!open_rings(keeper)) {
		keeper_close(keeper);
		return;
	}
	keeper->resumed = page_newest(&keeper->page->marks, &keeper->mark);
	keeper->next = keeper->mark;
	keeper->skip = keeper->mark.skip;
	atomic_store_explicit(&keeper->page->keeps, PAGE_RINGS, memory_order_seq_cst);
	/* Who waits to see whether this is a keeper need not any longer; and there may be input for an event loop. */
	bell_ring(keeper->page->manager);
	bell_ring(keeper->page->bell);
}

void keeper_close(struct keeper *keeper)
{
	ring_close(&keeper->in);
	ring_close(&keeper->out);
	keeper->page = NULL;
}

void keeper_handled(struct keeper *keeper, uint64_t in, uint64_t lines)
{
	keeper->next.in = in;
	keeper->next.lines = lines;
	keeper->behind |= in != keeper->mark.in;
}

bool keeper_cursor(struct keeper *keeper, const void *bytes, size_t length)
{
	if (length > PAGE_CURSOR)
		return false;
	memcpy(keeper->next.cursor, bytes, length);
	keeper->next.cursor_length = (uint32_t)length;
	keeper->behind = true;
	return true;
}

/* The manager wants to know of the mark that was just stored. */
static bool is_asked(const struct keeper *keeper)
{
	switch (atomic_load_explicit(&keeper->page->ask, memory_order_relaxed)) {
	case PAGE_ASK_NOTHING:
		return false;
	case PAGE_ASK_IDLE:
		/* Either this sees what the reader gave back, or the reader's manager sees what was given back here. */
		atomic_thread_fence(memory_order_seq_cst);
		return !keeper->writes || ring_lowest(&keeper->out) == ring_head(&keeper->out);
	default:
		return true;
	}
}

/* Stores the mark; if all up to the boundary is done, the input before it is given back. */
static void store(struct keeper *keeper, bool whole)
{
	struct page *page = keeper->page;

	page_store(&page->marks, &keeper->mark);
	if (keeper->writes)
		ring_publish(&keeper->out, keeper->mark.out);
	if (keeper->reads && whole) {
		ring_release(&keeper->in, page->in_slot, keeper->mark.in);
		if (ring_writer_waits(&keeper->in))
			bell_ring(page->in_bell);
	}
	if (is_asked(keeper))
		bell_ring(page->manager);
}

static void take_next(struct keeper *keeper)
{
	uint64_t out = keeper->mark.out;

	memcpy(&keeper->mark, &keeper->next, offsetof(struct page_mark, cursor) + keeper->next.cursor_length);
	keeper->mark.out = out;
	keeper->behind = false;
}

void keeper_mark(struct keeper *keeper)
{
	if (!keeper->behind)
		return;
	take_next(keeper);
	store(keeper, true);
}

static void wake_readers(struct keeper *keeper)
{
	for (unsigned i = 0; i < RING_READERS && keeper->page->out_bells[i] >= 0; i++)
		if (ring_reader_waits(&keeper->out, i))
			bell_ring(keeper->page->out_bells[i]);
}

static void ring_readers(struct keeper *keeper)
{
	for (unsigned i = 0; i < RING_READERS && keeper->page->out_bells[i] >= 0; i++)
		bell_ring(keeper->page->out_bells[i]);
}

int keeper_put(struct keeper *keeper, const char *bytes, size_t length, uint64_t lines, bool whole)
{
	bool waited = false;

	while (length > 0) {
		size_t wanted = 0, n = ring_portion(&keeper->out, bytes, length, &wanted);
		bool all = n == length && whole;

		if (ring_deserted(&keeper->out))
			errno = EPIPE;
		if (ring_deserted(&keeper->out) || n == SIZE_MAX)
			return -1;
		if (n == 0) {
			if (!ring_wait_writer(&keeper->out, wanted))
				continue;
			/* Some make room only now (when_full); and who holds what it has read is to let go of it. */
			wake_readers(keeper);
			if (wanted == keeper->out.size && !waited)
				ring_readers(keeper);
			keeper_wait(keeper, -1);
			waited = true;
			continue;
		}
		memcpy(ring_at(&keeper->out, keeper->mark.out), bytes, n);
		if (all) {
			take_next(keeper);
		} else {
			uint64_t part = n == length ? lines : ring_lines(bytes, n);

			keeper->mark.skip += part;
			lines -= part;
		}
		keeper->mark.out += n;
		store(keeper, all);
		wake_readers(keeper);
		bytes += n;
		length -= n;
	}
	/* It may have been rung for the input, too, which an event loop waits for. */
	if (waited)
		bell_ring(keeper->page->bell);
	return 0;
}

bool keeper_room(struct keeper *keeper, size_t length)
{
	struct ring *ring = &keeper->out;
	size_t wanted = length > ring->size / 4 ? length : ring->size / 4;

	/* What is longer than the ring makes it larger, for which it must be empty. */
	if (wanted > ring->size)
		wanted = ring->size;
	if (length <= ring_room(ring) || !ring_wait_writer(ring, wanted))
		return true;
	/* As in keeper_put. */
	wake_readers(keeper);
	if (wanted == ring->size)
		ring_readers(keeper);
	return false;
}

static bool has_come(_Atomic uint64_t *position, uint64_t out)
{
	return atomic_load_explicit(position, memory_order_seq_cst) >= out;
}

bool keeper_safe(struct keeper *keeper, uint64_t out)
{
	struct page *page = keeper->page;
	uint32_t flags = atomic_load_explicit(&page->flags, memory_order_relaxed);

	if ((flags & PAGE_SYNC) && !has_come(&page->synced, out) && !ring_deserted(&keeper->out))
		return false;
	if (!(flags & PAGE_JOURNAL) || has_come(&page->safe, out))
		return true;
	/* It says that it waits, and looks again: the other side does it the other way round. */
	atomic_store_explicit(&page->waits, 1, memory_order_seq_cst);
	return has_come(&page->safe, out);
}

/* The next line is longer than the ring, which must be empty to be made larger. */
static bool writer_needs_all(const struct keeper *keeper, uint64_t read)
{
	return read > keeper->mark.in && atomic_load(&keeper->in.shared->wanted) == keeper->in.size;
}

bool keeper_is_waited_for(const struct keeper *keeper, uint64_t read, uint64_t held)
{
	return keeper_in_lock_step(keeper) || writer_needs_all(keeper, read) || held >= keeper->in.size / 2;
}

void keeper_wait_for_all(struct keeper *keeper)
{
	while (atomic_load_explicit(&keeper->page->synced, memory_order_acquire) < keeper->mark.out &&
	       !ring_deserted(&keeper->out))
		keeper_wait(keeper, -1);
}

/*
 * In lock step the answer comes within microseconds, most of which would go into falling asleep and being woken: so the bell is
 * looked at for a moment first, while others may have the processor. True: it rang, or there is a reason to stop.
 */
static bool rings_soon(const struct keeper *keeper, struct pollfd fds[2])
{
	static const int64_t moment = 50 * UNIT_US;
	int64_t start;

	if (!keeper_in_lock_step(keeper))
		return false;
	start = moment_now();
	do {
		if (poll(fds, 2, 0) > 0)
			return true;
		sched_yield();
	} while (moment_now() - start < moment);
	return false;
}

bool keeper_wait(struct keeper *keeper, int stop_fd)
{
	struct pollfd fds[2] = {{.fd = keeper->page->bell, .events = POLLIN}, {.fd = stop_fd, .events = POLLIN}};
	uint64_t handling = atomic_load_explicit(&keeper->page->handling, memory_order_relaxed);

	/* Who is killed while he waits was not killed by an event. */
	atomic_store_explicit(&keeper->page->handling, PAGE_NOWHERE, memory_order_relaxed);
	while (!rings_soon(keeper, fds) && poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			fail("cannot wait for the bell of the stage page:");
	atomic_store_explicit(&keeper->page->handling, handling, memory_order_relaxed);
	if (fds[0].revents)
		bell_clear(keeper->page->bell);
	return fds[1].revents & POLLIN;
}
