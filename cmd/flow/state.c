#include "cmd/flow/state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

char *state_path(const char *asked, const char *directory)
{
	struct text path = {0};

	if (asked)
		text_add_string(&path, asked);
	else
		text_addf(&path, "%s/.pype", directory);
	return text_detach(&path);
}

char *state_path_of(const char *asked, const char *flow)
{
	char *copy = xstrdup(flow ? flow : "flow.yaml");
	/* A manifest from standard input has its state in the current directory. */
	char *path = state_path(asked, strcmp(copy, "-") == 0 ? "." : dirname(copy));

	free(copy);
	return path;
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

static int take_lock(const char *state)
{
	struct text path = {0};
	char owner[32] = "";
	int lock;

	text_addf(&path, "%s/lock", state);
	lock = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		fail("cannot open '%s':", path.data);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			fail("cannot lock '%s':", path.data);
		if (read(lock, owner, sizeof(owner) - 1) < 0)
			owner[0] = '\0';
		fail("the flow runs already, as process %ld (state directory '%s')", strtol(owner, NULL, 10), state);
	}
	snprintf(owner, sizeof(owner), "%d\n", (int)getpid());
	if (ftruncate(lock, 0) < 0 || pwrite(lock, owner, strlen(owner), 0) < 0)
		fail("cannot write to '%s':", path.data);
	text_free(&path);
	return lock;
}

char *state_open(const char *path, int *lock)
{
	char *state;

	make_directory(path);
	state = realpath(path, NULL);
	if (!state)
		fail("cannot find the directory '%s':", path);
	make_within(state, "dead-letters");
	make_within(state, "logs");
	*lock = take_lock(state);
	return state;
}
