/*
 * keeper: what comes out of a source and a filter that keep their pages is exact, whoever is killed and whenever; and
 * what a mark says.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "common/keeper.h"
#include "common/line.h"
#include "common/signals.h"
#include "test/unit/edge_kit.h"
#include "test/unit/tap.h"

enum { EVENTS = 200000, COPIES = 3, MOST_KILLS = 300, LONGEST = 40000 };

/* The bytes of event n, without a newline: its number, and some that follow from it. */
static size_t make_line(char *line, uint64_t n)
{
	size_t length = n % 499 == 7 ? 5000 + n % (LONGEST - 5000) : n * 7919 % 300;
	size_t digits = (size_t)sprintf(line, "%llu ", (unsigned long long)n);

	memset(line + digits, 'a' + (int)(n % 26), length);
	return digits + length;
}

/* Stages, each a process. */

static void run_source(const struct kit_stage *stage)
{
	struct keeper keeper = {0};
	struct line_writer writer;
	uint64_t n = 0;
	char line[LONGEST + 64];

	kit_become(stage);
	keeper_open(&keeper, false, true);
	line_writer_keep(&writer, &keeper);
	if (keeper.mark.cursor_length == sizeof(n))
		memcpy(&n, keeper.mark.cursor, sizeof(n));
	while (n < EVENTS) {
		size_t length = make_line(line, n++);

		line_writer_add(&writer, line, length);
		kit_must(line_writer_end(&writer) == 0, "line_writer_end");
		keeper_cursor(&keeper, &n, sizeof(n));
		line_writer_boundary(&writer);
		if (n % 61 == 0)
			kit_must(line_writer_flush(&writer) == 0, "line_writer_flush");
	}
	kit_must(line_writer_flush(&writer) == 0, "line_writer_flush");
	_exit(0);
}

static void flush(void *context)
{
	kit_must(line_writer_flush(context) == 0, "line_writer_flush");
}

/* Writes each event COPIES times, with the number of the copy before it. */
static void run_filter(const struct kit_stage *stage)
{
	struct keeper keeper = {0};
	struct line_reader reader;
	struct line_writer writer;
	const char *line;
	size_t length;

	kit_become(stage);
	keeper_open(&keeper, true, true);
	line_reader_keep(&reader, &keeper, LINE_LIMIT);
	line_writer_keep(&writer, &keeper);
	reader.before_wait = flush;
	reader.context = &writer;
	while (line_reader_next(&reader, &line, &length) == LINE_WHOLE) {
		for (int i = 0; i < COPIES; i++) {
			char copy = (char)('0' + i);

			line_writer_add(&writer, &copy, 1);
			line_writer_add(&writer, line, length);
			kit_must(line_writer_end(&writer) == 0, "line_writer_end");
		}
		keeper_handled(&keeper, line_reader_position(&reader), reader.number);
		line_writer_boundary(&writer);
	}
	flush(&writer);
	_exit(0);
}

typedef void stage_body(const struct kit_stage *stage);

/* What the manager does, for two stages. */
struct flow {
	int rings, bells[2], bell; /* of the stages; the manager's, which is also the last reader's */
	struct kit_stage stages[2];
	struct ring out[2]; /* of each */
	pid_t pids[2];
};

static void start(struct flow *flow, int i)
{
	static stage_body *const bodies[] = {run_source, run_filter};

	flow->stages[i].page->keeps = PAGE_NOT;
	flow->pids[i] = fork();
	kit_must(flow->pids[i] >= 0, "fork");
	if (flow->pids[i] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bodies[i](&flow->stages[i]);
	}
}

static void make_flow(struct flow *flow, size_t size)
{
	flow->rings = kit_rings(size);
	flow->bell = kit_bell();
	for (int i = 0; i < 2; i++) {
		flow->bells[i] = kit_bell();
		kit_stage_init(&flow->stages[i], flow->bells[i], flow->bell);
		kit_must(ring_open(&flow->out[i], flow->rings, i * RING_SHARED, false) == 0, "ring_open");
		flow->stages[i].page->out_fd = flow->rings;
		flow->stages[i].page->out_place = (uint64_t)i * RING_SHARED;
		flow->out[i].shared->slots[0].present = 1;
	}
	flow->stages[0].page->out_bells[0] = flow->bells[1];
	flow->stages[1].page->out_bells[0] = flow->bell;
	flow->stages[1].page->in_fd = flow->rings;
	flow->stages[1].page->in_bell = flow->bells[0];
}

static void wake_all(const struct flow *flow)
{
	bell_ring(flow->bell);
	for (int i = 0; i < 2; i++)
		bell_ring(flow->bells[i]);
}

