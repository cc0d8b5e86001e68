#include "cmd/flow/run/pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/flow/run/counts.h"
#include "cmd/flow/run/happening.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/manager/orphans.h"
#include "cmd/flow/run/run.h"
#include "cmd/flow/journal/store.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/text.h"
#include "common/unit.h"

enum { MESSAGE_MOST = 256 * 1024 };

static const double look_again = 0.002;

/* Saying. */

static void tell(struct pipeline *pipeline, const char *name, const char *message)
{
	struct text text = {0};

	happening_say(&text, name, pipeline->manifest->name, message);
	run_hear(pipeline->run, pipeline, text.data, text.length);
	text_free(&text);
}

/* What the end of the manager means for the pipeline. */
static enum manager_end end_of(const struct pipeline *pipeline)
{
	int code = WIFEXITED(pipeline->status) ? WEXITSTATUS(pipeline->status) : MANAGER_AFRESH;

	return code >= MANAGER_WELL && code <= MANAGER_BADLY ? (enum manager_end)code : MANAGER_AFRESH;
}

static void tell_death(struct pipeline *pipeline, int64_t delay, const char *why)
{
	static const char *const ends[] = {
		[MANAGER_WELL] = "finished",
		[MANAGER_AFRESH] = "failed",
		[MANAGER_POINTLESS] = "it cannot go on",
		[MANAGER_BADLY] = "a stage failed at its end",
	};
	struct text text = {0};
	struct happening_death death = {
		.pid = pipeline->exit.pid,
		.status = pipeline->status,
		.how = ends[end_of(pipeline)],
		.attempt = pipeline->restart.attempts,
		.uptime = moment_now() - pipeline->started,
		.delay = delay,
		.why = why,
	};

	happening_begin(&text, delay >= 0 ? "failed" : "given_up", pipeline->manifest->name);
	happening_add_death(&text, &death, &pipeline->manifest->settings.restart);
	happening_end(&text);
	run_hear(pipeline->run, pipeline, text.data, text.length);
	text_free(&text);
}

/* Actions. */

static bool make_plumbing(struct pipeline *pipeline)
{
	int saved;

	if (pipeline->plumbed)
		return true;
	if (plumbing_make(&pipeline->plumbing, pipeline->manifest) == 0)
		return pipeline->plumbed = true;
	saved = errno;
	plumbing_free(&pipeline->plumbing);
	errno = saved;
	return false;
}

static void drop_plumbing(struct pipeline *pipeline)
{
	if (pipeline->plumbed)
		plumbing_free(&pipeline->plumbing);
	pipeline->plumbed = false;
}

/* A board_fill. What was counted in the end stays. */
static void count(void *context, struct board_stage *stage)
{
	const struct pipeline *pipeline = context;

	if (pipeline->plumbed)
		counts_read(&pipeline->plumbing, stage);
}

static void start_as(struct pipeline *pipeline, enum pipeline_state state)
{
	const char *failed = "cannot have the memory that its stages share";
	int ends[2] = {-1, -1};

	pipeline->started = moment_now();
	pipeline->state = state;
	if (!make_plumbing(pipeline) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
	    (pipeline->pid = run_spawn_manager(pipeline->run, pipeline, ends[1], &failed)) < 0) {
		message_error("%s: %s:", pipeline->manifest->name, failed);
		if (ends[0] >= 0) {
			close(ends[0]);
			close(ends[1]);
		}
		pipeline->pid = 0;
		pipeline->status = W_EXITCODE(MANAGER_AFRESH, 0);
		pipeline_handle(pipeline, PIPELINE_FAILED);
		return;
	}
	close(ends[1]);
	pipeline->starts++;
	pipeline->channel = ends[0];
	ev_io_set(&pipeline->words, pipeline->channel, EV_READ);
	ev_io_start(EV_DEFAULT_ & pipeline->words);
	ev_child_set(&pipeline->exit, pipeline->pid, 0);
	ev_child_start(EV_DEFAULT_ & pipeline->exit);
}

