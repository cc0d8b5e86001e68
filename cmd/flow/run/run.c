/*
 * pype run: the flow process.
 *
 * It supervises one manager per pipeline (pipeline.c), hears every happening from them, and puts it where it belongs:
 * on stderr for people, into STATE/events.ndjson, to those who follow, and failures to the report command.
 */
#include "cmd/flow/run/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/flow/run/happening.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/run/orders.h"
#include "cmd/flow/manager/orphans.h"
#include "cmd/flow/run/reload.h"
#include "cmd/flow/manifest/select.h"
#include "cmd/flow/run/state.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/spawn.h"
#include "common/text.h"

static const struct option_program program = {
	.name = "pype run",
	.summary = "run the flow of a manifest",
	.operands = "[FLOW]",
	.most = 1,
};

/* Hearing. */

/* What is to be done with a happening, by its name. */
static const struct hearing {
	const char *name;
	void (*say)(const char *format, ...) MESSAGE_FORMAT(1, 2);
	bool report;
} hearings[] = {
	{"started", message_info, false},  {"finished", message_info, false},    {"failed", message_error, true},
	{"given_up", message_error, true}, {"dead_letter", message_error, true}, {"dropped", message_warning, true},
	{"full", message_error, true},     {"resumed", message_warning, false},  {"stopping", message_info, false},
	{"reloaded", message_info, false}, {"ended", message_info, false},
};

static void say(struct run *run, const char *event, size_t length)
{
	for (size_t i = 0; i < sizeof(hearings) / sizeof(hearings[0]); i++) {
		if (strcmp(hearings[i].name, run->heard.event.data) != 0)
			continue;
		hearings[i].say("%s: %s", run->heard.source.data, run->heard.message.data);
		if (hearings[i].report)
			report_add(run->report, event, length);
	}
}

void run_hear(struct run *run, struct pipeline *pipeline, const char *event, size_t length)
{
	log_file_add(&run->events, event, length);
	control_tell(&run->control, event, length);
	if (!heard_read(&run->heard, event, length))
		return;
	if (pipeline)
		pipeline_hear(pipeline, &run->heard);
	service_hear(&run->service, run->heard.event.data, run->heard.source.data);
	say(run, event, length);
}

static void tell(struct run *run, const char *name, const char *message)
{
	struct text text = {0};

	happening_say(&text, name, run->version->manifest.name, message);
	run_hear(run, NULL, text.data, text.length);
	text_free(&text);
}

static void tell_end(struct run *run, int status)
{
	struct text text = {0};

	happening_begin(&text, "ended", run->version->manifest.name);
	happening_message(&text, status == STATUS_OK ? "ended" : "ended, with failures");
	text_addf(&text, ",\"exit\":%d", status);
	happening_end(&text);
	run_hear(run, NULL, text.data, text.length);
	text_free(&text);
}

/* Managers. */

struct manager_context {
	struct run *run;
	struct manager_setup setup;
};

static int manage(void *context)
{
	struct manager_context *manager = context;

	return manager_run(&manager->setup);
}

/* Lists a descriptor, under its own number. Returns how many that makes. */
static size_t keep_open(struct spawn_fd *fd, int number)
{
	*fd = (struct spawn_fd){number, number};
	return number >= 0;
}

pid_t run_spawn_manager(struct run *run, struct pipeline *pipeline, int channel, const char **failed)
{
	const struct plumbing *plumbing = &pipeline->plumbing;
	struct manager_context context = {
		.run = run,
		.setup =
			{
				.manifest = &pipeline->version->manifest,
				.pipeline = pipeline->manifest,
				.plumbing = plumbing,
				.state = run->state,
				.files = run->files,
				.channel = channel,
				.restarts = pipeline->starts,
				.drains = pipeline->state == PIPELINE_LAST,
			},
	};
	/* It keeps the lock as well: whoever is left of a killed runner keeps the next one out. */
	const int own[] = {STDOUT_FILENO, STDERR_FILENO, channel, run->lock, plumbing->bell};
	enum { OWN = sizeof(own) / sizeof(own[0]) };
	struct spawn_fd *fds = xcalloc(OWN + 2 * plumbing->plan.count, sizeof(*fds));
	/* One that was stopped (SIGSTOP) is to hear that the flow process is gone, too. */
	struct spawn spawn = {.fds = fds, .group = true, .death_signal = SIGCONT};
	pid_t pid;

	for (size_t i = 0; i < OWN; i++)
		spawn.fd_count += keep_open(&fds[spawn.fd_count], own[i]);
	for (size_t i = 0; i < plumbing->plan.count; i++) {
		spawn.fd_count += keep_open(&fds[spawn.fd_count], plumbing->memories[i]);
		spawn.fd_count += keep_open(&fds[spawn.fd_count], plumbing->bells[i]);
	}
	pid = spawn_function(&spawn, manage, &context, failed);
	free(fds);
	return pid;
}

