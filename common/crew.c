#include "common/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/message.h"
#include "common/spawn.h"

enum { STATE_BITS = 8, PAGE = 4096, KEPT = 256 * 1024, DEATHS_IN_A_ROW = 12 };

static uint32_t state_of(enum crew_state state, unsigned worker)
{
	return (uint32_t)state | worker << STATE_BITS;
}

enum crew_state crew_state(const struct crew_task *task)
{
	return atomic_load_explicit(&task->state, memory_order_acquire) & ((1U << STATE_BITS) - 1);
}

static void set_state(struct crew_task *task, uint32_t state)
{
	atomic_store_explicit(&task->state, state, memory_order_release);
}

static void add_one(int event)
{
	uint64_t one = 1;

	if (write(event, &one, sizeof(one)) < 0)
		(void)0;
}

static void wait_for_one(int event)
{
	uint64_t count;

	while (read(event, &count, sizeof(count)) < 0)
		if (errno != EINTR)
			_exit(STATUS_FAILED);
}

static int make_event(int flags)
{
	int event = eventfd(0, EFD_CLOEXEC | flags);

	if (event < 0)
		fail("cannot make an eventfd:");
	return event;
}

static void listen_to(struct crew *crew, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	event.data.fd = fd;
	if (epoll_ctl(crew->all, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("cannot wait for workers:");
}

static size_t whole_pages(size_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

void crew_open(struct crew *crew, unsigned count, size_t room, void (*work)(void *context, struct crew *crew),
               void *context)
{
	size_t input = whole_pages(room + CREW_PADDING), heads;
	char *memory;

	*crew = (struct crew){.work = work, .context = context, .count = count, .room = room};
	/* Two each, so that a worker that is done finds the next one, and more, so that one that takes long holds nobody up. */
	crew->task_count = 2 * count + 1;
	heads = whole_pages(crew->task_count * sizeof(*crew->tasks));
	crew->mapped = heads + crew->task_count * (input + CREW_ANSWERS);
	crew->memory =
		mmap(NULL, crew->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (crew->memory == MAP_FAILED)
		fail("cannot map memory for workers:");
	crew->tasks = crew->memory;
	memory = (char *)crew->memory + heads;
	for (uint32_t i = 0; i < crew->task_count; i++) {
		crew->tasks[i].input = memory;
		crew->tasks[i].answers = memory + input;
		memory += input + CREW_ANSWERS;
	}
	crew->tokens = make_event(EFD_SEMAPHORE);
	crew->done = make_event(EFD_NONBLOCK);
	crew->all = epoll_create1(EPOLL_CLOEXEC);
	if (crew->all < 0)
		fail("cannot make an epoll descriptor:");
	listen_to(crew, crew->done);
	for (unsigned i = 0; i < count; i++)
		crew->workers[i].go = make_event(0);
}

/* ---- workers ---- */

static int be_worker(void *context)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	struct crew *crew = context;

	/* What is meant for the program reaches its whole group; it ends when it has what its workers are at. */
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		signal(stops[i], SIG_IGN);
	crew->work(crew->context, crew);
	return STATUS_OK;
}

static pid_t start(struct crew *crew, const struct crew_worker *worker, const char **failed)
{
	const struct spawn_fd fds[] = {
		{STDERR_FILENO, STDERR_FILENO},
		{crew->tokens, crew->tokens},
		{crew->done, crew->done},
		{worker->go, worker->go},
	};
	const struct spawn spawn = {.fds = fds, .fd_count = sizeof(fds) / sizeof(fds[0]), .death_signal = SIGKILL};

	return spawn_function(&spawn, be_worker, crew, failed);
}

/* False: there is no process to be had. */
static bool make_worker(struct crew *crew)
{
	const char *failed;
	struct crew_worker *worker;

	crew->self = 0;
	while (crew->workers[crew->self].pid > 0)
		crew->self++;
	worker = &crew->workers[crew->self];
	/* One that was killed may have left it set. */
	close(worker->go);
	worker->go = make_event(0);
	worker->pid = start(crew, worker, &failed);
	if (worker->pid < 0 && crew->alive == 0)
		fail("a worker: %s:", failed);
	if (worker->pid < 0)
		return false;
	worker->process = pidfd_open(worker->pid, 0);
	if (worker->process < 0)
		fail("cannot watch a worker:");
	listen_to(crew, worker->process);
	crew->alive++;
	return true;
}

static uint32_t tasks_in_hand(const struct crew *crew)
{
	uint32_t tasks = 0;

	for (uint32_t i = 0; i < crew->task_count; i++) {
		enum crew_state state = crew_state(&crew->tasks[i]);

		tasks += state == CREW_READY || state == CREW_TAKEN || state == CREW_FULL;
	}
	return tasks;
}

/* As many as there is work for. */
static void make_workers(struct crew *crew)
{
	uint32_t tasks = crew->alive < crew->count ? tasks_in_hand(crew) : 0;

	while (crew->alive < crew->count && crew->alive < tasks)
		if (!make_worker(crew))
			break;
}

/* ---- the tasks of a dead worker ---- */

static struct crew_task *task_of(struct crew *crew, unsigned worker)
{
	for (uint32_t i = 0; i < crew->task_count; i++) {
		uint32_t state = atomic_load_explicit(&crew->tasks[i].state, memory_order_acquire);

		if (state == state_of(CREW_TAKEN, worker) || state == state_of(CREW_FULL, worker))
			return &crew->tasks[i];
	}
	return NULL;
}

/* Another one is to go on with it. */
static void make_ready(struct crew *crew, struct crew_task *task)
{
	uint32_t item = (uint32_t)(atomic_load_explicit(&task->progress, memory_order_relaxed) >> 32);

	if (task->item != item) {
		task->item = item;
		task->deaths = 0;
		crew->deaths = 0;
	}
	if (++task->deaths >= CREW_DEATHS)
		atomic_store_explicit(&task->poison, item, memory_order_relaxed);
	set_state(task, state_of(CREW_READY, 0));
}

static void replace(struct crew *crew, struct crew_task *task, int number)
{
	if (crew->killed)
		crew->killed(crew->context, number, task);
	if (task)
		make_ready(crew, task);
	if (++crew->deaths >= DEATHS_IN_A_ROW * crew->count)
		fail("workers are killed again and again, by signal %d: %s", number, strsignal(number));
	/* What the dead one had may have been this task's, or another's that it did not come to take: one too many does no harm. */
	add_one(crew->tokens);
}

static void bury(struct crew *crew, unsigned number)
{
	struct crew_worker *worker = &crew->workers[number];
	struct crew_task *task;
	int status;

	while (waitpid(worker->pid, &status, 0) < 0)
		if (errno != EINTR)
			fail("cannot wait for a worker:");
	close(worker->process);
	worker->pid = 0;
	crew->alive--;
	task = task_of(crew, number);
	if (WIFSIGNALED(status)) {
		replace(crew, task, WTERMSIG(status));
		return;
	}
	status = WEXITSTATUS(status) == STATUS_OK ? STATUS_FAILED : WEXITSTATUS(status);
	if (!task)
		exit(status);
	task->status = status;
	set_state(task, state_of(CREW_LOST, 0));
}

static bool has_ended(const struct crew_worker *worker)
{
	siginfo_t info = {0};

	return worker->pid > 0 && waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid != 0;
}

void crew_look(struct crew *crew)
{
	uint64_t count;
	bool dead = false;

	if (read(crew->done, &count, sizeof(count)) == sizeof(count))
		crew->deaths = 0;
	else
		dead = true;
	for (unsigned i = 0; dead && i < crew->count; i++)
		if (has_ended(&crew->workers[i]))
			bury(crew, i);
	make_workers(crew);
}

void crew_close(struct crew *crew)
{
	for (unsigned i = 0; i < crew->count; i++) {
		struct crew_worker *worker = &crew->workers[i];

		close(worker->go);
		if (worker->pid <= 0)
			continue;
		kill(worker->pid, SIGKILL);
		while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(worker->process);
	}
	close(crew->all);
	close(crew->done);
	close(crew->tokens);
	munmap(crew->memory, crew->mapped);
}

/* ---- tasks ---- */

struct crew_task *crew_room(struct crew *crew)
{
	return crew->given - crew->taken < crew->task_count ? &crew->tasks[crew->given % crew->task_count] : NULL;
}

void crew_give(struct crew *crew, struct crew_task *task, size_t length)
{
	task->length = (uint32_t)length;
	task->answered = 0;
	task->deaths = 0;
	task->item = CREW_NONE;
	task->order = crew->given++;
	atomic_store_explicit(&task->poison, CREW_NONE, memory_order_relaxed);
	atomic_store_explicit(&task->progress, 0, memory_order_relaxed);
	set_state(task, state_of(CREW_READY, 0));
	add_one(crew->tokens);
	make_workers(crew);
}

struct crew_task *crew_oldest(struct crew *crew)
{
	return crew->taken < crew->given ? &crew->tasks[crew->taken % crew->task_count] : NULL;
}

void crew_go_on(struct crew *crew, struct crew_task *task)
{
	uint32_t state = atomic_load_explicit(&task->state, memory_order_acquire);
	unsigned worker = state >> STATE_BITS;
	uint64_t item = atomic_load_explicit(&task->progress, memory_order_relaxed) >> 32;

	crew_item(task, item, 0);
	set_state(task, state_of(CREW_TAKEN, worker));
	add_one(crew->workers[worker].go);
}

void crew_take_back(struct crew *crew, struct crew_task *task)
{
	/* Best effort: memory that a long line needed is given back. */
	if (task->length > KEPT)
		madvise(task->input, whole_pages(task->length), MADV_REMOVE);
	set_state(task, state_of(CREW_FREE, 0));
	crew->taken++;
}

/* ---- in a worker ---- */

static uint64_t processor_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* The first of those that are ready. */
static struct crew_task *first_ready(struct crew *crew)
{
	struct crew_task *first = NULL;

	for (uint32_t i = 0; i < crew->task_count; i++) {
		struct crew_task *task = &crew->tasks[i];

		if (crew_state(task) == CREW_READY && (!first || task->order < first->order))
			first = task;
	}
	return first;
}

struct crew_task *crew_next(struct crew *crew)
{
	for (;;) {
		struct crew_task *task;
		uint32_t ready = state_of(CREW_READY, 0);

		wait_for_one(crew->tokens);
		while ((task = first_ready(crew)))
			if (atomic_compare_exchange_strong(&task->state, &ready, state_of(CREW_TAKEN, crew->self))) {
				task->cost = processor_time();
				return task;
			} else {
				ready = state_of(CREW_READY, 0);
			}
	}
}

void crew_full(struct crew *crew, struct crew_task *task, size_t answered)
{
	task->answered = (uint32_t)answered;
	set_state(task, state_of(CREW_FULL, crew->self));
	add_one(crew->done);
	wait_for_one(crew->workers[crew->self].go);
}

void crew_done(struct crew *crew, struct crew_task *task, size_t answered)
{
	task->answered = (uint32_t)answered;
	task->cost = processor_time() - task->cost;
	set_state(task, state_of(CREW_DONE, crew->self));
	add_one(crew->done);
}
