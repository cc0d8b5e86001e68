/*
 * pype-exec: a command for each event, or commands that answer many.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cmd/processors/exec/exec.h"
#include "common/signals.h"
#include "common/stage_held.h"
#include "common/stage_loop.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-exec",
	.summary = "run a command for each event",
	.operands = "COMMAND [ARG...]",
	.least = 1,
	.most = -1,
	.command = true,
};

enum {
	JOBS_MOST = 1000,
	AHEAD_MOST = 1000,
	DESCRIPTORS_EACH = 4, /* of a child */
	DESCRIPTORS = 32, /* others */
};

void add_end(struct text *text, const struct exec *exec, const struct child *child, int status)
{
	char limit[UNIT_TEXT_MAX];

	if (child->timed_out)
		text_addf(text, "not over after %s", unit_duration_text(limit, exec->timeout));
	else if (child->too_much)
		text_addf(text, "more than %s of output (--max-output)", unit_size_text(limit, exec->max_output));
	else if (WIFSIGNALED(status))
		text_addf(text, "killed by signal %d", WTERMSIG(status));
	else
		text_addf(text, "exit status %d", WEXITSTATUS(status));
	if (child->last.length > 0)
		text_addf(text, ": %s", child->last.data);
}

void cannot_go_on(struct exec *exec, const struct child *child, int status)
{
	struct text reason = {0};

	jobs_write(exec);
	stage_flush(&exec->stage);
	add_end(&reason, exec, child, status);
	die("'%s' cannot do its work: %s", exec->command.name, reason.data);
}

static void check_options(struct exec *exec)
{
	const char *mistake;
	struct json_want *want = &exec->stage.want;

	if (exec->jobs < 1 || exec->jobs > JOBS_MOST)
		die("--jobs: from 1 to %d", JOBS_MOST);
	if (exec->ahead >= 0 && !exec->pool)
		die("--ahead is for --pool");
	if (exec->ahead == 0 || exec->ahead > AHEAD_MOST)
		die("--ahead: from 1 to %d", AHEAD_MOST);
	if (exec->filter && (exec->pool || exec->into || exec->meta))
		die("--filter looks at the exit status alone: not with --%s", exec->pool   ? "pool"
		                                                              : exec->into ? "into"
		                                                                           : "meta");
	if (exec->max_output == 0)
		die("--max-output: nothing is too little");
	if (exec->ahead < 0)
		exec->ahead = 16;
	if (exec->retries < 0)
		exec->retries = exec->pool ? 2 : 0;
	exec->time_slot = json_want_member(want, "time", 4);
	if (exec->into && !json_put_init(&exec->put, want, exec->into, &mistake))
		die("--into '%s': %s", exec->into, mistake);
}

