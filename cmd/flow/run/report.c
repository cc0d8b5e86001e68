#include "cmd/flow/run/report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/spawn.h"
#include "common/unit.h"

static void close_input(struct report *report)
{
	ev_io_stop(EV_DEFAULT_ & report->writable);
	if (report->fd >= 0)
		close(report->fd);
	report->fd = -1;
}

static void start(struct report *report)
{
	char shell[] = "/bin/sh", option[] = "-c", *argv[] = {shell, option, report->manifest->report, NULL};
	const char *failed = "cannot make a pipe";
	struct spawn_fd fds[] = {{-1, STDIN_FILENO}, {STDERR_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
	struct spawn spawn = {
		.argv = argv,
		.fds = fds,
		.fd_count = sizeof(fds) / sizeof(fds[0]),
		.environment = report->environment,
		.directory = report->manifest->directory,
		.group = true,
		.death_signal = SIGTERM,
		.files = report->files,
	};
	int ends[2];

	report->started = moment_now();
	if (pipe2(ends, O_CLOEXEC) < 0) {
		message_error("report: %s:", failed);
		return;
	}
	fds[0].parent = ends[0];
	report->pid = spawn_program(&spawn, &failed);
	close(ends[0]);
	if (report->pid < 0) {
		message_error("report: %s:", failed);
		report->pid = 0;
		close(ends[1]);
		return;
	}
	/* The child has only the other end: making this one not blocking is no concern of it. */
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	report->fd = ends[1];
	ev_io_set(&report->writable, report->fd, EV_WRITE);
	ev_child_set(&report->exit, report->pid, 0);
	ev_child_start(EV_DEFAULT_ & report->exit);
	if (report->queue.length > 0)
		ev_io_start(EV_DEFAULT_ & report->writable);
	else if (report->ending)
		close_input(report);
}

static void on_writable(EV_P_ ev_io *watcher, int events)
{
	struct report *report = watcher->data;
	ssize_t n = write(report->fd, report->queue.data + report->sent, report->queue.length - report->sent);

	(void)EV_A;
	(void)events;
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close_input(report);
		return;
	}
	report->sent += n > 0 ? (size_t)n : 0;
	if (report->sent < report->queue.length)
		return;
	text_clear(&report->queue);
	report->sent = 0;
	ev_io_stop(EV_DEFAULT_ & report->writable);
	if (report->ending)
		close_input(report);
}

/* What the dead command had of an event in part, its successor gets whole. */
static void back_to_whole(struct report *report)
{
	const char *newline = report->sent ? memrchr(report->queue.data, '\n', report->sent) : NULL;
	size_t whole = newline ? (size_t)(newline - report->queue.data) + 1 : 0;

	text_drop(&report->queue, whole);
	report->sent = 0;
}

static void give_up(struct report *report, const char *why)
{
	report->given_up = true;
	message_error("report: %s", why);
	text_clear(&report->queue);
	report->sent = 0;
}

static void on_exit_status(EV_P_ ev_child *watcher, int events)
{
	struct report *report = watcher->data;
	int code = WIFEXITED(watcher->rstatus) ? WEXITSTATUS(watcher->rstatus) : STATUS_FAILED;
	int64_t delay;

	(void)events;
	ev_child_stop(EV_A_ watcher);
	kill(-report->pid, SIGKILL);
	report->pid = 0;
	close_input(report);
	back_to_whole(report);
	if (report->ending && (code == 0 || report->queue.length == 0))
		return;
	if (code == STATUS_POINTLESS || code == 126 || code == 127) {
		give_up(report, "the command cannot do its work and is not started again");
		return;
	}
	delay = restart_delay(&report->restart, &report->manifest->settings.restart, report->started, moment_now(),
	                      moment_random());
	if (delay < 0) {
		give_up(report, "the command failed too often and is not started again");
		return;
	}
	message_error("report: the command ended, it is started again");
	ev_now_update(EV_A);
	ev_timer_set(&report->again, (double)delay / (double)UNIT_S, 0.);
	ev_timer_start(EV_A_ & report->again);
}

static void on_again(EV_P_ ev_timer *watcher, int events)
{
	(void)EV_A;
	(void)events;
	start(watcher->data);
}

static void stop_patience(struct report *report)
{
	if (!ev_is_active(&report->patience))
		return;
	ev_ref(EV_DEFAULT);
	ev_timer_stop(EV_DEFAULT_ & report->patience);
}

static void on_patience(EV_P_ ev_timer *watcher, int events)
{
	struct report *report = watcher->data;

	(void)events;
	/* It has stopped by itself, and what that took from the loop was given back at its start. */
	ev_ref(EV_A);
	ev_timer_stop(EV_A_ & report->again);
	close_input(report);
	text_clear(&report->queue);
	report->sent = 0;
	if (report->pid > 0) {
		message_error("report: the command does not end, killed");
		kill(-report->pid, SIGKILL);
	}
}

struct report *report_new(struct version *version, rlim_t files)
{
	struct report *report = xcalloc(1, sizeof(*report));

	report->version = version_hold(version);
	report->manifest = &version->manifest;
	report->environment = tools_environment(&version->manifest.settings.env);
	report->files = files;
	report->fd = -1;
	ev_init(&report->writable, on_writable);
	ev_init(&report->exit, on_exit_status);
	ev_init(&report->again, on_again);
	ev_init(&report->patience, on_patience);
	report->writable.data = report->exit.data = report->again.data = report->patience.data = report;
	text_init(&report->queue);
	if (report->manifest->report)
		start(report);
	return report;
}

void report_add(struct report *report, const char *line, size_t length)
{
	if (!report->manifest->report || report->given_up)
		return;
	if (report->queue.length + length > REPORT_QUEUE) {
		if (report->dropped++ == 0)
			message_error("report: the command does not keep up, failures are dropped");
		return;
	}
	text_add(&report->queue, line, length);
	if (report->fd >= 0)
		ev_io_start(EV_DEFAULT_ & report->writable);
}

void report_end(struct report *report)
{
	report->ending = true;
	if (report->dropped > 0)
		message_error("report: %llu failures were dropped", (unsigned long long)report->dropped);
	if (report->queue.length == 0)
		close_input(report);
	ev_now_update(EV_DEFAULT);
	ev_timer_set(&report->patience, (double)report->manifest->settings.stop_timeout / (double)UNIT_S, 0.);
	ev_timer_start(EV_DEFAULT_ & report->patience);
	ev_unref(EV_DEFAULT);
}

bool report_is_over(const struct report *report)
{
	return report->ending && report->pid == 0 && !ev_is_active(&report->again);
}

void report_free(struct report *report)
{
	stop_patience(report);
	text_free(&report->queue);
	restart_free(&report->restart);
	tools_environment_free(report->environment);
	version_drop(report->version);
	free(report);
}
