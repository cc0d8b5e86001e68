/*
 * token_bucket: never more than the rate and the burst allow in any span of time, and never less.
 */
#include "common/token_bucket.h"

#include <stdlib.h>

#include "common/unit.h"
#include "test/unit/tap.h"

static void check_rates(struct tap *tap)
{
	static const struct {
		const char *rate;
		int64_t interval; /* 0: refused */
	} rates[] = {
		{"10/s", UNIT_S / 10},
		{"1/m", UNIT_MINUTE},
		{"100/1m", UNIT_MINUTE / 100},
		{"5/500ms", 100 * UNIT_MS},
		{"3/10", 10 * UNIT_S / 3},
		{"7/1h30m", 90 * UNIT_MINUTE / 7},
		{"1000000000/s", 1},
		{"2000000000/s", 0},
		{"0/s", 0},
		{"1/0s", 0},
		{"-1/s", 0},
		{"10", 0},
		{"/s", 0},
		{"10/", 0},
		{"10/x", 0},
		{"1.5/s", 0},
		{"10 /s", 0},
		{"", 0},
		{"99999999999999999999/s", 0},
	};

	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
		int64_t interval = 0;
		const char *mistake;

		token_bucket_rate(rates[i].rate, &interval, &mistake);
		tap_ok(tap, interval == rates[i].interval, "rate '%s'", rates[i].rate);
	}
}

/* Takes at chance moments; the number taken in every span must be at most burst + span/interval. */
static bool stays_below(int64_t interval, int64_t burst, unsigned seed)
{
	enum { TRIES = 2000 };
	struct token_bucket bucket = {.interval = interval, .burst = burst};
	static int64_t taken[TRIES];
	size_t count = 0;
	int64_t now = -1000;

	srand(seed);
	for (size_t i = 0; i < TRIES; i++) {
		now += rand() % (2 * interval);
		if (token_bucket_take(&bucket, now))
			taken[count++] = now;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t j = i; j < count; j++)
			if ((int64_t)(j - i + 1) > burst + (taken[j] - taken[i]) / interval)
				return false;
	return count > TRIES / 4;
}

int main(void)
{
	struct tap tap = {0};
	struct token_bucket bucket = {.interval = 10, .burst = 3}, none = {.burst = 1};

	check_rates(&tap);
	for (int i = 0; i < 3; i++)
		tap_ok(&tap, token_bucket_take(&bucket, 100), "token %d of the burst", i);
	tap_ok(&tap, !token_bucket_take(&bucket, 109) && token_bucket_wait(&bucket, 109) == 1, "then none");
	tap_ok(&tap, token_bucket_take(&bucket, 110) && !token_bucket_take(&bucket, 110),
	       "one more after the interval");
	tap_ok(&tap, token_bucket_reserve(&bucket, 110) == 10 && token_bucket_reserve(&bucket, 110) == 20,
	       "reservations queue up");
	tap_ok(&tap, !token_bucket_take(&bucket, 139) && token_bucket_take(&bucket, 140),
	       "and are not taken by others");
	tap_ok(&tap,
	       token_bucket_wait(&bucket, 1000) == 0 && token_bucket_take(&bucket, 1000) &&
	               token_bucket_take(&bucket, 1000) && token_bucket_take(&bucket, 1000) &&
	               !token_bucket_take(&bucket, 1000),
	       "no more than the burst is kept");
	for (int64_t burst = 1; burst <= 5; burst++)
		tap_ok(&tap, stays_below(1000, burst, (unsigned)burst), "burst %d, any span", (int)burst);
	tap_ok(&tap, token_bucket_take(&none, 0) && token_bucket_take(&none, 0), "no interval, no limit");
	bucket = (struct token_bucket){.interval = INT64_MAX / 2, .burst = INT64_MAX};
	for (int i = 0; i < 5; i++)
		token_bucket_reserve(&bucket, INT64_MAX / 2);
	tap_ok(&tap, token_bucket_wait(&bucket, 0) >= 0, "no overflow");
	return tap_end(&tap);
}
