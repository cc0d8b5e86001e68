/*
 * source_loop: the event loop of a source that waits for sockets and timers (libev). It hears what every source has to hear: the
 * signal to stop, and that nobody reads standard output any more.
 *
 *     source_open(&source);
 *     source_loop_open(&loop, stop, context);
 *     …                           watchers of the source's own on loop.loop
 *     source_loop_run(&loop);     until source_loop_leave, or the reader has gone
 *     source_loop_close(&loop);
 */
#ifndef PYPE_SOURCE_LOOP_H
#define PYPE_SOURCE_LOOP_H

#include <ev.h>
#include <stdint.h>

struct source_loop {
	struct ev_loop *loop;

	/* private */
	void (*stop)(void *context);
	void *context;
	struct ev_io stopping, reader;
};

/*
 * After source_open. stop is called once, when the program is told to stop (signals.h): it makes an end of what is under way and
 * calls source_loop_leave, now or later; NULL: that is left at once.
 */
void source_loop_open(struct source_loop *loop, void (*stop)(void *context), void *context);
void source_loop_run(struct source_loop *loop);
void source_loop_leave(struct source_loop *loop);
void source_loop_close(struct source_loop *loop);

/* (Re)starts a timer that is due once, in `pause` nanoseconds from now (0 or less: in the next round of the loop). */
void source_loop_after(struct source_loop *loop, struct ev_timer *timer, int64_t pause);

#endif
