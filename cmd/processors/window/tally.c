/*
 * How many different values there are, and the most frequent.
 *
 * distinct keeps the hashes of the values; when there are too many, only those that end in a zero, then in two, and so on: the
 * number of those that are left, times two for each zero, is near the number of all (adaptive sampling, Wegman 1984).
 *
 * top counts each value; when there are too many, the count of the middle one is taken from all, and those that have nothing left
 * go (Misra and Gries 1982, with the median of Anderson et al. 2017).
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/number.h"

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length)
{
	const char *p = bytes;
	uint64_t hash = seed ^ length * 0x9e3779b97f4a7c15ULL, word;

	for (; length >= 8; p += 8, length -= 8) {
		memcpy(&word, p, 8);
		hash = mix(hash ^ word) + 0x9e3779b97f4a7c15ULL;
	}
	word = 0;
	memcpy(&word, p, length);
	return mix(hash ^ word);
}

/* ---- distinct ---- */

static bool is_kept(uint64_t hash, unsigned level)
{
	return (hash & ((1ULL << level) - 1)) == 0;
}

static bool insert(struct distinct *distinct, uint64_t hash)
{
	/* The low bits are alike once there is a level. */
	size_t mask = distinct->room - 1, i = (size_t)(hash >> 40) & mask;

	for (; distinct->hashes[i]; i = (i + 1) & mask)
		if (distinct->hashes[i] == hash)
			return false;
	distinct->hashes[i] = hash;
	distinct->count++;
	return true;
}

static void rebuild(struct distinct *distinct, size_t room)
{
	uint64_t *old = distinct->hashes;
	size_t old_room = distinct->room;

	distinct->hashes = xcalloc(room, sizeof(*distinct->hashes));
	distinct->room = room;
	distinct->count = 0;
	for (size_t i = 0; i < old_room; i++)
		if (old[i] && is_kept(old[i], distinct->level))
			insert(distinct, old[i]);
	free(old);
}

static void distinct_hash(struct distinct *distinct, uint64_t hash)
{
	if (hash == 0)
		hash = 1ULL << 63;
	if (!is_kept(hash, distinct->level))
		return;
	if (2 * (distinct->count + 1) > distinct->room)
		rebuild(distinct, distinct->room ? 2 * distinct->room : 16);
	insert(distinct, hash);
	while (distinct->count > DISTINCT_EXACT) {
		distinct->level++;
		rebuild(distinct, distinct->room);
	}
}

static void distinct_add(void *state, const struct input *input, int64_t order)
{
	struct text text = {0};
	size_t length;
	const char *bytes = plain_value(input->span, &text, &length);

	(void)order;
	distinct_hash(state, hash_bytes(0, bytes, length));
	text_free(&text);
}

static void distinct_merge(void *state, void *other)
{
	struct distinct *distinct = state;
	const struct distinct *more = other;

	if (more->level > distinct->level) {
		distinct->level = more->level;
		if (distinct->room)
			rebuild(distinct, distinct->room);
	}
	for (size_t i = 0; i < more->room; i++)
		if (more->hashes[i])
			distinct_hash(distinct, more->hashes[i]);
}

static void distinct_save(const void *state, struct text *to)
{
	const struct distinct *distinct = state;

	save_bytes(to, &distinct->level, sizeof(distinct->level));
	save_bytes(to, &distinct->count, sizeof(distinct->count));
	for (size_t i = 0; i < distinct->room; i++)
		if (distinct->hashes[i])
			save_bytes(to, &distinct->hashes[i], sizeof(distinct->hashes[i]));
}

static void distinct_load(void *state, struct cursor *from)
{
	struct distinct *distinct = state;
	uint64_t hash;
	size_t count;

	load_bytes(from, &distinct->level, sizeof(distinct->level));
	load_bytes(from, &count, sizeof(count));
	if (distinct->level > 63)
		from->bad = true;
	for (; count > 0 && !from->bad; count--) {
		load_bytes(from, &hash, sizeof(hash));
		distinct_hash(distinct, hash);
	}
}

static void distinct_free(void *state)
{
	struct distinct *distinct = state;

	free(distinct->hashes);
}

double distinct_estimate(const struct distinct *distinct)
{
	return (double)distinct->count * (double)(1ULL << distinct->level);
}

const struct measure_type measure_distinct = {
	.size = sizeof(struct distinct),
	.add = distinct_add,
	.merge = distinct_merge,
	.save = distinct_save,
	.load = distinct_load,
	.free = distinct_free,
};

/* ---- top ---- */

static struct tally *find(const struct top *top, uint64_t hash, const char *bytes, size_t length)
{
	size_t mask = top->room - 1, i = (size_t)hash & mask;

	for (; top->tallies[i].bytes; i = (i + 1) & mask)
		if (top->tallies[i].hash == hash && top->tallies[i].length == length &&
		    memcmp(top->tallies[i].bytes, bytes, length) == 0)
			break;
	return &top->tallies[i];
}

