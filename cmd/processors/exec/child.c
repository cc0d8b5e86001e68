#include "cmd/processors/exec/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "common/moment.h"
#include "common/spawn.h"
#include "common/unit.h"

enum {
	READ = 64 * 1024,
	SAID_LINE = 1000, /* a longer line is passed on in parts */
	SAID_MOST = 1024 * 1024, /* what is read of it after the end, if somebody writes on */
};

static void stop(struct child *child, struct ev_io *io)
{
	ev_io_stop(child->loop, io);
	if (io->fd >= 0)
		close(io->fd);
	ev_io_set(io, -1, EV_READ);
}

/* ---- standard error ---- */

static void relay(struct child *child, const char *line, size_t length)
{
	message_relay(line, length);
	text_clear(&child->last);
	text_add(&child->last, line, length < CHILD_SAID ? length : CHILD_SAID);
}

static void relay_lines(struct child *child, bool all)
{
	struct text *said = &child->said;
	size_t at = 0;

	while (at < said->length) {
		const char *line = said->data + at, *newline = memchr(line, '\n', said->length - at);
		size_t length = newline ? (size_t)(newline - line) : said->length - at;

		if (!newline && !all && length < SAID_LINE)
			break;
		if (length > SAID_LINE) {
			length = SAID_LINE;
			newline = NULL;
		}
		if (length > 0)
			relay(child, line, length - (line[length - 1] == '\r'));
		at += length + (newline ? 1 : 0);
	}
	text_drop(said, at);
}

/* What is there, up to a limit. False: the end. */
static bool take_said(struct child *child, size_t most)
{
	char bytes[4096];
	size_t all = 0;
	ssize_t n;

	while (all < most && (n = read(child->err.fd, bytes, sizeof(bytes))) > 0) {
		text_add(&child->said, bytes, (size_t)n);
		relay_lines(child, false);
		all += (size_t)n;
	}
	return all >= most || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_said(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct child *child = io->data;

	(void)loop;
	(void)events;
	if (!take_said(child, READ))
		stop(child, io);
}

/* ---- standard output ---- */

/* What is there. False: the end, or too much. */
static bool take_output(struct child *child)
{
	struct text *output = &child->output;
	size_t all = 0;
	ssize_t n = -1;

	do {
		text_reserve(output, READ);
		n = read(child->out.fd, output->data + output->length, READ);
		if (n <= 0)
			break;
		output->length += (size_t)n;
		output->data[output->length] = '\0';
		all += (size_t)n;
		child->too_much = !child->heard && output->length > child->most;
	} while (!child->too_much && n == READ && (!child->heard || all < 4 * READ));
	return !child->too_much && (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
}

static void on_output(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct child *child = io->data;
	bool more = take_output(child);

	(void)loop;
	(void)events;
	if (child->heard)
		child->heard(child);
	if (!more || child->too_much)
		stop(child, io);
	if (child->too_much)
		child_stop(child);
}

/* ---- standard input ---- */

void child_send(struct child *child)
{
	struct text *input = &child->input;
	size_t written = 0;

	while (child->in.fd >= 0 && written < input->length) {
		ssize_t n = write(child->in.fd, input->data + written, input->length - written);

		if (n >= 0) {
			written += (size_t)n;
		} else if (errno == EAGAIN) {
			ev_io_start(child->loop, &child->in);
			break;
		} else if (errno != EINTR) {
			/* It does not read: whether that matters its answer says. */
			stop(child, &child->in);
		}
	}
	if (child->in.fd < 0)
		written = input->length;
	text_drop(input, written);
	if (input->length == 0 && child->in.fd >= 0)
		ev_io_stop(child->loop, &child->in);
}

/* The io's data is the child; that nothing follows is in the watcher of the end, since both are known at the start. */
static void on_room(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct child *child = io->data;

	(void)loop;
	(void)events;
	child_send(child);
}

static void on_room_for_last(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct child *child = io->data;

	on_room(loop, io, events);
	if (child->input.length == 0)
		stop(child, io);
}

void child_close_input(struct child *child)
{
	stop(child, &child->in);
}

/* ---- its time ---- */

static void set_timer(struct child *child, int64_t time)
{
	ev_timer_stop(child->loop, &child->timer);
	if (time <= 0)
		return;
	ev_now_update(child->loop);
	ev_timer_set(&child->timer, (double)time / UNIT_S, 0);
	ev_timer_start(child->loop, &child->timer);
}

static void on_grace_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct child *child = timer->data;

	(void)loop;
	(void)events;
	kill(-child->pid, SIGKILL);
}

void child_stop(struct child *child)
{
	if (child->pid <= 0 || child->timer.cb == on_grace_over)
		return;
	kill(-child->pid, SIGTERM);
	/* A stopped one is to hear it, too. */
	kill(-child->pid, SIGCONT);
	ev_timer_stop(child->loop, &child->timer);
	ev_set_cb(&child->timer, on_grace_over);
	set_timer(child, child->grace > 0 ? child->grace : 1);
}

static bool has_ended(const struct child *child)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child->pid;
}

