/*
 * parallel: the lines of a stage, handled by several processes, with all that comes of it in the order of the lines: as one process would do it.
 *
 *     parallel_open(&parallel, &stage, &work, jobs);
 *     parallel_run(&parallel);              the whole input; after stage_input, the next one
 *     parallel_close(&parallel);
 *
 * What is done with a line may depend on nothing but the line, its number, and the name of its file. In a worker work->handle gets
 * the lines one after the other with parallel_line, and gives answers; in the program itself work->begin and work->answer
 * get them, each behind the line it is to, with stage->event set, and write, or call stage_bad. All that stage.h does is done in the program alone:
 * lines are counted, marked and put away there.
 *
 * Lines go to workers in portions of some milliseconds' work, as soon as there is no more input that could go with them. Memory is
 * bounded: so much input at once, or one long line, and its answers. A worker that is killed loses nothing (crew.h); a line that
 * kills three of them is a bad event. A worker that ends by itself ends the program, with its status, after the answers to what came before.
 */
#ifndef PYPE_PARALLEL_H
#define PYPE_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crew.h"
#include "common/message.h"
#include "common/stage.h"
#include "common/text.h"

/* Kinds of answers that are not the program's own; it has those below. */
enum { PARALLEL_LINE = 255, PARALLEL_KILLED = 254, PARALLEL_PART = 256 };

#define PARALLEL_LINE_MOST (1ULL << 30) /* of --max-line */

struct parallel;
struct parallel_work {
	void *context;
	void (*handle)(void *context, struct parallel *parallel);
	void (*begin)(void *context); /* a line; or NULL */
	void (*answer)(void *context, unsigned kind, const char *bytes, size_t length);
};

struct parallel {
	struct stage *stage;
	const struct parallel_work *work;

	/* in a worker: of the current line */
	uint64_t number; /* its line number */
	const char *name; /* of its file, as stage->name */

	/* private */
	struct crew crew;
	uint64_t given, lines; /* of the input: bytes and lines that have been given out … */
	uint64_t searched; /* … and up to where there is no end of a line behind them */
	size_t portion; /* bytes of the last one */
	double pace; /* nanoseconds a byte; 0: not known yet */
	int error; /* errno of a read that failed */
	bool open; /* a line is being answered: */
	uint64_t at; /* where it is in its task, */
	uint64_t answers,
		again; /* how many answers there were, and how many come once more since its worker was killed */
	struct text parts; /* of an answer that is not whole yet */
	struct message_limit killed;

	/* of a worker */
	struct crew_task *task; /* NULL: none */
	size_t next, end; /* lines of it that are left */
	uint64_t next_number;
	size_t answered; /* bytes of answers in the task */
};

/* Ends the program (1) if it cannot. jobs: 1 to CREW_MOST. */
void parallel_open(struct parallel *parallel, struct stage *stage, const struct parallel_work *work, unsigned jobs);
/* Until the end of the input, or until told to stop. */
void parallel_run(struct parallel *parallel);
void parallel_close(struct parallel *parallel);

/* ---- in a worker ---- */

/* The next line; waits for it. JSON_PADDING bytes behind it are readable. Valid until the next call. */
void parallel_line(struct parallel *parallel, const char **line, size_t *length);
/* An answer to the current line; kind: 0 to 253. */
void parallel_answer(struct parallel *parallel, unsigned kind, const void *bytes, size_t length);

#endif
