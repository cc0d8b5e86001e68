#include "cmd/flow/manager/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/flow/manager/child_pipes.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/poison.h"
#include "cmd/flow/manager/port.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/spawn.h"
#include "common/unit.h"

/* After SIGTERM a child has this long before SIGKILL; a killed one's group is looked at this often until it is gone. */
static const double kill_after = 2.0, look_again = 0.002;

static double seconds(int64_t nanoseconds)
{
	return (double)nanoseconds / (double)UNIT_S;
}

static void set_timer(struct child *child, double after)
{
	ev_timer_stop(EV_DEFAULT_ & child->timer);
	if (after < 0)
		return;
	ev_now_update(EV_DEFAULT);
	ev_timer_set(&child->timer, after, 0.);
	ev_timer_start(EV_DEFAULT_ & child->timer);
}

/* Actions: what the table calls. */

static void start(struct child *child)
{
	const char *failed;

	set_timer(child, -1);
	snprintf(child->restarts, CHILD_RESTART_ROOM, "PYPE_RESTART=%llu",
	         (unsigned long long)(child->starts + child->manager->setup->restarts));
	child->started = moment_now();
	child->asked = false;
	child->state = CHILD_UP;
	failed = "cannot make its pipes";
	child->pid = port_prepare(child->port);
	if (child->pid == 0)
		child->pid = manager_spawn(child->manager, child, &failed);
	if (child->pid < 0) {
		message_error("%s: %s:", child->name, failed);
		child->pid = 0;
		child->status = W_EXITCODE(STATUS_FAILED, 0);
		child_handle(child, CHILD_FAILED);
		return;
	}
	child->starts++;
	ev_child_set(&child->exit, child->pid, 0);
	ev_child_start(EV_DEFAULT_ & child->exit);
	manager_tell_start(child->manager, child);
	manager_work_later(child->manager);
}

static void finish_as(struct child *child, enum child_verdict verdict)
{
	set_timer(child, -1);
	child->manager->afresh |= verdict == CHILD_TOO_OFTEN;
	child->verdict = verdict;
	port_finish(child->port);
	child_give_up_pipes(child);
	child->state = CHILD_DONE;
	manager_child_done(child->manager, child);
}

static void finish(struct child *child)
{
	if (child->starts > 0 && child->state != CHILD_WAIT)
		manager_tell_end(child->manager, child);
	finish_as(child, poison_taken(child) ? CHILD_BADLY : CHILD_WELL);
}

static void lost(struct child *child)
{
	manager_tell_death(child->manager, child, -1, "it is not started again since the pipeline ends");
	finish_as(child, CHILD_BADLY);
}

static void give_up(struct child *child)
{
	manager_tell_death(child->manager, child, -1, "it is not started again");
	finish_as(child, CHILD_POINTLESS);
}

/* Starts at once, or after the back-off. */
static void start_after(struct child *child, int64_t delay)
{
	child_mend_output(child);
	child_realign_input(child);
	if (delay > 0) {
		child->state = CHILD_WAIT;
		set_timer(child, seconds(delay));
	} else {
		start(child);
	}
}

static void idle(struct child *child)
{
	set_timer(child, -1);
	child->state = CHILD_IDLE;
	manager_work_later(child->manager);
}

static void retry(struct child *child)
{
	const struct restart_policy *policy = &child->stage->settings.restart;
	int64_t delay;

	if (child_ended_badly(child)) {
		manager_tell_death(child->manager, child, -1, "it had read all its input and is not started again");
		finish_as(child, CHILD_BADLY);
		return;
	}
	delay = restart_delay(&child->restart, policy, child->started, moment_now(), moment_random());
	if (delay < 0 && policy->mode == RESTART_NEVER) {
		give_up(child);
	} else if (delay < 0) {
		manager_tell_death(child->manager, child, -1, "it failed too often: the pipeline starts afresh");
		finish_as(child, CHILD_TOO_OFTEN);
	} else {
		manager_tell_death(child->manager, child, delay, NULL);
		start_after(child, delay);
	}
}

/* A stage with `ack: eof` starts again for another batch; one with `restart: always` even after a good end. */
static void ended(struct child *child)
{
	if (port_takes_batches(child->port))
		idle(child);
	else if (child->stage->settings.restart.mode == RESTART_ALWAYS && !child_input_ended(child) &&
	         !child_reader_gone(child))
		retry(child);
	else
		finish(child);
}

