/*
 * port: a stage's data as its manager sees it: page, rings, pipes.
 *
 * A stage is given pipes. One that keeps the rings (PAGE_RINGS) does not use them, and the manager has nothing to do for it.
 * For every other the manager is the one who reads its input ring and writes its output ring: it feeds the one pipe and takes from
 * the other (pump.c). What has been handled when the stage dies is known by its mode:
 *
 *   UNKNOWN  it has neither read its pipe nor taken the page: what it was fed is kept
 *   PLAIN    nothing is known: what it was fed counts as handled
 *   PIPES    it stores marks in the page
 *   LINES    a line of output for each line of input, in order, is a mark
 *   EOF      the input comes in batches; exit status 0 is the mark
 *   RINGS    it stores marks in the page
 *
 * Output goes into the ring as it comes, in whole lines. If a mark is behind that when the stage dies, the successor writes
 * those bytes again, and they are dropped.
 */
#ifndef PYPE_FLOW_PORT_H
#define PYPE_FLOW_PORT_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/flow/manager/plumbing.h"
#include "common/message.h"
#include "common/page.h"
#include "common/ring.h"
#include "common/spawn.h"
#include "common/text.h"

enum port_mode { PORT_UNKNOWN, PORT_PLAIN, PORT_PIPES, PORT_LINES, PORT_EOF, PORT_RINGS };

enum {
	PORT_FDS = 16 + RING_READERS, /* descriptors of a stage, at most */
	PORT_VARIABLE = 128, /* bytes of PYPE_STAGE=…, at most */
};

struct child;
struct manager;

struct port {
	struct child *child;
	struct manager *manager;
	const struct plan_stage *plan;
	int memory, bell; /* -1: none */
	struct page *page; /* NULL: none; it may have one that is not offered to it (plan->paged) */
	struct ring out, own_in;
	struct ring *in; /* NULL: none */
	struct port *readers[RING_READERS]; /* those that share its output ring, by slot */
	int reader_count;

	bool plain; /* it was seen reading its pipe */
	bool wrote; /* something came out of its pipe */
	bool closed; /* the end of its input was said */
	int feed, take; /* the manager's ends of its pipes; -1: none */
	uint64_t base, fed; /* the input that was written into the pipe it has now */
	uint64_t arrived; /* the output that came out of the other */
	struct text got; /* the last bytes of that, not in the ring yet */
	size_t due; /* so many of them are to go there whatever follows */
	bool finished; /* the stage will not be started again … */
	bool completed; /* … and all it wrote is in the ring */
	struct page_mark mark; /* the newest that counts, of PIPES, LINES and EOF */
	struct page_mark candidate; /* PIPES: counts when its output has arrived */
	bool waits_for_candidate;
	int64_t batch; /* EOF: when the first byte of the batch was fed; 0: none yet */
	struct message_limit overlong;

	struct ev_io feed_ready, take_ready, bell_ready;
	struct ev_timer look; /* UNKNOWN: has it read? EOF: is the batch over? */
};

/* Maps what there is. plumbing, all ports and child's names and settings must be set. 0, or -1: errno. */
int port_init(struct port *port, struct manager *manager, struct child *child, const struct plumbing *plumbing,
              size_t number, struct port *ports);
/* Takes over what a predecessor of this manager, or of this runner, has left. */
void port_adopt(struct port *port);
void port_free(struct port *port);

enum port_mode port_mode(const struct port *port);
/* How it takes part, as `pype ps` shows it: enum page_part. */
enum page_part port_part(const struct port *port);

/* Before each start: pipes and page as the new process shall find them. 0, or -1: errno. */
int port_prepare(struct port *port);
/* port_give.c: the descriptors besides 0, 1 and 2 that a stage gets, and its variable (PORT_VARIABLE bytes). Returns how many. */
size_t port_give(struct port *port, struct spawn_fd fds[PORT_FDS], char *variable);

/* Moves what can be moved through the pipes. True: something was. */
bool port_work(struct port *port);

/* The process is gone, with all that belonged to it; well: its status was 0. */
void port_died(struct port *port, bool well);
/* EOF: another batch can come; it has; it cannot. */
bool port_takes_batches(const struct port *port);
bool port_has_batch(const struct port *port);
/* The stage will not be started again. Its readers come to the end, its writers need not wait for it. */
void port_finish(struct port *port);
/* A reader of its output ring is gone for good. True: that was the last. */
bool port_lost_reader(struct port *port, unsigned slot);

/* What it has handled is known: one that is killed at its end can be started again, to find that there is nothing left. */
bool port_answers(const struct port *port);
/* It is sure that it does: it has the page, or is declared so. */
bool port_has_answered(const struct port *port);
/* The input has ended and all of it was handled; bytes that were not. */
bool port_input_ended(const struct port *port);
uint64_t port_unhandled(const struct port *port);
/* protocol: sync: it has nothing to do, and its readers have all it wrote. */
bool port_idle(const struct port *port);

/* Wakes whoever reads, or writes, a ring that was written or read here. */
void port_wake_readers(struct port *port);
void port_wake_writer(struct port *port);

/* Rings the bells of all that share its output ring; of all neighbours. */
void port_ring_readers(struct port *port);
void port_wake_all(struct port *port);

/* pump.c */
/* Somebody has read the pipe that it is fed by. */
bool pump_has_read(const struct port *port);
bool pump_feed(struct port *port);
bool pump_take(struct port *port);
/* Takes all that is left in the pipe of a process that is gone, for good if it ended well. */
void pump_drain(struct port *port, bool well);

#endif
