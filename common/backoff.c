#include "common/backoff.h"

#include "common/message.h"
#include "common/unit.h"

void backoff_check(int64_t min, int64_t max)
{
	if (min == 0)
		die("--retry-min must be longer than 0");
	if (max < min)
		die("--retry-max is shorter than --retry-min");
}

int64_t backoff_failed(struct backoff *backoff, int64_t lasted, uint64_t random)
{
	int64_t bound = backoff->min;

	if (lasted > 0 && lasted >= backoff->reset)
		backoff->failures = 0;
	for (uint64_t i = 0; i < backoff->failures && bound < backoff->max; i++)
		bound = bound > backoff->max / 2 ? backoff->max : bound * 2;
	if (bound > backoff->max)
		bound = backoff->max;
	backoff->failures++;
	return (int64_t)(random % ((uint64_t)bound + 1));
}

int64_t backoff_heed(int64_t pause, int64_t asked, int64_t most)
{
	if (asked > most)
		asked = most;
	if (pause < asked)
		pause = asked;
	return (pause + UNIT_MS - 1) / UNIT_MS * UNIT_MS;
}
