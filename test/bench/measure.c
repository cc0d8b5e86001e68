/*
 * measure: runs a command and says what it took.
 *
 *     measure INPUT TIMES COMMAND [ARGUMENT...]
 *
 * The command reads the file INPUT and writes to /dev/null, TIMES times, one after the other. Each run prints a
 * line: wall time and CPU time in seconds, peak memory in KiB, exit status (128 and the signal if one killed it).
 *
 * A small program of its own, since a new process counts the peak of the one that starts it as its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(const char *input, char **command)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	double start, wall;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	start = now();
	errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	if (errno != 0) {
		fprintf(stderr, "measure: cannot run '%s': %s\n", command[0], strerror(errno));
		exit(1);
	}
	if (wait4(pid, &status, 0, &usage) < 0) {
		perror("measure: wait4");
		exit(1);
	}
	wall = now() - start;
	posix_spawn_file_actions_destroy(&actions);
	printf("%.6f %.6f %ld %d\n", wall, seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss,
	       WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: measure INPUT TIMES COMMAND [ARGUMENT...]\n");
		return 2;
	}
	for (int i = 0; i < atoi(argv[2]); i++)
		run(argv[1], argv + 3);
	return fflush(stdout) == 0 ? 0 : 1;
}