bool run_owns(void *context, pid_t pid)
{
	struct run *run = context;

	if (pid == run->report->pid)
		return true;
	for (const struct report *report = run->reports; report; report = report->next)
		if (pid == report->pid)
			return true;
	for (size_t i = 0; i < run->count; i++)
		if (run->pipelines[i]->pid == pid)
			return true;
	return false;
}

struct version *run_read(const struct run *run, const char *path, struct mistakes *mistakes)
{
	struct version *version = version_read(path, mistakes);

	if (version && run->once)
		manifest_restart_never(&version->manifest);
	return version;
}

struct pipeline *run_find(const struct run *run, const char *name)
{
	for (size_t i = 0; i < run->count; i++)
		if (strcmp(run->pipelines[i]->manifest->name, name) == 0)
			return run->pipelines[i];
	return NULL;
}

void run_add(struct run *run, struct version *version, const struct manifest_pipeline *manifest)
{
	struct pipeline *pipeline = xcalloc(1, sizeof(*pipeline));

	run->pipelines = xreallocarray(run->pipelines, run->count + 1, sizeof(*run->pipelines));
	run->pipelines[run->count++] = pipeline;
	pipeline_init(pipeline, run, version, manifest);
}

/* Ending. */

static void end(struct run *run)
{
	run->ending = true;
	for (size_t i = 0; i < RUN_SIGNALS; i++) {
		ev_ref(EV_DEFAULT);
		ev_signal_stop(EV_DEFAULT_ & run->signals[i]);
	}
	service_stop(&run->service);
	report_end(run->report);
}

static void on_settle(EV_P_ ev_timer *watcher, int events)
{
	struct run *run = watcher->data;
	size_t left = 0, running = 0;

	(void)EV_A;
	(void)events;
	for (size_t i = 0; i < run->count; i++) {
		struct pipeline *pipeline = run->pipelines[i];

		if (pipeline->state == PIPELINE_DONE && pipeline->leaving) {
			run->failed |= pipeline->failed;
			pipeline_free(pipeline);
			free(pipeline);
			continue;
		}
		run->pipelines[left++] = pipeline;
	}
	run->count = left;
	for (size_t i = 0; i < run->count; i++) {
		if (run->pipelines[i]->state == PIPELINE_DONE && run->pipelines[i]->next && run->stops == 0)
			pipeline_succeed(run->pipelines[i]);
		running += run->pipelines[i]->state != PIPELINE_DONE;
	}
	if (running == 0 && !run->ending)
		end(run);
}

void run_settle(struct run *run)
{
	if (!ev_is_active(&run->settle))
		ev_timer_start(EV_DEFAULT_ & run->settle);
}

void run_stop(struct run *run)
{
	enum pipeline_happening happening = run->stops++ == 0 ? PIPELINE_STOP : PIPELINE_HURRY;

	tell(run, "stopping", happening == PIPELINE_STOP ? "stopping" : "stopping at once");
	service_stop(&run->service);
	for (size_t i = 0; i < run->count; i++)
		pipeline_handle(run->pipelines[i], happening);
}

static void on_stop(EV_P_ ev_signal *watcher, int events)
{
	(void)EV_A;
	(void)events;
	run_stop(watcher->data);
}

/* Somebody wants the manifest read again; or the terminal that the flow was started from is gone, which ends it. */
static void on_hangup(EV_P_ ev_signal *watcher, int events)
{
	struct run *run = watcher->data;
	struct reload reload = {0};

	(void)EV_A;
	(void)events;
	if (run->terminal && !isatty(STDERR_FILENO)) {
		run_stop(run);
		return;
	}
	if (reload_run(&reload, run) == STATUS_FAILED)
		message_error("%s", reload.message.data);
	reload_free(&reload);
}

