/*
 * spawn: what a child starts with, whatever the parent's state is, and what comes back when it cannot start.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/identity.h"
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
	struct spawn spawn = {.death_signal = SIGKILL, .identity = context};
	pid_t pid = spawn_function(&spawn, wait_for_ever, NULL, &failed);

	if (write(1, &pid, sizeof(pid)) != sizeof(pid))
		return 1;
	raise(SIGKILL);
	return 0;
}

static void check_death(struct tap *tap, struct identity *identity)
{
	struct spawn_fd fd = {.child = 1};
	const char *failed;
	int ends[2], status, waited = 0;
	pid_t pid, grandchild = 0;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("cannot make a pipe:");
	fd.parent = ends[1];
	pid = spawn_function(&(struct spawn){.fds = &fd, .fd_count = 1}, die_first, identity, &failed);
	close(ends[1]);
	tap_ok(tap, read(ends[0], &grandchild, sizeof(grandchild)) == sizeof(grandchild), "a grandchild");
	tap_ok(tap, waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "its parent is killed");
	while (grandchild > 0 && waitpid(grandchild, &status, WNOHANG) == 0 && waited++ < 1000)
		usleep(10000);
	tap_ok(tap, waited < 1000 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "so it dies");
	if (waited >= 1000)
		kill(grandchild, SIGKILL);
	close(ends[0]);
}

static void check_limits(struct tap *tap)
{
	static const struct spawn_limit limits[] = {
		{RLIMIT_AS, 1 << 30}, {RLIMIT_NOFILE, 32}, {RLIMIT_CPU, 7}, {RLIMIT_FSIZE, 4096}, {RLIMIT_CORE, 0},
	};
	static const struct spawn_limit cpu = {RLIMIT_CPU, 1}, files = {RLIMIT_NOFILE, 1 << 30};
	struct spawn all = {.limits = limits, .limit_count = sizeof(limits) / sizeof(limits[0]), .files = 16};
	struct text said = {0};

	check(tap, all,
	      "sed -nE '/^Max (cpu|file size|core|open|address)/{s/^Max //; s/ +/ /g; s/ (bytes|files|seconds) $//; "
	      "p}' "
	      "/proc/self/limits",
	      "cpu time 7 8\nfile size 4096 4096\ncore file size 0 0\nopen files 32 32\naddress space 1073741824 "
	      "1073741824\n");
	check(tap, (struct spawn){.files = 16}, "ulimit -Sn; [ $(ulimit -Hn) != 16 ] && echo more", "16\nmore\n");
	tap_ok(tap,
	       shell((struct spawn){.limits = &cpu, .limit_count = 1}, "while :; do :; done", &said) == 128 + SIGXCPU,
	       "too much time: SIGXCPU");
	tap_ok(tap,
	       shell((struct spawn){.limits = &cpu, .limit_count = 1}, "trap '' XCPU; while :; do :; done", &said) ==
	               128 + SIGKILL,
	       "and then SIGKILL");
	tap_ok(tap,
	       shell((struct spawn){.limits = &files, .limit_count = 1}, ":", &said) == -1 && errno == EPERM &&
	               strcmp(said.data, "cannot set its limits") == 0,
	       "more than there are");
	text_free(&said);
}

static void check_find(struct tap *tap)
{
	struct identity identity;
	const char *failed = "";

	tap_ok(tap, !identity_find(&identity, "no-such-user", NULL, &failed) && !identity.groups && errno == 0,
	       "unknown");
	tap_ok(tap, strcmp(failed, "no such user") == 0, "%s", failed);
	tap_ok(tap, !identity_find(&identity, "root", "no-such-group", &failed) && !identity.groups && errno == 0,
	       "unknown");
	tap_ok(tap, strcmp(failed, "no such group") == 0, "%s", failed);
	tap_ok(tap, !identity_find(&identity, "4000000000", NULL, &failed) && errno == 0, "a number without a group");
	tap_ok(tap, strcmp(failed, "the user has no entry that names its group") == 0, "%s", failed);
	tap_ok(tap, !identity_find(&identity, "4294967295", "1", &failed), "no id");
	tap_ok(tap, !identity_find(&identity, "", "1", &failed), "no name");
	tap_ok(tap, identity_find(&identity, "4000000000", "4000000001", &failed), "two numbers");
	tap_ok(tap, identity.user == 4000000000 && identity.group == 4000000001 && identity.count == 1, "as they are");
	identity_free(&identity);
	tap_ok(tap, identity_find(&identity, "0", NULL, &failed) && identity.user == 0 && identity.group == 0,
	       "a number that has an entry");
	identity_free(&identity);
	tap_ok(tap, identity_find(&identity, NULL, "daemon", &failed) && identity.user == geteuid(), "a group alone");
	identity_free(&identity);
}

/* What is forbidden to those without privileges, by a child without them. */
static int try_without(void *context)
{
	char *const argv[] = {(char[]){"/bin/true"}, NULL};
	struct spawn_limit files = {RLIMIT_NOFILE, 64};
	struct spawn spawn = {.argv = argv, .limits = &files, .limit_count = 1};
	const char *failed = "";
	struct identity other;

	if (identity_find(&other, "root", NULL, &failed)) {
		spawn.identity = &other;
		if (spawn_program(&spawn, &failed) != -1 || errno != EPERM ||
		    strcmp(failed, "cannot change its user") != 0)
			return 1;
	}
	/* What it is already, it may become. */
	spawn.identity = context;
	if (spawn_program(&spawn, &failed) < 0)
		return 2;
	files.value = RLIM_INFINITY;
	return spawn_program(&spawn, &failed) != -1 || strcmp(failed, "cannot set its limits") != 0 ? 3 : 0;
}

