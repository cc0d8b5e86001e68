#include "common/moment.h"

#include <sys/random.h>
#include <time.h>

#include "common/unit.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return time.tv_sec * UNIT_S + time.tv_nsec;
}

int64_t moment_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t moment_unix(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t moment_random(void)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint64_t)moment_now() * 0x9e3779b97f4a7c15U;
	return random;
}