static void top_rebuild(struct top *top, size_t room)
{
	struct tally *old = top->tallies;
	size_t old_room = top->room;

	top->tallies = xcalloc(room, sizeof(*top->tallies));
	top->room = room;
	top->count = 0;
	for (size_t i = 0; i < old_room; i++) {
		if (!old[i].bytes)
			continue;
		if (old[i].count == 0) {
			free(old[i].bytes);
			continue;
		}
		*find(top, old[i].hash, old[i].bytes, old[i].length) = old[i];
		top->count++;
	}
	free(old);
}

static int by_count(const void *a, const void *b)
{
	const struct tally *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return (left->age > right->age) - (left->age < right->age);
}

/* A copy of the tallies, the greatest first; the bytes stay where they are. */
static struct tally *in_order(const struct top *top)
{
	struct tally *list = xreallocarray(NULL, top->count + 1, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; i < top->room; i++)
		if (top->tallies[i].bytes)
			list[count++] = top->tallies[i];
	qsort(list, count, sizeof(*list), by_count);
	return list;
}

/* Halves it at least. */
static void thin_out(struct top *top)
{
	struct tally *list = in_order(top);
	uint64_t middle = list[top->count / 2].count;

	free(list);
	for (size_t i = 0; i < top->room; i++)
		top->tallies[i].count -= top->tallies[i].count < middle ? top->tallies[i].count : middle;
	top_rebuild(top, top->room);
}

static void top_count(struct top *top, const char *bytes, size_t length, uint64_t count, uint64_t age)
{
	uint64_t hash = hash_bytes(0, bytes, length);
	struct tally *tally = NULL;

	if (top->room > 0) {
		tally = find(top, hash, bytes, length);
		if (tally->bytes) {
			tally->count += count;
			return;
		}
	}
	if (top->count == TOP_EXACT)
		thin_out(top);
	if (2 * (top->count + 1) > top->room)
		top_rebuild(top, top->room ? 2 * top->room : 16);
	tally = find(top, hash, bytes, length);
	*tally = (struct tally){.hash = hash, .count = count, .age = age, .length = (uint32_t)length};
	tally->bytes = xmalloc(length + 1);
	memcpy(tally->bytes, bytes, length);
	top->count++;
}

static void top_add(void *state, const struct input *input, int64_t order)
{
	struct text text = {0};
	struct top *top = state;
	size_t length;
	const char *bytes = plain_value(input->span, &text, &length);

	(void)order;
	top_count(top, bytes, length, 1, top->age++);
	text_free(&text);
}

static void top_merge(void *state, void *other)
{
	struct top *top = state;
	const struct top *more = other;
	struct tally *list = in_order(more);

	for (size_t i = 0; i < more->count; i++)
		top_count(top, list[i].bytes, list[i].length, list[i].count, top->age + list[i].age);
	top->age += more->age;
	free(list);
}

static void top_save(const void *state, struct text *to)
{
	const struct top *top = state;

	save_bytes(to, &top->age, sizeof(top->age));
	save_bytes(to, &top->count, sizeof(top->count));
	for (size_t i = 0; i < top->room; i++) {
		const struct tally *tally = &top->tallies[i];

		if (!tally->bytes)
			continue;
		save_bytes(to, &tally->length, sizeof(tally->length));
		save_bytes(to, &tally->count, sizeof(tally->count));
		save_bytes(to, &tally->age, sizeof(tally->age));
		save_bytes(to, tally->bytes, tally->length);
	}
}

static void top_load(void *state, struct cursor *from)
{
	struct top *top = state;
	uint64_t tally_count, age;
	uint32_t length;
	size_t count;

	load_bytes(from, &top->age, sizeof(top->age));
	load_bytes(from, &count, sizeof(count));
	for (; count > 0 && !from->bad; count--) {
		load_bytes(from, &length, sizeof(length));
		load_bytes(from, &tally_count, sizeof(tally_count));
		load_bytes(from, &age, sizeof(age));
		if (from->bad || (size_t)(from->end - from->at) < length) {
			from->bad = true;
			return;
		}
		top_count(top, from->at, length, tally_count, age);
		from->at += length;
	}
}

static void top_free(void *state)
{
	struct top *top = state;

	for (size_t i = 0; i < top->room; i++)
		free(top->tallies[i].bytes);
	free(top->tallies);
}

void top_write(const struct top *top, size_t most, struct text *text)
{
	struct tally *list = in_order(top);
	char digits[NUMBER_TEXT];

	text_add_char(text, '[');
	for (size_t i = 0; i < most && i < top->count; i++) {
		text_add_string(text, i > 0 ? ",{\"value\":" : "{\"value\":");
		text_add(text, list[i].bytes, list[i].length);
		text_add_string(text, ",\"count\":");
		text_add(text, digits, number_text(digits, (double)list[i].count));
		text_add_char(text, '}');
	}
	text_add_char(text, ']');
	free(list);
}

const struct measure_type measure_top = {
	.size = sizeof(struct top),
	.add = top_add,
	.merge = top_merge,
	.save = top_save,
	.load = top_load,
	.free = top_free,
};
