#include "cmd/flow/manager/poison.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/port.h"
#include "cmd/flow/run/happening.h"
#include "common/dead_letter.h"
#include "common/text.h"

/* Where the event begins that the stage died of; PAGE_NOWHERE: of none that is known. */
static uint64_t suspect(const struct port *port)
{
	uint64_t handling = atomic_load_explicit(&port->page->handling, memory_order_relaxed);
	struct page_mark mark;

	switch (port_mode(port)) {
	case PORT_RINGS:
	case PORT_PIPES:
		if (!page_newest(&port->page->marks, &mark))
			mark.in = 0;
		return handling >= mark.in && handling < ring_head(port->in) ? handling : PAGE_NOWHERE;
	case PORT_LINES:
		return port->mark.in < port->fed && pump_has_read(port) ? port->mark.in : PAGE_NOWHERE;
	default:
		return PAGE_NOWHERE;
	}
}

static size_t length_at(const struct port *port, uint64_t at)
{
	const char *line = ring_at(port->in, at);
	size_t rest = (size_t)(ring_head(port->in) - at);
	const char *newline = memchr(line, '\n', rest);

	return newline ? (size_t)(newline - line) : rest;
}

static void add_reason(struct text *reason, int status)
{
	if (WIFSIGNALED(status)) {
		text_addf(reason, "killed the stage %d times, at last by ", POISON_DEATHS);
		happening_add_signal(reason, WTERMSIG(status));
	} else {
		text_addf(reason, "ended the stage %d times, at last with status %d", POISON_DEATHS,
		          WEXITSTATUS(status));
	}
}

/* Ours passes it over itself; of one that answers lines it is kept away. */
static void pass_over(struct port *port, uint64_t at)
{
	if (port_mode(port) != PORT_LINES) {
		atomic_store_explicit(&port->page->poison, at, memory_order_seq_cst);
		return;
	}
	port->mark.in = at + length_at(port, at);
	port->mark.in += port->mark.in < ring_head(port->in);
	port->mark.lines++;
	port->mark.bad++;
	page_store(&port->page->taken, &port->mark);
	page_store(&port->page->marks, &port->mark);
	ring_release(port->in, port->plan->slot, port->mark.in);
	port_wake_writer(port);
}

static void put_away(struct child *child, uint64_t at)
{
	struct port *port = child->port;
	struct text reason = {0};
	struct dead_letters letters;
	struct page_mark mark;

	/* The manager does not look into a ring between two stages that keep it: it may have moved. */
	if (ring_follow(port->in) < 0)
		fail("cannot map the input of stage '%s':", child->name);
	add_reason(&reason, child->status);
	dead_letters_init(&letters, child->letters);
	letters.source = child->name;
	/* What the stage put there behind its mark it will put there again. */
	if (page_newest(&port->page->marks, &mark))
		dead_letters_cut(&letters, mark.in, port->page->epoch);
	if (dead_letters_add(&letters, reason.data, 0, PAGE_NOWHERE, ring_at(port->in, at), length_at(port, at)) < 0)
		message_error("%s: cannot write to the dead letters '%s':", child->name, child->letters);
	else
		pass_over(port, at);
	manager_tell_poison(child->manager, child, reason.data, at);
	dead_letters_free(&letters);
	text_free(&reason);
}

void poison_note(struct child *child)
{
	struct page *page = child->port->page;
	uint64_t at;

	if (!page || !child->port->plan->paged || !child->port->in || child->status == 0 || child->asked)
		return;
	/* Status 1 of one of ours speaks of the world around it, not of an event: of those it gets rid itself. */
	if (port_mode(child->port) == PORT_RINGS && !WIFSIGNALED(child->status))
		return;
	at = suspect(child->port);
	if (at == PAGE_NOWHERE)
		return;
	page->deaths = at == page->poisoned ? page->deaths + 1 : 1;
	page->poisoned = at;
	if (page->deaths >= POISON_DEATHS)
		put_away(child, at);
}

bool poison_taken(const struct child *child)
{
	const struct port *port = child->port;

	return port->page && port_mode(port) == PORT_LINES && port->mark.bad > 0;
}
