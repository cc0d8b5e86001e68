/*
 * happening: what becomes of a flow, said as events of the product's own format (pype-event(5)):
 *
 *   {"event":"failed","time":T,"source":"pipeline.stage","data":{"message":"killed by signal 9 (SIGKILL)…",…}}
 *
 * event     source          data besides "message"
 * started   stage           pid, start (1, 2, …)
 * finished  stage           pid; unhandled: bytes of its input, if it was told to end before it was through
 * failed    stage           pid, exit or signal, attempt, uptime, restart_in (if it will be), stderr
 * given_up  stage           as failed: it will not be started again
 * started, finished, failed, given_up   pipeline   the same of its manager
 * dropped   stage           dropped: events on their way in, so far (when_full)
 * dead_letter  stage        at: where in its input the event is that it does not survive
 * full, resumed  pipeline   journal: bytes it has; there is no room for more, or there is again (delivery: durable)
 * stopping  flow
 * reloaded  flow            changed, added, removed: names of pipelines; unchanged: how many
 * ended     flow            exit
 *
 * Times are seconds. "attempt" counts failures since the child was last healthy for restart.reset.
 */
#ifndef PYPE_FLOW_HAPPENING_H
#define PYPE_FLOW_HAPPENING_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/flow/manager/restart.h"
#include "common/text.h"

/* Begins an event in text, up to the members of data; happening_end closes it with a newline. */
void happening_begin(struct text *text, const char *name, const char *source);
void happening_message(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void happening_end(struct text *text);
/* A whole event of which there is no more to say than a message. */
void happening_say(struct text *text, const char *name, const char *source, const char *message);
/* Appends what a signal is called in messages: "signal 9 (SIGKILL)". */
void happening_add_signal(struct text *text, int number);
/* Adds the member `,"name":seconds`, to the millisecond. */
void happening_add_seconds(struct text *text, const char *name, int64_t nanoseconds);

/* One process's end: what reports say of it. */
struct happening_death {
	int pid;
	int status; /* of waitpid */
	const char *how; /* what an exit means, in place of "exited with N", or NULL */
	uint64_t attempt;
	int64_t uptime; /* nanoseconds */
	int64_t delay; /* until it starts again, nanoseconds; -1: it will not */
	const char *why; /* it will not, or NULL */
};

/* Adds message and members for a death, without the last lines of stderr. */
void happening_add_death(struct text *text, const struct happening_death *death, const struct restart_policy *policy);

#endif
