/*
 * spawn: what a child starts with, whatever the parent's state is, and what comes back when it cannot start.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "common/spawn.h"
#include "common/text.h"
#include "test/unit/tap.h"

/* Runs sh with a text; what it writes to stdout is put into said. The exit status, or -1 and errno. */
static int shell(struct spawn spawn, const char *text, struct text *said)
{
	char sh[] = "/bin/sh", option[] = "-c", *copy = strdup(text), *argv[] = {sh, option, copy, NULL};
	struct spawn_fd fds[8] = {{.child = 1}};
	const char *failed;
	int ends[2], status = -1, number;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("cannot make a pipe:");
	fds[0].parent = ends[1];
	for (size_t i = 0; i < spawn.fd_count; i++)
		fds[i + 1] = spawn.fds[i];
	spawn.fds = fds;
	spawn.fd_count++;
	spawn.argv = argv;
	text_clear(said);
	pid = spawn_program(&spawn, &failed);
	number = errno;
	close(ends[1]);
	if (pid < 0)
		text_add_string(said, failed);
	else if (text_add_file(said, ends[0], 1 << 20) == 0 && waitpid(pid, &status, 0) == pid)
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	close(ends[0]);
	free(copy);
	errno = number;
	return status;
}

static void check(struct tap *tap, struct spawn spawn, const char *text, const char *wanted)
{
	struct text said = {0};
	int status = shell(spawn, text, &said);

	tap_is(tap, said.data, said.length, wanted, strlen(wanted), text);
	tap_ok(tap, status == 0, "%s: status %d", text, status);
	text_free(&said);
}

static void handler(int number)
{
	(void)number;
}

static void check_descriptors(struct tap *tap)
{
	int null = open("/dev/null", O_RDWR), file = open("/proc/self/comm", O_RDONLY);
	/* 3 and 4 change places, one is there twice, and there are gaps. */
	struct spawn_fd fds[] = {{file, null}, {null, file}, {file, 9}, {null, 9 + 3}};
	struct spawn spawn = {.fds = fds, .fd_count = 4};

	/* ls shows what it was given, by way of sh, and the directory that it reads. */
	check(tap, (struct spawn){0},
	      "ls -l /proc/self/fd | sed -n 's/.* \\([0-9]* -> \\)/\\1/p' | grep -v 'pipe\\|/proc'",
	      "0 -> /dev/null\n2 -> /dev/null\n");
	tap_ok(tap, null == 3 && file == 4, "3 and 4");
	check(tap, spawn,
	      "ls -l /proc/self/fd | awk '/(comm|null)$/ && $9 > 2 { print $9, $11 }' | sed "
	      "'s/[0-9]*.comm/PID\\/comm/' | sort -n",
	      "3 /proc/PID/comm\n4 /dev/null\n9 /proc/PID/comm\n12 /dev/null\n");
	close(null);
	close(file);
}

