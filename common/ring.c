#include "common/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Address space for the area twice and the padding, with the file over it. NULL: errno. */
static char *map_twice(const struct ring *ring, const struct ring_area *area)
{
	int protection = PROT_READ | (ring->writes ? PROT_WRITE : 0);
	size_t size = (size_t)area->size;
	char *base = mmap(NULL, 2 * size + RING_PADDING, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	for (size_t i = 0; i < 2; i++)
		if (mmap(base + i * size, size, protection, MAP_SHARED | MAP_FIXED, ring->fd, (off_t)area->place) ==
		    MAP_FAILED) {
			int saved = errno;

			munmap(base, 2 * size + RING_PADDING);
			errno = saved;
			return NULL;
		}
	return base;
}

static void unmap_data(struct ring *ring)
{
	if (ring->data)
		munmap(ring->data, 2 * ring->size + RING_PADDING);
	ring->data = NULL;
}

static int map_area(struct ring *ring, uint32_t number)
{
	const struct ring_area *area = &ring->shared->areas[number];
	char *data = map_twice(ring, area);

	if (!data)
		return -1;
	unmap_data(ring);
	ring->data = data;
	ring->size = (size_t)area->size;
	ring->area = number;
	return 0;
}

int ring_open(struct ring *ring, int fd, off_t place, bool writes)
{
	void *shared = mmap(NULL, RING_SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place);

	*ring = (struct ring){.fd = fd, .writes = writes};
	if (shared == MAP_FAILED)
		return -1;
	ring->shared = shared;
	return map_area(ring, atomic_load_explicit(&ring->shared->area, memory_order_acquire));
}

void ring_close(struct ring *ring)
{
	unmap_data(ring);
	if (ring->shared)
		munmap(ring->shared, RING_SHARED);
	ring->shared = NULL;
}

static uint64_t power_of_two(uint64_t least)
{
	uint64_t size = 4096;

	while (size < least)
		size *= 2;
	return size;
}

int ring_make(int fd, off_t place, const struct ring_area areas[2])
{
	struct ring_shared *shared = mmap(NULL, RING_SHARED, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place);

	if (shared == MAP_FAILED)
		return -1;
	for (size_t i = 0; i < 2; i++)
		shared->areas[i] = (struct ring_area){areas[i].place, areas[i].size ? power_of_two(areas[i].size) : 0};
	munmap(shared, RING_SHARED);
	return 0;
}

int ring_follow(struct ring *ring)
{
	uint32_t area = atomic_load_explicit(&ring->shared->area, memory_order_acquire);

	/* The larger area may have another size each time it is used. */
	if (area == ring->area && ring->size == ring->shared->areas[area].size)
		return 0;
	return map_area(ring, area);
}

/* Tails in the one order that waiting and waking share (seq_cst): two readers that move at once must not both miss the other. */
uint64_t ring_lowest(const struct ring *ring)
{
	uint64_t lowest = ring_head(ring);

	for (unsigned i = 0; i < RING_READERS; i++) {
		const struct ring_slot *slot = &ring->shared->slots[i];
		uint64_t tail;

		if (!atomic_load_explicit(&slot->present, memory_order_seq_cst))
			continue;
		tail = atomic_load_explicit(&slot->tail, memory_order_seq_cst);
		if (tail < lowest)
			lowest = tail;
	}
	return lowest;
}

size_t ring_room(const struct ring *ring)
{
	uint64_t used = ring_head(ring) - ring_lowest(ring);

	return used < ring->size ? ring->size - (size_t)used : 0;
}

int ring_fit(struct ring *ring, size_t length)
{
	struct ring_shared *shared = ring->shared;
	uint32_t number = length > shared->areas[0].size;
	bool empty = ring_lowest(ring) == ring_head(ring);

	if (length > RING_MOST) {
		errno = EFBIG;
		return -1;
	}
	if (length <= ring->size && (number == ring->area || !empty))
		return 1;
	if (!empty)
		return 0;
	if (number == 1)
		shared->areas[1].size = power_of_two(length);
	if (map_area(ring, number) < 0)
		return -1;
	atomic_store_explicit(&shared->area, number, memory_order_release);
	/* Best effort: memory that is given back a line later is no harm. */
	if (number == 0)
		(void)fallocate(ring->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)shared->areas[1].place,
		                (off_t)shared->areas[1].size);
	return 1;
}

