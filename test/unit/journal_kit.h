/*
 * journal_kit: what the tests of the journal share: numbered records whose bytes follow from their number, a
 * directory to have a journal in, and the check that what is found are those records, each one whole, in order.
 */
#ifndef PYPE_TEST_JOURNAL_KIT_H
#define PYPE_TEST_JOURNAL_KIT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/journal/journal.h"
#include "common/memory.h"
#include "common/message.h"
#include "test/unit/tap.h"

enum { KIT_CHECKPOINT = 1, KIT_EVENT = 2 };

struct kit {
	char directory[PATH_MAX];
	struct journal_settings settings;
	struct journal journal;
	size_t longest; /* of a record */
	uint64_t appended; /* the number of the next event */
	char *bytes; /* room for one */
	/* What was found. */
	bool started, wrong;
	uint64_t expected, events, missing;
	uint64_t checkpoints, begun;
	int refuse; /* errno that begun fails with */
};

static inline uint64_t kit_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1dU;
}

/* The bytes of an event, and how many they are. */
static inline size_t kit_fill(const struct kit *kit, uint64_t number, char *bytes)
{
	uint64_t state = number * 0x9e3779b97f4a7c15U + 1;
	size_t length = kit_random(&state) % (kit->longest + 1);

	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = kit_random(&state);

		memcpy(bytes + i, &word, length - i < 8 ? length - i : 8);
	}
	return length;
}

static inline bool kit_same(struct kit *kit, const struct journal_record *record, uint64_t number)
{
	return record->kind == KIT_EVENT && record->who == (uint16_t)number &&
	       record->length == kit_fill(kit, number, kit->bytes) &&
	       (record->length == 0 || memcmp(record->bytes, kit->bytes, record->length) == 0);
}

/*
 * One more record that was found. A checkpoint says the number of the event behind it; events may be missing between
 * two (that is counted), but never come twice or out of order.
 */
static inline void kit_found(void *context, const struct journal_record *record)
{
	struct kit *kit = context;
	uint64_t number = kit->expected;

	if (record->kind == KIT_CHECKPOINT && record->length == sizeof(number)) {
		memcpy(&number, record->bytes, sizeof(number));
		kit->checkpoints++;
	} else {
		while (number < kit->expected + 100 && !kit_same(kit, record, number))
			number++;
		kit->wrong = kit->wrong || number == kit->expected + 100;
	}
	kit->wrong = kit->wrong || (kit->started && number < kit->expected) || ((uintptr_t)record->bytes & 7) != 0;
	if (kit->started)
		kit->missing += number - kit->expected;
	kit->started = true;
	kit->expected = number + (record->kind == KIT_EVENT);
	kit->events += record->kind == KIT_EVENT;
}

static inline int kit_begun(void *context)
{
	struct kit *kit = context;
	struct iovec part = {&kit->appended, sizeof(kit->appended)};

	kit->begun++;
	if (kit->expected > kit->appended)
		kit->appended = kit->expected;
	errno = kit->refuse;
	return kit->refuse ? -1 : journal_append(&kit->journal, KIT_CHECKPOINT, 0, &part, 1, NULL);
}

/* Removes all files in a directory. */
static inline void kit_empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
}

static inline void kit_init(struct kit *kit, const char *directory, size_t longest)
{
	*kit = (struct kit){.longest = longest, .bytes = xmalloc(longest + 8)};
	snprintf(kit->directory, sizeof(kit->directory), "%s/journal", directory);
	kit->settings = (struct journal_settings){
		.directory = kit->directory,
		.policy = JOURNAL_NEVER,
		.found = kit_found,
		.begun = kit_begun,
		.context = kit,
	};
	kit_empty(kit->directory);
}

static inline void kit_free(struct kit *kit)
{
	kit_empty(kit->directory);
	rmdir(kit->directory);
	free(kit->bytes);
}

/* Opens the journal; appending goes on behind what was found. */
static inline int kit_open(struct kit *kit)
{
	kit->started = kit->wrong = false;
	kit->expected = kit->events = kit->missing = kit->checkpoints = kit->begun = 0;
	return journal_open(&kit->journal, &kit->settings);
}

/* Appends the next event, in three parts. */
static inline int kit_append(struct kit *kit, struct journal_place *place)
{
	size_t length = kit_fill(kit, kit->appended, kit->bytes), third = length / 3;
	struct iovec parts[] = {
		{kit->bytes, third}, {kit->bytes + third, third}, {kit->bytes + 2 * third, length - 2 * third}};

	if (journal_append(&kit->journal, KIT_EVENT, (uint16_t)kit->appended, parts, 3, place) < 0)
		return -1;
	kit->appended++;
	return 0;
}

/* Reads all from the beginning: whether it is exactly the events from first on, up to the last one appended. */
static inline bool kit_all(struct kit *kit, uint64_t first)
{
	struct journal_reader reader;
	struct journal_record record;
	int more;

	kit->started = true;
	kit->wrong = false;
	kit->expected = first;
	kit->missing = 0;
	journal_reader_init(&reader, &kit->journal, (struct journal_place){0, 0});
	while ((more = journal_reader_next(&reader, &record)) > 0)
		kit_found(kit, &record);
	journal_reader_free(&reader);
	return more == 0 && !kit->wrong && kit->missing == 0 && kit->expected == kit->appended &&
	       reader.damage.count == 0;
}

#endif
