/*
 * Answers by what was asked: those that are on their way, and those that have come, for a time. The one that was used longest ago
 * makes room.
 */
#include <string.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/moment.h"

struct entry {
	struct call *call;
	int64_t until; /* monotonic */
};

static bool is_on(const struct fetch *fetch)
{
	return fetch->cache_time > 0;
}

void cache_init(struct fetch *fetch)
{
	key_map_init(&fetch->cache.map, sizeof(struct entry));
	fetch->cache.seed = (struct fingerprint_seed){moment_random(), moment_random()};
}

static uint64_t size_of(const struct call *call)
{
	return call_is_over(call) ? call->value.length + call->reason.length : 0;
}

static void drop(struct fetch *fetch, struct entry *entry)
{
	struct call *call = entry->call;

	fetch->cache.bytes -= size_of(call);
	key_map_drop(&fetch->cache.map, entry);
	call_release(call);
}

void cache_free(struct fetch *fetch)
{
	struct entry *entry;

	while ((entry = key_map_oldest(&fetch->cache.map)))
		drop(fetch, entry);
	key_map_free(&fetch->cache.map);
}

struct call *cache_find(struct fetch *fetch, const struct request *request, struct fingerprint *key)
{
	struct entry *entry;

	if (!is_on(fetch))
		return NULL;
	text_clear(&fetch->scratch);
	request_identify(request, &fetch->scratch);
	*key = fingerprint_of(&fetch->cache.seed, fetch->scratch.data, fetch->scratch.length);
	entry = key_map_find(&fetch->cache.map, key);
	if (entry && entry->until <= moment_now()) {
		drop(fetch, entry);
		entry = NULL;
	}
	if (!entry)
		return NULL;
	key_map_touch(&fetch->cache.map, entry);
	entry->call->references++;
	return entry->call;
}

void cache_add(struct fetch *fetch, struct call *call)
{
	struct entry *entry;

	if (!is_on(fetch))
		return;
	while (fetch->cache.map.count >= (size_t)fetch->cache_most)
		drop(fetch, key_map_oldest(&fetch->cache.map));
	entry = key_map_add(&fetch->cache.map, &call->key);
	*entry = (struct entry){.call = call, .until = INT64_MAX};
	call->references++;
}

void cache_settle(struct call *call)
{
	struct fetch *fetch = call->fetch;
	struct entry *entry = is_on(fetch) ? key_map_find(&fetch->cache.map, &call->key) : NULL;
	int64_t time = call->state == CALL_GOOD     ? fetch->cache_time
	               : call->state == CALL_FAILED ? fetch->cache_errors
	                                            : 0;

	if (!entry || entry->call != call)
		return;
	fetch->cache.bytes += size_of(call);
	if (time == 0) {
		drop(fetch, entry);
		return;
	}
	entry->until = time < INT64_MAX - moment_now() ? moment_now() + time : INT64_MAX;
	while (fetch->cache.bytes > CACHE_BYTES)
		drop(fetch, key_map_oldest(&fetch->cache.map));
}
