#include "common/handled.h"

#include <string.h>

#include "common/moment.h"

_Static_assert(sizeof(((struct handled *)0)->list) + sizeof(struct fingerprint_seed) <= PAGE_CURSOR,
               "it fits into a cursor");

static void store(const struct handled *handled, struct stage *stage)
{
	char cursor[PAGE_CURSOR];
	size_t length = handled->count * sizeof(handled->list[0]);

	memcpy(cursor, &handled->seed, sizeof(handled->seed));
	memcpy(cursor + sizeof(handled->seed), handled->list, length);
	stage_cursor(stage, cursor, sizeof(handled->seed) + length);
}

void handled_init(struct handled *handled, struct stage *stage)
{
	size_t length;
	const char *cursor = stage_resumed(stage, &length);

	*handled = (struct handled){.seed = {moment_random(), moment_random()}};
	if (cursor && length >= sizeof(handled->seed) && length <= sizeof(handled->seed) + sizeof(handled->list)) {
		memcpy(&handled->seed, cursor, sizeof(handled->seed));
		length -= sizeof(handled->seed);
		memcpy(handled->list, cursor + sizeof(handled->seed), length);
		handled->count = length / sizeof(handled->list[0]);
	}
	store(handled, stage);
	stage_flush(stage);
}

bool handled_before(const struct handled *handled, const struct stage *stage, const struct fingerprint *key)
{
	uint64_t at = stage_began(stage).in;

	for (size_t i = 0; i < handled->count; i++)
		if (handled->list[i].key == key->low)
			return at < handled->list[i].to;
	return false;
}

/* How far marks reach now: what lies before that is not read again. */
static uint64_t reach(const struct stage *stage)
{
	uint64_t lines;

	return stage->held ? stage->held->in : stage_position(stage, &lines);
}

static void forget(struct handled *handled, uint64_t before)
{
	size_t kept = 0;

	for (size_t i = 0; i < handled->count; i++)
		if (handled->list[i].to > before)
			handled->list[kept++] = handled->list[i];
	handled->count = kept;
}

bool handled_note(struct handled *handled, struct stage *stage, const struct fingerprint *key, uint64_t to)
{
	uint64_t from = reach(stage);
	size_t i = 0;

	if (!stage_is_kept(stage))
		return true;
	forget(handled, from);
	while (i < handled->count && handled->list[i].key != key->low)
		i++;
	if (i == HANDLED_MOST)
		return false;
	if (to > from) {
		handled->list[i].key = key->low;
		handled->list[i].to = to;
		handled->count += i == handled->count;
	}
	store(handled, stage);
	return true;
}
