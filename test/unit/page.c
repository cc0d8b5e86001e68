/*
 * page: no torn mark is ever read, and whose page it is.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "test/unit/edge_kit.h"
#include "test/unit/tap.h"

static void make_mark(struct page_mark *mark, uint64_t n)
{
	*mark = (struct page_mark){.in = n, .out = 2 * n, .skip = n, .lines = n, .events = n, .results = n, .bad = n};
	mark->cursor_length = (uint32_t)(n * 37 % (PAGE_CURSOR + 1));
	memset(mark->cursor, (int)(n % 251), mark->cursor_length);
}

static bool is_mark(const struct page_mark *mark)
{
	struct page_mark wanted;

	make_mark(&wanted, mark->in);
	return memcmp(mark, &wanted, offsetof(struct page_mark, cursor)) == 0 &&
	       memcmp(mark->cursor, wanted.cursor, wanted.cursor_length) == 0;
}

static void test_marks(struct tap *tap)
{
	struct page_marks *marks = calloc(1, sizeof(*marks));
	struct page_mark mark;

	tap_ok(tap, !page_newest(marks, &mark) && !page_arrived(marks, UINT64_MAX, &mark), "no mark at first");
	for (uint64_t n = 1; n <= 9; n++) {
		make_mark(&mark, n);
		page_store(marks, &mark);
	}
	tap_ok(tap, page_newest(marks, &mark) && mark.in == 9 && is_mark(&mark), "the newest");
	tap_ok(tap, page_arrived(marks, 17, &mark) && mark.in == 8 && is_mark(&mark), "the newest that has arrived");
	tap_ok(tap, page_arrived(marks, 18, &mark) && mark.in == 9, "at the last byte of its output");
	tap_ok(tap, !page_arrived(marks, 3, &mark), "none of the last");
	/* A process that is killed while it stores one. */
	memset(&marks->marks[10 % PAGE_MARKS], 0xff, 40);
	tap_ok(tap, page_newest(marks, &mark) && mark.in == 9 && is_mark(&mark), "half a mark is none");
	marks->marks[9 % PAGE_MARKS].cursor_length = PAGE_CURSOR + 1;
	tap_ok(tap, page_newest(marks, &mark) && mark.cursor_length == 0, "a cursor that cannot be is none");
	free(marks);
}

/* One stores as fast as it can, the other reads. */
static void test_torn(struct tap *tap)
{
	struct page_marks *marks =
		mmap(NULL, sizeof(*marks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct page_mark mark;
	uint64_t last = 0, reads = 0, torn = 0, back = 0;
	struct timespec begin, now;
	pid_t pid;

	kit_must(marks != MAP_FAILED, "mmap");
	pid = fork();
	kit_must(pid >= 0, "fork");
	for (uint64_t n = 1; pid == 0; n++) {
		if (n == 1)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		make_mark(&mark, n);
		page_store(marks, &mark);
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		if (page_newest(marks, &mark)) {
			torn += !is_mark(&mark);
			back += mark.in < last;
			last = mark.in;
			reads++;
		}
		if (page_arrived(marks, 2 * last, &mark)) {
			torn += !is_mark(&mark);
			back += mark.out > 2 * last;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begin.tv_sec < 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_ok(tap, reads > 1000 && last > 1000, "marks were stored and read (%llu)", (unsigned long long)reads);
	tap_ok(tap, torn == 0, "none of them torn (%llu)", (unsigned long long)torn);
	tap_ok(tap, back == 0, "none older than one before");
	tap_ok(tap, page_newest(marks, &mark) && is_mark(&mark), "nor the last one of a process that was killed");
	munmap(marks, sizeof(*marks));
}

/* In a process of its own: whether it has a page. */
static bool has_page(const struct kit_stage *stage, void change(const struct kit_stage *stage))
{
	int status;
	pid_t pid = fork();

	kit_must(pid >= 0, "fork");
	if (pid == 0) {
		kit_become(stage);
		change(stage);
		_exit(page_attach() ? 1 : 0);
	}
	kit_must(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "waitpid");
	return WEXITSTATUS(status) == 1;
}

static void change_nothing(const struct kit_stage *stage)
{
	(void)stage;
}

static void change_input(const struct kit_stage *stage)
{
	dup2(stage->out[0], STDIN_FILENO);
}

static void change_output(const struct kit_stage *stage)
{
	dup2(stage->in[1], STDOUT_FILENO);
}

static void change_variable(const struct kit_stage *stage)
{
	char variable[200];

	(void)stage;
	snprintf(variable, sizeof(variable), "%s:", getenv("PYPE_STAGE"));
	setenv("PYPE_STAGE", variable, 1);
}

static void change_magic(const struct kit_stage *stage)
{
	stage->page->magic++;
}

static void test_attach(struct tap *tap)
{
	struct kit_stage stage;

	kit_stage_init(&stage, -1, -1);
	tap_ok(tap, has_page(&stage, change_nothing), "the page of whoever has both pipes");
	tap_ok(tap, !has_page(&stage, change_input), "not with another input");
	tap_ok(tap, !has_page(&stage, change_output), "not with another output");
	tap_ok(tap, !has_page(&stage, change_variable), "not with more in the variable");
	tap_ok(tap, !has_page(&stage, change_magic), "not if it is none");
}

int main(void)
{
	struct tap tap = {0};

	alarm(30);
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_marks(&tap);
	test_torn(&tap);
	test_attach(&tap);
	return tap_end(&tap);
}