static void start(struct pipeline *pipeline)
{
	start_as(pipeline, PIPELINE_UP);
}

static void done(struct pipeline *pipeline)
{
	ev_timer_stop(EV_DEFAULT_ & pipeline->timer);
	board_fill_all(&pipeline->board);
	drop_plumbing(pipeline);
	pipeline->state = PIPELINE_DONE;
	run_settle(pipeline->run);
}

static void finish(struct pipeline *pipeline)
{
	enum manager_end end = end_of(pipeline);

	if (pipeline->pid == 0 || end == MANAGER_WELL) {
		tell(pipeline, "finished", "finished");
	} else {
		pipeline->failed = true;
		tell_death(pipeline, -1,
		           end == MANAGER_BADLY ? "the pipeline has finished" : "the pipeline has failed");
	}
	pipeline->pid = 0;
	done(pipeline);
}

static void wait_as(struct pipeline *pipeline, enum pipeline_state state, int64_t delay)
{
	pipeline->state = state;
	ev_now_update(EV_DEFAULT);
	ev_timer_set(&pipeline->timer, (double)delay / (double)UNIT_S, 0.);
	ev_timer_start(EV_DEFAULT_ & pipeline->timer);
}

/* The manager has failed: as up, or waits as that. */
static void retry_as(struct pipeline *pipeline, enum pipeline_state up, enum pipeline_state waits)
{
	int64_t now = moment_now();
	int64_t delay = restart_delay(&pipeline->restart, &pipeline->manifest->settings.restart, pipeline->started, now,
	                              moment_random());

	if (up == PIPELINE_LAST && now + delay > pipeline->last_until)
		delay = -1;
	tell_death(pipeline, delay, "the pipeline has failed");
	pipeline->pid = 0;
	if (delay < 0) {
		pipeline->failed = true;
		done(pipeline);
	} else if (delay == 0) {
		start_as(pipeline, up);
	} else {
		wait_as(pipeline, waits, delay);
	}
}

static void retry(struct pipeline *pipeline)
{
	retry_as(pipeline, PIPELINE_UP, PIPELINE_WAIT);
}

static void retry_last(struct pipeline *pipeline)
{
	retry_as(pipeline, PIPELINE_LAST, PIPELINE_AGAIN);
}

