/*
 * Events from being read to being written.
 *
 * The mark stays before the oldest event that is held (stage.held). What went out behind it, with --unordered, stands in the cursor, so that
 * a successor passes over it. Events that failed have their turn, in any order: a successor takes back the dead letters behind its
 * mark, and works on their events again.
 */
#include <stdlib.h>

#include "cmd/processors/exec/exec.h"
#include "common/memory.h"
#include "common/stage_held.h"

/* ---- the queue ---- */

static void job_free(struct job *job)
{
	text_free(&job->line);
	text_free(&job->lines);
	text_free(&job->reason);
	free(job->spans);
	free(job);
}

static void set_held(struct exec *exec)
{
	exec->stage.held = exec->queue.first ? &exec->queue.first->place : exec->at_bad_line ? &exec->bad_line : NULL;
}

static void append(struct exec *exec, struct job *job)
{
	struct job_list *queue = &exec->queue;

	job->older = queue->last;
	if (queue->last)
		queue->last->newer = job;
	else
		queue->first = job;
	queue->last = job;
	queue->count++;
	exec->held += job->line.length;
	set_held(exec);
}

static void leave(struct exec *exec, struct job *job)
{
	struct job_list *queue = &exec->queue;

	if (job->older)
		job->older->newer = job->newer;
	else
		queue->first = job->newer;
	if (job->newer)
		job->newer->older = job->older;
	else
		queue->last = job->older;
	queue->count--;
	exec->finished--;
	exec->held -= job->line.length + job->lines.length;
	set_held(exec);
}

/* ---- those that are ready ---- */

static void make_ready(struct exec *exec, struct job *job)
{
	struct job_list *ready = &exec->ready;
	struct job **at = &ready->first;

	job->state = JOB_READY;
	if (ready->last && ready->last->place.in < job->place.in)
		at = &ready->last->next;
	else
		while (*at && (*at)->place.in < job->place.in)
			at = &(*at)->next;
	job->next = *at;
	*at = job;
	if (!job->next)
		ready->last = job;
	ready->count++;
}

struct job *jobs_take(struct exec *exec)
{
	struct job *job = exec->ready.first;

	if (!job)
		return NULL;
	exec->ready.first = job->next;
	if (!job->next)
		exec->ready.last = NULL;
	exec->ready.count--;
	job->next = NULL;
	job->state = JOB_BUSY;
	return job;
}

void jobs_again(struct exec *exec, struct job *job)
{
	make_ready(exec, job);
}

/* ---- its end ---- */

static void finish(struct exec *exec, struct job *job, enum job_state state)
{
	job->state = state;
	exec->finished++;
	exec->held += job->lines.length;
}

void job_fail(struct exec *exec, struct job *job, const char *format, ...)
{
	va_list arguments;

	text_clear(&job->reason);
	va_start(arguments, format);
	text_vaddf(&job->reason, format, arguments);
	va_end(arguments);
	text_free(&job->lines);
	finish(exec, job, JOB_FAILED);
}

void job_drop(struct exec *exec, struct job *job)
{
	finish(exec, job, JOB_OUT);
}

void job_answer(struct exec *exec, struct job *job, const struct answer *answer)
{
	bool good = result_make(exec, job, answer);

	if (!good)
		text_free(&job->lines);
	finish(exec, job, good ? JOB_OUT : JOB_FAILED);
}

/* ---- those that went out before their turn ---- */

static bool is_done(const struct exec *exec, uint64_t in)
{
	for (size_t i = 0; i < exec->done_count; i++)
		if (exec->done[i] == in)
			return true;
	return false;
}

/* Those that begin before `in` are before the mark. */
static void forget_done(struct exec *exec, uint64_t in)
{
	size_t count = 0;

	for (size_t i = 0; i < exec->done_count; i++)
		if (exec->done[i] >= in)
			exec->done[count++] = exec->done[i];
	exec->done_count = count;
}

static void note_done(struct exec *exec, uint64_t in)
{
	const struct stage_place *held = exec->stage.held;

	if (!exec->unordered || !stage_is_kept(&exec->stage))
		return;
	forget_done(exec, held ? held->in : stage_here(&exec->stage).in);
	if (held && held->in < in)
		exec->done[exec->done_count++] = in;
	stage_cursor(&exec->stage, exec->done, exec->done_count * sizeof(*exec->done));
}