/* As restore() in cmd/flow/manager/port.c. */
static void restore(struct flow *flow, int i)
{
	struct page_mark mark;

	if (!page_newest(&flow->stages[i].page->marks, &mark))
		return;
	ring_publish(&flow->out[i], mark.out);
	if (i == 1 && mark.in > ring_tail(&flow->out[0], 0))
		ring_release(&flow->out[0], 0, mark.in);
}

static void end_flow(struct flow *flow)
{
	for (int i = 0; i < 2; i++)
		if (flow->pids[i] > 0) {
			kill(flow->pids[i], SIGKILL);
			waitpid(flow->pids[i], NULL, 0);
		}
}

/* A stage that was killed, or has done its work. False: it has failed. */
static bool reap(struct flow *flow, int i, int status)
{
	flow->pids[i] = 0;
	restore(flow, i);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		start(flow, i);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		atomic_store(&flow->out[i].shared->ended, 1);
	else
		return false;
	wake_all(flow);
	return true;
}

/* Checks whole lines of the last ring and gives them back. The next that is awaited; UINT64_MAX: another one came. */
static uint64_t check_lines(struct flow *flow, uint64_t next)
{
	struct ring *ring = &flow->out[1];
	uint64_t tail = ring_tail(ring, 0), head = ring_head(ring);
	char wanted[LONGEST + 64];

	kit_must(ring_follow(ring) == 0, "ring_follow");
	while (tail < head) {
		size_t length = 1 + make_line(wanted + 1, next / COPIES);

		wanted[0] = (char)('0' + (int)(next % COPIES));
		wanted[length++] = '\n';
		if (head - tail < length || memcmp(ring_at(ring, tail), wanted, length) != 0)
			return UINT64_MAX;
		tail += length;
		next++;
	}
	ring_release(ring, 0, tail);
	if (ring_writer_waits(ring))
		bell_ring(flow->bells[1]);
	return next;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Two stages, killed at random: the sequence that comes out is exact. */
static void test_kills(struct tap *tap, size_t size, unsigned seed)
{
	struct flow flow = {0};
	uint64_t next = 0, got = 0;
	int kills = 0, quiet = 0, status;
	bool well = true;
	int64_t due = 0;

	make_flow(&flow, size);
	start(&flow, 1);
	start(&flow, 0);
	while (well && quiet < 50 &&
	       !(ring_ended(&flow.out[1]) && ring_tail(&flow.out[1], 0) == ring_head(&flow.out[1]))) {
		if (ring_wait_reader(&flow.out[1], 0, ring_head(&flow.out[1])) &&
		    ring_tail(&flow.out[1], 0) == ring_head(&flow.out[1]))
			quiet = kit_rings_now(flow.bell, 100) ? 0 : quiet + 1;
		bell_clear(flow.bell);
		for (int i = 0; i < 2 && well; i++)
			if (flow.pids[i] > 0 && waitpid(flow.pids[i], &status, WNOHANG) == flow.pids[i])
				well = reap(&flow, i, status);
		got = check_lines(&flow, next);
		well &= got != UINT64_MAX;
		next = well ? got : next;
		if (kills < MOST_KILLS && now_us() >= due) {
			int victim = rand_r(&seed) % 2;

			due = now_us() + 100 + rand_r(&seed) % 4000;
			if (flow.pids[victim] > 0) {
				kill(flow.pids[victim], SIGKILL);
				waitpid(flow.pids[victim], &status, 0);
				well &= reap(&flow, victim, status);
				kills++;
			}
		}
	}
	end_flow(&flow);
	tap_ok(tap, well && next == (uint64_t)EVENTS * COPIES && kills > 5,
	       "exact through kills of both, rings of %zu bytes (%d kills, %llu lines%s)", size, kills,
	       (unsigned long long)next, quiet >= 50 ? ", then nobody did anything" : "");
}

/* In this process: a keeper of one page whose input was written already. */
struct alone {
	struct kit_stage stage;
	struct ring in, out; /* the other ends */
	int rings, bell, manager;
};

static void make_alone(struct alone *alone, const char *input)
{
	size_t length = strlen(input);

	alone->rings = kit_rings(4096);
	alone->bell = kit_bell();
	alone->manager = kit_bell();
	kit_stage_init(&alone->stage, alone->bell, alone->manager);
	kit_must(ring_open(&alone->in, alone->rings, 0, true) == 0 &&
	                 ring_open(&alone->out, alone->rings, RING_SHARED, false) == 0,
	         "ring_open");
	alone->in.shared->slots[0].present = alone->out.shared->slots[0].present = 1;
	alone->stage.page->in_fd = alone->stage.page->out_fd = alone->rings;
	alone->stage.page->out_place = RING_SHARED;
	alone->stage.page->out_bells[0] = alone->manager;
	memcpy(ring_at(&alone->in, 0), input, length);
	ring_publish(&alone->in, length);
	kit_become(&alone->stage);
}

static void free_alone(struct alone *alone)
{
	ring_close(&alone->in);
	ring_close(&alone->out);
	munmap(alone->stage.page, PAGE_LENGTH);
	close(alone->rings);
	close(alone->bell);
	close(alone->manager);
	close(alone->stage.memory);
	for (int i = 0; i < 2; i++) {
		close(alone->stage.in[i]);
		close(alone->stage.out[i]);
	}
}

/* What a predecessor had out of the events behind a boundary is in the mark of that boundary, whenever that is stored. */
static void test_skip(struct tap *tap)
{
	struct alone alone;
	struct keeper keeper = {0};
	struct line_writer writer;
	struct page_mark mark = {.skip = 5}, newest;

	make_alone(&alone, "{}\n{}\n");
	page_store(&alone.stage.page->marks, &mark);
	keeper_open(&keeper, true, true);
	line_writer_keep(&writer, &keeper);
	for (int i = 0; i < 3; i++) {
		line_writer_add(&writer, "x", 1);
		line_writer_end(&writer);
	}
	keeper_handled(&keeper, 3, 1);
	line_writer_boundary(&writer);
	line_writer_add(&writer, "x", 1);
	line_writer_end(&writer);
	line_writer_flush(&writer);
	page_newest(&alone.stage.page->marks, &newest);
	tap_ok(tap, newest.in == 3 && newest.skip == 2,
	       "skip is counted from the boundary, not from where it is stored (%llu)",
	       (unsigned long long)newest.skip);
	line_writer_add(&writer, "x", 1);
	line_writer_end(&writer);
	line_writer_add(&writer, "new", 3);
	line_writer_end(&writer);
	line_writer_flush(&writer);
	page_newest(&alone.stage.page->marks, &newest);
	tap_ok(tap,
	       newest.in == 3 && newest.skip == 3 && newest.out == 4 && memcmp(ring_at(&alone.out, 0), "new\n", 4) == 0,
	       "what is dropped is not written, what comes behind it is");
	tap_ok(tap, writer.lines == 6 && writer.put_lines == 6, "lines that a predecessor wrote are counted");
	line_writer_free(&writer);
	keeper_close(&keeper);
	free_alone(&alone);
}

/* A writer that waits for room takes the bell: an event loop that waits for input is to hear it all the same. */
static void test_bell(struct tap *tap)
{
	struct alone alone;
	struct keeper keeper = {0};
	struct line_reader reader;
	char *block = malloc(6000);
	const char *line;
	size_t length;
	pid_t pid;

	memset(block, 'x', 6000);
	for (size_t i = 99; i < 6000; i += 100)
		block[i] = '\n';
	make_alone(&alone, "");
	keeper_open(&keeper, true, true);
	line_reader_keep(&reader, &keeper, LINE_LIMIT);
	line_reader_look(&reader);
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WAIT, "nothing to read");
	pid = fork();
	kit_must(pid >= 0, "fork");
	if (pid == 0) {
		/* Once the writer waits: input first, which takes the reader's flag back, and then room. */
		while (atomic_load(&alone.out.shared->wanted) == 0)
			sched_yield();
		memcpy(ring_at(&alone.in, 0), "{}\n", 3);
		ring_publish(&alone.in, 3);
		if (ring_reader_waits(&alone.in, 0))
			bell_ring(alone.bell);
		ring_release(&alone.out, 0, ring_head(&alone.out));
		if (ring_writer_waits(&alone.out))
			bell_ring(alone.bell);
		_exit(0);
	}
	kit_must(keeper_put(&keeper, block, 6000, 60, true) == 0, "keeper_put");
	waitpid(pid, NULL, 0);
	tap_ok(tap, kit_rings_now(alone.bell, 0), "the bell that the writer took is given back");
	line_reader_look(&reader);
	tap_ok(tap, line_reader_take(&reader, &line, &length) == LINE_WHOLE && length == 2, "and there is a line");
	atomic_store(&alone.in.shared->ended, 1);
	tap_ok(tap,
	       line_reader_take(&reader, &line, &length) == LINE_END && kit_rings_now(alone.bell, 0) &&
	               line_reader_look(&reader) == LINE_END,
	       "an event loop comes back for the end");
	line_reader_free(&reader);
	keeper_close(&keeper);
	free_alone(&alone);
	free(block);
}

