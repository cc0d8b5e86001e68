/*
 * first: how long it is until a command has written something.
 *
 *     first TIMES COMMAND [ARGUMENT...]
 *
 * Runs the command TIMES times, one after the other, with /dev/null to read. Each run prints a line: the seconds until its first
 * byte came, and its exit status (128 and the signal if one killed it; -1: it wrote nothing).
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pid_t start(char **command, int output)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	if (errno != 0) {
		fprintf(stderr, "first: cannot run '%s': %s\n", command[0], strerror(errno));
		exit(1);
	}
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static void run(char **command)
{
	char bytes[4096];
	int ends[2], status;
	double begin = now(), came;
	ssize_t first;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		perror("first: pipe2");
		exit(1);
	}
	pid = start(command, ends[1]);
	close(ends[1]);
	first = read(ends[0], bytes, sizeof(bytes));
	came = now();
	while (read(ends[0], bytes, sizeof(bytes)) > 0)
		;
	close(ends[0]);
	if (waitpid(pid, &status, 0) < 0) {
		perror("first: waitpid");
		exit(1);
	}
	printf("%.6f %d\n", came - begin,
	       first <= 0            ? -1
	       : WIFSIGNALED(status) ? 128 + WTERMSIG(status)
	                             : WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: first TIMES COMMAND [ARGUMENT...]\n");
		return 2;
	}
	for (int i = 0; i < atoi(argv[1]); i++)
		run(argv + 2);
	return fflush(stdout) == 0 ? 0 : 1;
}
