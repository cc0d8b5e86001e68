/*
 * Percentiles: all numbers while there are few; then how many fall into each of buckets that are a 128th of a power of two wide,
 * so that the middle of a bucket is within 0.4 % of what is in it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/memory.h"

enum { BUCKET_SHIFT = 45 }; /* of a double's 52 bits of mantissa 7 are left */

/* In the order of the numbers. */
static uint32_t bucket_of(double number)
{
	uint64_t bits;

	number += 0.0; /* -0 is 0 */
	memcpy(&bits, &number, sizeof(bits));
	bits ^= bits >> 63 ? UINT64_MAX : 1ULL << 63;
	return (uint32_t)(bits >> BUCKET_SHIFT);
}

static double bucket_middle(uint32_t bucket)
{
	uint64_t bits = ((uint64_t)bucket << BUCKET_SHIFT) | 1ULL << (BUCKET_SHIFT - 1);
	double number;

	bits ^= bits >> 63 ? 1ULL << 63 : UINT64_MAX;
	memcpy(&number, &bits, sizeof(number));
	return number;
}

static void count_in_bucket(struct sample *sample, uint32_t number, uint64_t count)
{
	size_t low = 0, high = sample->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (sample->buckets[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < sample->count && sample->buckets[low].number == number) {
		sample->buckets[low].count += count;
		return;
	}
	if (sample->count == sample->room) {
		sample->room = sample->room ? 2 * sample->room : 64;
		sample->buckets = xreallocarray(sample->buckets, sample->room, sizeof(*sample->buckets));
	}
	memmove(sample->buckets + low + 1, sample->buckets + low, (sample->count - low) * sizeof(*sample->buckets));
	sample->buckets[low] = (struct bucket){number, count};
	sample->count++;
}

static void use_buckets(struct sample *sample)
{
	double *numbers = sample->numbers;
	size_t count = sample->count;

	if (sample->buckets)
		return;
	sample->numbers = NULL;
	sample->count = sample->room = 0;
	for (size_t i = 0; i < count; i++)
		count_in_bucket(sample, bucket_of(numbers[i]), 1);
	free(numbers);
}

static void sample_one(struct sample *sample, double number)
{
	if (sample->n == 0 || number < sample->least)
		sample->least = number;
	if (sample->n == 0 || number > sample->greatest)
		sample->greatest = number;
	sample->n++;
	if (!sample->buckets && sample->count == SAMPLE_EXACT)
		use_buckets(sample);
	if (sample->buckets) {
		count_in_bucket(sample, bucket_of(number), 1);
		return;
	}
	if (sample->count == sample->room) {
		sample->room = sample->room ? 2 * sample->room : 8;
		sample->numbers = xreallocarray(sample->numbers, sample->room, sizeof(*sample->numbers));
	}
	sample->numbers[sample->count++] = number;
}

static void sample_add(void *state, const struct input *input, int64_t order)
{
	(void)order;
	sample_one(state, input->number);
}

static void sample_merge(void *state, void *other)
{
	struct sample *sample = state;
	const struct sample *more = other;

	if (more->n == 0)
		return;
	if (!more->buckets) {
		for (size_t i = 0; i < more->count; i++)
			sample_one(sample, more->numbers[i]);
		return;
	}
	use_buckets(sample);
	for (size_t i = 0; i < more->count; i++)
		count_in_bucket(sample, more->buckets[i].number, more->buckets[i].count);
	if (sample->n == 0 || more->least < sample->least)
		sample->least = more->least;
	if (sample->n == 0 || more->greatest > sample->greatest)
		sample->greatest = more->greatest;
	sample->n += more->n;
}

static void sample_save(const void *state, struct text *to)
{
	const struct sample *sample = state;
	bool exact = !sample->buckets;

	save_bytes(to, &sample->n, sizeof(sample->n));
	save_bytes(to, &exact, sizeof(exact));
	save_bytes(to, &sample->count, sizeof(sample->count));
	save_bytes(to, &sample->least, sizeof(sample->least));
	save_bytes(to, &sample->greatest, sizeof(sample->greatest));
	if (exact)
		save_bytes(to, sample->numbers, sample->count * sizeof(*sample->numbers));
	else
		save_bytes(to, sample->buckets, sample->count * sizeof(*sample->buckets));
}

static void sample_load(void *state, struct cursor *from)
{
	struct sample *sample = state;
	size_t count, size;
	bool exact;
	void *list;

	load_bytes(from, &sample->n, sizeof(sample->n));
	load_bytes(from, &exact, sizeof(exact));
	load_bytes(from, &count, sizeof(count));
	load_bytes(from, &sample->least, sizeof(sample->least));
	load_bytes(from, &sample->greatest, sizeof(sample->greatest));
	size = exact ? sizeof(double) : sizeof(struct bucket);
	if (from->bad || count == 0)
		return;
	if (count > (size_t)(from->end - from->at) / size) {
		from->bad = true;
		return;
	}
	list = xreallocarray(NULL, count, size);
	load_bytes(from, list, count * size);
	if (exact)
		sample->numbers = list;
	else
		sample->buckets = list;
	sample->count = sample->room = count;
}

static void sample_free(void *state)
{
	struct sample *sample = state;

	free(sample->numbers);
	free(sample->buckets);
}

static int by_size(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* The number with that many smaller ones; the numbers are in order. */
static double at_rank(const struct sample *sample, uint64_t rank)
{
	size_t i = 0;
	double middle;

	if (!sample->buckets)
		return sample->numbers[rank];
	if (rank == 0)
		return sample->least;
	if (rank == sample->n - 1)
		return sample->greatest;
	while (i + 1 < sample->count && rank >= sample->buckets[i].count)
		rank -= sample->buckets[i++].count;
	middle = bucket_middle(sample->buckets[i].number);
	return fmin(fmax(middle, sample->least), sample->greatest);
}

double sample_percentile(struct sample *sample, double percent)
{
	double rank = percent / 100 * (double)(sample->n - 1), below = floor(rank), low, high;
	uint64_t first = (uint64_t)below;

	if (!sample->buckets)
		qsort(sample->numbers, sample->count, sizeof(*sample->numbers), by_size);
	low = at_rank(sample, first);
	high = first + 1 < sample->n ? at_rank(sample, first + 1) : low;
	return rank > below ? low + (high - low) * (rank - below) : low;
}

const struct measure_type measure_sample = {
	.size = sizeof(struct sample),
	.add = sample_add,
	.merge = sample_merge,
	.save = sample_save,
	.load = sample_load,
	.free = sample_free,
};
