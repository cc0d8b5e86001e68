#include "cmd/flow/manager/moment.h"

#include <sys/random.h>
#include <time.h>

#include "common/unit.h"

int64_t moment_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * UNIT_S + time.tv_nsec;
}

uint64_t moment_random(void)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint64_t)moment_now() * 0x9e3779b97f4a7c15U;
	return random;
}
