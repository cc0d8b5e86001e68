/*
 * ring: room, portions, other areas for long lines, who waits and who is told, and many readers at once.
 */
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>

#include "test/unit/edge_kit.h"
#include "test/unit/tap.h"

static void put(struct ring *ring, const char *bytes, size_t length)
{
	uint64_t head = ring_head(ring);

	memcpy(ring_at(ring, head), bytes, length);
	ring_publish(ring, head + length);
}

/* A writer's and a reader's view of one ring. */
static void open_both(struct ring *writer, struct ring *reader, int *fd)
{
	*fd = kit_rings(4096);
	kit_must(ring_open(writer, *fd, 0, true) == 0 && ring_open(reader, *fd, 0, false) == 0, "ring_open");
}

static void test_room(struct tap *tap)
{
	struct ring writer, reader;
	char block[4096];
	size_t wanted = 0;
	int fd;

	open_both(&writer, &reader, &fd);
	memset(block, 'x', sizeof(block));
	for (size_t i = 9; i < sizeof(block); i += 10)
		block[i] = '\n';
	put(&writer, block, 4096);
	tap_ok(tap, ring_room(&writer) == 4096, "nobody reads: nothing is kept");
	writer.shared->slots[3].present = writer.shared->slots[9].present = 1;
	tap_ok(tap, ring_room(&writer) == 0 && ring_lowest(&writer) == 0, "full");
	ring_release(&reader, 3, 4096);
	tap_ok(tap, ring_room(&writer) == 0, "the slowest reader counts");
	ring_release(&reader, 9, 1000);
	tap_ok(tap, ring_room(&writer) == 1000, "and so does what it has given back");
	tap_ok(tap, ring_portion(&writer, block, 995, &wanted) == 995, "what there is room for goes whole");
	tap_ok(tap, ring_portion(&writer, block, 2000, &wanted) == 1000, "of more, the whole lines");
	ring_release(&reader, 9, 1009);
	tap_ok(tap, ring_portion(&writer, block, 2000, &wanted) == 1000, "and only those");
	ring_release(&reader, 9, 4000);
	put(&writer, block, 3000);
	ring_release(&reader, 3, 7096);
	tap_ok(tap, memcmp(ring_at(&reader, 4096), block, 3000) == 0, "behind the end it goes on at the front");
	tap_ok(tap, memcmp(ring_at(&reader, 4000) + 96, block, 3000) == 0, "and all of it is contiguous");
	atomic_store(&writer.shared->slots[9].present, 0);
	tap_ok(tap, ring_room(&writer) == 4096, "a reader that is gone holds up nobody");
	ring_close(&writer);
	ring_close(&reader);
	close(fd);
}

static void test_waiting(struct tap *tap)
{
	struct ring writer, reader;
	char block[4096] = {0};
	int fd;

	open_both(&writer, &reader, &fd);
	writer.shared->slots[0].present = 1;
	tap_ok(tap, ring_wait_reader(&reader, 0, 0), "nothing is there: wait");
	tap_ok(tap, ring_reader_waits(&writer, 0) && !ring_reader_waits(&writer, 0), "who waits is told once");
	put(&writer, block, 1);
	tap_ok(tap, !ring_wait_reader(&reader, 0, 0) && !ring_reader_waits(&writer, 0),
	       "something is there: no need to");
	atomic_store(&writer.shared->ended, 1);
	tap_ok(tap, !ring_wait_reader(&reader, 0, 1), "nobody waits behind the end");
	tap_ok(tap, !ring_wait_writer(&writer, 4095) && !ring_writer_waits(&reader), "there is room: no need to");
	put(&writer, block, 4095);
	tap_ok(tap, ring_wait_writer(&writer, 1024) && !ring_writer_waits(&reader), "there is none: wait");
	ring_release(&reader, 0, 1023);
	tap_ok(tap, !ring_writer_waits(&reader), "too little: not told");
	ring_release(&reader, 0, 1024);
	tap_ok(tap, ring_writer_waits(&reader) && !ring_writer_waits(&reader), "enough: told once");
	tap_ok(tap, ring_wait_writer(&writer, SIZE_MAX), "more than there can be: wait for all");
	ring_release(&reader, 0, 4096);
	tap_ok(tap, ring_writer_waits(&reader), "which comes");
	put(&writer, block, 4096);
	atomic_store(&writer.shared->deserted, 1);
	tap_ok(tap, !ring_wait_writer(&writer, 1024), "nobody waits for those who are gone");
	ring_close(&writer);
	ring_close(&reader);
	close(fd);
}

