// with: cmd/flow/manager/restart.c
/*
 * The restart policy: when a dead child may start again.
 */
#include "cmd/flow/manager/restart.h"

#include "common/unit.h"
#include "test/unit/tap.h"

static const struct restart_policy policy = {
	.mode = RESTART_LIMITED,
	.limit = 5,
	.within = UNIT_MINUTE,
	.min = 100 * UNIT_MS,
	.max = 500 * UNIT_MS,
	.reset = 10 * UNIT_S,
};

static void test_doubling(struct tap *tap)
{
	struct restart restart = {0};
	static const int64_t most[] = {0, 100, 200, 400, 500};

	for (size_t i = 0; i < 5; i++)
		tap_ok(tap, restart_delay(&restart, &policy, 0, (int64_t)i, UINT64_MAX) <= most[i] * UNIT_MS,
		       "restart %zu: at most %d ms", i + 1, (int)most[i]);
	tap_ok(tap, restart_delay(&restart, &policy, 0, 5, 0) == -1, "the sixth within the window is refused");
	tap_ok(tap, restart.attempts == 6, "attempts are counted");
	restart_free(&restart);
}

static void test_jitter(struct tap *tap)
{
	struct restart restart = {0};
	bool inside = true;

	restart_delay(&restart, &policy, 0, 0, 0);
	for (uint64_t random = 0; random < 100000; random += 37) {
		struct restart copy = {.delay = 200 * UNIT_MS, .attempts = 1};
		int64_t delay = restart_delay(&copy, &policy, 0, 1, random * 0x9e3779b97f4a7c15U);

		inside = inside && delay >= 100 * UNIT_MS && delay <= 200 * UNIT_MS;
		restart_free(&copy);
	}
	tap_ok(tap, inside, "jitter lies between half of the delay and all of it");
	restart_free(&restart);
}

static void test_window(struct tap *tap)
{
	struct restart restart = {0};
	bool allowed = true;

	/* One each 13 s: five in any minute, never a sixth. Too short a life for a reset. */
	for (int64_t i = 0; i < 100; i++)
		allowed =
			allowed && restart_delay(&restart, &policy, i * 13 * UNIT_S - UNIT_S, i * 13 * UNIT_S, 0) >= 0;
	tap_ok(tap, allowed, "restarts that leave the window are forgotten");
	tap_ok(tap, restart.delay == policy.max, "the delay stays at its maximum");
	tap_ok(tap, restart_delay(&restart, &policy, 100 * 13 * UNIT_S, 100 * 13 * UNIT_S + policy.reset, 0) == 0,
	       "after a healthy time the next restart is at once");
	tap_ok(tap, restart.attempts == 1, "and counts as the first");
	restart_free(&restart);
}

static void test_modes(struct tap *tap)
{
	struct restart_policy other = policy;
	struct restart restart = {0};
	bool allowed = true;

	other.mode = RESTART_NEVER;
	tap_ok(tap, restart_delay(&restart, &other, 0, 0, 0) == -1, "never is never");
	restart_free(&restart);
	other.mode = RESTART_ALWAYS;
	for (int64_t i = 0; i < 1000; i++)
		allowed = allowed && restart_delay(&restart, &other, i, i, (uint64_t)i) >= 0;
	tap_ok(tap, allowed, "always has no limit");
	restart_free(&restart);
}

int main(void)
{
	struct tap tap = {0};

	test_doubling(&tap);
	test_jitter(&tap);
	test_window(&tap);
	test_modes(&tap);
	return tap_end(&tap);
}