/* Behind its last batch, while the pipeline drains. */
static void ended_last(struct child *child)
{
	if (port_takes_batches(child->port))
		idle(child);
	else
		finish(child);
}

static void last(struct child *child)
{
	int64_t now = moment_now();

	/* However often it is started meanwhile. */
	if (child->last_until == 0)
		child->last_until = now + child->stage->settings.stop_timeout;
	child->state = CHILD_LAST;
	set_timer(child, child->last_until > now ? seconds(child->last_until - now) : 0);
}

static void start_last(struct child *child)
{
	start(child);
	if (child->state == CHILD_UP)
		last(child);
}

static void start_batch(struct child *child)
{
	if (child->manager->stopping)
		start_last(child);
	else
		start(child);
}

/* It died while the pipeline drains: one more start, for what is still in its pipe. */
static void once(struct child *child)
{
	int64_t now = moment_now(), delay;

	/* One of which it is known what it has handled may come back as often as else; another could begin in the middle each time. */
	delay = restart_delay(&child->restart, &child->stage->settings.restart, child->started, now, moment_random());
	if (child->source || (child->last_start && !port_has_answered(child->port)) || delay < 0 ||
	    child_ended_badly(child)) {
		lost(child);
		return;
	}
	manager_tell_death(child->manager, child, 0, NULL);
	child_mend_output(child);
	child_realign_input(child);
	child->last_start = true;
	start_last(child);
}

/* A stage that is suspended is woken to hear of it; first, as a tracer that begins in between would lose its own SIGSTOP. */
static void send_signal(struct child *child, int number)
{
	child->asked = true;
	if (child->pid > 0) {
		kill(-child->pid, SIGCONT);
		kill(-child->pid, number);
	}
}

static void ask(struct child *child)
{
	last(child);
	send_signal(child, SIGTERM);
}

static void term(struct child *child)
{
	send_signal(child, SIGTERM);
	child->state = CHILD_ENDING;
	set_timer(child, kill_after);
}

static void again(struct child *child)
{
	send_signal(child, SIGTERM);
	child->state = CHILD_AGAIN;
	set_timer(child, seconds(child->stage->settings.stop_timeout));
}

static void anew(struct child *child)
{
	if (child_input_ended(child)) {
		finish(child);
		return;
	}
	manager_tell_end(child->manager, child);
	child_mend_output(child);
	if (child->drains)
		start_last(child);
	else
		start(child);
}

static void note_drain(struct child *child)
{
	child->drains = true;
}

static void kill_group(struct child *child)
{
	message_warning("%s: does not end on SIGTERM, killed", child->name);
	send_signal(child, SIGKILL);
}

typedef void action(struct child *child);

static action *const table[CHILD_STATES][CHILD_HAPPENINGS] = {
	[CHILD_DOWN] =
		{
			[CHILD_START] = start,
			[CHILD_DRAIN] = finish,
			[CHILD_STOP] = finish,
			[CHILD_HURRY] = finish,
		},
	[CHILD_UP] =
		{
			[CHILD_ENDED] = ended,
			[CHILD_FAILED] = retry,
			[CHILD_REFUSED] = give_up,
			[CHILD_DRAIN] = last,
			[CHILD_STOP] = ask,
			[CHILD_HURRY] = term,
			[CHILD_RESTART] = again,
		},
	[CHILD_AGAIN] =
		{
			[CHILD_ENDED] = anew,
			[CHILD_FAILED] = anew,
			[CHILD_REFUSED] = anew,
			[CHILD_TIMER] = kill_group,
			[CHILD_DRAIN] = note_drain,
			[CHILD_STOP] = last,
			[CHILD_HURRY] = term,
		},
	[CHILD_WAIT] =
		{
			[CHILD_TIMER] = start,
			[CHILD_DRAIN] = start_last,
			[CHILD_STOP] = finish,
			[CHILD_HURRY] = finish,
			[CHILD_RESTART] = start,
		},
	[CHILD_IDLE] =
		{
			[CHILD_START] = start_batch,
			[CHILD_ENDED] = finish,
			[CHILD_HURRY] = finish,
		},
	[CHILD_LAST] =
		{
			[CHILD_ENDED] = ended_last,
			[CHILD_FAILED] = once,
			[CHILD_REFUSED] = lost,
			[CHILD_TIMER] = term,
			[CHILD_HURRY] = term,
		},
	[CHILD_ENDING] =
		{
			[CHILD_ENDED] = finish,
			[CHILD_FAILED] = finish,
			[CHILD_REFUSED] = finish,
			[CHILD_TIMER] = kill_group,
			[CHILD_HURRY] = kill_group,
		},
};

