#include "common/source_loop.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/message.h"
#include "common/signals.h"
#include "common/unit.h"

static void told_to_stop(struct ev_loop *ev, struct ev_io *io, int events)
{
	struct source_loop *loop = io->data;

	(void)events;
	/* It stays readable. */
	ev_io_stop(ev, io);
	if (loop->stop)
		loop->stop(loop->context);
	else
		source_loop_leave(loop);
}

/* As source.h has it when a write fails. */
static void reader_gone(struct ev_loop *ev, struct ev_io *io, int events)
{
	(void)ev;
	(void)io;
	(void)events;
	exit(STATUS_OK);
}

/* A pipe's writing end becomes ready for EV_READ, of which it has none, when its last reader closes it. */
static void watch_reader(struct source_loop *loop)
{
	struct stat status;

	ev_io_init(&loop->reader, reader_gone, STDOUT_FILENO, EV_READ);
	if (fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode))
		ev_io_start(loop->loop, &loop->reader);
}

void source_loop_open(struct source_loop *loop, void (*stop)(void *context), void *context)
{
	*loop = (struct source_loop){.stop = stop, .context = context, .loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV)};
	if (!loop->loop)
		fail("libev does not start");
	ev_io_init(&loop->stopping, told_to_stop, signals_fd(), EV_READ);
	loop->stopping.data = loop;
	ev_io_start(loop->loop, &loop->stopping);
	watch_reader(loop);
}

void source_loop_run(struct source_loop *loop)
{
	ev_run(loop->loop, 0);
}

void source_loop_leave(struct source_loop *loop)
{
	ev_break(loop->loop, EVBREAK_ALL);
}

void source_loop_close(struct source_loop *loop)
{
	ev_loop_destroy(loop->loop);
	loop->loop = NULL;
}

void source_loop_after(struct source_loop *loop, struct ev_timer *timer, int64_t pause)
{
	ev_timer_stop(loop->loop, timer);
	/* The loop's own time is that of its last round, which may have taken long. */
	ev_now_update(loop->loop);
	ev_timer_set(timer, pause > 0 ? (double)pause / UNIT_S : 0, 0);
	ev_timer_start(loop->loop, timer);
}
