/*
 * backoff: the bound of the pauses doubles, and a pause is anything up to it.
 */
#include "common/backoff.h"

#include "common/unit.h"
#include "test/unit/tap.h"

/* The longest pause that the next failure may bring: random % (bound + 1) is bound. */
static int64_t longest(struct backoff *backoff, int64_t lasted)
{
	int64_t most = 0;

	for (uint64_t random = 0; random < 200; random++) {
		struct backoff copy = *backoff;
		int64_t pause = backoff_failed(&copy, lasted, random);

		if (pause > most)
			most = pause;
	}
	backoff_failed(backoff, lasted, 0);
	return most;
}

int main(void)
{
	struct tap tap = {0};
	struct backoff backoff = {.min = 10, .max = 70, .reset = 5};
	static const int64_t wanted[] = {10, 20, 40, 70, 70};

	for (size_t i = 0; i < 5; i++)
		tap_ok(&tap, longest(&backoff, 0) == wanted[i], "failure %zu: up to %d", i + 1, (int)wanted[i]);
	tap_ok(&tap, longest(&backoff, 4) == 70, "what lasted less than reset was no success");
	tap_ok(&tap, longest(&backoff, 5) == 10, "what lasted for reset was one");
	tap_ok(&tap, longest(&backoff, 0) == 20 && backoff.failures == 2, "then it doubles again");
	backoff = (struct backoff){.min = INT64_MAX - 1, .max = INT64_MAX - 1};
	backoff_failed(&backoff, 0, 0);
	tap_ok(&tap, backoff_failed(&backoff, 0, UINT64_MAX) >= 0, "no overflow");
	backoff = (struct backoff){.min = 0, .max = 0};
	tap_ok(&tap, backoff_failed(&backoff, 0, UINT64_MAX) == 0, "no pause if none is wanted");
	tap_ok(&tap, backoff_heed(1, -1, UNIT_S) == UNIT_MS, "whole milliseconds, if nothing was asked for");
	tap_ok(&tap, backoff_heed(UNIT_MS, 5 * UNIT_MS, UNIT_S) == 5 * UNIT_MS, "what a server asks for is heeded");
	tap_ok(&tap, backoff_heed(9 * UNIT_MS, 5 * UNIT_MS, UNIT_S) == 9 * UNIT_MS, "the longer one of the two");
	tap_ok(&tap, backoff_heed(UNIT_MS, 2 * UNIT_S, UNIT_S) == UNIT_S, "… but no more than the most");
	return tap_end(&tap);
}