/* Starting. */

/* A pipeline takes a descriptor here, a stage two, and more in its manager: as many as are allowed. Stages get what they had. */
static void raise_file_limit(struct run *run)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	run->files = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		message_warning("cannot raise the limit of open files:");
}

static void watch_signals(struct run *run)
{
	static const struct {
		int number;
		void (*act)(EV_P_ ev_signal *watcher, int events);
	} signals[RUN_SIGNALS] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}};

	run->terminal = isatty(STDERR_FILENO);
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < RUN_SIGNALS; i++) {
		ev_signal_init(&run->signals[i], signals[i].act, signals[i].number);
		run->signals[i].data = run;
		ev_signal_start(EV_DEFAULT_ & run->signals[i]);
		ev_unref(EV_DEFAULT);
	}
}

static void start_all(struct run *run)
{
	const struct manifest *manifest = &run->version->manifest;

	if (!ev_default_loop(EVFLAG_NOENV))
		fail("cannot make an event loop");
	raise_file_limit(run);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	watch_signals(run);
	ev_timer_init(&run->settle, on_settle, 0., 0.);
	run->settle.data = run;
	control_open(&run->control, run->state, orders_answer, run);
	service_init(&run->service, manifest, run->only);
	run->report = report_new(run->version, run->files);
	for (size_t i = 0; i < manifest->count; i++)
		if (select_has(run->only, manifest->pipelines[i].name))
			run_add(run, run->version, &manifest->pipelines[i]);
	for (size_t i = 0; i < run->count; i++)
		pipeline_handle(run->pipelines[i], PIPELINE_TIMER);
}

static int end_all(struct run *run)
{
	int status = run->failed ? STATUS_FAILED : STATUS_OK;
	struct report *report;

	orphans_end();
	for (size_t i = 0; i < run->count; i++)
		if (run->pipelines[i]->failed)
			status = STATUS_FAILED;
	tell_end(run, status);
	control_close(&run->control);
	service_free(&run->service);
	for (size_t i = 0; i < run->count; i++) {
		pipeline_free(run->pipelines[i]);
		free(run->pipelines[i]);
	}
	free(run->pipelines);
	report_free(run->report);
	while ((report = run->reports)) {
		run->reports = report->next;
		report_free(report);
	}
	heard_free(&run->heard);
	version_drop(run->version);
	log_file_free(&run->events);
	free(run->state);
	close(run->lock);
	ev_loop_destroy(EV_DEFAULT);
	return status;
}

static void open_state(struct run *run, const char *asked)
{
	char *path = state_path(asked, run->version->manifest.path);

	run->state = state_open(path, &run->lock);
	free(path);
	log_file_init(&run->events, run->state, "events", "ndjson", LOG_FILE_EVENTS);
	if (log_file_open(&run->events) < 0)
		fail("cannot open '%s':", run->events.path);
}

static struct version *read_version(const struct run *run, const char *path)
{
	struct mistakes mistakes = {0};
	struct version *version = run_read(run, path, &mistakes);

	mistakes_say(&mistakes, path);
	mistakes_free(&mistakes);
	return version;
}

int run_command(char **argv)
{
	struct run run = {0};
	struct option_list only = {0};
	char *state = NULL;
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &state,
	                      "where the flow keeps what it must not forget (.pype beside FLOW)"),
		OPTION_FLAG(0, "once", &run.once, "start nothing again: a failure ends its pipeline"),
		OPTION_LIST(0, "only", "PIPELINE", &only, "run this pipeline and no other; may be repeated"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	int status;

	message_init("pype");
	run.version = read_version(&run, operands[0] ? operands[0] : "flow.yaml");
	if (!run.version)
		return STATUS_POINTLESS;
	run.only = &only;
	select_check(&only, &run.version->manifest);
	if (option_checking())
		return STATUS_OK;
	heard_init(&run.heard);
	open_state(&run, state);
	start_all(&run);
	ev_run(EV_DEFAULT_ 0);
	status = end_all(&run);
	free(only.items);
	return status;
}
