#include <stdlib.h>

#include "cmd/processors/window/window.h"
#include "common/memory.h"
#include "common/unit.h"

void grid_init(struct grid *grid, int64_t every, int64_t size)
{
	grid->every = every;
	grid->size = size;
	grid->share = (size_t)(size / every);
	grid->days = every % UNIT_DAY == 0;
	grid->slots = xcalloc(2 * grid->share, sizeof(*grid->slots));
	schedule_every(&grid->schedule, every);
}

void grid_free(struct grid *grid)
{
	free(grid->slots);
}

static void find_days(struct grid *grid, int64_t time)
{
	int64_t *slots = grid->slots, at = time + 1;
	size_t share = grid->share;

	for (size_t i = share; i-- > 0; at = slots[i])
		if (!schedule_before(&grid->schedule, at, &slots[i]))
			slots[i] = at - grid->every;
	at = slots[share - 1];
	for (size_t i = share; i < 2 * share; at = slots[i++])
		if (!schedule_next(&grid->schedule, at, &slots[i]))
			slots[i] = at + grid->every;
}

void grid_find(struct grid *grid, int64_t time)
{
	int64_t *slots = grid->slots;
	size_t share = grid->share;

	if (time >= slots[share - 1] && time < slots[share])
		return;
	if (grid->days) {
		find_days(grid, time);
		return;
	}
	slots[share - 1] = zone_floor(time, grid->every) * grid->every;
	for (size_t i = 0; i < 2 * share; i++)
		slots[i] = slots[share - 1] + ((int64_t)i - (int64_t)(share - 1)) * grid->every;
}
