/*
 * pype run: the flow process.
 *
 * It supervises one manager per pipeline (pipeline.c), hears every happening from them, and puts it where it belongs:
 * on stderr for people, into STATE/events.ndjson, and failures to the report command.
 */
#include "cmd/flow/run.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/flow/happening.h"
#include "cmd/flow/manager.h"
#include "cmd/flow/manifest.h"
#include "cmd/flow/orphans.h"
#include "cmd/flow/moment.h"
#include "cmd/flow/pipeline.h"
#include "cmd/flow/report.h"
#include "cmd/flow/select.h"
#include "cmd/flow/service.h"
#include "cmd/flow/tools.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/spawn.h"
#include "common/text.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype run",
	.summary = "run the flow of a manifest",
	.operands = "[FLOW]",
	.most = 1,
};

enum { EVENTS_MOST = 4 << 20 };

/* What is left of a runner that was killed has this long to end; looked at this often. Nanoseconds. */
static const int64_t lock_patience = 2 * UNIT_S, lock_again = 20 * UNIT_MS;

struct run {
	struct manifest manifest;
	char *state;
	int lock, events; /* descriptors: STATE/lock, STATE/events.ndjson */
	struct message_limit unkept; /* happenings that could not be written there */
	struct pipeline *pipelines;
	size_t count, done;
	rlim_t files; /* how many descriptors this process could have open before it asked for more */
	unsigned stops; /* how often it was told to stop */
	char **environment; /* of the report command */
	struct report report;
	struct service service;
	struct json_want want;
	int event_slot, source_slot, message_slot;
	struct ev_signal signals[3];
	struct ev_timer patience; /* with the report command at the end */
};

/* What is to be done with a happening, by its name. */
static const struct hearing {
	const char *name;
	void (*say)(const char *format, ...) MESSAGE_FORMAT(1, 2);
	bool report;
} hearings[] = {
	{"started", message_info, false},
	{"finished", message_info, false},
	{"failed", message_error, true},
	{"given_up", message_error, true},
	{"dead_letter", message_error, true},
	{"dropped", message_warning, true},
	{"full", message_error, true},
	{"resumed", message_warning, false},
};

static void say(struct run *run, const char *event, size_t length)
{
	struct json_span spans[3];
	const struct json_span *name = &spans[run->event_slot], *from = &spans[run->source_slot];
	struct json_result result;
	struct text source = {0}, message = {0}, copy = {0};

	/* The scanner may look JSON_PADDING bytes beyond the text. */
	text_add(&copy, event, length);
	text_reserve(&copy, JSON_PADDING);
	memset(copy.data + length, 0, JSON_PADDING);
	if (json_scan(copy.data, length, &run->want, spans, 0, &result) && name->kind == JSON_STRING &&
	    from->kind == JSON_STRING && spans[run->message_slot].kind == JSON_STRING) {
		json_add_unescaped(&source, from->at, from->length);
		json_add_unescaped(&message, spans[run->message_slot].at, spans[run->message_slot].length);
		for (size_t i = 0; i < sizeof(hearings) / sizeof(hearings[0]); i++) {
			if (!json_string_is(name->at, name->length, hearings[i].name, strlen(hearings[i].name)))
				continue;
			hearings[i].say("%s: %s", source.data, message.data);
			service_hear(&run->service, hearings[i].name, source.data);
			if (hearings[i].report)
				report_add(&run->report, event, length);
		}
	}
	text_free(&copy);
	text_free(&source);
	text_free(&message);
}