static void check_identity(struct tap *tap)
{
	struct identity nobody, other;
	const gid_t groups[] = {0, 4, 6};
	const char *failed = "";
	struct spawn spawn = {.identity = &nobody, .directory = "/", .death_signal = SIGKILL};
	struct text wanted = {0};
	int status;

	if (geteuid() != 0 || !identity_find(&nobody, "nobody", NULL, &failed) ||
	    !identity_find(&other, "nobody", "daemon", &failed)) {
		tap_ok(tap, true, "not root: no other users # SKIP");
		return;
	}
	setgroups(sizeof(groups) / sizeof(groups[0]), groups);
	text_addf(&wanted, "%u\n%u\n%u\n", nobody.user, nobody.group, nobody.group);
	check(tap, spawn, "id -u; id -g; id -G", wanted.data);
	text_clear(&wanted);
	text_addf(&wanted, "Uid:\t%1$u\t%1$u\t%1$u\t%1$u\nGid:\t%2$u\t%2$u\t%2$u\t%2$u\nCapEff:\t%3$016d\n",
	          nobody.user, other.group, 0);
	spawn.identity = &other;
	check(tap, spawn, "grep -E '^(Uid|Gid|CapEff)' /proc/self/status", wanted.data);
	check_death(tap, &nobody);
	spawn.identity = &nobody;
	tap_ok(tap, spawn_function(&spawn, try_without, &nobody, &failed) > 0, "a child without privileges");
	tap_ok(tap, wait(&status) > 0 && status == 0, "can do nothing without them: %d", status);
	identity_free(&nobody);
	identity_free(&other);
	text_free(&wanted);
}

static void check_privileges(struct tap *tap)
{
	check(tap, (struct spawn){0}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0\n");
	check(tap, (struct spawn){.no_new_privileges = true}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n");
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
	check_death(&tap, NULL);
	check_limits(&tap);
	check_find(&tap);
	check_identity(&tap);
	check_privileges(&tap);
	fflush(stdout);
	_exit(tap_end(&tap));
}
