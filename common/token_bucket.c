#include "common/token_bucket.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "common/unit.h"

bool token_bucket_rate(const char *rate, int64_t *interval, const char **mistake)
{
	const char *slash = strchr(rate, '/');
	char *duration, *end;
	int64_t time;
	bool good;
	long long count;

	*mistake = "it is N/TIME, such as 10/s";
	if (!slash || !isdigit((unsigned char)*rate))
		return false;
	count = strtoll(rate, &end, 10);
	if (end != slash)
		return false;
	duration = text_format("%s%s", isalpha((unsigned char)slash[1]) ? "1" : "", slash + 1);
	good = unit_duration(duration, &time);
	free(duration);
	if (!good)
		return false;
	*mistake = "it must be more than 0, and at most one in a nanosecond";
	if (count == 0 || time / count == 0)
		return false;
	*interval = time / count;
	return true;
}

/* When the bucket would be full again if a token was taken at this moment. */
static int64_t full_after(const struct token_bucket *bucket, int64_t now)
{
	int64_t full = bucket->used && bucket->full > now ? bucket->full : now;

	return full > INT64_MAX - bucket->interval ? INT64_MAX : full + bucket->interval;
}

int64_t token_bucket_wait(const struct token_bucket *bucket, int64_t now)
{
	int64_t room = bucket->interval > 0 && bucket->burst > INT64_MAX / bucket->interval
	                       ? INT64_MAX
	                       : bucket->burst * bucket->interval;
	int64_t ahead = full_after(bucket, now) - now;

	return bucket->interval > 0 && ahead > room ? ahead - room : 0;
}

int64_t token_bucket_reserve(struct token_bucket *bucket, int64_t now)
{
	int64_t wait = token_bucket_wait(bucket, now);

	bucket->full = full_after(bucket, now);
	bucket->used = true;
	return wait;
}

bool token_bucket_take(struct token_bucket *bucket, int64_t now)
{
	if (token_bucket_wait(bucket, now) > 0)
		return false;
	token_bucket_reserve(bucket, now);
	return true;
}