void child_handle(struct child *child, enum child_happening happening)
{
	action *act = table[child->state][happening];

	if (act)
		act(child);
}

enum child_happening child_meaning(int status, bool asked, bool reader_is_gone)
{
	int code;

	if (WIFSIGNALED(status)) {
		if (asked || (WTERMSIG(status) == SIGPIPE && reader_is_gone))
			return CHILD_ENDED;
		return CHILD_FAILED;
	}
	code = WEXITSTATUS(status);
	if (code == 0)
		return CHILD_ENDED;
	if (code == STATUS_POINTLESS || code == 126 || code == 127)
		return CHILD_REFUSED;
	return CHILD_FAILED;
}

/* Watchers. */

static void dead_and_gone(struct child *child)
{
	child->pid = 0;
	tail_end(&child->tail);
	port_died(child->port, child->status == 0);
	poison_note(child);
	/* Where its output goes is not ours to know if it has no pipe: SIGPIPE is then as good as an end. */
	child_handle(child, child_meaning(child->status, child->asked, child->out < 0 || child_reader_gone(child)));
}

/*
 * True if nothing of its process group is left: what it owned is free then, and a successor may start. A child that failed
 * takes its group with it; in one that was asked to end, others may still be at it (its timer runs on).
 */
static bool group_gone(const struct child *child)
{
	return kill(-child->pid, child->asked ? 0 : SIGKILL) < 0;
}

static void on_gone(EV_P_ ev_timer *watcher, int events)
{
	struct child *child = watcher->data;

	(void)events;
	if (!group_gone(child))
		return;
	ev_timer_stop(EV_A_ watcher);
	dead_and_gone(child);
}

/* The shell's word for death by a signal, turned back. */
static int plain_status(int status)
{
	int number = WIFEXITED(status) ? WEXITSTATUS(status) - 128 : 0;

	return number > 0 && number <= SIGRTMAX ? W_EXITCODE(0, number) : status;
}

static void on_exit_status(EV_P_ ev_child *watcher, int events)
{
	struct child *child = watcher->data;

	(void)events;
	ev_child_stop(EV_A_ watcher);
	child->status = plain_status(watcher->rstatus);
	if (group_gone(child)) {
		dead_and_gone(child);
		return;
	}
	ev_timer_set(&child->gone, look_again, look_again);
	ev_timer_start(EV_A_ & child->gone);
}

static void on_timer(EV_P_ ev_timer *watcher, int events)
{
	(void)EV_A;
	(void)events;
	child_handle(watcher->data, CHILD_TIMER);
}

static void on_words(EV_P_ ev_io *watcher, int events)
{
	struct child *child = watcher->data;

	(void)EV_A;
	(void)events;
	tail_read(&child->tail);
}

int child_init(struct child *child, struct manager *manager, const struct manifest_stage *stage, const char *pipeline)
{
	*child = (struct child){
		.stage = stage,
		.manager = manager,
		.name = text_format("%s.%s", pipeline, stage->name),
		.in = -1,
		.out = -1,
		.source = stage->from_count == 0,
	};
	if (pipe2(child->said, O_CLOEXEC) < 0 || fcntl(child->said[0], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	tail_init(&child->tail, child->name, child->said[0]);
	ev_init(&child->exit, on_exit_status);
	ev_init(&child->timer, on_timer);
	ev_init(&child->gone, on_gone);
	ev_io_init(&child->words, on_words, child->said[0], EV_READ);
	child->exit.data = child->timer.data = child->gone.data = child->words.data = child;
	ev_io_start(EV_DEFAULT_ & child->words);
	return 0;
}

void child_free(struct child *child)
{
	ev_io_stop(EV_DEFAULT_ & child->words);
	ev_timer_stop(EV_DEFAULT_ & child->timer);
	close(child->said[0]);
	close(child->said[1]);
	tail_free(&child->tail);
	restart_free(&child->restart);
	free(child->letters);
	free(child->name);
}
