#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/memory.h"

/* What a child works with; all memory is had before the fork. */
struct birth {
	const struct spawn *spawn;
	pid_t parent;
	int *moved; /* the listed descriptors, out of the way of the new numbers */
	int report[2]; /* a pipe: what failed goes to the parent; closed when all went well */
	sigset_t signals; /* the parent's mask */
};

/* What a child that cannot go on says. */
struct report {
	size_t step;
	int number;
};

/* The steps of a child; false: errno. They use only what is safe after a fork. */

/* What the parent's handlers would do here is over. The few that cannot be set need not be. */
static bool reset_signals(struct birth *birth)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	(void)birth;
	for (int number = 1; number <= SIGRTMAX; number++)
		sigaction(number, &action, NULL);
	return true;
}

static bool lead_group(struct birth *birth)
{
	return !birth->spawn->group || setpgid(0, 0) == 0;
}

static bool die_with_parent(struct birth *birth)
{
	if (!birth->spawn->death_signal)
		return true;
	if (prctl(PR_SET_PDEATHSIG, birth->spawn->death_signal) < 0)
		return false;
	/* It may have died before that. */
	if (getppid() != birth->parent)
		_exit(EXIT_FAILURE);
	return true;
}

static bool is_listed(const struct spawn *spawn, int number)
{
	for (size_t i = 0; i < spawn->fd_count; i++)
		if (spawn->fds[i].child == number)
			return true;
	return false;
}

static bool open_null(int number)
{
	int fd = open("/dev/null", O_RDWR);

	return fd == number || (fd >= 0 && dup2(fd, number) >= 0);
}

static bool set_descriptors(struct birth *birth)
{
	const struct spawn *spawn = birth->spawn;
	int end = STDERR_FILENO + 1;

	for (size_t i = 0; i < spawn->fd_count; i++)
		if (spawn->fds[i].child >= end)
			end = spawn->fds[i].child + 1;
	/* Behind the new numbers: the report's pipe, then what is listed. */
	for (size_t i = 0; i < spawn->fd_count; i++)
		if ((birth->moved[i] = fcntl(spawn->fds[i].parent, F_DUPFD_CLOEXEC, end + 1)) < 0)
			return false;
	if (birth->report[1] != end && dup3(birth->report[1], end, O_CLOEXEC) < 0)
		return false;
	birth->report[1] = end;
	for (size_t i = 0; i < spawn->fd_count; i++)
		if (dup2(birth->moved[i], spawn->fds[i].child) < 0)
			return false;
	for (int number = 0; number < end; number++) {
		if (is_listed(spawn, number))
			continue;
		if (number > STDERR_FILENO)
			close(number);
		else if (!open_null(number))
			return false;
	}
	closefrom(end + 1);
	return true;
}

static bool set_limits(struct birth *birth)
{
	struct rlimit limit;

	if (!birth->spawn->files)
		return true;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	limit.rlim_cur = birth->spawn->files;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static bool enter_directory(struct birth *birth)
{
	return !birth->spawn->directory || chdir(birth->spawn->directory) == 0;
}

static bool unblock_signals(struct birth *birth)
{
	sigset_t none;

	(void)birth;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool execute(struct birth *birth)
{
	const struct spawn *spawn = birth->spawn;

	if (!spawn->argv)
		return true;
	execve(spawn->argv[0], spawn->argv, spawn->environment ? spawn->environment : environ);
	return false;
}

static const struct {
	const char *failed;
	bool (*take)(struct birth *birth);
} steps[] = {
	{"cannot reset its signals", reset_signals},
	{"cannot make its process group", lead_group},
	{"cannot tie it to its parent", die_with_parent},
	{"cannot set its descriptors", set_descriptors},
	{"cannot set its limits", set_limits},
	{"cannot enter its directory", enter_directory},
	{"cannot unblock its signals", unblock_signals},
	{"cannot run it", execute},
};

/* In the child. Returns when there is nothing to execute. */
static void take_steps(struct birth *birth)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct report report;
		ssize_t n;

		if (steps[i].take(birth))
			continue;
		report = (struct report){.step = i, .number = errno};
		do
			n = write(birth->report[1], &report, sizeof(report));
		while (n < 0 && errno == EINTR);
		_exit(EXIT_FAILURE);
	}
	close(birth->report[1]);
}

/* True if the child says that it cannot go on. */
static bool hear(int fd, struct report *report)
{
	ssize_t n;

	do
		n = read(fd, report, sizeof(*report));
	while (n < 0 && errno == EINTR);
	return n == sizeof(*report);
}

/* Forks; in the child (0) all steps are taken. */
static pid_t bear(struct birth *birth, const char **failed)
{
	struct report report;
	sigset_t all;
	pid_t pid;

	*failed = "cannot make a pipe";
	if (pipe2(birth->report, O_CLOEXEC) < 0)
		return -1;
	*failed = "cannot fork";
	birth->parent = getpid();
	birth->moved = xcalloc(birth->spawn->fd_count + 1, sizeof(*birth->moved));
	/* No handler of the parent's may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &birth->signals);
	pid = fork();
	if (pid == 0) {
		take_steps(birth);
		free(birth->moved);
		return 0;
	}
	report.number = errno;
	sigprocmask(SIG_SETMASK, &birth->signals, NULL);
	free(birth->moved);
	close(birth->report[1]);
	if (pid > 0 && hear(birth->report[0], &report)) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		*failed = steps[report.step].failed;
		pid = -1;
	}
	close(birth->report[0]);
	errno = report.number;
	return pid;
}

pid_t spawn_program(const struct spawn *spawn, const char **failed)
{
	struct birth birth = {.spawn = spawn};

	return bear(&birth, failed);
}

pid_t spawn_function(const struct spawn *spawn, int (*function)(void *context), void *context, const char **failed)
{
	struct spawn without = *spawn;
	struct birth birth = {.spawn = &without};
	pid_t pid;

	without.argv = NULL;
	pid = bear(&birth, failed);
	if (pid != 0)
		return pid;
	if (spawn->environment)
		environ = spawn->environment;
	_exit(function(context));
}
