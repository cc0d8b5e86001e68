#include "cmd/flow/commands/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "common/moment.h"
#include "common/spawn.h"
#include "common/unit.h"

/* False: it could not be started. */
static bool start(struct collect *job, int64_t time)
{
	int ends[2];
	struct spawn_fd fd = {.child = job->fd};
	struct spawn spawn = {
		.argv = job->argv,
		.environment = job->environment,
		.directory = job->directory,
		.fds = &fd,
		.fd_count = 1,
		.group = true,
		.death_signal = SIGKILL,
	};

	text_init(&job->output);
	job->failed = "cannot make a pipe";
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
		/* The child's end blocks as usual. */
		fcntl(ends[1], F_SETFL, 0);
		fd.parent = ends[1];
		job->pid = spawn_program(&spawn, &job->failed);
		job->number = errno;
		close(ends[1]);
		if (job->pid > 0) {
			job->failed = NULL;
			job->pipe = ends[0];
			job->process = pidfd_open(job->pid, 0);
			job->deadline = moment_now() + time;
			if (job->process < 0)
				fail("cannot watch a process:");
			return true;
		}
		close(ends[0]);
	} else {
		job->number = errno;
	}
	return false;
}

/* Reads what is there. False: no more will come. */
static bool take(struct collect *job)
{
	char block[4096];
	ssize_t n;

	while ((n = read(job->pipe, block, sizeof(block))) > 0 || (n < 0 && errno == EINTR)) {
		size_t room = COLLECT_MOST - job->output.length;

		if (n > 0)
			text_add(&job->output, block, (size_t)n < room ? (size_t)n : room);
	}
	return n < 0 && errno == EAGAIN;
}

static void end(struct collect *job)
{
	while (waitpid(job->pid, &job->status, 0) < 0 && errno == EINTR)
		;
	/* Whatever it has left behind. */
	kill(-job->pid, SIGKILL);
	if (job->pipe >= 0) {
		take(job);
		close(job->pipe);
	}
	close(job->process);
	job->pid = 0;
}

static int milliseconds_until(int64_t deadline)
{
	int64_t left = deadline - moment_now();

	return left > 0 ? (int)(left / UNIT_MS) + 1 : 0;
}

/* Waits for whatever happens first, and sees to it. */
static void attend(struct collect **running, size_t count)
{
	struct pollfd fds[2 * COLLECT_AT_ONCE];
	int64_t deadline = running[0]->deadline;

	for (size_t i = 0; i < count; i++) {
		fds[2 * i] = (struct pollfd){.fd = running[i]->process, .events = POLLIN};
		fds[2 * i + 1] = (struct pollfd){.fd = running[i]->pipe, .events = POLLIN};
		if (running[i]->deadline < deadline)
			deadline = running[i]->deadline;
	}
	if (poll(fds, 2 * count, milliseconds_until(deadline)) < 0 && errno != EINTR)
		fail("cannot wait:");
	for (size_t i = 0; i < count; i++) {
		struct collect *job = running[i];

		if (fds[2 * i + 1].revents && !take(job)) {
			close(job->pipe);
			job->pipe = -1;
		}
		if (fds[2 * i].revents) {
			end(job);
		} else if (!job->late && moment_now() >= job->deadline) {
			job->late = true;
			job->deadline = INT64_MAX;
			kill(-job->pid, SIGKILL);
		}
	}
}

void collect_all(struct collect *jobs, size_t count, int64_t time)
{
	struct collect *running[COLLECT_AT_ONCE];
	size_t next = 0, busy = 0;

	while (next < count || busy > 0) {
		size_t left = 0;

		while (next < count && busy < COLLECT_AT_ONCE) {
			if (start(&jobs[next], time))
				running[busy++] = &jobs[next];
			next++;
		}
		if (busy > 0)
			attend(running, busy);
		for (size_t i = 0; i < busy; i++)
			if (running[i]->pid > 0)
				running[left++] = running[i];
		busy = left;
	}
}

void collect_free(struct collect *job)
{
	text_free(&job->output);
}