static void test_limits(struct tap *tap)
{
	struct alone alone;
	struct keeper keeper = {0};
	char cursor[PAGE_CURSOR + 1] = {0};
	struct page_mark newest;

	make_alone(&alone, "\n\nlast");
	keeper_open(&keeper, true, true);
	tap_ok(tap, keeper.page && !keeper.resumed, "a first process has nothing to go on from");
	tap_ok(tap, !keeper_cursor(&keeper, cursor, PAGE_CURSOR + 1) && keeper_cursor(&keeper, cursor, PAGE_CURSOR),
	       "a cursor has its length at most");
	keeper_mark(&keeper);
	tap_ok(tap, page_newest(&alone.stage.page->marks, &newest) && newest.cursor_length == PAGE_CURSOR,
	       "the longest cursor is stored whole");
	atomic_store(&alone.out.shared->deserted, 1);
	errno = 0;
	tap_ok(tap, keeper_put(&keeper, "x\n", 2, 1, true) == -1 && errno == EPIPE, "EPIPE when nobody reads any more");
	keeper_close(&keeper);
	free_alone(&alone);
}

/* For sources that answer to somebody: room without waiting, and what is safe. */
static void test_answers(struct tap *tap)
{
	struct alone alone;
	struct keeper keeper = {0};
	struct line_writer writer;
	struct page_mark newest;
	char block[4096];

	memset(block, 'x', sizeof(block));
	make_alone(&alone, "");
	keeper_open(&keeper, false, true);
	line_writer_keep(&writer, &keeper);
	tap_ok(tap, keeper_room(&keeper, 4096) && keeper_room(&keeper, 100000), "an empty ring has room for anything");
	line_writer_add(&writer, block, 3999);
	tap_ok(tap, line_writer_end_whole(&writer) == 0 && line_writer_flush(&writer) == 0,
	       "a line that is whole by itself");
	tap_ok(tap, keeper_room(&keeper, 96) && !keeper_room(&keeper, 97) && !keeper_room(&keeper, 100000),
	       "room is counted to the byte");
	tap_ok(tap, atomic_load(&alone.out.shared->wanted) > 0, "who has no room says that it waits");
	ring_release(&alone.out, 0, 4000);
	tap_ok(tap, ring_writer_waits(&alone.out) && keeper_room(&keeper, 100000), "and is woken");
	line_writer_add(&writer, block, 4000);
	line_writer_end_whole(&writer);
	tap_ok(tap,
	       line_writer_flush(&writer) == 0 && page_newest(&alone.stage.page->marks, &newest) && newest.skip == 0,
	       "no mark is within such a line");
	tap_ok(tap, keeper_safe(&keeper, keeper.mark.out), "without a journal what is in the ring is safe");
	atomic_store(&alone.stage.page->flags, PAGE_JOURNAL);
	tap_ok(tap, !keeper_safe(&keeper, keeper.mark.out) && atomic_load(&alone.stage.page->waits) == 1,
	       "with one it is not before it is there, and the bell is asked for");
	atomic_store(&alone.stage.page->safe, keeper.mark.out);
	tap_ok(tap, keeper_safe(&keeper, keeper.mark.out), "in the journal");
	atomic_store(&alone.stage.page->flags, PAGE_JOURNAL | PAGE_SYNC);
	tap_ok(tap, !keeper_safe(&keeper, keeper.mark.out), "in lock step it has to be handled, too");
	atomic_store(&alone.stage.page->synced, keeper.mark.out);
	tap_ok(tap, keeper_safe(&keeper, keeper.mark.out), "handled");
	line_writer_free(&writer);
	keeper_close(&keeper);
	free_alone(&alone);
}