/* ---- out ---- */

static void put_away(struct exec *exec, struct job *job)
{
	stage_bad_held(&exec->stage, &job->place, job->line.data, job->line.length, job->reason.data);
	for (struct job *behind = job->newer; behind; behind = behind->newer)
		behind->place.bad++;
	exec->bad_line.bad++;
}

static void write_lines(struct exec *exec, const struct text *lines)
{
	const char *line = lines->data, *end = lines->data + lines->length, *newline;

	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		stage_write(&exec->stage, line, (size_t)(newline - line));
		exec->passed++;
	}
}

/* False: only when it is its turn. */
static bool put_out(struct exec *exec, struct job *job)
{
	bool oldest = job == exec->queue.first;
	uint64_t in = job->place.in;

	if (!oldest &&
	    (job->state != JOB_OUT || exec->goes_on || (stage_is_kept(&exec->stage) && exec->done_count == DONE_MOST)))
		return false;
	if (!stage_can_write(&exec->stage, job->lines.length) && !oldest)
		return false;
	if (job->state == JOB_FAILED)
		put_away(exec, job);
	leave(exec, job);
	note_done(exec, in);
	write_lines(exec, &job->lines);
	stage_handled(&exec->stage);
	exec->goes_on = false;
	job_free(job);
	return true;
}

void jobs_write(struct exec *exec)
{
	struct job *job, *newer;

	while ((job = exec->queue.first) && job->state >= JOB_OUT)
		put_out(exec, job);
	if (!exec->unordered)
		return;
	for (job = exec->queue.first; job && exec->finished > 0; job = newer) {
		newer = job->newer;
		if (job->state == JOB_OUT)
			put_out(exec, job);
	}
}

/* ---- in ---- */

static void add(struct exec *exec)
{
	struct stage *stage = &exec->stage;
	const struct event *event = &stage->event;
	struct job *job = xcalloc(1, sizeof(*job));

	job->place = stage_began(stage);
	text_add(&job->line, event->line, event->length);
	job->start = event->json.start;
	job->end = event->json.end;
	job->spans = xcalloc(stage->want.slots + 1, sizeof(*job->spans));
	for (size_t i = 0; i < stage->want.slots; i++) {
		job->spans[i] = event->spans[i];
		if (job->spans[i].kind != JSON_NONE)
			job->spans[i].at = job->line.data + (event->spans[i].at - event->line);
	}
	text_init(&job->lines);
	append(exec, job);
	make_ready(exec, job);
}

static bool is_room(const struct exec *exec)
{
	size_t busy = (size_t)exec->jobs * (exec->pool ? (size_t)exec->ahead : 1);

	return exec->queue.count < QUEUE_MOST && exec->ready.count < busy &&
	       (exec->queue.count == 0 || exec->held < LINES_HELD * stage_max_line(&exec->stage));
}

void jobs_read(struct exec *exec)
{
	struct stage *stage = &exec->stage;
	bool more = true;

	while (more && !exec->draining && !exec->over && is_room(exec)) {
		more = stage_take(stage);
		exec->at_bad_line = false;
		set_held(exec);
		if (more && !is_done(exec, stage_began(stage).in))
			add(exec);
		/* A predecessor has written a part of the first event of all; if this is another one, nothing waits for that. */
		if (more && exec->goes_on && exec->queue.first && exec->queue.first->place.in != exec->resumed) {
			exec->goes_on = false;
			stage_handled(stage);
		}
	}
}

/* Dead letters have to come in the order of the input. */
static void before_bad(struct stage *stage, const struct stage_place *line)
{
	struct exec *exec = stage->context;

	exec->bad_line = *line;
	exec->at_bad_line = true;
	exec->draining = true;
	while (exec->queue.first)
		ev_run(exec->loop, EVRUN_ONCE);
	exec->draining = false;
	set_held(exec);
}

void jobs_init(struct exec *exec)
{
	struct stage *stage = &exec->stage;
	size_t length;
	const void *cursor = stage_resumed(stage, &length);

	stage->out.patient = true;
	stage->context = exec;
	stage->before_bad = before_bad;
	exec->goes_on = stage_goes_on(stage);
	exec->resumed = stage_here(stage).in;
	if (!cursor || length > sizeof(exec->done))
		return;
	memcpy(exec->done, cursor, length);
	exec->done_count = length / sizeof(*exec->done);
}
