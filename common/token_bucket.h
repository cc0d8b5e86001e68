/*
 * token_bucket: how often something may be done: N times in a time, and how many of them at once. Policy only: no clock.
 *
 * Tokens come at an even pace, one every time/N, and up to `burst` of them are kept while nobody wants any. Counted in nanoseconds
 * (the generic cell rate algorithm), so that nothing is lost to rounding but less than a nanosecond per token.
 */
#ifndef PYPE_TOKEN_BUCKET_H
#define PYPE_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct token_bucket {
	int64_t interval; /* nanoseconds between two tokens; 0: there is no limit */
	int64_t burst; /* 1 or more */

	/* private */
	int64_t full; /* when the bucket will be full */
	bool used;
};

/*
 * Reads a rate, N/TIME: "10/s", "100/1m", "5/500ms" ("/s" is "/1s", and so on). False, with *mistake, a literal, if it is none or
 * is faster than one in a nanosecond.
 */
bool token_bucket_rate(const char *rate, int64_t *interval, const char **mistake);

/* Takes a token if there is one now. */
bool token_bucket_take(struct token_bucket *bucket, int64_t now);

/* Takes the next token that nobody has, though it may come later: how long to wait for it, in nanoseconds; 0: not at all. */
int64_t token_bucket_reserve(struct token_bucket *bucket, int64_t now);

/* How long until token_bucket_take would succeed. */
int64_t token_bucket_wait(const struct token_bucket *bucket, int64_t now);

#endif
