#include "cmd/flow/run/state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/text.h"
#include "common/unit.h"

/* How long the lock is waited for, and how often it is looked at. Nanoseconds. */
static const int64_t patience = 2 * UNIT_S, again = 20 * UNIT_MS;

char *state_path(const char *asked, const char *flow)
{
	struct text path = {0};
	char *copy = xstrdup(flow ? flow : "flow.yaml");

	if (asked)
		text_add_string(&path, asked);
	else
		text_addf(&path, "%s/.pype", strcmp(copy, "-") == 0 ? "." : dirname(copy));
	free(copy);
	return text_detach(&path);
}

/* False: another process holds it. */
static bool has_come(int lock, const char *path)
{
	const struct timespec pause = {.tv_nsec = again};
	int64_t start = moment_now();

	while (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			fail("cannot lock '%s':", path);
		if (moment_now() - start >= patience)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

int state_lock(const char *state)
{
	struct text path = {0};
	char owner[32] = "";
	int lock;

	text_addf(&path, "%s/lock", state);
	lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		fail("cannot open '%s':", path.data);
	if (!has_come(lock, path.data)) {
		if (read(lock, owner, sizeof(owner) - 1) < 0)
			owner[0] = '\0';
		fail("the flow runs already, as process %ld (state directory '%s')", strtol(owner, NULL, 10), state);
	}
	text_free(&path);
	return lock;
}

static void make_directory(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		fail("cannot make the directory '%s':", path);
}

static void make_within(const char *state, const char *name)
{
	struct text path = {0};

	text_addf(&path, "%s/%s", state, name);
	make_directory(path.data);
	text_free(&path);
}

char *state_open(const char *path, int *lock)
{
	char owner[32], *state;

	make_directory(path);
	state = realpath(path, NULL);
	if (!state)
		fail("cannot find the directory '%s':", path);
	make_within(state, "dead-letters");
	make_within(state, "logs");
	*lock = state_lock(state);
	snprintf(owner, sizeof(owner), "%d\n", (int)getpid());
	if (ftruncate(*lock, 0) < 0 || pwrite(*lock, owner, strlen(owner), 0) < 0)
		fail("cannot write to '%s/lock':", state);
	return state;
}