size_t ring_portion(struct ring *ring, const char *bytes, size_t length, size_t *wanted)
{
	size_t room = ring_room(ring), line;
	const char *newline;

	if (length <= room)
		return length;
	newline = room > 0 ? memrchr(bytes, '\n', room) : NULL;
	if (newline)
		return (size_t)(newline - bytes) + 1;
	newline = memchr(bytes + room, '\n', length - room);
	line = newline ? (size_t)(newline - bytes) + 1 : length;
	switch (ring_fit(ring, line)) {
	case 1:
		/* A quarter of the ring at least, so that a slow reader does not make for many small portions. */
		*wanted = line > ring->size / 4 ? line : ring->size / 4;
		return line <= ring_room(ring) ? line : 0;
	case 0:
		*wanted = ring->size;
		return 0;
	default:
		return SIZE_MAX;
	}
}

uint64_t ring_lines(const char *bytes, size_t length)
{
	const char *end = bytes + length;
	uint64_t lines = 0;

	for (; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))); bytes++)
		lines++;
	return lines;
}

void ring_publish(struct ring *ring, uint64_t head)
{
	/* Before the flag of whoever waits is looked at, everybody must see the head: see ring_wait_…. */
	atomic_store_explicit(&ring->shared->head, head, memory_order_seq_cst);
}

bool ring_reader_waits(struct ring *ring, unsigned slot)
{
	_Atomic uint32_t *waits = &ring->shared->slots[slot].waits;

	return atomic_load_explicit(waits, memory_order_seq_cst) &&
	       atomic_exchange_explicit(waits, 0, memory_order_seq_cst);
}

void ring_release(struct ring *ring, unsigned slot, uint64_t tail)
{
	atomic_store_explicit(&ring->shared->slots[slot].tail, tail, memory_order_seq_cst);
}

bool ring_writer_waits(struct ring *ring)
{
	struct ring_shared *shared = ring->shared;
	uint64_t wanted = atomic_load_explicit(&shared->wanted, memory_order_seq_cst);
	uint64_t size = shared->areas[atomic_load_explicit(&shared->area, memory_order_acquire)].size;

	if (wanted == 0 || size - (ring_head(ring) - ring_lowest(ring)) < wanted)
		return false;
	return atomic_exchange_explicit(&shared->wanted, 0, memory_order_seq_cst);
}

bool ring_wait_reader(struct ring *ring, unsigned slot, uint64_t head)
{
	_Atomic uint32_t *waits = &ring->shared->slots[slot].waits;

	atomic_store_explicit(waits, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&ring->shared->head, memory_order_seq_cst) == head && !ring_ended(ring))
		return true;
	atomic_store_explicit(waits, 0, memory_order_relaxed);
	return false;
}

bool ring_wait_writer(struct ring *ring, size_t wanted)
{
	size_t least = wanted < ring->size ? wanted : ring->size;

	atomic_store_explicit(&ring->shared->wanted, least, memory_order_seq_cst);
	if (ring_room(ring) < least && !ring_deserted(ring))
		return true;
	atomic_store_explicit(&ring->shared->wanted, 0, memory_order_relaxed);
	return false;
}

void bell_ring(int bell)
{
	uint64_t one = 1;

	/* Full means that it rings already. */
	if (write(bell, &one, sizeof(one)) < 0)
		(void)0;
}

void bell_clear(int bell)
{
	uint64_t count;

	if (read(bell, &count, sizeof(count)) < 0)
		(void)0;
}
