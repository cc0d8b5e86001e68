#include "cmd/flow/state.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

char *state_path(const char *asked, const char *flow)
{
	struct text path = {0};
	char *copy = xstrdup(flow);

	if (asked)
		text_add_string(&path, asked);
	else
		text_addf(&path, "%s/.pype", dirname(copy));
	free(copy);
	return text_detach(&path);
}

int state_lock(const char *state)
{
	struct text path = {0};
	char owner[32] = "";
	int fd;

	text_addf(&path, "%s/lock", state);
	fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		fail("cannot open '%s':", path.data);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			fail("cannot lock '%s':", path.data);
		if (read(fd, owner, sizeof(owner) - 1) < 0)
			owner[0] = '\0';
		fail("the flow runs, as process %ld (state directory '%s')", strtol(owner, NULL, 10), state);
	}
	text_free(&path);
	return fd;
}
