#include "common/stage_ahead.h"

#include <errno.h>
#include <poll.h>

#include "common/signals.h"

size_t stage_ahead(struct stage *stage, uint64_t from, const char **bytes)
{
	return line_reader_ahead(&stage->in, from, bytes);
}

bool stage_more(struct stage *stage)
{
	return line_reader_more(&stage->in) != LINE_ERROR;
}

bool stage_has_all(const struct stage *stage)
{
	return stage->in.ended;
}

bool stage_in_long_line(const struct stage *stage)
{
	return stage->in.over;
}

bool stage_is_event(const struct stage *stage, uint64_t position, uint64_t number, const char **line, size_t *length)
{
	return stage_trim(stage, number, line, length) && position != stage->poison;
}

void stage_hold_back(struct stage *stage, uint64_t position)
{
	stage->in.barrier = position;
}

bool stage_wait_beside(struct stage *stage, bool input, int other)
{
	struct pollfd fds[3] = {
		{.fd = input ? stage->keeper.page ? stage->keeper.page->bell : stage->in.fd : -1, .events = POLLIN},
		{.fd = other, .events = POLLIN},
		{.fd = signals_stop() ? -1 : signals_fd(), .events = POLLIN},
	};

	if (poll(fds, 3, 0) <= 0) {
		stage_prepare_wait(stage);
		stage_set_handling(stage, PAGE_NOWHERE);
		while (poll(fds, 3, -1) < 0)
			if (errno != EINTR)
				fail("cannot wait for input:");
	}
	return fds[0].revents != 0;
}
