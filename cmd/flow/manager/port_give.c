/*
 * What a stage is given with its process: descriptors, and in the page their numbers.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/port.h"

/* The numbers that a stage's descriptors have in it. */
enum { FD_PAGE = 10, FD_BELL, FD_MANAGER, FD_IN, FD_IN_BELL, FD_OUT_BELLS };

static unsigned long long device_of(const struct stat *status)
{
	return status->st_dev;
}

size_t port_give(struct port *port, struct spawn_fd fds[PORT_FDS], char *variable)
{
	const struct plan_stage *plan = port->plan;
	struct page *page = port->page;
	struct stat in, out;
	size_t count = 0;
	int manager = manager_bell(port->manager);

	*variable = '\0';
	if (!plan->paged || fstat(port->in ? port->child->in : port->manager->null, &in) < 0 ||
	    fstat(port->child->out, &out) < 0)
		return 0;
	snprintf(variable, PORT_VARIABLE, "PYPE_STAGE=%d:%llu.%llu:%llu.%llu", FD_PAGE, device_of(&in),
	         (unsigned long long)in.st_ino, device_of(&out), (unsigned long long)out.st_ino);
	fds[count++] = (struct spawn_fd){port->memory, FD_PAGE};
	fds[count++] = (struct spawn_fd){port->bell, FD_BELL};
	fds[count++] = (struct spawn_fd){manager, FD_MANAGER};
	page->bell = FD_BELL;
	page->manager = FD_MANAGER;
	page->in_fd = plan->in == IN_NONE ? -1 : plan->in == IN_OWN ? FD_PAGE : FD_IN;
	page->in_place = plan->in == IN_OWN ? PLUMBING_IN : PLUMBING_OUT;
	page->in_slot = plan->slot;
	page->in_bell = plan->in == IN_SHARED ? FD_IN_BELL : FD_MANAGER;
	page->out_fd = FD_PAGE;
	page->out_place = PLUMBING_OUT;
	if (plan->in == IN_SHARED) {
		const struct port *writer = manager_port(port->manager, plan->from);

		fds[count++] = (struct spawn_fd){writer->memory, FD_IN};
		fds[count++] = (struct spawn_fd){writer->bell, FD_IN_BELL};
	}
	for (int i = 0; i < RING_READERS; i++) {
		const struct port *reader = i < port->reader_count ? port->readers[i] : NULL;

		page->out_bells[i] = i >= port->reader_count ? -1 : FD_MANAGER;
		/* A reader without a bell of its own is read for by the manager. */
		if (reader && reader->bell >= 0) {
			page->out_bells[i] = FD_OUT_BELLS + i;
			fds[count++] = (struct spawn_fd){reader->bell, FD_OUT_BELLS + i};
		}
	}
	return count;
}