static void test_areas(struct tap *tap)
{
	struct ring writer, reader;
	size_t wanted = 0, length = 100000;
	char *line = malloc(length);
	int fd;

	memset(line, 'y', length);
	line[length - 1] = '\n';
	open_both(&writer, &reader, &fd);
	writer.shared->slots[0].present = 1;
	put(&writer, "x\n", 2);
	tap_ok(tap, ring_portion(&writer, line, length, &wanted) == 0 && wanted == 4096 && writer.area == 0,
	       "a long line waits for an empty ring");
	ring_release(&reader, 0, 2);
	tap_ok(tap, ring_portion(&writer, line, length, &wanted) == length && writer.size == 131072,
	       "which then becomes larger");
	put(&writer, line, length);
	tap_ok(tap,
	       ring_follow(&reader) == 0 && reader.size == 131072 && memcmp(ring_at(&reader, 2), line, length) == 0,
	       "its reader follows");
	tap_ok(tap, ring_fit(&writer, 10) == 1 && writer.area == 1, "and stays so while something is unread");
	ring_release(&reader, 0, 2 + length);
	tap_ok(tap,
	       ring_fit(&writer, 200000) == 1 && writer.size == 262144 && ring_follow(&reader) == 0 &&
	               reader.size == 262144,
	       "larger again");
	tap_ok(tap,
	       ring_fit(&writer, 10) == 1 && writer.size == 4096 && ring_follow(&reader) == 0 && reader.size == 4096,
	       "and small again");
	put(&writer, "z\n", 2);
	tap_ok(tap, memcmp(ring_at(&reader, ring_head(&reader) - 2), "z\n", 2) == 0,
	       "where both are in the same place");
	tap_ok(tap, ring_fit(&writer, (size_t)RING_MOST + 1) == -1, "not without limit");
	ring_close(&writer);
	ring_close(&reader);
	close(fd);
	free(line);
}

/* Many readers with different speeds. */

enum { READERS = 60, LINES = 3000 };

static size_t make_line(char *line, unsigned n)
{
	size_t length = n % 701 == 3 ? 9000 : n * 31 % 200;

	memset(line, 'a' + (int)(n % 26), length);
	line[length] = '\n';
	return length + 1;
}

/* Exit status 0: all lines came, in order. */
static void read_all(int fd, unsigned slot, int bell, int writer_bell)
{
	struct ring ring;
	uint64_t tail = 0;
	char wanted[9001];

	kit_must(ring_open(&ring, fd, 0, false) == 0, "ring_open");
	for (unsigned n = 0; n < LINES; n++) {
		size_t length = make_line(wanted, n);

		while (ring_head(&ring) == tail)
			if (ring_wait_reader(&ring, slot, tail)) {
				kit_rings_now(bell, -1);
				bell_clear(bell);
			}
		if (ring_follow(&ring) < 0 || ring_head(&ring) - tail < length ||
		    memcmp(ring_at(&ring, tail), wanted, length) != 0)
			_exit(1);
		tail += length;
		/* Some give back at once, some late. */
		if (n % (slot + 1) == 0 || ring_head(&ring) == tail) {
			ring_release(&ring, slot, tail);
			if (ring_writer_waits(&ring))
				bell_ring(writer_bell);
		}
	}
	ring_release(&ring, slot, tail);
	if (ring_writer_waits(&ring))
		bell_ring(writer_bell);
	_exit(0);
}

static void test_readers(struct tap *tap)
{
	struct ring ring;
	int fd = kit_rings(4096), bell = kit_bell(), bells[READERS], right = 0, status;
	pid_t pids[READERS];
	char line[9001];

	kit_must(ring_open(&ring, fd, 0, true) == 0, "ring_open");
	for (unsigned i = 0; i < READERS; i++) {
		bells[i] = kit_bell();
		ring.shared->slots[i].present = 1;
		pids[i] = fork();
		kit_must(pids[i] >= 0, "fork");
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			read_all(fd, i, bells[i], bell);
		}
	}
	for (unsigned n = 0; n < LINES; n++) {
		size_t length = make_line(line, n), wanted = 0;

		while (ring_portion(&ring, line, length, &wanted) == 0)
			if (ring_wait_writer(&ring, wanted)) {
				kit_rings_now(bell, -1);
				bell_clear(bell);
			}
		put(&ring, line, length);
		for (unsigned i = 0; i < READERS; i++)
			if (ring_reader_waits(&ring, i))
				bell_ring(bells[i]);
	}
	for (unsigned i = 0; i < READERS; i++) {
		waitpid(pids[i], &status, 0);
		right += status == 0;
		close(bells[i]);
	}
	tap_ok(tap, right == READERS && ring_room(&ring) == ring.size, "%d of %d readers got every line in order",
	       right, READERS);
	ring_close(&ring);
	close(fd);
	close(bell);
}

int main(void)
{
	struct tap tap = {0};

	alarm(30);
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_room(&tap);
	test_waiting(&tap);
	test_areas(&tap);
	test_readers(&tap);
	return tap_end(&tap);
}
