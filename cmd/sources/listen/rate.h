/*
 * rate: how often each address may ask: a bucket for each, which holds the requests of one period and fills up evenly. Pure.
 *
 * There are RATE_BUCKETS of them; when there are more addresses, the one that was not used for longest is given to another.
 */
#ifndef PYPE_LISTEN_RATE_H
#define PYPE_LISTEN_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { RATE_BUCKETS = 1024, RATE_NAME = 48 };

struct rate_bucket {
	char name[RATE_NAME];
	double left; /* requests */
	int64_t when; /* it was filled up; monotonic; 0: nobody's */
};

struct rate {
	int64_t number, period; /* requests in nanoseconds; 0: any number */

	/* private */
	struct rate_bucket *buckets;
};

/* "10/s", "100/m", "1000/h"; a number alone is per second. */
bool rate_parse(struct rate *rate, const char *text);
/* 0: it may; else in so many seconds (whole, 1 at least). now is monotonic nanoseconds, above 0. */
int64_t rate_ask(struct rate *rate, const char *name, int64_t now);
void rate_free(struct rate *rate);

#endif
