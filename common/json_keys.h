/*
 * json_keys: the keys of the objects of a text that are open, to find one that comes twice: a hash table with open addressing, of
 * a fixed size, so that it can live on the stack.
 */
#ifndef PYPE_JSON_KEYS_H
#define PYPE_JSON_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_KEYS = 512 }; /* most that are remembered at a time */

struct json_keys {
	uint32_t count, objects;
	uint32_t mask; /* of the places in use, a power of two less one */
	uint16_t places[2 * JSON_KEYS]; /* index of a key + 1, or 0 */
	struct {
		const char *at;
		uint64_t head;
		uint32_t length, object;
		uint16_t place;
	} key[JSON_KEYS];
};

/* Empties it, for a text of that length. */
void json_keys_init(struct json_keys *keys, size_t length);

/*
 * Notes a key of an object (numbered from 1). True if the object has it already, or if that cannot be told because there
 * are too many. Eight bytes behind the key's first one must be readable.
 */
bool json_keys_again(struct json_keys *keys, uint32_t object, const char *key, size_t length);

/* An object has ended: what was noted since there were `count` keys is forgotten. */
static inline void json_keys_forget(struct json_keys *keys, uint32_t count)
{
	/* The last one first: none that came before it was put behind it. */
	while (keys->count > count)
		keys->places[keys->key[--keys->count].place] = 0;
}

#endif
