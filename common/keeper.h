/*
 * keeper: a program's side of the stage page (page.h): its input and output rings, and its marks.
 *
 * The program says where it stands by `next`: what will be true once all output up to the boundary is out. keeper_put
 * hands output over and stores the marks with it; keeper_mark stores `next` where there is no output. What an event gives
 * rise to may go out in parts: the mark then counts the lines (skip), and a successor drops as many.
 */
#ifndef PYPE_KEEPER_H
#define PYPE_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/page.h"
#include "common/ring.h"

struct keeper {
	struct page *page; /* NULL: this process keeps none, and nothing here is used */
	bool reads, writes;
	struct ring in, out;
	struct page_mark mark; /* the newest, as it is stored */
	struct page_mark next; /* at the boundary: all but `out` */
	uint64_t skip; /* lines that are still to be dropped, since they were out before this process began */
	bool resumed; /* it goes on where another one was */
	bool behind; /* next says more than the newest mark */
};

/*
 * Takes the page of this process if there is one (page_attach) and it has the edges that are asked for; from then on the pipes
 * are not used. next is the mark to go on from. Zero-initialise.
 */
void keeper_open(struct keeper *keeper, bool reads, bool writes);
void keeper_close(struct keeper *keeper);

/* The input up to this position is handled, the one that ends `lines` lines. */
void keeper_handled(struct keeper *keeper, uint64_t in, uint64_t lines);
/* Sets the cursor of `next`. At most PAGE_CURSOR bytes; false if it is longer. */
bool keeper_cursor(struct keeper *keeper, const void *bytes, size_t length);

/* Stores `next` as a mark, without output, and gives the input before it back; nothing is done if it says no more than that. */
void keeper_mark(struct keeper *keeper);

/*
 * Hands output over, waiting for room as needed; whole: it reaches up to the boundary. It holds `lines` lines. 0; -1: errno, EPIPE
 * if nobody reads any more.
 */
int keeper_put(struct keeper *keeper, const char *bytes, size_t length, uint64_t lines, bool whole);

/*
 * Whether so many bytes of whole lines can be put at once, without waiting. If not, the bell rings when it may be worth asking
 * again. For event loops; who puts what there is room for never puts part of it.
 */
bool keeper_room(struct keeper *keeper, size_t length);

/*
 * Whether output up to a position is where a kill cannot reach it: in the journal if there is one, and with protocol: sync
 * handled to its end. If not, the bell rings when it may be.
 */
bool keeper_safe(struct keeper *keeper, uint64_t out);

/*
 * The input up to `read` was read, and the last `held` bytes of it are not handled. Whether somebody waits for these: who wants
 * room in the input ring, or, in lock step, the source.
 */
bool keeper_is_waited_for(const struct keeper *keeper, uint64_t read, uint64_t held);

/* protocol: sync: a source waits after each event. */
static inline bool keeper_in_lock_step(const struct keeper *keeper)
{
	return keeper->page && (atomic_load_explicit(&keeper->page->flags, memory_order_relaxed) & PAGE_SYNC);
}

/* … waits until everything that was put is handled on every branch. */
void keeper_wait_for_all(struct keeper *keeper);

/* Waits for the bell, or until stop_fd is readable (-1: none): true then. */
bool keeper_wait(struct keeper *keeper, int stop_fd);

#endif