static void check_signals(struct tap *tap)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, handle = {.sa_handler = handler};
	sigset_t all, after;

	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	sigaction(SIGTERM, &handle, NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* glibc ignores its own signals 32 and 33 in what posix_spawn starts, which make does, and nobody can undo it. */
	check(tap, (struct spawn){0},
	      "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t' | sed s/180000000/000000000/",
	      "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
	sigprocmask(SIG_SETMASK, NULL, &after);
	tap_ok(tap, sigismember(&after, SIGUSR1) == 1, "the parent's mask is as before");
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void check_failures(struct tap *tap)
{
	char *const nothing[] = {(char[]){"/no/such/program"}, NULL}, *const data[] = {(char[]){"/etc/passwd"}, NULL};
	struct spawn_fd closed = {.parent = 1000, .child = 5};
	const char *failed = "";

	tap_ok(tap, spawn_program(&(struct spawn){.argv = nothing}, &failed) == -1 && errno == ENOENT,
	       "no such program");
	tap_ok(tap, strcmp(failed, "cannot run it") == 0, "%s", failed);
	tap_ok(tap, spawn_program(&(struct spawn){.argv = data}, &failed) == -1 && errno == EACCES, "no program");
	tap_ok(tap,
	       spawn_program(&(struct spawn){.argv = data, .directory = "/no/such"}, &failed) == -1 && errno == ENOENT,
	       "no such directory");
	tap_ok(tap, strcmp(failed, "cannot enter its directory") == 0, "%s", failed);
	tap_ok(tap,
	       spawn_program(&(struct spawn){.argv = data, .fds = &closed, .fd_count = 1}, &failed) == -1 &&
	               errno == EBADF,
	       "no such descriptor");
	tap_ok(tap, strcmp(failed, "cannot set its descriptors") == 0, "%s", failed);
	tap_ok(tap, waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no child is left");
}

struct context {
	int answer;
	int group;
};

static int say(void *context)
{
	const struct context *given = context;

	if (given->group && getpgrp() != getpid())
		return 1;
	if (getenv("HOME") || !getenv("A") || write(5, "here", 4) != 4 || fcntl(3, F_GETFD) >= 0 ||
	    fcntl(4, F_GETFD) >= 0)
		return 2;
	return given->answer;
}

static void forbidden(void)
{
	_exit(99);
}

static void check_function(struct tap *tap)
{
	struct context context = {.answer = 42, .group = 1};
	char variable[] = "A=1", *environment[] = {variable, NULL}, block[10] = "";
	int ends[2], status;
	const char *failed;
	struct spawn_fd fd = {.child = 5};
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("cannot make a pipe:");
	fd.parent = ends[1];
	pid = spawn_function(&(struct spawn){.fds = &fd, .fd_count = 1, .group = true, .environment = environment}, say,
	                     &context, &failed);
	close(ends[1]);
	tap_ok(tap, pid > 0 && getpgid(pid) == pid, "the group is there when the call returns");
	tap_ok(tap, read(ends[0], block, sizeof(block)) == 4 && strcmp(block, "here") == 0, "its descriptor");
	tap_ok(tap, read(ends[0], block, sizeof(block)) == 0, "and nobody else has it");
	tap_ok(tap, waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42, "its status");
	close(ends[0]);
}

static int wait_for_ever(void *context)
{
	(void)context;
	while (pause() < 0)
		;
	return 0;
}

/* Starts one that must die with it, says its id, and dies. */
static int die_first(void *context)
{
	const char *failed;
	pid_t pid = spawn_function(&(struct spawn){.death_signal = SIGKILL}, wait_for_ever, NULL, &failed);

	(void)context;
	if (write(1, &pid, sizeof(pid)) != sizeof(pid))
		return 1;
	raise(SIGKILL);
	return 0;
}

static void check_death(struct tap *tap)
{
	struct spawn_fd fd = {.child = 1};
	const char *failed;
	int ends[2], status;
	pid_t pid, grandchild = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("cannot make a pipe:");
	fd.parent = ends[1];
	pid = spawn_function(&(struct spawn){.fds = &fd, .fd_count = 1}, die_first, NULL, &failed);
	close(ends[1]);
	tap_ok(tap, read(ends[0], &grandchild, sizeof(grandchild)) == sizeof(grandchild), "a grandchild");
	tap_ok(tap, waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "its parent is killed");
	tap_ok(tap, waitpid(grandchild, &status, 0) == grandchild && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	       "so it dies");
	close(ends[0]);
}

int main(void)
{
	struct tap tap = {0};
	char variable[] = "A=b c", path[] = "PATH=/usr/bin:/bin", *environment[] = {variable, path, NULL};

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Whatever this process got from its own parent is no part of the test. */
	closefrom(3);
	atexit(forbidden);
	check(&tap, (struct spawn){.directory = "/usr"}, "pwd", "/usr\n");
	check(&tap, (struct spawn){.environment = environment}, "echo \"$A$HOME\"", "b c\n");
	check(&tap, (struct spawn){.group = true}, "[ \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$ ] && echo leads",
	      "leads\n");
	check(&tap, (struct spawn){0}, "[ \"$(cut -d' ' -f5 /proc/$$/stat)\" != $$ ] && echo follows", "follows\n");
	check(&tap, (struct spawn){0}, "cat; echo nothing >&2", "");
	check_descriptors(&tap);
	check_signals(&tap);
	check_failures(&tap);
	check_function(&tap);
	check_death(&tap);
	fflush(stdout);
	_exit(tap_end(&tap));
}
