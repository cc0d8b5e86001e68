#include "cmd/flow/manager/restart.h"

#include <stdlib.h>

#include "common/memory.h"
#include "common/unit.h"

const struct restart_policy restart_default = {
	.mode = RESTART_LIMITED,
	.limit = 10,
	.within = 5 * UNIT_MINUTE,
	.min = 100 * UNIT_MS,
	.max = UNIT_MINUTE,
	.reset = UNIT_MINUTE,
};

/* Whether one more restart now would be more than limit within the window; if not, it is noted. */
static bool over_limit(struct restart *restart, const struct restart_policy *policy, int64_t now)
{
	size_t limit = (size_t)policy->limit;

	if (!restart->starts)
		restart->starts = xcalloc(limit, sizeof(*restart->starts));
	/* The ring is full, and its oldest entry, the next to be written over, is still in the window. */
	if (restart->count == limit && now - restart->starts[restart->next] < policy->within)
		return true;
	restart->starts[restart->next] = now;
	restart->next = (restart->next + 1) % limit;
	if (restart->count < limit)
		restart->count++;
	return false;
}

int64_t restart_delay(struct restart *restart, const struct restart_policy *policy, int64_t started, int64_t now,
                      uint64_t random)
{
	int64_t delay;

	if (now - started >= policy->reset)
		restart->attempts = 0;
	restart->attempts++;
	if (policy->mode == RESTART_NEVER)
		return -1;
	if (policy->mode == RESTART_LIMITED && over_limit(restart, policy, now))
		return -1;
	if (restart->attempts == 1) {
		restart->delay = policy->min;
		return 0;
	}
	delay = restart->delay;
	restart->delay = delay > policy->max / 2 ? policy->max : delay * 2;
	return delay / 2 + (int64_t)(random % (uint64_t)(delay / 2 + 1));
}

void restart_free(struct restart *restart)
{
	free(restart->starts);
	*restart = (struct restart){0};
}
