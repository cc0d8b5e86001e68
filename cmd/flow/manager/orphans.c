#include "cmd/flow/manager/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/text.h"
#include "common/unit.h"

enum { LIST_LIMIT = 1 << 20 };

/* The kernel's list of this process's children; needs CONFIG_PROC_CHILDREN, which distributions have. */
static bool read_list(struct text *list)
{
	char path[64];
	int fd, result;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	text_init(list);
	result = text_add_file(list, fd, LIST_LIMIT);
	close(fd);
	return result == 0;
}

bool orphans_kill(bool (*ours)(void *context, pid_t pid), void *context)
{
	struct text list = {0};
	bool found = false;

	if (read_list(&list)) {
		char *at = list.data, *end;
		long pid;

		while ((pid = strtol(at, &end, 10)) > 0) {
			if (!ours(context, (pid_t)pid)) {
				kill((pid_t)pid, SIGKILL);
				found = true;
			}
			at = end;
		}
	}
	text_free(&list);
	return found;
}

static bool none(void *context, pid_t pid)
{
	(void)context;
	(void)pid;
	return false;
}

void orphans_end(void)
{
	static const struct timespec pause = {.tv_nsec = UNIT_MS};

	for (int i = 0; i < 2000; i++) {
		pid_t pid;

		orphans_kill(none, NULL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return;
		nanosleep(&pause, NULL);
	}
}
