/*
 * pype-exec: what its parts share.
 *
 *   main      options, and the loop
 *   command   the command's arguments and environment, for an event
 *   jobs      events from being read to being written
 *   once      a command for each event
 *   pool      commands that answer many
 *   result    from output to events
 *   child     a process on the loop
 *   leash     nothing outlives this process
 *   template  texts with places for values of an event
 */
#ifndef PYPE_EXEC_EXEC_H
#define PYPE_EXEC_EXEC_H

#include <ev.h>

#include "cmd/processors/exec/child.h"
#include "cmd/processors/exec/leash.h"
#include "common/json_put.h"
#include "common/json_text.h"
#include "common/option.h"
#include "common/stage.h"
#include "cmd/processors/exec/template.h"
#include "common/unit.h"

enum {
	DONE_MOST = 360, /* of the events that went out before their turn, the page has room for so many */
	QUEUE_MOST = 1024, /* events that are held */
	LINES_HELD = 4, /* of the greatest length, in all that is held together */
};

/* Pauses before another attempt. */
#define RETRY_MIN (100 * UNIT_MS)
#define RETRY_MAX (10 * UNIT_S)

struct exec;
struct worker;

enum job_state {
	JOB_READY, /* it waits for a command */
	JOB_BUSY,
	JOB_OUT, /* its lines may be written */
	JOB_FAILED, /* for its reason it goes to the dead letters */
};

/* An event. */
struct job {
	struct job *older, *newer; /* as they were read */
	struct job *next; /* of those that are ready, or of a worker's: as they were read */
	enum job_state state;
	struct stage_place place;
	struct text line; /* as it came */
	size_t start, end; /* the object in it */
	struct json_span *spans; /* of stage.want, in `line` */
	int64_t failures; /* so far */
	int64_t began; /* the last attempt */
	struct text lines; /* JOB_OUT: what goes out, each with its newline */
	struct text reason; /* JOB_FAILED */
};

/* A job's command as it ended. */
struct answer {
	int status; /* exit status; -1: of a pool */
	int64_t duration;
	const char *output;
	size_t length;
};

struct job_list {
	struct job *first, *last;
	size_t count;
};

struct command {
	struct option_list env; /* --env */

	const char *name; /* for messages */
	struct option_list fixed; /* the program's path, and with --shell what is before the arguments */
	struct template *arguments, *values; /* behind those; what --env has behind each '=' */
	size_t count; /* of the arguments */
	bool changes; /* there are places in them */
	struct option_list inherited; /* environment without --env; borrowed */

	char **argv, **environment; /* for the event that is started */
};

struct exec {
	/* options */
	int64_t jobs, ahead, retries, timeout, grace;
	bool pool, unordered, shell, filter, meta, text;
	int invalid;
	uint64_t max_output;
	char *into, *name;

	struct stage stage;
	struct ev_loop *loop;
	struct ev_io input, stop;
	struct ev_prepare prepare;
	struct command command;
	struct leash leash;
	struct json_put put;
	int time_slot;
	struct worker *workers; /* of once.c or pool.c */

	struct job_list queue; /* all, by `newer` */
	struct job_list ready; /* by `next` */
	size_t finished; /* in the queue */
	uint64_t held; /* bytes in the queue */
	uint64_t done[DONE_MOST]; /* where the events begin that went out before the oldest that is held */
	size_t done_count;
	uint64_t resumed; /* where the input was at the start */
	struct stage_place bad_line; /* the one that the stage is about to put away */
	bool at_bad_line;
	bool goes_on; /* the first lines of the first event were written by a predecessor */
	bool ended; /* no more input */
	bool over; /* … and all is done */
	bool draining; /* nothing is read until all that is held is out */
	struct text value, made; /* of result.c */
	struct message_limit limit; /* of what is said of single commands */
	uint64_t passed; /* events that went out */
};

/* ---- command ---- */

/* Compiles and finds it; a mistake ends the program. */
void command_compile(struct exec *exec, char **operands);
void command_free(struct command *command);
/* Puts the command for a job (NULL: of a pool) into argv and environment. False: it cannot be made, and the job has its reason. */
bool command_fill(struct exec *exec, struct job *job);

/* ---- jobs ---- */

void jobs_init(struct exec *exec);
/* Reads events as long as there is room. */
void jobs_read(struct exec *exec);
/* Writes what may be written. */
void jobs_write(struct exec *exec);

/* The oldest that is ready leaves that list; NULL: there is none. */
struct job *jobs_take(struct exec *exec);
/* It is to be tried once more. */
void jobs_again(struct exec *exec, struct job *job);
void job_fail(struct exec *exec, struct job *job, const char *format, ...) MESSAGE_FORMAT(3, 4);
/* Its command has done well: what it wrote becomes lines, or a reason. */
void job_answer(struct exec *exec, struct job *job, const struct answer *answer);
/* … and nothing goes out. */
void job_drop(struct exec *exec, struct job *job);

/* ---- once and pool ---- */

/* Something is ready, or may be. */
void once_open(struct exec *exec);
void once_work(struct exec *exec);
void once_close(struct exec *exec);
void pool_open(struct exec *exec);
void pool_work(struct exec *exec);
void pool_close(struct exec *exec);

/* Why a child has not done well; its status is not 0, or it was ended. */
void add_end(struct text *text, const struct exec *exec, const struct child *child, int status);

/* End the program, with 2: the command cannot be run, for what `failed` and errno say; it ended so that it is pointless to go on. */
_Noreturn void cannot_run(const struct exec *exec, const char *failed);
_Noreturn void cannot_go_on(struct exec *exec, const struct child *child, int status);

/* ---- result ---- */

/* Puts the lines for an answer into job->lines. False: they cannot be made, for job->reason. */
bool result_make(struct exec *exec, struct job *job, const struct answer *answer);

#endif
