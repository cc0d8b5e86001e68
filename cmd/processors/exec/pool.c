/*
 * Commands that answer many events, a line for a line.
 *
 * Each is given some events ahead, and answers them in their order. When it dies, the oldest that it has not answered is to blame; the others
 * are given to another without a word.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "cmd/processors/exec/exec.h"
#include "common/backoff.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

enum { INPUT_AHEAD = 256 * 1024 }; /* bytes that wait to be written to a command */
#define CLOSE_TIME (10 * UNIT_S)

struct worker {
	struct exec *exec;
	struct child child;
	struct job *first, *last; /* those it has not answered */
	int64_t count;
	uint64_t answers;
	bool astray; /* it wrote a line that nobody asked for */
	bool closing; /* it was told that nothing follows */
	struct ev_timer again; /* the pause before it is started again */
	struct backoff backoff;
};

static void start(struct worker *worker)
{
	struct exec *exec = worker->exec;
	const char *failed;

	command_fill(exec, NULL);
	worker->answers = 0;
	worker->astray = false;
	text_clear(&worker->child.input);
	if (!child_start(&worker->child, exec->command.argv, exec->command.environment, false, &failed))
		cannot_run(exec, failed);
}

static void on_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	start(timer->data);
}

/* ---- answers ---- */

static struct job *shift(struct worker *worker)
{
	struct job *job = worker->first;

	worker->first = job->next;
	if (!job->next)
		worker->last = NULL;
	job->next = NULL;
	worker->count--;
	return job;
}

static void take_answer(struct worker *worker, const char *line, size_t length)
{
	struct answer answer = {.status = -1, .output = line, .length = length};
	struct job *job;

	if (!worker->first) {
		if (!worker->astray)
			message_error("a command of the pool has written a line more than it was given: %.*s",
			              (int)(length < CHILD_SAID ? length : CHILD_SAID), line);
		worker->astray = true;
		return;
	}
	job = shift(worker);
	worker->answers++;
	answer.duration = moment_now() - job->began;
	job_answer(worker->exec, job, &answer);
	if (worker->first)
		worker->first->began = moment_now();
}

static void on_heard(struct child *child)
{
	struct worker *worker = child->context;
	struct text *output = &child->output;
	size_t at = 0;
	bool any = false;

	json_pad(output);
	while (at < output->length && !child->too_much) {
		const char *line = output->data + at, *newline = memchr(line, '\n', output->length - at);
		size_t length = newline ? (size_t)(newline - line) : output->length - at;

		child->too_much = length > child->most;
		if (!newline || child->too_much)
			break;
		take_answer(worker, line, length);
		at += length + 1;
		any = true;
	}
	text_drop(output, at);
	if (any)
		child_allow(child, worker->first ? worker->exec->timeout : 0);
	if (worker->astray && !worker->closing)
		child_stop(child);
}

/* ---- death ---- */

static void blame(struct worker *worker, int status)
{
	struct exec *exec = worker->exec;
	struct job *job = shift(worker);
	struct text reason = {0};

	if (worker->child.timed_out)
		text_add_string(&reason, "no answer: ");
	else if (!worker->child.too_much)
		text_add_string(&reason, "the command ended without an answer: ");
	add_end(&reason, exec, &worker->child, status);
	if (job->failures++ < exec->retries && !worker->child.too_much) {
		if (message_pass(&exec->limit))
			message_warning("line %llu: %s, trying again", (unsigned long long)job->place.lines + 1,
			                reason.data);
		jobs_again(exec, job);
	} else {
		job_fail(exec, job, "%s", reason.data);
	}
	text_free(&reason);
}

static void restart(struct worker *worker)
{
	struct exec *exec = worker->exec;
	int64_t lasted = worker->answers > 0 ? moment_now() - worker->child.started : 0;
	int64_t pause = backoff_failed(&worker->backoff, lasted, moment_random());

	ev_now_update(exec->loop);
	ev_timer_set(&worker->again, (double)pause / UNIT_S, 0);
	ev_timer_start(exec->loop, &worker->again);
}

