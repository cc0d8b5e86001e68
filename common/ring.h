/*
 * ring: bytes from one writer to up to RING_READERS readers, through shared memory.
 *
 * Positions are bytes since the edge began and never wrap. The writer puts bytes behind `head`, where nobody looks, and
 * publishes them by moving head; a reader gives room back by moving its `tail`. Both are single stores, so a kill at any
 * instant leaves a ring that is right, and what is published outlives everyone: the memory belongs to the flow process
 * (a memfd). Whoever moves a head or a tail says so first in a mark (page.h), which is the truth a successor starts from.
 *
 * The data lies in an area, mapped twice in a row, so that any stretch of it is contiguous; behind it are
 * RING_PADDING readable bytes. A line that is longer than the area moves the ring, once it is empty, to a larger one, and
 * back later: memory is bounded by what lines need, and lines are never cut. RING_MOST is the longest line.
 *
 * No system call is made while both sides are busy: who has to wait says so in the ring, looks once more,
 * and waits for its bell (an eventfd, page.h); the other side rings it. Whoever dies owes its neighbours a bell, which
 * the manager rings for it.
 */
#ifndef PYPE_RING_H
#define PYPE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RING_READERS = 64, RING_SHARED = 8192, RING_PADDING = 4096, RING_MOST = 1 << 30 };

enum ring_end {
	RING_GOES_ON,
	RING_GIVEN_UP, /* its writer has failed for good */
	RING_ENDED, /* its writer has done its work */
};

struct ring_slot {
	_Alignas(64) _Atomic uint64_t tail; /* all before it is handled, and its room free */
	_Atomic uint32_t waits; /* the reader waits for more */
	_Atomic uint32_t present; /* somebody reads here */
};

struct ring_area {
	uint64_t place, size; /* in the file; a power of two, whole pages */
};

/* In the file, RING_SHARED bytes, zero at first. */
struct ring_shared {
	_Alignas(64) _Atomic uint64_t head; /* what lies before it is published */
	_Atomic uint64_t wanted; /* the writer waits for so much room; 0: it does not */
	_Atomic uint32_t ended; /* enum ring_end: nothing will follow */
	_Atomic uint32_t deserted; /* nobody will read any more */
	_Atomic uint32_t area; /* which of the two is used; moves only while the ring is empty */
	struct ring_area areas[2]; /* the usual one, and the one for long lines */
	struct ring_slot slots[RING_READERS];
};

/* A process's view. */
struct ring {
	struct ring_shared *shared;
	char *data; /* the area, mapped twice */
	size_t size;
	int fd; /* of the file; borrowed */

	/* private */
	uint32_t area;
	bool writes;
};

/*
 * Maps the ring whose shared part is at this place of the file; writes: its data too, else they are read only. 0, or -1:
 * errno. ring_close in either case.
 */
int ring_open(struct ring *ring, int fd, off_t place, bool writes);
void ring_close(struct ring *ring);

/* Lays a new ring out in a file of zeros: areas of that size (rounded up to a power of two) and for long lines. */
int ring_make(int fd, off_t place, const struct ring_area areas[2]);

/* Follows the ring to its other area if it has moved. To be called by a reader that has seen a new head. 0, or -1: errno. */
int ring_follow(struct ring *ring);

static inline char *ring_at(const struct ring *ring, uint64_t position)
{
	return ring->data + (position & (ring->size - 1));
}

static inline uint64_t ring_head(const struct ring *ring)
{
	return atomic_load_explicit(&ring->shared->head, memory_order_acquire);
}

static inline uint64_t ring_tail(const struct ring *ring, unsigned slot)
{
	return atomic_load_explicit(&ring->shared->slots[slot].tail, memory_order_acquire);
}

/* The lowest tail of all readers that are present; head if there is none. */
uint64_t ring_lowest(const struct ring *ring);
/* How many bytes may be put behind head now. */
size_t ring_room(const struct ring *ring);

/*
 * Makes the ring fit for a line of this length, and small again where it was made larger for one before: needs an
 * empty ring. Only for the writer. 1: it fits; 0: not yet, the readers are not through; -1: errno.
 */
int ring_fit(struct ring *ring, size_t length);

/*
 * How much of these lines can be put behind head now: all of them, or the first whole ones. 0: nothing before there is
 * `*wanted` room; SIZE_MAX: errno. Only for the writer: makes the ring fit for the first line.
 */
size_t ring_portion(struct ring *ring, const char *bytes, size_t length, size_t *wanted);

/* How many lines end in these bytes. */
uint64_t ring_lines(const char *bytes, size_t length);

/*
 * Publishing and giving back. True: the other side waits (its flag is taken back), ring its bell. The writer asks for
 * each of its readers; a reader for the writer.
 */
void ring_publish(struct ring *ring, uint64_t head);
bool ring_reader_waits(struct ring *ring, unsigned slot);
void ring_release(struct ring *ring, unsigned slot, uint64_t tail);
bool ring_writer_waits(struct ring *ring);

/* Says that this side waits: for more than `head`; for room. False: no need to, it is there, or never will be (ended, deserted). */
bool ring_wait_reader(struct ring *ring, unsigned slot, uint64_t head);
bool ring_wait_writer(struct ring *ring, size_t wanted);

static inline bool ring_ended(const struct ring *ring)
{
	return atomic_load_explicit(&ring->shared->ended, memory_order_acquire);
}

static inline bool ring_deserted(const struct ring *ring)
{
	return atomic_load_explicit(&ring->shared->deserted, memory_order_acquire);
}

/* Bells: eventfds that do not block. */
void bell_ring(int bell);
void bell_clear(int bell);

#endif
