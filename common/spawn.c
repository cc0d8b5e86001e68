#include "common/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/identity.h"
#include "common/memory.h"

enum { STACK = 64 * 1024 };

/* What went wrong in a child. */
struct failure {
	size_t step;
	int number; /* errno */
};

/* What a child works with; all memory is had before it is born. */
struct birth {
	const struct spawn *spawn;
	pid_t parent;
	int *moved; /* the listed descriptors, out of the way of the new numbers */
	int report; /* of a child with memory of its own: a pipe for its struct failure, closed when all went well; or -1 */
	bool failed; /* of a child in its parent's memory */
	struct failure failure;
};

/* The steps of a child; false: errno. They use only what is safe after a fork, and in the parent's memory. */

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

static bool note_birth(struct birth *birth)
{
	if (birth->spawn->born)
		atomic_store(birth->spawn->born, getpid());
	return true;
}

static bool die_with_parent(struct birth *birth)
{
	if (!birth->spawn->death_signal)
		return true;
	if (prctl(PR_SET_PDEATHSIG, birth->spawn->death_signal) < 0)
		return false;
	/* It may have died before that. */
	errno = ESRCH;
	return getppid() == birth->parent;
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
	if (birth->report >= 0) {
		if (birth->report != end && dup3(birth->report, end, O_CLOEXEC) < 0)
			return false;
		birth->report = end;
	}
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
	closefrom(birth->report >= 0 ? end + 1 : end);
	return true;
}

static bool limit_files(struct birth *birth)
{
	struct rlimit limit;

	if (!birth->spawn->files)
		return true;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	limit.rlim_cur = birth->spawn->files;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static bool set_limits(struct birth *birth)
{
	for (size_t i = 0; i < birth->spawn->limit_count; i++) {
		const struct spawn_limit *asked = &birth->spawn->limits[i];
		struct rlimit limit = {.rlim_cur = asked->value, .rlim_max = asked->value};

		if (asked->resource == RLIMIT_CPU && asked->value < RLIM_INFINITY - 1)
			limit.rlim_max++;
		if (setrlimit(asked->resource, &limit) < 0)
			return false;
	}
	return true;
}

static bool enter_directory(struct birth *birth)
{
	return !birth->spawn->directory || chdir(birth->spawn->directory) == 0;
}

static bool change_identity(struct birth *birth)
{
	return !birth->spawn->identity || identity_become(birth->spawn->identity);
}

static bool renounce_privileges(struct birth *birth)
{
	return !birth->spawn->no_new_privileges || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
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

/* In this order: limits may be raised by privileges, which go next; the tie to the parent goes with them. */
static const struct {
	const char *failed;
	bool (*take)(struct birth *birth);
} steps[] = {
	{"cannot reset its signals", reset_signals},
	{"cannot make its process group", lead_group},
	{"cannot note its birth", note_birth},
	{"cannot set its descriptors", set_descriptors},
	{"cannot enter its directory", enter_directory},
	{"cannot set its limits", limit_files},
	{"cannot set its limits", set_limits},
	{"cannot change its user", change_identity},
	{"cannot renounce privileges", renounce_privileges},
	{"cannot tie it to its parent", die_with_parent},
	{"cannot unblock its signals", unblock_signals},
	{"cannot run it", execute},
};

/* In the child. Returns after a failure, or when there is nothing to execute. */
static void take_steps(struct birth *birth)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (!steps[i].take(birth)) {
			birth->failure = (struct failure){.step = i, .number = errno};
			birth->failed = true;
			return;
		}
}

/* What all births have in common: the parent's side. make returns the child's id, or -1: errno. */
static pid_t bear(struct birth *birth, pid_t (*make)(struct birth *birth), const char **failed)
{
	sigset_t all, before;
	pid_t pid;
	int number;

	*failed = "cannot make a process";
	birth->parent = getpid();
	birth->moved = xcalloc(birth->spawn->fd_count + 1, sizeof(*birth->moved));
	/* No handler of the parent's may run in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = make(birth);
	if (pid == 0) {
		free(birth->moved);
		return 0;
	}
	number = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(birth->moved);
	if (pid > 0 && birth->failed) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		*failed = steps[birth->failure.step].failed;
		number = birth->failure.number;
		pid = -1;
	}
	errno = number;
	return pid;
}

/* A child in the parent's memory, which sleeps until the program runs. */

static int begin(void *context)
{
	take_steps(context);
	return EXIT_FAILURE;
}

static pid_t make_program(struct birth *birth)
{
	char *stack = xmalloc(STACK);
	pid_t pid = clone(begin, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, birth);
	int number = errno;

	free(stack);
	errno = number;
	return pid;
}

/* A child with a copy of the parent's memory. */

static void tell(int fd, const struct failure *failure)
{
	ssize_t n;

	do
		n = write(fd, failure, sizeof(*failure));
	while (n < 0 && errno == EINTR);
}

/* True if the child says that it cannot go on. */
static bool hear(int fd, struct failure *failure)
{
	ssize_t n;

	do
		n = read(fd, failure, sizeof(*failure));
	while (n < 0 && errno == EINTR);
	return n == sizeof(*failure);
}

static pid_t make_copy(struct birth *birth)
{
	int ends[2], number;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	birth->report = ends[1];
	pid = fork();
	if (pid == 0) {
		take_steps(birth);
		if (birth->failed) {
			tell(birth->report, &birth->failure);
			_exit(EXIT_FAILURE);
		}
		close(birth->report);
		return 0;
	}
	number = errno;
	close(ends[1]);
	birth->failed = pid > 0 && hear(ends[0], &birth->failure);
	close(ends[0]);
	errno = number;
	return pid;
}

pid_t spawn_program(const struct spawn *spawn, const char **failed)
{
	struct birth birth = {.spawn = spawn, .report = -1};

	/* Another user may have no hold on the parent's memory, not even for an instant. */
	return bear(&birth, spawn->identity ? make_copy : make_program, failed);
}

pid_t spawn_function(const struct spawn *spawn, int (*function)(void *context), void *context, const char **failed)
{
	struct spawn without = *spawn;
	struct birth birth = {.spawn = &without};
	pid_t pid;

	without.argv = NULL;
	pid = bear(&birth, make_copy, failed);
	if (pid != 0)
		return pid;
	if (spawn->environment)
		environ = spawn->environment;
	_exit(function(context));
}
