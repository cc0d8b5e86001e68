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

static inline __attribute__((always_inline)) void turn(struct sip *sip)
{
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

static inline __attribute__((always_inline)) void take_word(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	turn(sip);
	turn(sip);
	sip->v0 ^= word;
}

static inline __attribute__((always_inline)) uint64_t finish(struct sip *sip)
{
	for (int i = 0; i < 4; i++)
		turn(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

/* The last bytes, fewer than eight of them: of all that there are, where there are eight. */
static inline uint64_t last_word(const char *bytes, size_t length)
{
	size_t rest = length % sizeof(uint64_t);
	uint64_t word = 0;

	if (rest == 0)
		return 0;
	if (length < sizeof(word)) {
		memcpy(&word, bytes, rest);
		return le64toh(word);
	}
	memcpy(&word, bytes + length - sizeof(word), sizeof(word));
	return le64toh(word) >> 8 * (sizeof(word) - rest);
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
	struct fingerprint result;

	for (size_t rest = length; rest >= sizeof(uint64_t); at += sizeof(uint64_t), rest -= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, at, sizeof(word));
		take_word(&sip, le64toh(word));
	}
	take_word(&sip, last_word(bytes, length) | (uint64_t)length << 56);
	sip.v2 ^= 0xee;
	result.low = finish(&sip);
	sip.v1 ^= 0xdd;
	result.high = finish(&sip);
	return result;
}

/* A value whose text is in it as it is, in one go. */
static void add_plain(struct text *text, enum json_kind kind, const char *bytes, size_t length)
{
	uint64_t size = length;
	char *at;

	text_reserve(text, 1 + sizeof(size) + length);
	at = text->data + text->length;
	*at++ = (char)kind;
	memcpy(at, &size, sizeof(size));
	at += sizeof(size);
	if (length > 0)
		memcpy(at, bytes, length);
	at[length] = '\0';
	text->length += 1 + sizeof(size) + length;
}

void fingerprint_add(struct text *text, const struct json_span *value)
{
	uint64_t length = 0;
	size_t at;

	if (value->kind == JSON_STRING && !(value->flags & JSON_ESCAPED)) {
		add_plain(text, JSON_STRING, value->at + 1, value->length - 2);
		return;
	}
	if (value->kind <= JSON_NUMBER) {
		add_plain(text, value->kind, value->at, value->kind == JSON_NUMBER ? value->length : 0);
		return;
	}
	text_add_char(text, (char)value->kind);
	at = text->length;
	text_add(text, &length, sizeof(length));
	if (value->kind == JSON_STRING)
		json_add_unescaped(text, value->at, value->length);
	else
		json_add_compact(text, value->at, value->length);
	length = text->length - at - sizeof(length);
	memcpy(text->data + at, &length, sizeof(length));
}

void fingerprint_add_members(struct text *text, const char *object, const char *except)
{
	struct json_span key, value;
	size_t length = strlen(except);

	while (json_next_member(&object, &key, &value)) {
		if (json_span_is(&key, except, length))
			continue;
		key.kind = JSON_STRING;
		fingerprint_add(text, &key);
		fingerprint_add(text, &value);
	}
}