/* Descriptors for so many children. */
static void raise_limit(const struct exec *exec)
{
	rlim_t needed = (rlim_t)exec->jobs * DESCRIPTORS_EACH + DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
		return;
	if (limit.rlim_max < needed)
		die("--jobs %lld needs %llu descriptors, and this process may have %llu (ulimit -n)",
		    (long long)exec->jobs, (unsigned long long)needed, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = needed;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void work(struct exec *exec)
{
	if (exec->pool)
		pool_work(exec);
	else
		once_work(exec);
}

/* Before each wait: what is over goes out, what has come is begun. */
static void on_prepare(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
	struct exec *exec = prepare->data;

	(void)events;
	do {
		jobs_write(exec);
		jobs_read(exec);
		work(exec);
	} while (exec->queue.first && exec->queue.first->state >= JOB_OUT);
	if (exec->ended || exec->draining || exec->ready.first)
		ev_io_stop(loop, &exec->input);
	else
		ev_io_start(loop, &exec->input);
	stage_idle(&exec->stage);
	/* The inner one of two loops is to be left before it waits for nothing. */
	if (exec->draining && !exec->queue.first)
		ev_break(loop, EVBREAK_ONE);
	if (exec->ended && !exec->queue.first && !exec->draining) {
		exec->over = true;
		ev_prepare_stop(loop, prepare);
		ev_break(loop, EVBREAK_ALL);
	}
}

static void on_input(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct exec *exec = io->data;

	(void)loop;
	(void)events;
	exec->ended |= !signals_stop() && !stage_fill(&exec->stage);
}

static void on_stop(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct exec *exec = io->data;

	(void)events;
	ev_io_stop(loop, io);
	exec->ended = true;
}

static void watch(struct exec *exec)
{
	ev_io_init(&exec->input, on_input, stage_descriptor(&exec->stage), EV_READ);
	ev_io_init(&exec->stop, on_stop, signals_fd(), EV_READ);
	ev_prepare_init(&exec->prepare, on_prepare);
	exec->input.data = exec->stop.data = exec->prepare.data = exec;
	ev_io_start(exec->loop, &exec->stop);
	ev_prepare_start(exec->loop, &exec->prepare);
}

static int run(struct exec *exec)
{
	struct stage *stage = &exec->stage;

	raise_limit(exec);
	stage_open(stage);
	leash_open(&exec->leash, (size_t)exec->jobs);
	/* Not the default one, which reaps all children itself. */
	exec->loop = ev_loop_new(EVFLAG_NOENV);
	if (!exec->loop)
		fail("cannot make an event loop");
	jobs_init(exec);
	if (exec->pool)
		pool_open(exec);
	else
		once_open(exec);
	watch(exec);
	ev_run(exec->loop, 0);
	ev_io_stop(exec->loop, &exec->input);
	ev_io_stop(exec->loop, &exec->stop);
	if (exec->pool)
		pool_close(exec);
	else
		once_close(exec);
	ev_loop_destroy(exec->loop);
	leash_close(&exec->leash);
	message_info("%llu events, %llu written", (unsigned long long)stage->events, (unsigned long long)exec->passed);
	/* Under a runner the next process goes on where this one was told to stop. */
	stage->left |= !stage_ended(stage);
	return stage_close(stage);
}

int main(int argc, char **argv)
{
	struct exec exec = {
		.jobs = 1,
		.ahead = -1,
		.retries = -1,
		.timeout = 30 * UNIT_S,
		.grace = 2 * UNIT_S,
		.max_output = 16 << 20,
		.name = (char[]){"data"},
	};
	const struct option options[] = {
		OPTION_NUMBER('j', "jobs", "N", &exec.jobs, "so many commands at a time (1)"),
		OPTION_FLAG('p', "pool", &exec.pool, "the commands live on and answer each line with a line"),
		OPTION_NUMBER(0, "ahead", "N", &exec.ahead,
	                      "lines that such a command is given before it has answered (16)"),
		OPTION_FLAG('u', "unordered", &exec.unordered, "what is over goes out, whatever came before it"),
		OPTION_FLAG('s', "shell", &exec.shell, "COMMAND is text for /bin/sh; ARGs are $1, $2 and so on"),
		OPTION_LIST('e', "env", "NAME=VALUE", &exec.command.env, "put this into the environment (repeatable)"),
		OPTION_DURATION('t', "timeout", "TIME", &exec.timeout, "limit for an event; 0: none (30s)"),
		OPTION_DURATION(0, "kill-after", "TIME", &exec.grace, "from SIGTERM to SIGKILL (2s)"),
		OPTION_NUMBER('r', "retries", "N", &exec.retries, "further attempts (0, with --pool 2)"),
		OPTION_SIZE(0, "max-output", "SIZE", &exec.max_output, "limit for what is written of an event (16M)"),
		OPTION_FLAG('f', "filter", &exec.filter, "pass the event on if the status is 0, drop it if it is 1"),
		OPTION_STRING('i', "into", "PATH", &exec.into, "put the output there in the event, and pass that on"),
		OPTION_FLAG(0, "meta", &exec.meta,
	                    "put the output into an object, beside status, attempt and duration"),
		OPTION_FLAG(0, "text", &exec.text, "the output is text, even if it looks like JSON"),
		OPTION_CHOICE(0, "invalid", "bad|replace", &exec.invalid, "output that is not UTF-8 (bad)"),
		OPTION_STRING(0, "name", "NAME", &exec.name, "name of the events made of output (data)"),
		OPTION_END,
	};
	char **operands;
	int status;

	(void)argc;
	operands = option_parse_both(&program, options, stage_options(&exec.stage), argv);
	check_options(&exec);
	command_compile(&exec, operands);
	status = option_checking() ? STATUS_OK : run(&exec);
	command_free(&exec.command);
	json_put_free(&exec.put);
	text_free(&exec.value);
	text_free(&exec.made);
	json_want_free(&exec.stage.want);
	return status;
}
