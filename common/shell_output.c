#include "common/shell_output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/spawn.h"
#include "common/text.h"
#include "common/unit.h"

enum { SAID = 200 }; /* bytes of standard error that are shown */

struct stream {
	struct shell_output *shell;
	struct ev_io io; /* its fd is -1 when it is closed */
	struct text text;
	size_t limit; /* 0: what is too old is forgotten */
};

struct shell_output {
	struct ev_loop *loop;
	pid_t pid;
	struct ev_io ended; /* a pidfd */
	struct ev_timer timer; /* the end of its time; or its beginning, if that failed */
	int64_t timeout;
	struct stream out, err;
	struct text error;
	void (*done)(void *context, const struct shell_result *result);
	void *context;
};

static void stop(struct shell_output *shell, struct ev_io *io)
{
	ev_io_stop(shell->loop, io);
	if (io->fd >= 0)
		close(io->fd);
	ev_io_set(io, -1, EV_READ);
}

/* The group goes before its leader is reaped, while the number is surely its own. */
static int reap(struct shell_output *shell)
{
	int status = 0;

	if (shell->pid <= 0)
		return 0;
	kill(-shell->pid, SIGKILL);
	while (waitpid(shell->pid, &status, 0) < 0 && errno == EINTR)
		;
	shell->pid = -1;
	return status;
}

void shell_output_abort(struct shell_output *shell)
{
	ev_timer_stop(shell->loop, &shell->timer);
	reap(shell);
	stop(shell, &shell->ended);
	stop(shell, &shell->out.io);
	stop(shell, &shell->err.io);
	text_free(&shell->out.text);
	text_free(&shell->err.text);
	text_free(&shell->error);
	free(shell);
}

/* Keeps the last line only, without its end. */
static void cut_said(struct text *text)
{
	char *line;

	while (text->length > 0 && strchr("\r\n", text->data[text->length - 1]))
		text->data[--text->length] = '\0';
	line = memrchr(text->data, '\n', text->length);
	if (line)
		text_drop(text, (size_t)(line + 1 - text->data));
	if (text->length > SAID) {
		text->length = SAID;
		text->data[SAID] = '\0';
	}
}

static void finish(struct shell_output *shell)
{
	struct shell_result result = {.output = shell->out.text.data, .length = shell->out.text.length};

	text_add_string(&shell->err.text, "");
	cut_said(&shell->err.text);
	if (shell->error.length > 0) {
		if (shell->err.text.length > 0)
			text_addf(&shell->error, ": %s", shell->err.text.data);
		result.error = shell->error.data;
	}
	result.said = shell->err.text.data;
	ev_timer_stop(shell->loop, &shell->timer);
	shell->done(shell->context, &result);
	shell_output_abort(shell);
}

/* Takes what is there. False: the end, or too much. */
static bool take(struct stream *stream)
{
	char piece[4096];
	ssize_t length;

	while ((length = read(stream->io.fd, piece, sizeof(piece))) > 0) {
		if (stream->limit && stream->text.length + (size_t)length > stream->limit) {
			text_addf(&stream->shell->error, "more than %dk of output", SHELL_OUTPUT_MAX / 1024);
			return false;
		}
		text_add(&stream->text, piece, (size_t)length);
		if (!stream->limit && stream->text.length > 2 * sizeof(piece))
			text_drop(&stream->text, stream->text.length - sizeof(piece));
	}
	return length < 0 && (errno == EAGAIN || errno == EINTR);
}

static void readable(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct stream *stream = io->data;
	struct shell_output *shell = stream->shell;

	(void)loop;
	(void)events;
	if (take(stream))
		return;
	stop(shell, io);
	if (shell->error.length > 0) {
		reap(shell);
		finish(shell);
	}
}

static void add_status(struct text *error, int status)
{
	if (WIFSIGNALED(status))
		text_addf(error, "killed by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		text_addf(error, "exit status %d", WEXITSTATUS(status));
}

static void ended(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct shell_output *shell = io->data;
	int status = reap(shell);

	(void)loop;
	(void)events;
	if (shell->out.io.fd >= 0)
		take(&shell->out);
	if (shell->err.io.fd >= 0)
		take(&shell->err);
	if (shell->error.length == 0)
		add_status(&shell->error, status);
	finish(shell);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct shell_output *shell = timer->data;
	char limit[UNIT_TEXT_MAX];

	(void)loop;
	(void)events;
	if (shell->error.length == 0)
		text_addf(&shell->error, "not over after %s", unit_duration_text(limit, shell->timeout));
	reap(shell);
	finish(shell);
}

static void open_stream(struct shell_output *shell, struct stream *stream, int fd, size_t limit)
{
	stream->shell = shell;
	stream->limit = limit;
	text_init(&stream->text);
	ev_io_init(&stream->io, readable, fd, EV_READ);
	stream->io.data = stream;
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ev_io_start(shell->loop, &stream->io);
}

/* Returns the pid, or -1: errno and *failed. The pipes' own ends are in out[0] and err[0], or -1. */
static pid_t run(const char *command, int out[2], int err[2], const char **failed)
{
	char shell[] = "/bin/sh", option[] = "-c", *text = xstrdup(command);
	char *argv[] = {shell, option, text, NULL};
	pid_t pid = -1;
	int saved;

	*failed = "no pipe";
	if (pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0) {
		const struct spawn_fd fds[] = {{out[1], STDOUT_FILENO}, {err[1], STDERR_FILENO}};
		const struct spawn spawn = {
			.argv = argv, .fds = fds, .fd_count = 2, .group = true, .death_signal = SIGKILL};

		pid = spawn_program(&spawn, failed);
	}
	saved = errno;
	free(text);
	if (out[1] >= 0)
		close(out[1]);
	if (err[1] >= 0)
		close(err[1]);
	errno = saved;
	return pid;
}

struct shell_output *shell_output_start(struct ev_loop *loop, const char *command, int64_t timeout,
                                        void (*done)(void *context, const struct shell_result *result), void *context)
{
	struct shell_output *shell = xcalloc(1, sizeof(*shell));
	int out[2] = {-1, -1}, err[2] = {-1, -1}, fd = -1;
	const char *failed;

	*shell = (struct shell_output){.loop = loop, .timeout = timeout, .done = done, .context = context};
	shell->pid = run(command, out, err, &failed);
	if (shell->pid > 0 && (fd = pidfd_open(shell->pid, 0)) < 0)
		failed = "its end cannot be waited for";
	if (fd < 0)
		text_addf(&shell->error, "%s: %s", failed, strerror(errno));
	open_stream(shell, &shell->out, out[0], SHELL_OUTPUT_MAX);
	open_stream(shell, &shell->err, err[0], 0);
	ev_io_init(&shell->ended, ended, fd, EV_READ);
	shell->ended.data = shell;
	if (fd >= 0)
		ev_io_start(loop, &shell->ended);
	ev_now_update(loop);
	ev_timer_init(&shell->timer, timer_due, fd >= 0 ? (double)timeout / UNIT_S : 0, 0);
	shell->timer.data = shell;
	ev_timer_start(loop, &shell->timer);
	return shell;
}
