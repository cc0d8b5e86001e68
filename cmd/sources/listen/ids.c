#include "cmd/sources/listen/ids.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

uint64_t ids_hash(const char *scope, const char *id, size_t length)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = {0};
	struct text text = {0};
	uint64_t hash;

	text_add(&text, scope, strlen(scope) + 1);
	text_add(&text, id, length);
	EVP_Digest(text.data, text.length, digest, NULL, EVP_sha256(), NULL);
	text_free(&text);
	memcpy(&hash, digest, sizeof(hash));
	return hash ? hash : 1;
}

/* Backwards from the newest; the index, or SIZE_MAX. */
static size_t find(const struct ids *ids, uint64_t hash)
{
	for (size_t i = 0; i < ids->count; i++) {
		size_t index = (ids->next + ids->most - 1 - i) % ids->most;

		if (ids->hashes[index] == hash)
			return index;
	}
	return SIZE_MAX;
}

int64_t ids_find(const struct ids *ids, uint64_t hash)
{
	size_t index = find(ids, hash);

	return index == SIZE_MAX ? -1 : (int64_t)ids->positions[index];
}

void ids_note(struct ids *ids, uint64_t hash, uint64_t position)
{
	if (!ids->hashes) {
		ids->hashes = xcalloc(ids->most, sizeof(*ids->hashes));
		ids->positions = xcalloc(ids->most, sizeof(*ids->positions));
	}
	ids->hashes[ids->next] = hash;
	ids->positions[ids->next] = position;
	ids->next = (ids->next + 1) % ids->most;
	if (ids->count < ids->most)
		ids->count++;
}

void ids_place(struct ids *ids, uint64_t hash, uint64_t position)
{
	size_t index = find(ids, hash);

	if (index != SIZE_MAX)
		ids->positions[index] = position;
}

size_t ids_save(const struct ids *ids, uint64_t cursor[IDS_CURSOR])
{
	size_t count = ids->count < IDS_CURSOR ? ids->count : IDS_CURSOR;

	for (size_t i = 0; i < count; i++)
		cursor[i] = ids->hashes[(ids->next + ids->most - count + i) % ids->most];
	return count * sizeof(*cursor);
}

void ids_load(struct ids *ids, const void *cursor, size_t length, uint64_t position)
{
	uint64_t hash;

	for (size_t at = 0; at + sizeof(hash) <= length; at += sizeof(hash)) {
		memcpy(&hash, (const char *)cursor + at, sizeof(hash));
		ids_note(ids, hash, position);
	}
}

void ids_free(struct ids *ids)
{
	free(ids->hashes);
	free(ids->positions);
}
