/*
 * What a manager tells the flow process.
 */
#include <errno.h>
#include <sys/socket.h>

#include "cmd/flow/manager/child.h"
#include "cmd/flow/run/happening.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/port.h"
#include "common/message.h"
#include "common/moment.h"

static void tell(struct manager *manager)
{
	happening_end(&manager->text);
	/* Fails only if the flow process is gone, which on_channel notices. */
	if (send(manager->setup->channel, manager->text.data, manager->text.length, MSG_NOSIGNAL) < 0)
		message_debug("cannot tell the flow process:");
}

void manager_tell_start(struct manager *manager, const struct child *child)
{
	happening_begin(&manager->text, "started", child->name);
	happening_message(&manager->text, child->starts == 1 ? "started" : "started again");
	text_addf(&manager->text, ",\"pid\":%d,\"start\":%llu", (int)child->pid, (unsigned long long)child->starts);
	tell(manager);
}

void manager_tell_end(struct manager *manager, const struct child *child)
{
	uint64_t unhandled = child->asked ? port_unhandled(child->port) : 0;

	happening_begin(&manager->text, "finished", child->name);
	if (unhandled > 0)
		happening_message(&manager->text, "finished, with %llu bytes of its input not handled",
		                  (unsigned long long)unhandled);
	else
		happening_message(&manager->text, "finished");
	text_addf(&manager->text, ",\"pid\":%d", (int)child->exit.pid);
	if (unhandled > 0)
		text_addf(&manager->text, ",\"unhandled\":%llu", (unsigned long long)unhandled);
	tell(manager);
}

void manager_tell_death(struct manager *manager, struct child *child, int64_t delay, const char *why)
{
	struct happening_death death = {
		.pid = child->exit.pid,
		.status = child->status,
		.attempt = child->restart.attempts,
		.uptime = moment_now() - child->started,
		.delay = delay,
		.why = why,
	};

	happening_begin(&manager->text, delay >= 0 ? "failed" : "given_up", child->name);
	happening_add_death(&manager->text, &death, &child->stage->settings.restart);
	text_add_string(&manager->text, ",\"stderr\":");
	tail_add_json(&child->tail, &manager->text);
	tell(manager);
}

void manager_tell_drop(struct manager *manager, struct child *child, uint64_t dropped, bool last)
{
	uint64_t step = 1;

	if (dropped == child->dropped_said)
		return;
	/* At the first, the tenth, the hundredth …: of what goes on without end, the order of magnitude. */
	while (step <= dropped / 10)
		step *= 10;
	if (child->dropped_said >= step && !last)
		return;
	child->dropped_said = dropped;
	happening_begin(&manager->text, "dropped", child->name);
	happening_message(&manager->text, "%llu events dropped %s, since it does not keep up (when_full)",
	                  (unsigned long long)dropped, last ? "in all" : "so far");
	text_addf(&manager->text, ",\"dropped\":%llu", (unsigned long long)dropped);
	tell(manager);
}

void manager_tell_poison(struct manager *manager, const struct child *child, const char *reason, uint64_t at)
{
	happening_begin(&manager->text, "dead_letter", child->name);
	happening_message(&manager->text, "%s: it is in the dead letters, and passed over", reason);
	text_addf(&manager->text, ",\"at\":%llu", (unsigned long long)at);
	tell(manager);
}

void manager_tell_full(struct manager *manager, uint64_t size, bool full)
{
	happening_begin(&manager->text, full ? "full" : "resumed", manager->setup->pipeline->name);
	if (full)
		happening_message(
			&manager->text,
			"no room for the journal, which has %llu bytes (quota, or the disk is full): the data stops",
			(unsigned long long)size);
	else
		happening_message(&manager->text, "there is room for the journal again: the data goes on");
	text_addf(&manager->text, ",\"journal\":%llu", (unsigned long long)size);
	tell(manager);
}