/* what: of a stage, or NULL. */
static bool order(struct pipeline *pipeline, char what, const char *stage)
{
	struct text text = {0};
	bool told;

	text_add_char(&text, what);
	if (stage)
		text_add_string(&text, stage);
	told = pipeline->channel >= 0 &&
	       send(pipeline->channel, text.data, text.length, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
	if (pipeline->channel >= 0 && !told)
		message_debug("%s: cannot tell its manager:", pipeline->manifest->name);
	text_free(&text);
	return told;
}

static void begin_to_stop(struct pipeline *pipeline)
{
	pipeline->last_until = moment_now() + pipeline->manifest->settings.stop_timeout;
}

static void stop(struct pipeline *pipeline)
{
	begin_to_stop(pipeline);
	pipeline->state = PIPELINE_LAST;
	order(pipeline, MANAGER_STOP, NULL);
}

static void hurry(struct pipeline *pipeline)
{
	pipeline->state = PIPELINE_LAST;
	pipeline->last_until = 0;
	order(pipeline, MANAGER_HURRY, NULL);
}

/* It has no manager: what is on the way is for another one. */
static void drain(struct pipeline *pipeline)
{
	ev_timer_stop(EV_DEFAULT_ & pipeline->timer);
	start_as(pipeline, PIPELINE_LAST);
}

static void stop_waiting(struct pipeline *pipeline)
{
	begin_to_stop(pipeline);
	if (pipeline->plumbed)
		drain(pipeline);
	else
		finish(pipeline);
}

/* It is not to be drained any more. */
static void cut(struct pipeline *pipeline)
{
	pipeline->failed = true;
	finish(pipeline);
}

typedef void action(struct pipeline *pipeline);

static action *const table[PIPELINE_STATES][PIPELINE_HAPPENINGS] = {
	[PIPELINE_UP] =
		{
			[PIPELINE_ENDED] = finish,
			[PIPELINE_FAILED] = retry,
			[PIPELINE_STOP] = stop,
			[PIPELINE_HURRY] = hurry,
		},
	[PIPELINE_WAIT] =
		{
			[PIPELINE_TIMER] = start,
			[PIPELINE_STOP] = stop_waiting,
			[PIPELINE_HURRY] = finish,
		},
	[PIPELINE_LAST] =
		{
			[PIPELINE_ENDED] = finish,
			[PIPELINE_FAILED] = retry_last,
			[PIPELINE_HURRY] = hurry,
		},
	[PIPELINE_AGAIN] =
		{
			[PIPELINE_TIMER] = drain,
			[PIPELINE_HURRY] = cut,
		},
};

void pipeline_handle(struct pipeline *pipeline, enum pipeline_happening happening)
{
	action *act = table[pipeline->state][happening];

	if (act)
		act(pipeline);
}

/* Watchers. */

static void hear(struct pipeline *pipeline)
{
	char event[MESSAGE_MOST];
	ssize_t n;

	while ((n = recv(pipeline->channel, event, sizeof(event), MSG_DONTWAIT)) > 0)
		run_hear(pipeline->run, pipeline, event, (size_t)n);
	if (n == 0 || (errno != EAGAIN && errno != EINTR))
		ev_io_stop(EV_DEFAULT_ & pipeline->words);
}

static void on_words(EV_P_ ev_io *watcher, int events)
{
	(void)EV_A;
	(void)events;
	hear(watcher->data);
}

static void gone(struct pipeline *pipeline)
{
	pipeline_handle(pipeline, end_of(pipeline) == MANAGER_AFRESH ? PIPELINE_FAILED : PIPELINE_ENDED);
}

static void on_gone(EV_P_ ev_timer *watcher, int events)
{
	struct pipeline *pipeline = watcher->data;

	(void)events;
	if (orphans_kill(run_owns, pipeline->run))
		return;
	ev_timer_stop(EV_A_ watcher);
	gone(pipeline);
}

static void on_exit_status(EV_P_ ev_child *watcher, int events)
{
	struct pipeline *pipeline = watcher->data;

	(void)events;
	ev_child_stop(EV_A_ watcher);
	pipeline->status = watcher->rstatus;
	hear(pipeline);
	ev_io_stop(EV_A_ & pipeline->words);
	close(pipeline->channel);
	pipeline->channel = -1;
	board_down(&pipeline->board);
	if (orphans_kill(run_owns, pipeline->run)) {
		ev_timer_set(&pipeline->gone, look_again, look_again);
		ev_timer_start(EV_A_ & pipeline->gone);
	} else {
		gone(pipeline);
	}
}

static void on_timer(EV_P_ ev_timer *watcher, int events)
{
	(void)EV_A;
	(void)events;
	pipeline_handle(watcher->data, PIPELINE_TIMER);
}

void pipeline_init(struct pipeline *pipeline, struct run *run, struct version *version,
                   const struct manifest_pipeline *manifest)
{
	*pipeline = (struct pipeline){
		.run = run,
		.version = version_hold(version),
		.manifest = manifest,
		.state = PIPELINE_WAIT,
		.channel = -1,
	};
	board_init(&pipeline->board, manifest, count, pipeline);
	ev_init(&pipeline->words, on_words);
	ev_init(&pipeline->exit, on_exit_status);
	ev_init(&pipeline->timer, on_timer);
	ev_init(&pipeline->gone, on_gone);
	pipeline->words.data = pipeline->exit.data = pipeline->timer.data = pipeline->gone.data = pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
	drop_plumbing(pipeline);
	board_free(&pipeline->board);
	free(pipeline->failure);
	restart_free(&pipeline->restart);
	version_drop(pipeline->next);
	version_drop(pipeline->version);
}

void pipeline_hear(struct pipeline *pipeline, const struct heard *heard)
{
	const char *dot = strchr(heard->source.data, '.');

	if (dot) {
		board_hear(&pipeline->board, dot + 1, heard);
	} else if (strcmp(heard->event.data, "failed") == 0 || strcmp(heard->event.data, "given_up") == 0) {
		pipeline->failures++;
		free(pipeline->failure);
		pipeline->failure = xstrndup(heard->message.data, BOARD_FAILURE);
	}
}

/* Another version, and being told what to do. */

void pipeline_replace(struct pipeline *pipeline, struct version *version)
{
	struct version *before = pipeline->next;

	pipeline->next = version ? version_hold(version) : NULL;
	pipeline->leaving = !version;
	version_drop(before);
	pipeline_handle(pipeline, PIPELINE_STOP);
	run_settle(pipeline->run);
}

void pipeline_succeed(struct pipeline *pipeline)
{
	struct version *next = version_hold(pipeline->next);
	struct run *run = pipeline->run;
	const struct manifest_pipeline *manifest = version_find(next, pipeline->manifest->name);

	pipeline_free(pipeline);
	pipeline_init(pipeline, run, next, manifest);
	version_drop(next);
	pipeline_handle(pipeline, PIPELINE_TIMER);
}

bool pipeline_restart_stage(struct pipeline *pipeline, const char *stage)
{
	if (pipeline->state == PIPELINE_WAIT) {
		ev_timer_stop(EV_DEFAULT_ & pipeline->timer);
		pipeline_handle(pipeline, PIPELINE_TIMER);
		return true;
	}
	return pipeline->state == PIPELINE_UP && order(pipeline, MANAGER_RESTART, stage);
}

static const char *state_name(const struct pipeline *pipeline)
{
	static const char *const names[] = {
		[PIPELINE_WAIT] = "waiting",   [PIPELINE_UP] = "up",     [PIPELINE_LAST] = "stopping",
		[PIPELINE_AGAIN] = "stopping", [PIPELINE_DONE] = "done",
	};

	if ((pipeline->state == PIPELINE_LAST || pipeline->state == PIPELINE_AGAIN) && pipeline->next)
		return "restarting";
	return pipeline->state == PIPELINE_DONE && pipeline->failed ? "failed" : names[pipeline->state];
}

void pipeline_add(struct pipeline *pipeline, struct text *text)
{
	struct text event = {0};
	ev_tstamp left;

	happening_begin(&event, "pipeline", pipeline->manifest->name);
	text_addf(&event, "\"state\":\"%s\",\"starts\":%" PRIu64 ",\"failures\":%" PRIu64, state_name(pipeline),
	          pipeline->starts, pipeline->failures);
	if (pipeline->pid > 0) {
		text_addf(&event, ",\"pid\":%d", (int)pipeline->pid);
		happening_add_seconds(&event, "uptime", moment_now() - pipeline->started);
	} else if (ev_is_active(&pipeline->timer)) {
		left = ev_timer_remaining(EV_DEFAULT_(struct ev_timer *) & pipeline->timer);
		happening_add_seconds(&event, "restart_in", left > 0 ? (int64_t)(left * (double)UNIT_S) : 0);
	}
	/* What waits on disk for the whole of it; a stage's queue is what waits in memory. */
	if (store_settings(pipeline->manifest))
		text_addf(&event, ",\"queue\":%" PRIu64, store_size(pipeline->run->state, pipeline->manifest->name));
	if (pipeline->failure) {
		text_add_string(&event, ",\"failure\":");
		json_add_string(&event, pipeline->failure, strlen(pipeline->failure));
	}
	happening_end(&event);
	text_add(text, event.data, event.length);
	text_free(&event);
}
