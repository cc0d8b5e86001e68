/*
 * measure: runs a command, or a chain of them, and says what it took.
 *
 *     measure INPUT TIMES COMMAND [ARGUMENT...] [| COMMAND [ARGUMENT...]]...
 *
 * The first command reads the file INPUT, each writes to the next through a pipe as the shell makes it, and the last writes to
 * /dev/null; TIMES times, one after the other. Each run prints a line: wall time and CPU time in seconds, the peak memory of the
 * process that had the most in KiB, the exit status (128 and the signal if one killed it; of the first that is not 0), and
 * the sum of the peaks of the processes.
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
#include <unistd.h>

enum { CHAIN = 8 };

struct cost {
	double cpu;
	long largest, total;
	int status;
};

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

static int checked(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
		exit(1);
	}
	return result;
}

/* Starts one command of the chain, which gets the two descriptors; they are closed here. */
static void start(char **command, int input, int output)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
	checked(errno == 0 ? 0 : -1, command[0]);
	posix_spawn_file_actions_destroy(&actions);
	close(input);
	close(output);
}

static void start_chain(const char *file, char ***commands, int count)
{
	int input = checked(open(file, O_RDONLY | O_CLOEXEC), file), ends[2];

	for (int i = 0; i < count - 1; i++) {
		checked(pipe2(ends, O_CLOEXEC), "pipe");
		start(commands[i], input, ends[1]);
		input = ends[0];
	}
	start(commands[count - 1], input, checked(open("/dev/null", O_WRONLY | O_CLOEXEC), "/dev/null"));
}

static void wait_for_one(struct cost *cost)
{
	struct rusage usage;
	int status;

	checked(wait4(-1, &status, 0, &usage), "wait4");
	cost->cpu += seconds(usage.ru_utime) + seconds(usage.ru_stime);
	cost->total += usage.ru_maxrss;
	if (usage.ru_maxrss > cost->largest)
		cost->largest = usage.ru_maxrss;
	if (cost->status == 0)
		cost->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void run(const char *file, char ***commands, int count)
{
	struct cost cost = {0};
	double begin = now();

	start_chain(file, commands, count);
	for (int i = 0; i < count; i++)
		wait_for_one(&cost);
	printf("%.6f %.6f %ld %d %ld\n", now() - begin, cost.cpu, cost.largest, cost.status, cost.total);
}

int main(int argc, char **argv)
{
	char **commands[CHAIN];
	int count = 1;

	if (argc < 4) {
		fprintf(stderr, "usage: measure INPUT TIMES COMMAND [ARGUMENT...] [| COMMAND [ARGUMENT...]]...\n");
		return 2;
	}
	commands[0] = argv + 3;
	for (int i = 3; i < argc && count < CHAIN; i++)
		if (strcmp(argv[i], "|") == 0) {
			argv[i] = NULL;
			commands[count++] = argv + ++i;
		}
	for (int i = 0; i < atoi(argv[2]); i++)
		run(argv[1], commands, count);
	return fflush(stdout) == 0 ? 0 : 1;
}
