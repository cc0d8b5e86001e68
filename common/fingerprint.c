#include "common/fingerprint.h"

#include <endian.h>
#include <string.h>

#include "common/json_text.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void turn(struct sip *sip, int rounds)
{
	while (rounds-- > 0) {
		sip->v0 += sip->v1;
		sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
		sip->v0 = rotate(sip->v0, 32);
		sip->v2 += sip->v3;
		sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
		sip->v0 += sip->v3;
		sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
		sip->v2 += sip->v1;
		sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
		sip->v2 = rotate(sip->v2, 32);
	}
}

static void take_word(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	turn(sip, 2);
	sip->v0 ^= word;
}

struct fingerprint fingerprint_of(const struct fingerprint_seed *seed, const void *bytes, size_t length)
{
	struct sip sip = {
		seed->a ^ 0x736f6d6570736575,
		seed->b ^ 0x646f72616e646f6d ^ 0xee,
		seed->a ^ 0x6c7967656e657261,
		seed->b ^ 0x7465646279746573,
	};
	const char *at = bytes;
	size_t rest = length;
	struct fingerprint result;
	uint64_t word;

	for (; rest >= sizeof(word); at += sizeof(word), rest -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		take_word(&sip, le64toh(word));
	}
	word = 0;
	if (rest > 0)
		memcpy(&word, at, rest);
	take_word(&sip, le64toh(word) | (uint64_t)length << 56);
	sip.v2 ^= 0xee;
	turn(&sip, 4);
	result.low = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
	sip.v1 ^= 0xdd;
	turn(&sip, 4);
	result.high = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
	return result;
}

static void add_content(struct text *text, const struct json_span *value)
{
	switch (value->kind) {
	case JSON_NONE:
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		break;
	case JSON_NUMBER:
		text_add(text, value->at, value->length);
		break;
	case JSON_STRING:
		json_add_unescaped(text, value->at, value->length);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		json_add_compact(text, value->at, value->length);
		break;
	}
}

void fingerprint_add(struct text *text, const struct json_span *value)
{
	uint64_t length = 0;
	size_t at;

	text_add_char(text, (char)value->kind);
	at = text->length;
	text_add(text, &length, sizeof(length));
	add_content(text, value);
	length = text->length - at - sizeof(length);
	memcpy(text->data + at, &length, sizeof(length));
}

void fingerprint_add_members(struct text *text, const char *object, const char *except)
{
	struct json_span key, value;

	while (json_next_member(&object, &key, &value)) {
		if (json_string_is(key.at, key.length, except, strlen(except)))
			continue;
		key.kind = JSON_STRING;
		fingerprint_add(text, &key);
		fingerprint_add(text, &value);
	}
}
