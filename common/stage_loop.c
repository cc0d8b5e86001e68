#include "common/stage_loop.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "common/moment.h"
#include "common/signals.h"
#include "common/unit.h"

int stage_descriptor(const struct stage *stage)
{
	return stage->keeper.page ? stage->keeper.page->bell : STDIN_FILENO;
}

bool stage_fill(struct stage *stage)
{
	enum line_status status = line_reader_look(&stage->in);

	if (status == LINE_ERROR)
		fail("cannot read standard input:");
	return status != LINE_END;
}

void stage_idle(struct stage *stage)
{
	stage_set_boundary(stage);
	stage_flush(stage);
	stage_set_handling(stage, PAGE_NOWHERE);
}

bool stage_wait(struct stage *stage, bool input, int64_t until)
{
	struct pollfd fds[2] = {
		{.fd = signals_fd(), .events = POLLIN},
		{.fd = stage_descriptor(stage), .events = POLLIN},
	};
	int ready;

	stage_flush(stage);
	/* Who is killed while he waits was not killed by an event. */
	stage_set_handling(stage, PAGE_NOWHERE);
	do {
		int64_t rest = until == INT64_MAX ? 0 : until - moment_now();
		struct timespec time = {.tv_sec = rest > 0 ? rest / UNIT_S : 0,
		                        .tv_nsec = rest > 0 ? rest % UNIT_S : 0};

		ready = ppoll(fds, input ? 2 : 1, until == INT64_MAX ? NULL : &time, NULL);
	} while (ready < 0 && errno == EINTR);
	if (!input)
		stage_set_handling(stage, stage->in.offset);
	if (ready < 0)
		fail("cannot wait for input:");
	return input && fds[1].revents != 0;
}
