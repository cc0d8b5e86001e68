/*
 * http_rate: what servers say of their limits, and whose turn it is.
 */
#include "common/http_rate.h"

#include <strings.h>

#include "common/unit.h"
#include "test/unit/tap.h"

#define NOW (1700000000 * UNIT_S)

/* Headers, "Name: value" each; NULL behind them. */
static const char *look_up(void *context, const char *name, size_t number)
{
	const char *const *headers = context;

	for (size_t length = strlen(name); *headers; headers++)
		if (strncasecmp(*headers, name, length) == 0 && (*headers)[length] == ':' && number-- == 0)
			return *headers + length + 2;
	return NULL;
}

static const struct {
	const char *headers[4];
	int64_t reset;
} answers[] = {
	{{NULL}, -1},
	{{"X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 30"}, 30 * UNIT_S},
	{{"X-RateLimit-Remaining: 1", "X-RateLimit-Reset: 30"}, -1},
	{{"x-ratelimit-remaining: 0", "x-ratelimit-reset: 1700000060"}, UNIT_MINUTE},
	{{"x-ratelimit-remaining: 0", "x-ratelimit-reset: 1700000060000"}, UNIT_MINUTE},
	{{"X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1600000000"}, 0},
	{{"X-Rate-Limit-Remaining: 0", "X-Rate-Limit-Reset: 5"}, 5 * UNIT_S},
	{{"x-ratelimit-remaining: 0.0", "x-ratelimit-reset: 1.5"}, 1500 * UNIT_MS},
	{{"x-ratelimit-remaining: 0", "x-ratelimit-reset: 6m0s"}, 6 * UNIT_MINUTE},
	{{"X-RateLimit-Remaining: 0"}, -1},
	{{"X-RateLimit-Remaining: 0", "X-RateLimit-Reset: soon"}, -1},
	{{"X-RateLimit-Remaining: none", "X-RateLimit-Reset: 30"}, -1},
	{{"X-RateLimit-Remaining: -1", "X-RateLimit-Reset: 30"}, -1},
	{{"X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1e300"}, -2},
	{{"X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 100000d"}, 10000 * UNIT_DAY},
	{{"RateLimit-Remaining: 0", "RateLimit-Reset: 7"}, 7 * UNIT_S},
	{{"RateLimit: limit=10, remaining=0, reset=4"}, 4 * UNIT_S},
	{{"RateLimit: limit=10, remaining=3, reset=4"}, -1},
	{{"RateLimit: \"minute\";r=0;t=8"}, 8 * UNIT_S},
	{{"RateLimit: \"minute\";r=5;t=8, \"day\";r=0;t=9"}, 9 * UNIT_S},
	{{"RateLimit: \"minute\";r=0;t=8", "RateLimit: \"day\";r=0;t=9000"}, 9000 * UNIT_S},
	{{"RateLimit: \"minute\";r=0"}, -1},
	{{"RateLimit: "}, -1},
};

static void check_turns(struct tap *tap)
{
	char rate[] = "10/s";
	struct http_rate_settings settings;
	struct http_rate *turns;
	bool same = true;

	http_rate_settings_init(&settings);
	turns = http_rate_new(&settings);
	for (int i = 0; i < 100; i++)
		same = same && http_rate_turn(turns, "http://a/", 0) == 0;
	tap_ok(tap, same, "no rate, no wait");
	http_rate_free(turns);
	settings.rate = rate;
	turns = http_rate_new(&settings);
	tap_ok(tap,
	       http_rate_turn(turns, "http://a/1", 0) == 0 &&
	               http_rate_turn(turns, "http://me:p@A/2", 0) == UNIT_S / 10,
	       "one after the other");
	tap_ok(tap, http_rate_turn(turns, "http://b/", 0) == 0, "another host has a rate of its own");
	http_rate_held(turns, "http://a/", 50);
	http_rate_held(turns, "http://a/", 40);
	tap_ok(tap,
	       http_rate_hold(turns, "http://a/x?y", 10) == 40 && http_rate_hold(turns, "http://b/", 10) == 0 &&
	               http_rate_hold(turns, "http://a/", 50) == 0,
	       "a host is held until the latest of the times that were said");
	for (int i = 0; i < 3000; i++) {
		char url[40];

		snprintf(url, sizeof(url), "http://host%d/", i);
		http_rate_held(turns, url, 1);
	}
	tap_ok(tap, http_rate_turn(turns, "http://host2999/", 0) >= 0, "very many hosts");
	http_rate_free(turns);
	settings.per = 1;
	turns = http_rate_new(&settings);
	http_rate_turn(turns, "http://a/", 0);
	tap_ok(tap, http_rate_turn(turns, "http://b/", 0) == UNIT_S / 10, "one rate for all");
	http_rate_free(turns);
}

int main(void)
{
	struct tap tap = {0};

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		int64_t reset = http_rate_reset(look_up, (void *)(uintptr_t)answers[i].headers, NOW);
		bool good = answers[i].reset == -2 ? reset >= 0 : reset == answers[i].reset;

		tap_ok(&tap, good, "%s: %lld", answers[i].headers[0] ? answers[i].headers[0] : "nothing",
		       (long long)reset);
	}
	check_turns(&tap);
	return tap_end(&tap);
}
