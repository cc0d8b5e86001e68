/*
 * fingerprint, key_map: SipHash-2-4-128 as its authors have it, which values are the same, and the order of keys.
 */
#include <stdio.h>
#include <string.h>

#include "common/fingerprint.h"
#include "common/json_text.h"
#include "common/key_map.h"
#include "test/unit/tap.h"

/* Of the bytes 0, 1, … with the key 0, 1, … 15: `openssl mac -macopt hexkey:… SIPHASH`. */
static void test_vectors(struct tap *tap)
{
	static const struct {
		size_t length;
		const char *hex;
	} cases[] = {
		{0, "a3817f04ba25a8e66df67214c7550293"},
		{1, "da87c1d86b99af44347659119b22fc45"},
		{2, "8177228da4a45dc7fca38bdef60affe4"},
		{15, "5493e99933b0a8117e08ec0f97cfc3d9"},
	};
	struct fingerprint_seed seed;
	struct fingerprint found;
	unsigned char bytes[16], out[16];
	char hex[33];

	for (unsigned char i = 0; i < 16; i++)
		bytes[i] = i;
	memcpy(&seed, bytes, sizeof(seed));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		found = fingerprint_of(&seed, bytes, cases[i].length);
		memcpy(out, &found, sizeof(out));
		for (size_t j = 0; j < 16; j++)
			snprintf(hex + 2 * j, 3, "%02x", out[j]);
		tap_is(tap, hex, 32, cases[i].hex, 32, "SipHash");
	}
}

static struct fingerprint number(uint64_t n)
{
	static const struct fingerprint_seed seed = {1, 2};

	return fingerprint_of(&seed, &n, sizeof(n));
}

static void test_map(struct tap *tap)
{
	enum { KEYS = 1000 };
	struct key_map map;
	struct fingerprint key;
	uint64_t *value, expected;
	bool right = true;

	key_map_init(&map, sizeof(uint64_t));
	for (uint64_t n = 0; n < KEYS; n++) {
		key = number(n);
		right &= !key_map_find(&map, &key);
		value = key_map_add(&map, &key);
		right &= *value == 0;
		*value = n;
	}
	tap_ok(tap, right && map.count == KEYS, "added");
	for (uint64_t n = 0; n < KEYS; n += 2) {
		key = number(n);
		value = key_map_find(&map, &key);
		right &= value && *value == n && fingerprint_same(key_map_key(value), &key);
		if (n % 4 == 0)
			key_map_touch(&map, value);
		else
			key_map_drop(&map, value);
	}
	tap_ok(tap, right && map.count == KEYS * 3 / 4, "found");
	key = number(2);
	tap_ok(tap, !key_map_find(&map, &key), "one that was dropped is not found");
	expected = 1;
	for (value = key_map_oldest(&map); value && expected < KEYS; value = key_map_newer(value), expected += 2)
		right &= *value == expected;
	for (expected = 0; value; value = key_map_newer(value), expected += 4)
		right &= *value == expected;
	tap_ok(tap, right && expected == KEYS, "from the oldest to the newest");
	while ((value = key_map_oldest(&map)))
		key_map_drop(&map, value);
	tap_ok(tap, map.count == 0, "empty");
	key = number(1);
	key_map_add(&map, &key);
	key_map_free(&map);
}

int main(void)
{
	struct tap tap = {0};

	test_vectors(&tap);
	test_map(&tap);
	return tap_end(&tap);
}
