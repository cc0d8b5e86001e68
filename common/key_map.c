#include "common/key_map.h"

#include <stdlib.h>

#include "common/memory.h"

struct key_node {
	struct fingerprint key;
	struct key_node *next; /* of the same bucket */
	struct key_node *newer, *older;
	_Alignas(max_align_t) char value[];
};

enum { BUCKETS = 64 };

static struct key_node *node_of(const void *value)
{
	return (struct key_node *)((size_t)value - offsetof(struct key_node, value));
}

static struct key_node **bucket(const struct key_map *map, const struct fingerprint *key)
{
	return &map->table[key->low & (map->buckets - 1)];
}

void key_map_init(struct key_map *map, size_t value_size)
{
	*map = (struct key_map){.value_size = value_size, .buckets = BUCKETS};
	map->table = xcalloc(map->buckets, sizeof(struct key_node *));
}

void key_map_free(struct key_map *map)
{
	while (map->oldest) {
		struct key_node *node = map->oldest;

		map->oldest = node->newer;
		free(node);
	}
	free(map->table);
	map->table = NULL;
}

static void grow(struct key_map *map)
{
	free(map->table);
	map->buckets *= 2;
	map->table = xcalloc(map->buckets, sizeof(struct key_node *));
	for (struct key_node *node = map->oldest; node; node = node->newer) {
		struct key_node **head = bucket(map, &node->key);

		node->next = *head;
		*head = node;
	}
}

static void link_newest(struct key_map *map, struct key_node *node)
{
	node->newer = NULL;
	node->older = map->newest;
	if (map->newest)
		map->newest->newer = node;
	else
		map->oldest = node;
	map->newest = node;
}

static void unlink_node(struct key_map *map, struct key_node *node)
{
	if (node->newer)
		node->newer->older = node->older;
	else
		map->newest = node->older;
	if (node->older)
		node->older->newer = node->newer;
	else
		map->oldest = node->newer;
}

void *key_map_find(const struct key_map *map, const struct fingerprint *key)
{
	for (struct key_node *node = *bucket(map, key); node; node = node->next)
		if (fingerprint_same(&node->key, key))
			return node->value;
	return NULL;
}

void *key_map_add(struct key_map *map, const struct fingerprint *key)
{
	struct key_node *node, **head;

	if (map->count == map->buckets)
		grow(map);
	node = xcalloc(1, sizeof(*node) + map->value_size);
	node->key = *key;
	head = bucket(map, key);
	node->next = *head;
	*head = node;
	link_newest(map, node);
	map->count++;
	return node->value;
}

void key_map_touch(struct key_map *map, void *value)
{
	struct key_node *node = node_of(value);

	if (map->newest == node)
		return;
	unlink_node(map, node);
	link_newest(map, node);
}

void key_map_drop(struct key_map *map, void *value)
{
	struct key_node *node = node_of(value), **at = bucket(map, &node->key);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	unlink_node(map, node);
	map->count--;
	free(node);
}

void *key_map_oldest(const struct key_map *map)
{
	return map->oldest ? map->oldest->value : NULL;
}

void *key_map_newer(const void *value)
{
	struct key_node *node = node_of(value)->newer;

	return node ? node->value : NULL;
}

const struct fingerprint *key_map_key(const void *value)
{
	return &node_of(value)->key;
}
