/*
 * A command for each event.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "cmd/processors/exec/exec.h"
#include "common/backoff.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

struct worker {
	struct exec *exec;
	struct child child;
	struct job *job; /* NULL: it is free */
	struct ev_timer again; /* the pause before another attempt */
	struct backoff backoff;
};

static void start(struct worker *worker)
{
	struct exec *exec = worker->exec;
	struct job *job = worker->job;
	const char *failed;

	if (!command_fill(exec, job)) {
		worker->job = NULL;
		return;
	}
	text_clear(&worker->child.input);
	text_add(&worker->child.input, job->line.data, job->line.length);
	text_add_char(&worker->child.input, '\n');
	job->began = moment_now();
	if (child_start(&worker->child, exec->command.argv, exec->command.environment, true, &failed)) {
		child_allow(&worker->child, exec->timeout);
	} else if (errno == E2BIG) {
		worker->job = NULL;
		job_fail(exec, job, "the arguments are too long");
	} else {
		cannot_run(exec, failed);
	}
}

static void on_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	start(timer->data);
}

static void fail_job(struct worker *worker, int status)
{
	struct exec *exec = worker->exec;
	struct job *job = worker->job;
	struct text reason = {0};
	bool hopeless = worker->child.too_much || (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_POINTLESS);

	add_end(&reason, exec, &worker->child, status);
	if (job->failures++ < exec->retries && !hopeless) {
		int64_t pause = backoff_failed(&worker->backoff, 0, moment_random());

		if (message_pass(&exec->limit))
			message_warning("line %llu: %s, trying again", (unsigned long long)job->place.lines + 1,
			                reason.data);
		ev_now_update(exec->loop);
		ev_timer_set(&worker->again, (double)pause / UNIT_S, 0);
		ev_timer_start(exec->loop, &worker->again);
	} else {
		worker->job = NULL;
		job_fail(exec, job, "%s", reason.data);
	}
	text_free(&reason);
}

/* It did what it should, or says no by its status. */
static void answer(struct worker *worker, int status)
{
	struct job *job = worker->job;
	struct text *output = &worker->child.output;
	const struct answer answer = {
		.status = status,
		.duration = moment_now() - job->began,
		.output = output->data,
		.length = output->length,
	};

	worker->job = NULL;
	if (status != 0) {
		job_drop(worker->exec, job);
		return;
	}
	json_pad(output);
	job_answer(worker->exec, job, &answer);
}

static void on_ended(struct child *child, int status)
{
	struct worker *worker = child->context;
	bool ended = child->timed_out || child->too_much || !WIFEXITED(status);

	if (!ended && (WEXITSTATUS(status) == 126 || WEXITSTATUS(status) == 127))
		cannot_go_on(worker->exec, child, status);
	if (!ended && (WEXITSTATUS(status) == 0 || (worker->exec->filter && WEXITSTATUS(status) == 1)))
		answer(worker, WEXITSTATUS(status));
	else
		fail_job(worker, status);
	/* What was large is not kept. */
	text_free(&child->output);
}

void once_open(struct exec *exec)
{
	exec->workers = xcalloc((size_t)exec->jobs, sizeof(*exec->workers));
	for (int64_t i = 0; i < exec->jobs; i++) {
		struct worker *worker = &exec->workers[i];

		worker->exec = exec;
		worker->child = (struct child){
			.loop = exec->loop,
			.group = &exec->leash.groups[i],
			.most = exec->max_output,
			.grace = exec->grace,
			.ended = on_ended,
			.context = worker,
		};
		child_init(&worker->child);
		ev_timer_init(&worker->again, on_again, 0, 0);
		worker->again.data = worker;
	}
}

void once_work(struct exec *exec)
{
	for (int64_t i = 0; i < exec->jobs && exec->ready.first; i++) {
		struct worker *worker = &exec->workers[i];

		while (!worker->job && exec->ready.first) {
			worker->backoff = (struct backoff){.min = RETRY_MIN, .max = RETRY_MAX};
			worker->job = jobs_take(exec);
			start(worker);
		}
	}
}

void once_close(struct exec *exec)
{
	for (int64_t i = 0; i < exec->jobs; i++)
		child_free(&exec->workers[i].child);
	free(exec->workers);
}
