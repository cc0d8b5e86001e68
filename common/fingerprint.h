/*
 * fingerprint: 128 bits that stand for a value of any length: SipHash-2-4 with 128 bits (Aumasson, Bernstein, 2012, and the
 * authors' reference implementation), with a secret seed, so that nobody can make up values that collide.
 *
 * Of n values some two have the same fingerprint with a probability of less than n * n / 2^129: for a thousand million
 * values 1 in 10^20.
 */
#ifndef PYPE_FINGERPRINT_H
#define PYPE_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/text.h"

struct fingerprint {
	uint64_t low, high;
};

struct fingerprint_seed {
	uint64_t a, b;
};

struct fingerprint fingerprint_of(const struct fingerprint_seed *seed, const void *bytes, size_t length);

/*
 * Appends a value to what a fingerprint is taken of, so that different lists of values are different texts. A missing value is one
 * of its own, and differs from null. Strings count without their escapes, numbers as they are written, objects and
 * arrays as they are written but for white space between tokens.
 */
void fingerprint_add(struct text *text, const struct json_span *value);

/* Appends the members of a JSON object, which begins at `object`, in their order, without those of this name. */
void fingerprint_add_members(struct text *text, const char *object, const char *except);

static inline bool fingerprint_same(const struct fingerprint *a, const struct fingerprint *b)
{
	return a->low == b->low && a->high == b->high;
}

#endif
