#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/journal/journal_segment.h"
#include "common/memory.h"
#include "common/unit.h"

static int compare_ordinals(const void *a, const void *b)
{
	const struct journal_segment *first = a, *second = b;

	return first->ordinal < second->ordinal ? -1 : first->ordinal > second->ordinal;
}

static int read_head(struct journal *journal, struct journal_segment *segment)
{
	int fd = journal_segment_open(journal, segment->ordinal, O_RDONLY), right = 0;
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) < 0)
		right = -1;
	else if (pread(fd, &segment->head, sizeof(segment->head), 0) == sizeof(segment->head))
		right = journal_head_check(&journal->crc32c, &segment->head);
	close(fd);
	if (right < 0)
		return -1;
	segment->size = (uint64_t)status.st_size;
	journal->size += segment->size;
	if (right == 0 || segment->head.ordinal != segment->ordinal)
		segment->head = (struct journal_head){0};
	else if (journal->identity == 0)
		journal->identity = segment->head.identity;
	if (segment->head.identity != journal->identity)
		segment->head = (struct journal_head){0};
	return 0;
}

static int list(struct journal *journal)
{
	int fd = openat(journal->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint64_t ordinal;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(directory))) {
		if (!journal_name_read(entry->d_name, &ordinal))
			continue;
		journal->segments = xreallocarray(journal->segments, journal->count + 1, sizeof(*journal->segments));
		journal->segments[journal->count++] = (struct journal_segment){.ordinal = ordinal};
	}
	closedir(directory);
	if (errno != 0)
		return -1;
	if (journal->count > 0)
		qsort(journal->segments, journal->count, sizeof(*journal->segments), compare_ordinals);
	for (size_t i = 0; i < journal->count; i++) {
		if (read_head(journal, &journal->segments[i]) < 0)
			return -1;
	}
	return 0;
}

/* Delivers the records of one segment up to end; where the last one ends is put into segment->end. */
static int recover_records(struct journal_reader *reader, struct journal_segment *segment, uint64_t end)
{
	struct journal *journal = reader->journal;
	struct journal_record record;
	int more;

	reader->place = (struct journal_place){segment->ordinal, sizeof(struct journal_head)};
	while ((more = journal_reader_find(reader, end, &record)) > 0) {
		if (record.place.offset > reader->place.offset)
			journal_damage_add(&journal->damage, segment->ordinal, reader->place.offset,
			                   record.place.offset);
		reader->place = record.next;
		if (journal->settings.found)
			journal->settings.found(journal->settings.context, &record);
	}
	segment->end = reader->place.offset;
	if (more == 0 && journal->settings.policy != JOURNAL_NEVER && fdatasync(reader->fd) < 0)
		return -1;
	return more;
}

/*
 * What comes behind the last record of a segment is nothing if the segment behind it says that it ended there. If
 * that says otherwise, or cannot say, it is damage. In the newest segment it is what was being written.
 */
static int recover(struct journal_reader *reader, size_t i)
{
	struct journal *journal = reader->journal;
	struct journal_segment *segment = &journal->segments[i];
	const struct journal_segment *next = i + 1 < journal->count ? segment + 1 : NULL;
	bool known = next && next->head.previous == segment->ordinal;
	uint64_t wanted = known ? next->head.previous_end : segment->size, start = sizeof(struct journal_head);

	if (i > 0 && segment->head.previous > segment[-1].ordinal && !journal->settings.gaps)
		journal_damage_add(&journal->damage, segment->head.previous, 0, 0);
	if (recover_records(reader, segment, wanted < segment->size ? wanted : segment->size) < 0)
		return -1;
	if (!next) {
		if (segment->size > segment->end)
			journal->torn += segment->size - segment->end;
		else if (segment->size < start)
			journal->torn += segment->size;
	}
	if (segment->head.ordinal == 0 && segment->size >= start && (next || segment->end > start) &&
	    !(known && wanted == start))
		journal_damage_add(&journal->damage, segment->ordinal, 0, start);
	if (next && segment->end < wanted && (known || !journal->settings.gaps))
		journal_damage_add(&journal->damage, segment->ordinal, segment->end, wanted);
	return 0;
}