/* -1: errno. */
static int open_events(const char *state)
{
	struct text path = {0};
	int fd;

	text_addf(&path, "%s/events.ndjson", state);
	fd = open(path.data, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	text_free(&path);
	return fd;
}

/* The file of happenings is kept to two of EVENTS_MOST bytes: the current one and the one before. */
static void turn_events(struct run *run)
{
	struct text from = {0}, to = {0};
	int fd = -1;

	text_addf(&from, "%s/events.ndjson", run->state);
	text_addf(&to, "%s/events.1.ndjson", run->state);
	if (rename(from.data, to.data) == 0)
		fd = open_events(run->state);
	if (fd >= 0) {
		close(run->events);
		run->events = fd;
	}
	text_free(&from);
	text_free(&to);
}

static void keep(struct run *run, const char *event, size_t length)
{
	ssize_t n = write(run->events, event, length);
	struct stat status;

	if (n != (ssize_t)length && message_pass(&run->unkept))
		message_error("cannot write to '%s/events.ndjson':", run->state);
	if (fstat(run->events, &status) < 0)
		return;
	/* A part of an event would spoil the next one. */
	if (n > 0 && n < (ssize_t)length && ftruncate(run->events, status.st_size - n) < 0)
		message_debug("cannot cut '%s/events.ndjson':", run->state);
	if (status.st_size > EVENTS_MOST)
		turn_events(run);
}

void run_hear(struct run *run, const char *event, size_t length)
{
	keep(run, event, length);
	say(run, event, length);
}

/* The state directory. */

static void make_directory(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		fail("cannot make the directory '%s':", path);
}

/* False: another process holds it. */
static bool wait_for_lock(struct run *run)
{
	const struct timespec again = {.tv_nsec = lock_again};
	int64_t start = moment_now();

	while (flock(run->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			fail("cannot lock '%s/lock':", run->state);
		if (moment_now() - start >= lock_patience)
			return false;
		nanosleep(&again, NULL);
	}
	return true;
}

static void take_lock(struct run *run)
{
	struct text path = {0};
	char owner[32] = "";

	text_addf(&path, "%s/lock", run->state);
	run->lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (run->lock < 0)
		fail("cannot open '%s':", path.data);
	if (!wait_for_lock(run)) {
		if (read(run->lock, owner, sizeof(owner) - 1) < 0)
			owner[0] = '\0';
		fail("the flow runs already, as process %ld (state directory '%s')", strtol(owner, NULL, 10),
		     run->state);
	}
	snprintf(owner, sizeof(owner), "%d\n", (int)getpid());
	if (ftruncate(run->lock, 0) < 0 || pwrite(run->lock, owner, strlen(owner), 0) < 0)
		fail("cannot write to '%s':", path.data);
	text_free(&path);
}

static void open_state(struct run *run, const char *asked)
{
	struct text path = {0};

	if (asked)
		text_add_string(&path, asked);
	else
		text_addf(&path, "%s/.pype", run->manifest.directory);
	make_directory(path.data);
	run->state = realpath(path.data, NULL);
	if (!run->state)
		fail("cannot find the directory '%s':", path.data);
	text_clear(&path);
	text_addf(&path, "%s/dead-letters", run->state);
	make_directory(path.data);
	text_free(&path);
	take_lock(run);
	run->events = open_events(run->state);
	if (run->events < 0)
		fail("cannot open '%s/events.ndjson':", run->state);
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
	struct manager_context context = {
		.run = run,
		.setup =
			{
				.manifest = &run->manifest,
				.pipeline = pipeline->manifest,
				.plumbing = &pipeline->plumbing,
				.state = run->state,
				.files = run->files,
				.channel = channel,
				.restarts = pipeline->starts,
			},
	};
	/* It keeps the lock as well: whoever is left of a killed runner keeps the next one out. */
	const int own[] = {STDOUT_FILENO, STDERR_FILENO, channel, run->lock};
	enum { OWN = sizeof(own) / sizeof(own[0]) };
	struct spawn_fd *fds = xcalloc(OWN + 2 * pipeline->plumbing.plan.count + 1, sizeof(*fds));
	struct spawn spawn = {.fds = fds, .group = true};
	pid_t pid;

	for (size_t i = 0; i < OWN; i++)
		spawn.fd_count += keep_open(&fds[spawn.fd_count], own[i]);
	for (size_t i = 0; i < pipeline->plumbing.plan.count; i++) {
		spawn.fd_count += keep_open(&fds[spawn.fd_count], pipeline->plumbing.memories[i]);
		spawn.fd_count += keep_open(&fds[spawn.fd_count], pipeline->plumbing.bells[i]);
	}
	spawn.fd_count += keep_open(&fds[spawn.fd_count], pipeline->plumbing.bell);
	pid = spawn_function(&spawn, manage, &context, failed);
	free(fds);
	return pid;
}

bool run_owns(void *context, pid_t pid)
{
	struct run *run = context;

	if (pid == run->report.pid)
		return true;
	for (size_t i = 0; i < run->count; i++)
		if (run->pipelines[i].pid == pid)
			return true;
	return false;
}

static void on_patience(EV_P_ ev_timer *watcher, int events)
{
	struct run *run = watcher->data;

	(void)EV_A;
	(void)events;
	report_kill(&run->report);
}

void run_pipeline_done(struct run *run)
{
	if (++run->done < run->count)
		return;
	for (size_t i = 0; i < sizeof(run->signals) / sizeof(run->signals[0]); i++)
		if (ev_is_active(&run->signals[i])) {
			ev_ref(EV_DEFAULT);
			ev_signal_stop(EV_DEFAULT_ & run->signals[i]);
		}
	service_stop(&run->service);
	report_end(&run->report);
	/* This timer does not keep the loop alive: the report command does, as long as it runs. */
	ev_timer_set(&run->patience, (double)run->manifest.settings.stop_timeout / 1e9, 0.);
	ev_timer_start(EV_DEFAULT_ & run->patience);
	ev_unref(EV_DEFAULT);
}

static void on_signal(EV_P_ ev_signal *watcher, int events)
{
	struct run *run = watcher->data;
	enum pipeline_happening happening = run->stops++ == 0 ? PIPELINE_STOP : PIPELINE_HURRY;

	(void)EV_A;
	(void)events;
	message_info("%s", happening == PIPELINE_STOP ? "stopping" : "stopping at once");
	service_stop(&run->service);
	for (size_t i = 0; i < run->count; i++)
		pipeline_handle(&run->pipelines[i], happening);
}

/* A pipeline takes a descriptor here, and a stage four in its manager: as many as are allowed. Stages get what they had. */
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

static void start_all(struct run *run, const struct option_list *only)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

	if (!ev_default_loop(EVFLAG_NOENV))
		fail("cannot make an event loop");
	raise_file_limit(run);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ev_signal_init(&run->signals[i], on_signal, numbers[i]);
		run->signals[i].data = run;
		ev_signal_start(EV_DEFAULT_ & run->signals[i]);
		ev_unref(EV_DEFAULT);
	}
	ev_init(&run->patience, on_patience);
	run->patience.data = run;
	service_init(&run->service, &run->manifest, only);
	report_init(&run->report, &run->manifest, run->environment, run->files);
	run->pipelines = xcalloc(run->manifest.count, sizeof(*run->pipelines));
	for (size_t i = 0; i < run->manifest.count; i++)
		if (select_has(only, run->manifest.pipelines[i].name))
			pipeline_init(&run->pipelines[run->count++], run, &run->manifest.pipelines[i]);
	for (size_t i = 0; i < run->count; i++)
		pipeline_handle(&run->pipelines[i], PIPELINE_TIMER);
}

