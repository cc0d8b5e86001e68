#include "cmd/flow/manager/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/manager.h"
#include "common/line.h"

static void on_ready(EV_P_ ev_io *watcher, int events)
{
	struct drain *drain = watcher->data;

	(void)events;
	ev_io_stop(EV_A_ watcher);
	manager_work(drain->manager);
}

void drain_init(struct drain *drain, struct manager *manager)
{
	struct stat status;

	*drain = (struct drain){.manager = manager, .fd = STDOUT_FILENO};
	if (fstat(STDOUT_FILENO, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode))) {
		drain->file = true;
	} else if (!S_ISSOCK(status.st_mode)) {
		/* One of our own: whether it blocks is then no concern of those who share the one we were given. */
		int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

		drain->own = fd >= 0;
		drain->fd = fd >= 0 ? fd : STDOUT_FILENO;
	}
	ev_io_init(&drain->ready, on_ready, drain->fd, EV_WRITE);
	drain->ready.data = drain;
}

void drain_free(struct drain *drain)
{
	ev_io_stop(EV_DEFAULT_ & drain->ready);
	if (drain->own)
		close(drain->fd);
}

static bool may_write(const struct drain *drain)
{
	struct pollfd fd = {.fd = drain->fd, .events = POLLOUT};

	return drain->own || drain->file || (poll(&fd, 1, 0) == 1 && (fd.revents & (POLLOUT | POLLERR)));
}

/* How much of this goes out in one write: whole lines, as far as a line can go out whole. */
static size_t portion(const struct drain *drain, const char *at, size_t length)
{
	size_t most = drain->file ? LINE_BLOCK : PIPE_BUF;
	const char *newline;

	if (length <= most)
		return length;
	newline = memrchr(at, '\n', most);
	if (!newline && !drain->file)
		return most;
	if (!newline)
		newline = memchr(at + most, '\n', length - most);
	return newline ? (size_t)(newline + 1 - at) : length;
}

static void lose(struct drain *drain, struct port *port)
{
	if (errno != EPIPE)
		message_error("cannot write to standard output:");
	drain->gone = true;
	port_lost_reader(port, 0);
}

/* Writes a portion. -1: not now, or never. */
static ssize_t write_some(struct drain *drain, struct port *port, uint64_t tail, uint64_t head)
{
	const char *at = ring_at(&port->out, tail);
	ssize_t n = -1;

	errno = EAGAIN;
	if (may_write(drain)) {
		do
			n = write(drain->fd, at, portion(drain, at, (size_t)(head - tail)));
		while (n < 0 && errno == EINTR);
	}
	if (n < 0 && errno == EAGAIN)
		ev_io_start(EV_DEFAULT_ & drain->ready);
	else if (n < 0)
		lose(drain, port);
	return n;
}

bool drain_work(struct drain *drain, struct port *port)
{
	uint64_t tail, head;
	bool moved = false;

	if (drain_done(drain, port) || (drain->middle && drain->middle != port))
		return false;
	if (drain->gone) {
		port_lost_reader(port, 0);
		return true;
	}
	tail = ring_tail(&port->out, 0);
	/* In this order: the ring stays where it is while something is unread. */
	head = ring_head(&port->out);
	if (ring_follow(&port->out) < 0)
		fail("cannot map a ring of stage '%s':", port->child->name);
	while (tail < head) {
		ssize_t n = write_some(drain, port, tail, head);

		if (n <= 0)
			return moved;
		tail += (uint64_t)n;
		drain->middle = *ring_at(&port->out, tail - 1) == '\n' || tail == head ? NULL : port;
		ring_release(&port->out, 0, tail);
		if (ring_writer_waits(&port->out))
			bell_ring(port->bell);
		moved = true;
	}
	return moved || (!ring_ended(&port->out) && !ring_wait_reader(&port->out, 0, head));
}

bool drain_done(const struct drain *drain, const struct port *port)
{
	return !port->plan->drained || ring_deserted(&port->out) ||
	       (port->completed && (drain->gone || ring_tail(&port->out, 0) == ring_head(&port->out)));
}

bool drain_idle(const struct drain *drain, const struct port *port)
{
	return !port->plan->drained || drain->gone || ring_tail(&port->out, 0) == ring_head(&port->out);
}