static int recover_all(struct journal *journal)
{
	struct journal_reader reader;
	int result = 0;

	journal_reader_init(&reader, journal, (struct journal_place){0, 0});
	for (size_t i = 0; result == 0 && i < journal->count; i++)
		result = recover(&reader, i);
	journal_reader_free(&reader);
	return result;
}

/* Opens the directory, which is made if it is missing, and locks it. */
static int take(struct journal *journal, const char *path)
{
	int parent;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -1;
	journal->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->directory < 0)
		return -1;
	/* Who made it may have died before he came to this. */
	if (journal->settings.policy != JOURNAL_NEVER) {
		parent = openat(journal->directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (parent < 0 || fsync(parent) < 0 || close(parent) < 0)
			return -1;
	}
	journal->lock = openat(journal->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return journal->lock < 0 ? -1 : flock(journal->lock, LOCK_EX | LOCK_NB);
}

/*
 * Whose records these are is in each segment's head, and once more in the lock, for the segment whose head is
 * damaged. So it does no harm if the lock cannot be written.
 */
static int identify(struct journal *journal)
{
	struct journal_head head;
	struct iovec part = {&head, sizeof(head)};
	int right = 0;

	if (pread(journal->lock, &head, sizeof(head), 0) == sizeof(head))
		right = journal_head_check(&journal->crc32c, &head);
	if (right > 0)
		journal->identity = head.identity;
	if (right < 0 || list(journal) < 0)
		return -1;
	while (journal->identity == 0) {
		if (getrandom(&journal->identity, sizeof(journal->identity), 0) < 0)
			return -1;
	}
	if (right > 0)
		return 0;
	head = (struct journal_head){.identity = journal->identity};
	journal_head_seal(&journal->crc32c, &head);
	if (journal_write(journal->lock, &part, 1, 0) == 0 && journal->settings.policy != JOURNAL_NEVER)
		fdatasync(journal->lock);
	return 0;
}

static int start(struct journal *journal)
{
	if (identify(journal) < 0 || recover_all(journal) < 0)
		return -1;
	journal->next = journal->count > 0 ? journal_newest(journal)->ordinal + 1 : 1;
	journal->unsynced = journal->unsynced_name = true;
	if (journal_sync(journal) < 0)
		return -1;
	journal_reserve(journal);
	if (journal->settings.quota > 0 && journal->size >= journal->settings.quota)
		return 0;
	return journal_begin(journal) == 0 || errno == ENOSPC ? 0 : -1;
}

static void drop(struct journal *journal)
{
	int number = errno;

	if (journal->fd >= 0)
		close(journal->fd);
	if (journal->lock >= 0)
		close(journal->lock);
	if (journal->directory >= 0)
		close(journal->directory);
	free(journal->segments);
	journal->segments = NULL;
	journal->count = 0;
	journal->fd = journal->lock = journal->directory = -1;
	errno = number;
}

int journal_open(struct journal *journal, const struct journal_settings *settings)
{
	*journal = (struct journal){.settings = *settings, .directory = -1, .lock = -1, .fd = -1};
	if (journal->settings.segment_size == 0)
		journal->settings.segment_size = JOURNAL_SEGMENT;
	if (journal->settings.interval == 0)
		journal->settings.interval = UNIT_S;
	crc32c_init(&journal->crc32c);
	if (take(journal, settings->directory) == 0 && start(journal) == 0)
		return 0;
	drop(journal);
	return -1;
}

void journal_close(struct journal *journal)
{
	if (!journal->failed)
		journal_sync(journal);
	drop(journal);
}

void journal_discard(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(path);
}