/* Input that never ends: told to stop, the reader stops. Last, since it cannot be taken back. */
static void test_stop(struct tap *tap)
{
	struct alone alone;
	struct keeper keeper = {0};
	struct line_reader reader;
	const char *line;
	size_t length;

	make_alone(&alone, "one\n");
	keeper_open(&keeper, true, true);
	signals_init();
	line_reader_keep(&reader, &keeper, LINE_LIMIT);
	reader.stop_fd = signals_fd();
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_WHOLE && length == 3, "a line before");
	raise(SIGTERM);
	memcpy(ring_at(&alone.in, 4), "two\n", 4);
	ring_publish(&alone.in, 8);
	tap_ok(tap, line_reader_next(&reader, &line, &length) == LINE_END && line_reader_position(&reader) == 4,
	       "told to stop, it reads no more, though there is more");
	line_reader_free(&reader);
	keeper_close(&keeper);
	free_alone(&alone);
}

int main(void)
{
	struct tap tap = {0};
	int standard_output = dup(STDOUT_FILENO);
	int status;

	alarm(60);
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	test_kills(&tap, 4096, 1);
	test_kills(&tap, 65536, 2);
	test_skip(&tap);
	test_bell(&tap);
	test_limits(&tap);
	test_answers(&tap);
	test_stop(&tap);
	/* It was a stage's. */
	dup2(standard_output, STDOUT_FILENO);
	status = tap_end(&tap);
	return status;
}
