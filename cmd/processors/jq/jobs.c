#include "cmd/processors/jq/jobs.h"

#include <sched.h>
#include <string.h>

#include "common/message.h"

/* What a worker says of a line. */
enum {
	RESULT_FALSE,
	RESULT_TRUE,
	BAD, /* the reason, with its NUL */
	LEFT, /* the address of the reason: workers are copies of this process, where it is the same */
};

unsigned jobs_count(int64_t asked, const struct engine_program *program, uint64_t max_line, const char **why)
{
	cpu_set_t processors;

	*why = NULL;
	if (asked > CREW_MOST)
		die("--jobs: not more than %d", CREW_MOST);
	if (asked == 0 && sched_getaffinity(0, sizeof(processors), &processors) == 0)
		asked = CPU_COUNT(&processors) < CREW_MOST ? CPU_COUNT(&processors) : CREW_MOST;
	if (asked <= 1)
		return 1;
	*why = max_line > PARALLEL_LINE_MOST ? "--max-line over 1G" : engine_sequential(program);
	return *why ? 1 : (unsigned)asked;
}

/* ---- in a worker ---- */

static bool worker_line(void *context, bool running, const char **line, size_t *length)
{
	struct jobs *jobs = context;

	if (running)
		die("the program asks for input, which it cannot with --jobs");
	parallel_line(&jobs->parallel, line, length);
	return true;
}

static void worker_result(void *context, const char *bytes, size_t length, bool truth)
{
	struct jobs *jobs = context;

	parallel_answer(&jobs->parallel, truth ? RESULT_TRUE : RESULT_FALSE, bytes, length);
}

static void worker_bad(void *context, bool line, const char *reason)
{
	struct jobs *jobs = context;

	(void)line;
	parallel_answer(&jobs->parallel, BAD, reason, strlen(reason) + 1);
}

static uint64_t worker_number(void *context)
{
	const struct jobs *jobs = context;

	return jobs->parallel.number;
}

static const char *worker_name(void *context)
{
	const struct jobs *jobs = context;

	return jobs->parallel.name ? jobs->parallel.name : "<stdin>";
}

static void worker_left(void *context, const char *reason)
{
	struct jobs *jobs = context;

	parallel_answer(&jobs->parallel, LEFT, &reason, sizeof(reason));
}

static void handle(void *context, struct parallel *parallel)
{
	struct jobs *jobs = context;

	(void)parallel;
	*jobs->host = (struct engine_host){
		jobs, worker_line, worker_result, worker_bad, worker_number, worker_name, worker_left,
	};
	while (engine_next(jobs->engine))
		;
}

/* ---- in the program ---- */

static void begin(void *context)
{
	struct jobs *jobs = context;

	engine_count(jobs->engine, NULL);
}

static void take_answer(void *context, unsigned kind, const char *bytes, size_t length)
{
	struct jobs *jobs = context;
	const struct engine_host *own = &jobs->own;
	const char *reason;

	switch (kind) {
	case BAD:
		own->bad(own->context, true, bytes);
		break;
	case LEFT:
		memcpy(&reason, bytes, sizeof(reason));
		engine_count(jobs->engine, reason);
		break;
	default:
		own->result(own->context, bytes, length, kind == RESULT_TRUE);
	}
}

void jobs_open(struct jobs *jobs, unsigned count, struct stage *stage, struct engine *engine, struct engine_host *host)
{
	jobs->engine = engine;
	jobs->host = host;
	jobs->own = *host;
	jobs->work = (struct parallel_work){jobs, handle, begin, take_answer};
	parallel_open(&jobs->parallel, stage, &jobs->work, count);
}

void jobs_run(struct jobs *jobs)
{
	parallel_run(&jobs->parallel);
}

void jobs_close(struct jobs *jobs)
{
	parallel_close(&jobs->parallel);
}