static int end_all(struct run *run)
{
	int status = STATUS_OK;

	orphans_end();
	for (size_t i = 0; i < run->count; i++) {
		if (run->pipelines[i].failed)
			status = STATUS_FAILED;
		pipeline_free(&run->pipelines[i]);
	}
	free(run->pipelines);
	report_free(&run->report);
	service_free(&run->service);
	json_want_free(&run->want);
	manifest_free(&run->manifest);
	free(run->state);
	tools_environment_free(run->environment);
	close(run->events);
	close(run->lock);
	ev_loop_destroy(EV_DEFAULT);
	return status;
}

int run_command(char **argv)
{
	struct run run = {0};
	struct option_list only = {0};
	char *state = NULL;
	bool once = false;
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &state,
	                      "where the flow keeps what it must not forget (.pype beside FLOW)"),
		OPTION_FLAG(0, "once", &once, "start nothing again: a failure ends its pipeline"),
		OPTION_LIST(0, "only", "PIPELINE", &only, "run this pipeline and no other; may be repeated"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	const char *mistake;
	int status;

	message_init("pype");
	if (!manifest_read(&run.manifest, operands[0] ? operands[0] : "flow.yaml"))
		return STATUS_POINTLESS;
	select_check(&only, &run.manifest);
	if (once)
		manifest_restart_never(&run.manifest);
	if (option_checking())
		return STATUS_OK;
	run.event_slot = json_want_path(&run.want, ".event", &mistake);
	run.source_slot = json_want_path(&run.want, ".source", &mistake);
	run.message_slot = json_want_path(&run.want, ".data.message", &mistake);
	open_state(&run, state);
	run.environment = tools_environment(&run.manifest.settings.env);
	start_all(&run, &only);
	ev_run(EV_DEFAULT_ 0);
	status = end_all(&run);
	free(only.items);
	return status;
}
