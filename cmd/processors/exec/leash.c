#include "cmd/processors/exec/leash.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "common/spawn.h"

enum { OTHER_END = 3 };

static int keep(void *context)
{
	const struct leash *leash = context;
	char byte;

	while (read(OTHER_END, &byte, 1) < 0 && errno == EINTR)
		;
	for (size_t i = 0; i < leash->count; i++) {
		pid_t group = atomic_load(&leash->groups[i]);

		if (group > 0)
			kill(-group, SIGKILL);
	}
	return 0;
}

void leash_open(struct leash *leash, size_t count)
{
	int ends[2];
	const char *failed = "cannot make a pipe";
	void *shared =
		mmap(NULL, count * sizeof(*leash->groups), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		fail("cannot share memory:");
	*leash = (struct leash){.groups = shared, .count = count, .keeper = -1};
	if (pipe2(ends, O_CLOEXEC) == 0) {
		const struct spawn_fd fds[] = {{ends[0], OTHER_END}};
		/* A group of its own: who kills that of this process does not kill the keeper before it is needed. */
		const struct spawn spawn = {.fds = fds, .fd_count = 1, .group = true};

		leash->keeper = spawn_function(&spawn, keep, leash, &failed);
		leash->end = ends[1];
		close(ends[0]);
	}
	if (leash->keeper < 0)
		fail("cannot watch over commands: %s:", failed);
}

void leash_close(struct leash *leash)
{
	close(leash->end);
	while (waitpid(leash->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(leash->groups, leash->count * sizeof(*leash->groups));
}