static void on_time_over(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct child *child = timer->data;

	(void)loop;
	(void)events;
	/* This process may have been held up: it is not the child's fault. */
	if (has_ended(child))
		return;
	child->timed_out = true;
	child_stop(child);
}

void child_allow(struct child *child, int64_t time)
{
	if (child->timer.cb == on_time_over)
		set_timer(child, time);
}

/* ---- begin and end ---- */

/* The group goes before its leader is reaped, while the number is surely its own. */
static int reap(struct child *child)
{
	int status = 0;

	kill(-child->pid, SIGKILL);
	if (child->err.fd >= 0)
		take_said(child, SAID_MOST);
	relay_lines(child, true);
	if (child->out.fd >= 0)
		take_output(child);
	atomic_store(child->group, 0);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void on_end(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct child *child = io->data;
	int status = reap(child);

	(void)events;
	stop(child, &child->in);
	stop(child, &child->out);
	stop(child, &child->err);
	stop(child, &child->end);
	ev_timer_stop(loop, &child->timer);
	if (child->heard)
		child->heard(child);
	child->pid = 0;
	child->ended(child, status);
}

static void set_io(struct child *child, struct ev_io *io, void (*cb)(struct ev_loop *, struct ev_io *, int))
{
	ev_io_init(io, cb, -1, EV_READ);
	io->data = child;
}

void child_init(struct child *child)
{
	set_io(child, &child->in, on_room);
	set_io(child, &child->out, on_output);
	set_io(child, &child->err, on_said);
	set_io(child, &child->end, on_end);
	ev_timer_init(&child->timer, on_time_over, 0, 0);
	child->timer.data = child;
	text_init(&child->input);
	text_init(&child->output);
	text_init(&child->last);
	text_init(&child->said);
}

void child_free(struct child *child)
{
	text_free(&child->input);
	text_free(&child->output);
	text_free(&child->last);
	text_free(&child->said);
}

/* Puts the parent's end of a pipe into io, and returns the child's; -1: errno. */
static int make_pipe(struct ev_io *io, bool writes)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	fcntl(ends[writes], F_SETFL, O_NONBLOCK);
	ev_io_set(io, ends[writes], writes ? EV_WRITE : EV_READ);
	return ends[!writes];
}

static pid_t start(struct child *child, char *const *argv, char **environment, const char **failed)
{
	int ends[3] = {make_pipe(&child->in, true), make_pipe(&child->out, false), make_pipe(&child->err, false)};
	const struct spawn_fd fds[] = {{ends[0], STDIN_FILENO}, {ends[1], STDOUT_FILENO}, {ends[2], STDERR_FILENO}};
	const struct spawn spawn = {
		.argv = argv,
		.environment = environment,
		.fds = fds,
		.fd_count = 3,
		.group = true,
		.born = child->group,
		.death_signal = SIGKILL,
	};
	pid_t pid = -1;
	int saved, fd;

	*failed = "cannot make a pipe";
	if (ends[0] >= 0 && ends[1] >= 0 && ends[2] >= 0)
		pid = spawn_program(&spawn, failed);
	saved = errno;
	for (size_t i = 0; i < 3; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	if (pid < 0)
		atomic_store(child->group, 0);
	fd = pid > 0 ? pidfd_open(pid, 0) : -1;
	if (pid > 0 && fd < 0)
		fail("the end of a command cannot be waited for:");
	ev_io_set(&child->end, fd, EV_READ);
	errno = saved;
	return pid;
}

bool child_start(struct child *child, char *const *argv, char **environment, bool last, const char **failed)
{
	int saved;

	text_clear(&child->output);
	text_clear(&child->last);
	text_clear(&child->said);
	child->timed_out = child->too_much = false;
	ev_set_cb(&child->timer, on_time_over);
	ev_set_cb(&child->in, last ? on_room_for_last : on_room);
	child->pid = start(child, argv, environment, failed);
	if (child->pid < 0) {
		saved = errno;
		child->pid = 0;
		stop(child, &child->in);
		stop(child, &child->out);
		stop(child, &child->err);
		errno = saved;
		return false;
	}
	child->started = moment_now();
	child_send(child);
	if (last && child->input.length == 0)
		stop(child, &child->in);
	ev_io_start(child->loop, &child->out);
	ev_io_start(child->loop, &child->err);
	ev_io_start(child->loop, &child->end);
	return true;
}
