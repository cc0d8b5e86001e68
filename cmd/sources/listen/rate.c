#include "cmd/sources/listen/rate.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/unit.h"

bool rate_parse(struct rate *rate, const char *text)
{
	static const struct {
		const char *unit;
		int64_t period;
	} units[] = {{"", UNIT_S}, {"/s", UNIT_S}, {"/m", UNIT_MINUTE}, {"/h", UNIT_HOUR}};
	size_t digits = strspn(text, "0123456789");
	char *number;
	bool good;

	rate->period = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strcmp(text + digits, units[i].unit) == 0)
			rate->period = units[i].period;
	number = xstrndup(text, digits);
	good = digits > 0 && rate->period > 0 && unit_number(number, &rate->number) && rate->number > 0 &&
	       rate->number <= 1000000000;
	free(number);
	return good;
}

static struct rate_bucket *find(struct rate *rate, const char *name, int64_t now)
{
	struct rate_bucket *oldest = rate->buckets;

	for (struct rate_bucket *bucket = rate->buckets; bucket < rate->buckets + RATE_BUCKETS; bucket++) {
		if (bucket->when > 0 && strcmp(bucket->name, name) == 0)
			return bucket;
		if (bucket->when < oldest->when)
			oldest = bucket;
	}
	*oldest = (struct rate_bucket){.left = (double)rate->number, .when = now};
	memcpy(oldest->name, name, strlen(name) < RATE_NAME ? strlen(name) : RATE_NAME - 1);
	return oldest;
}

int64_t rate_ask(struct rate *rate, const char *name, int64_t now)
{
	struct rate_bucket *bucket;
	double each;

	if (rate->number == 0)
		return 0;
	if (!rate->buckets)
		rate->buckets = xcalloc(RATE_BUCKETS, sizeof(*rate->buckets));
	bucket = find(rate, name, now);
	each = (double)rate->period / (double)rate->number;
	bucket->left += (double)(now - bucket->when) / each;
	if (bucket->left > (double)rate->number)
		bucket->left = (double)rate->number;
	bucket->when = now;
	if (bucket->left >= 1) {
		bucket->left -= 1;
		return 0;
	}
	return (int64_t)((1 - bucket->left) * each / UNIT_S) + 1;
}

void rate_free(struct rate *rate)
{
	free(rate->buckets);
}