/* It can never be different. */
static bool is_pointless(const struct worker *worker, int status)
{
	if (!WIFEXITED(status) || worker->child.timed_out)
		return false;
	return WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127 ||
	       (WEXITSTATUS(status) == STATUS_POINTLESS && worker->answers == 0);
}

static void on_ended(struct child *child, int status)
{
	struct worker *worker = child->context;
	struct exec *exec = worker->exec;

	if (is_pointless(worker, status))
		cannot_go_on(exec, child, status);
	if (worker->first && !worker->astray) {
		blame(worker, status);
	} else if ((status != 0 || !worker->closing) && !worker->astray && message_pass(&exec->limit)) {
		struct text reason = {0};

		add_end(&reason, exec, child, status);
		message_warning("a command of the pool has ended: %s", reason.data);
		text_free(&reason);
	}
	while (worker->first)
		jobs_again(exec, shift(worker));
	if (!worker->closing)
		restart(worker);
}

/* ---- work ---- */

static struct worker *least_busy(struct exec *exec)
{
	struct worker *best = NULL;

	for (int64_t i = 0; i < exec->jobs; i++) {
		struct worker *worker = &exec->workers[i];

		if (worker->child.pid > 0 && !worker->astray && !worker->child.timed_out && !worker->child.too_much &&
		    worker->count < exec->ahead && worker->child.input.length < INPUT_AHEAD &&
		    (!best || worker->count < best->count))
			best = worker;
	}
	return best;
}

static void give(struct worker *worker, struct job *job)
{
	if (worker->last)
		worker->last->next = job;
	else
		worker->first = job;
	worker->last = job;
	worker->count++;
	job->began = moment_now();
	if (worker->count == 1)
		child_allow(&worker->child, worker->exec->timeout);
	text_add(&worker->child.input, job->line.data, job->line.length);
	text_add_char(&worker->child.input, '\n');
}

void pool_work(struct exec *exec)
{
	struct worker *worker;

	while (exec->ready.first && (worker = least_busy(exec)))
		give(worker, jobs_take(exec));
	for (int64_t i = 0; i < exec->jobs; i++)
		if (exec->workers[i].child.input.length > 0)
			child_send(&exec->workers[i].child);
}

void pool_open(struct exec *exec)
{
	exec->workers = xcalloc((size_t)exec->jobs, sizeof(*exec->workers));
	for (int64_t i = 0; i < exec->jobs; i++) {
		struct worker *worker = &exec->workers[i];

		worker->exec = exec;
		worker->backoff = (struct backoff){.min = RETRY_MIN, .max = RETRY_MAX, .reset = RETRY_MAX};
		worker->child = (struct child){
			.loop = exec->loop,
			.group = &exec->leash.groups[i],
			.most = exec->max_output,
			.grace = exec->grace,
			.heard = on_heard,
			.ended = on_ended,
			.context = worker,
		};
		child_init(&worker->child);
		ev_timer_init(&worker->again, on_again, 0, 0);
		worker->again.data = worker;
		start(worker);
	}
}

static bool any_runs(const struct exec *exec)
{
	for (int64_t i = 0; i < exec->jobs; i++)
		if (exec->workers[i].child.pid > 0)
			return true;
	return false;
}

void pool_close(struct exec *exec)
{
	for (int64_t i = 0; i < exec->jobs; i++) {
		struct worker *worker = &exec->workers[i];

		worker->closing = true;
		ev_timer_stop(exec->loop, &worker->again);
		child_close_input(&worker->child);
		child_allow(&worker->child, exec->timeout > 0 ? exec->timeout : CLOSE_TIME);
	}
	while (any_runs(exec))
		ev_run(exec->loop, EVRUN_ONCE);
	for (int64_t i = 0; i < exec->jobs; i++)
		child_free(&exec->workers[i].child);
	free(exec->workers);
}
