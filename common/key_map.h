/*
 * key_map: values by key, in the order in which they were used last. Its size is bounded by the caller, who takes the oldest out
 * before he adds to a full one.
 *
 * Keys are fingerprints; values have a fixed size, stay where they are until they are dropped, and are aligned for any type.
 */
#ifndef PYPE_KEY_MAP_H
#define PYPE_KEY_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/fingerprint.h"

struct key_map {
	size_t count;

	/* private */
	size_t value_size, buckets;
	struct key_node **table;
	struct key_node *oldest, *newest;
};

void key_map_init(struct key_map *map, size_t value_size);
/* What values own is the caller's to free before. */
void key_map_free(struct key_map *map);

/* The value of a key, or NULL. */
void *key_map_find(const struct key_map *map, const struct fingerprint *key);
/* A zeroed value for a key that is not in the map; it is the newest. */
void *key_map_add(struct key_map *map, const struct fingerprint *key);
/* Makes it the newest. */
void key_map_touch(struct key_map *map, void *value);
void key_map_drop(struct key_map *map, void *value);

/* From the one that was added or touched longest ago; NULL behind the newest. */
void *key_map_oldest(const struct key_map *map);
void *key_map_newer(const void *value);

const struct fingerprint *key_map_key(const void *value);

#endif
