#include <stdlib.h>

#include "cmd/processors/window/window.h"
#include "common/memory.h"
#include "common/unit.h"

void frames_init(struct frames *frames, int64_t every, int64_t size)
{
	frames->every = every;
	frames->size = size;
	frames->share = (size_t)(size / every);
	frames->days = every % UNIT_DAY == 0;
	frames->slots = xcalloc(2 * frames->share, sizeof(*frames->slots));
	schedule_every(&frames->schedule, every);
}

void frames_free(struct frames *frames)
{
	free(frames->slots);
}

static void find_days(struct frames *frames, int64_t time)
{
	int64_t *slots = frames->slots, at = time + 1;
	size_t share = frames->share;

	for (size_t i = share; i-- > 0; at = slots[i])
		if (!schedule_before(&frames->schedule, at, &slots[i]))
			slots[i] = at - frames->every;
	at = slots[share - 1];
	for (size_t i = share; i < 2 * share; at = slots[i++])
		if (!schedule_next(&frames->schedule, at, &slots[i]))
			slots[i] = at + frames->every;
}

void frames_find(struct frames *frames, int64_t time)
{
	int64_t *slots = frames->slots;
	size_t share = frames->share;

	if (time >= slots[share - 1] && time < slots[share])
		return;
	if (frames->days) {
		find_days(frames, time);
		return;
	}
	slots[share - 1] = zone_floor(time, frames->every) * frames->every;
	for (size_t i = 0; i < 2 * share; i++)
		slots[i] = slots[share - 1] + ((int64_t)i - (int64_t)(share - 1)) * frames->every;
}
