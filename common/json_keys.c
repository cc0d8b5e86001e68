#include "common/json_keys.h"

#include <string.h>

#include "common/json_want.h"

void json_keys_init(struct json_keys *keys, size_t length)
{
	size_t places = 16;

	/* The shortest member has five bytes, so half of the places stay empty. */
	while (places < 2 * JSON_KEYS && places < length / 2)
		places *= 2;
	keys->count = keys->objects = 0;
	keys->mask = (uint32_t)places - 1;
	memset(keys->places, 0, places * sizeof(keys->places[0]));
}

bool json_keys_again(struct json_keys *keys, uint32_t object, const char *key, size_t length)
{
	uint64_t head = json_want_head(key, length), hash = head ^ (uint64_t)object << 32 ^ length;
	uint32_t place;

	if (keys->count == JSON_KEYS)
		return true;
	if (length > 8)
		hash = hash * 0x9e3779b97f4a7c15U + json_want_head(key + length - 8, 8);
	/* The last bytes of a key are where keys differ most, and here the highest bits: they are to count, too. */
	hash ^= hash >> 32;
	place = (uint32_t)(hash * 0x9e3779b97f4a7c15U >> 40);
	for (; keys->places[place & keys->mask]; place++) {
		uint32_t k = keys->places[place & keys->mask] - 1u;

		if (keys->key[k].head == head && keys->key[k].length == length && keys->key[k].object == object &&
		    (length <= 8 || memcmp(keys->key[k].at, key, length) == 0))
			return true;
	}
	keys->key[keys->count].at = key;
	keys->key[keys->count].head = head;
	keys->key[keys->count].length = (uint32_t)length;
	keys->key[keys->count].object = object;
	keys->key[keys->count].place = (uint16_t)(place & keys->mask);
	keys->places[place & keys->mask] = (uint16_t)++keys->count;
	return false;
}
