#include "cmd/flow/manager/child_pipes.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/port.h"
#include "common/message.h"

static short readiness(int fd, short wanted)
{
	struct pollfd poll_fd = {.fd = fd, .events = wanted};

	return fd >= 0 && poll(&poll_fd, 1, 0) > 0 ? poll_fd.revents : 0;
}

bool child_input_ended(const struct child *child)
{
	if (child->port->in)
		return port_input_ended(child->port);
	return (readiness(child->in, POLLIN) & (POLLIN | POLLHUP)) == POLLHUP;
}

bool child_ended_badly(const struct child *child)
{
	return child_input_ended(child) && !(WIFSIGNALED(child->status) && port_answers(child->port));
}

bool child_reader_gone(const struct child *child)
{
	if (child->port->out.shared)
		return ring_deserted(&child->port->out);
	return child->out >= 0 && manager_reader_gone(child->manager, child);
}

/* It reads what is in its pipe, and nobody knows what of it has been handled. */
static bool reads_plain_pipe(const struct child *child)
{
	return child->in >= 0 && (!child->port->in || port_mode(child->port) == PORT_PLAIN);
}

void child_mend_output(struct child *child)
{
	if (child->port->out.shared)
		return;
	if (WIFSIGNALED(child->status) && (readiness(child->out, POLLOUT) & POLLOUT) && write(child->out, "\n", 1) < 0)
		message_warning("%s: cannot end a half line:", child->name);
}

void child_realign_input(struct child *child)
{
	enum { MOST = 1 << 20 };
	char byte = 0;

	if (child->restart.attempts < 2 || !reads_plain_pipe(child))
		return;
	for (int i = 0; i < MOST && byte != '\n'; i++)
		if (!(readiness(child->in, POLLIN) & POLLIN) || read(child->in, &byte, 1) != 1)
			break;
}

void child_give_up_pipes(struct child *child)
{
	if (child->in >= 0)
		close(child->in);
	if (child->out >= 0)
		close(child->out);
	child->in = child->out = -1;
}
