/*
 * crew: processes that work for this one, on tasks of bytes in memory they share, and answer in bytes.
 *
 *     crew_open(&crew, 4, 1 << 20, work, context);
 *     while ((task = crew_room(&crew))) { crew_input(task, bytes, length); crew_give(&crew, task); }
 *     …                                       wait until crew_descriptor is readable
 *     crew_look(&crew);
 *     task = crew_oldest(&crew);              if task->state says so, take task->answers
 *     crew_take_back(&crew, task);
 *     crew_close(&crew);
 *
 * Any worker takes any task; answers are taken in the order in which tasks were given. A task is made of items; its worker says when it
 * begins with one (crew_item). When a worker is killed, another one goes on with the task at that item: what was answered for the items before it
 * stays. An item that ends CREW_DEATHS workers in a row is named by task->poison, and is for the worker to pass over.
 *
 * Answers that are more than there is room for are handed over in parts (crew_full), each when its task is the oldest.
 *
 * Workers are made when they are needed first (spawn.h), and end with this process, however it ends. A worker that exits by itself
 * has said why: its task is CREW_LOST.
 */
#ifndef PYPE_CREW_H
#define PYPE_CREW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	CREW_MOST = 64, /* workers */
	CREW_DEATHS = 3,
	CREW_ANSWERS = 512 * 1024, /* bytes of answers that a task has room for */
	CREW_PADDING = 4096, /* readable bytes behind the input of a task */
};
#define CREW_NONE UINT32_MAX

enum crew_state {
	CREW_FREE,
	CREW_READY, /* for whoever comes first */
	CREW_TAKEN, /* a worker is at it */
	CREW_FULL, /* its worker waits until the answers so far are taken: crew_go_on */
	CREW_DONE,
	CREW_LOST, /* its worker has exited: `status` */
};

/* In shared memory; the data are mapped at the same place in all of the processes. */
struct crew_task {
	_Atomic uint32_t state; /* enum crew_state, and above STATE_BITS who the worker is */
	_Atomic uint32_t poison; /* the item, by its place in the input, that is not to be worked on; CREW_NONE */
	/*
	 * The item that is worked on, by its place in the input, in the upper half; in the lower one, how many bytes of answers
	 * are those of the items before it. In one word, since a kill may come between two.
	 */
	_Atomic uint64_t progress;
	char *input, *answers;
	uint32_t length; /* of the input */
	uint32_t answered; /* bytes of answers; when FULL or DONE */
	uint64_t cost; /* processor time of its worker, in nanoseconds; when DONE */
	/* the giver's own */
	uint64_t place, number;
	const void *mark;
	/* private */
	uint64_t order;
	uint32_t item, deaths; /* the item that workers have been killed at */
	int status;
};

struct crew_worker {
	pid_t pid; /* 0: there is none */
	int process; /* a pidfd */
	int go; /* an eventfd: the answers are taken */
};

struct crew {
	void (*work)(void *context, struct crew *crew); /* in a worker; returns when it is not to go on */
	void *context;
	struct crew_task *tasks;
	uint32_t task_count;
	uint64_t given, taken; /* tasks so far */
	/* Called when a worker has been killed by a signal; task: what it was at, or NULL. */
	void (*killed)(void *context, int signal, const struct crew_task *task);

	/* private */
	unsigned count; /* of workers at most */
	struct crew_worker workers[CREW_MOST];
	unsigned alive, deaths; /* deaths since a task was done last */
	int tokens; /* an eventfd: so many tasks are ready, or more */
	int done; /* an eventfd: look at the tasks */
	int all; /* an epoll descriptor: done, and the processes */
	size_t room; /* for the input of a task */
	void *memory;
	size_t mapped;
	unsigned self; /* in a worker: which */
};

/* room: bytes of the longest input. Takes address space for it, and memory only for what is used. Ends the program (1) if there is none. */
void crew_open(struct crew *crew, unsigned count, size_t room, void (*work)(void *context, struct crew *crew),
               void *context);
/* Ends all workers, whatever they are at. */
void crew_close(struct crew *crew);

/* A task that can be filled; NULL: all are given. */
struct crew_task *crew_room(struct crew *crew);
/* input holds length bytes; progress and the rest are set here. */
void crew_give(struct crew *crew, struct crew_task *task, size_t length);
/* The one that was given first of those that were not taken back; NULL: there is none. */
struct crew_task *crew_oldest(struct crew *crew);
enum crew_state crew_state(const struct crew_task *task);
/* The answers of a FULL task are taken: its worker goes on. */
void crew_go_on(struct crew *crew, struct crew_task *task);
void crew_take_back(struct crew *crew, struct crew_task *task);

/* Readable when crew_look has something to see. */
static inline int crew_descriptor(const struct crew *crew)
{
	return crew->all;
}
/* Deals with dead workers. Ends the program (1) if no worker can live. */
void crew_look(struct crew *crew);

/* ---- in a worker ---- */

/* Waits for a task, and takes it. */
struct crew_task *crew_next(struct crew *crew);
/* Begins with the item at that place of the input; `answered` bytes are the answers of those before it. */
static inline void crew_item(struct crew_task *task, size_t place, size_t answered)
{
	atomic_store_explicit(&task->progress, (uint64_t)place << 32 | answered, memory_order_release);
}
/* Hands the answers so far over, and waits until they are taken. */
void crew_full(struct crew *crew, struct crew_task *task, size_t answered);
void crew_done(struct crew *crew, struct crew_task *task, size_t answered);

#endif
