// with: cmd/flow/journal/journal.c cmd/flow/journal/journal_open.c cmd/flow/journal/journal_reader.c cmd/flow/journal/journal_segment.c cmd/flow/journal/crc32c.c common/memory.c common/message.c common/moment.c
/*
 * journal: any bytes as a segment. Recovery ends, and delivers nothing but records whose checksums are right, each
 * behind the one before it; a reader finds the same, and the journal can be appended to.
 *
 * Bytes alone would never be a record. So the input is pieces: a byte that says what it is, one for its length, and its
 * bytes: as they are, or as a record, right or almost, a head, or a cut in what there was so far.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/journal/journal_segment.h"

enum { MOST = 1 << 16, IDENTITY = 4711 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

/* The segment as it is in the file, and what was found in it. */
struct state {
	char bytes[MOST];
	size_t length;
	uint64_t found, sum, damage;
	struct journal_place behind;
	struct journal journal;
};

/* CRC-32C once more, bit by bit. */
static uint32_t slow_checksum(uint32_t crc, const void *bytes, size_t length)
{
	const unsigned char *byte = bytes;

	crc = ~crc;
	for (size_t i = 0; i < length; i++) {
		crc ^= byte[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static uint32_t slow_head(struct journal_place place, const char *frame)
{
	uint64_t whose[] = {IDENTITY, place.segment, place.offset};

	return slow_checksum(slow_checksum(0, whose, sizeof(whose)), frame, 8);
}

static void note(struct state *state, const struct journal_record *record)
{
	state->found++;
	state->sum = state->sum * 31 + record->place.offset + record->length + record->kind;
}

static void found(void *context, const struct journal_record *record)
{
	struct state *state = context;
	const char *frame = state->bytes + record->place.offset;
	uint32_t fields[2], length;

	check(record->place.segment == 1 && record->place.offset >= state->behind.offset);
	check(journal_compare(record->place, record->next) < 0 && record->next.offset <= (state->length + 7) / 8 * 8);
	check(record->place.offset + 16 + record->length <= state->length);
	state->behind = record->next;
	memcpy(&length, frame, sizeof(length));
	memcpy(fields, frame + 8, sizeof(fields));
	check(length == record->length && memcmp(frame + 16, record->bytes, length) == 0);
	check(fields[0] == slow_head(record->place, frame));
	check(fields[1] == slow_checksum(fields[0], record->bytes, length));
	note(state, record);
}

static void add(struct state *state, const void *bytes, size_t length)
{
	if (length > MOST - state->length)
		length = MOST - state->length;
	memcpy(state->bytes + state->length, bytes, length);
	state->length += length;
}

static void add_record(struct state *state, const uint8_t *bytes, size_t length, unsigned wrong)
{
	struct journal_frame frame = {.length = (uint32_t)length, .kind = 3, .who = 4};
	struct journal_place place = {1, state->length};

	frame.head_checksum = slow_head(place, (const char *)&frame);
	frame.checksum = slow_checksum(frame.head_checksum, bytes, length);
	/* Longer than the file, or than allowed, with the right checksum; a damaged frame; damaged bytes. */
	if (wrong == 1 || wrong == 2) {
		frame.length = wrong == 1 ? 1000000 : UINT32_MAX;
		frame.head_checksum = slow_head(place, (const char *)&frame);
	}
	frame.kind ^= wrong == 3;
	frame.checksum ^= wrong == 4;
	add(state, &frame, sizeof(frame));
	add(state, bytes, length);
	if (wrong != 5)
		add(state, "\0\0\0\0\0\0\0", (8 - state->length % 8) % 8);
}

static void build(struct state *state, const uint8_t *data, size_t size)
{
	struct journal_head head = {.identity = IDENTITY, .ordinal = 1};
	struct crc32c crc32c;

	crc32c_init(&crc32c);
	journal_head_seal(&crc32c, &head);
	while (size >= 2) {
		unsigned what = data[0] % 16;
		size_t length = data[1] < size - 2 ? data[1] : size - 2;

		if (what < 6)
			add_record(state, data + 2, length, what);
		else if (what == 6)
			add(state, &head, sizeof(head));
		else if (what == 7)
			state->length -= length < state->length ? length : state->length;
		else if (what < 12)
			add(state, data + 2, length);
		else
			add_record(state, data + 2, length, 0);
		data += 2 + length;
		size -= 2 + length;
	}
}

static void put(int directory, const char *name, const void *bytes, size_t length)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	check(fd >= 0 && write(fd, bytes, length) == (ssize_t)length && close(fd) == 0);
}

static void empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;

	check(directory);
	while ((entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	closedir(directory);
	rmdir(path);
}

/* What recovery has found, a reader finds, and one more that was appended. */
static void read_again(struct state *state)
{
	uint64_t count = state->found, sum = state->sum;
	struct iovec part = {(char[]){"last"}, 4};
	struct journal_reader reader;
	struct journal_record record;
	struct journal_place place;

	check(journal_append(&state->journal, 1, 2, &part, 1, &place) == 0 && place.segment == 2);
	state->found = state->sum = 0;
	journal_reader_init(&reader, &state->journal, (struct journal_place){0, 0});
	while (journal_reader_next(&reader, &record) == 1 && record.place.segment == 1)
		note(state, &record);
	check(state->found == count && state->sum == sum && reader.damage.count <= state->journal.damage.count);
	check(journal_compare(record.place, place) == 0 && record.length == 4 && memcmp(record.bytes, "last", 4) == 0);
	journal_reader_free(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/journal.XXXXXX";
	struct state *state = calloc(1, sizeof(*state));
	struct journal_head lock = {.identity = IDENTITY};
	struct journal_settings settings = {
		.directory = path, .policy = JOURNAL_NEVER, .found = found, .context = state};
	struct crc32c crc32c;
	int directory;

	check(state && mkdtemp(path));
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	build(state, data, size);
	crc32c_init(&crc32c);
	journal_head_seal(&crc32c, &lock);
	put(directory, "lock", &lock, sizeof(lock));
	put(directory, "0000000001.journal", state->bytes, state->length);
	close(directory);
	check(journal_open(&state->journal, &settings) == 0);
	read_again(state);
	journal_close(&state->journal);
	empty(path);
	free(state);
	return 0;
}
