#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/journal/journal_segment.h"
#include "common/memory.h"
#include "common/moment.h"

/* What the caller can do about it is the same: wait until there is room. */
static int full(void)
{
	if (errno == EDQUOT || errno == EFBIG)
		errno = ENOSPC;
	return -1;
}

/* A sync that has failed is never tried again: the kernel forgets what it could not write, and says so once. */
static int broken(struct journal *journal)
{
	journal->failed = errno;
	return -1;
}

static int sync_newest(struct journal *journal)
{
	if (journal->unsynced_name && fsync(journal->directory) < 0)
		return broken(journal);
	if (journal->fd >= 0 && fdatasync(journal->fd) < 0)
		return broken(journal);
	journal->unsynced = journal->unsynced_name = false;
	journal->synced = journal_end(journal);
	return 0;
}

int journal_sync(struct journal *journal)
{
	if (journal->failed) {
		errno = journal->failed;
		return -1;
	}
	if (!journal->unsynced || journal->settings.policy == JOURNAL_NEVER)
		return 0;
	return sync_newest(journal);
}

/* The newest segment will not be appended to any more. */
static int leave(struct journal *journal)
{
	if (journal_sync(journal) < 0)
		return -1;
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
	return 0;
}

static void note_append(struct journal *journal, uint64_t size)
{
	journal_newest(journal)->size += size;
	journal_newest(journal)->end += size;
	journal->size += size;
	if (!journal->unsynced)
		journal->since = moment_now();
	journal->unsynced = true;
}

/* What was written of a record is cut off, or if that cannot be, the segment is left as it is. */
static void take_back(struct journal *journal)
{
	struct journal_segment *segment = journal_newest(journal);
	int number = errno;
	struct stat status;

	if (ftruncate(journal->fd, (off_t)segment->end) < 0) {
		if (fstat(journal->fd, &status) == 0) {
			journal->size += (uint64_t)status.st_size - segment->size;
			segment->size = (uint64_t)status.st_size;
		}
		leave(journal);
	}
	errno = number;
}

/* Appends to the newest segment. parts[0] and the one behind the last are free for the frame and the padding. */
static int append(struct journal *journal, struct journal_frame *frame, struct iovec *parts, int count)
{
	struct journal_place place = {journal_newest(journal)->ordinal, journal_newest(journal)->end};
	uint64_t size = journal_frame_size(frame->length);
	char padding[8] = "";

	frame->head_checksum = frame->checksum = journal_frame_head(journal, place, frame);
	for (int i = 1; i <= count; i++)
		frame->checksum = crc32c_add(&journal->crc32c, frame->checksum, parts[i].iov_base, parts[i].iov_len);
	parts[0] = (struct iovec){frame, sizeof(*frame)};
	parts[count + 1] = (struct iovec){padding, size - sizeof(*frame) - frame->length};
	if (journal_write(journal->fd, parts, count + 2, place.offset) < 0) {
		take_back(journal);
		return full();
	}
	note_append(journal, size);
	return 0;
}

/* Creates the file of the next segment, with its head. The descriptor or -1; then there is no file. */
static int create(struct journal *journal, uint64_t ordinal)
{
	struct journal_head head = {.identity = journal->identity, .ordinal = ordinal};
	struct iovec part = {&head, sizeof(head)};
	char name[JOURNAL_NAME];
	int fd = journal_segment_open(journal, ordinal, O_WRONLY | O_CREAT | O_EXCL), number;

	if (fd < 0)
		return full();
	if (journal->count > 0) {
		head.previous = journal_newest(journal)->ordinal;
		head.previous_end = journal_newest(journal)->end;
	}
	journal_head_seal(&journal->crc32c, &head);
	if (journal_write(fd, &part, 1, 0) == 0)
		return fd;
	number = errno;
	close(fd);
	journal_name(name, ordinal);
	unlinkat(journal->directory, name, 0);
	errno = number;
	return full();
}

/* Takes the newest segment away again; old is the descriptor of the one before it. */
static void undo(struct journal *journal, int old)
{
	char name[JOURNAL_NAME];

	if (journal->fd >= 0)
		close(journal->fd);
	journal_name(name, journal_newest(journal)->ordinal);
	unlinkat(journal->directory, name, 0);
	journal->size -= journal_newest(journal)->size;
	journal->count--;
	journal->fd = old;
	/* As it was when the segment was begun. */
	journal->unsynced = false;
	journal->synced = journal_end(journal);
}

int journal_begin(struct journal *journal)
{
	uint64_t ordinal = journal->next;
	int old = journal->fd, fd, number, said = 0;

	if (journal_sync(journal) < 0)
		return -1;
	fd = create(journal, ordinal);
	if (fd < 0)
		return -1;
	journal->next++;
	journal->segments = xreallocarray(journal->segments, journal->count + 1, sizeof(*journal->segments));
	journal->segments[journal->count++] = (struct journal_segment){.ordinal = ordinal};
	journal->fd = fd;
	journal->unsynced_name = true;
	note_append(journal, sizeof(struct journal_head));
	journal->beginning = true;
	if (journal->settings.begun)
		said = journal->settings.begun(journal->settings.context);
	journal->beginning = false;
	if (said < 0) {
		number = errno;
		undo(journal, old);
		errno = number;
		return -1;
	}
	if (old >= 0)
		close(old);
	journal->checkpoint = journal_newest(journal)->end;
	return 0;
}

/* A segment that holds no more than its checkpoint takes any record. */
static bool fits(const struct journal *journal, uint64_t size)
{
	uint64_t end = journal_newest(journal)->end;

	return journal->fd >= 0 && (end == journal->checkpoint || end + size <= journal->settings.segment_size);
}

static int make_way(struct journal *journal, uint64_t size)
{
	bool there = journal->count > 0 && fits(journal, size);

	if (journal->settings.quota > 0 &&
	    journal->size + size + (there ? 0 : sizeof(struct journal_head)) > journal->settings.quota) {
		errno = ENOSPC;
		return -1;
	}
	return there ? 0 : journal_begin(journal);
}

int journal_append(struct journal *journal, uint16_t kind, uint16_t who, const struct iovec *parts, int count,
                   struct journal_place *place)
{
	struct journal_frame frame = {.kind = kind, .who = who};
	struct iovec all[JOURNAL_PARTS + 2];
	uint64_t length = 0;

	if (count < 0 || count > JOURNAL_PARTS) {
		errno = EINVAL;
		return -1;
	}
	for (int i = 0; i < count && length <= JOURNAL_LENGTH; i++) {
		all[i + 1] = parts[i];
		length += parts[i].iov_len;
	}
	errno = length > JOURNAL_LENGTH ? EMSGSIZE : journal->failed;
	if (errno != 0)
		return -1;
	frame.length = (uint32_t)length;
	if (!journal->beginning && make_way(journal, journal_frame_size(frame.length)) < 0)
		return -1;
	if (journal->fd < 0) {
		errno = EIO;
		return -1;
	}
	if (append(journal, &frame, all, count) < 0)
		return -1;
	if (place)
		*place = (struct journal_place){journal_newest(journal)->ordinal,
		                                journal_newest(journal)->end - journal_frame_size(frame.length)};
	return 0;
}

static const char *reserve_name(void)
{
	return "reserve";
}

void journal_reserve(struct journal *journal)
{
	int fd;

	if (journal->reserve)
		return;
	fd = openat(journal->directory, reserve_name(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	journal->reserve = posix_fallocate(fd, 0, JOURNAL_RESERVE) == 0;
	if (!journal->reserve)
		unlinkat(journal->directory, reserve_name(), 0);
	close(fd);
}

int journal_turn(struct journal *journal)
{
	if (journal_begin(journal) == 0)
		return 0;
	if (errno != ENOSPC || !journal->reserve)
		return -1;
	unlinkat(journal->directory, reserve_name(), 0);
	journal->reserve = false;
	return journal_begin(journal);
}

int journal_release(struct journal *journal, uint64_t segment)
{
	size_t count = journal_segment_at(journal, segment), done = 0;
	char name[JOURNAL_NAME];

	if (count == journal->count && count > 0)
		count--;
	if (count == 0)
		return 0;
	if (journal_sync(journal) < 0)
		return -1;
	for (; done < count; done++) {
		journal_name(name, journal->segments[done].ordinal);
		if (unlinkat(journal->directory, name, 0) < 0 && errno != ENOENT)
			break;
		journal->size -= journal->segments[done].size;
	}
	journal->count -= done;
	memmove(journal->segments, journal->segments + done, journal->count * sizeof(*journal->segments));
	if (done < count)
		return -1;
	journal_reserve(journal);
	return 0;
}

int journal_remove(struct journal *journal, uint64_t segment)
{
	size_t i = journal_segment_at(journal, segment);
	char name[JOURNAL_NAME];

	if (i + 1 >= journal->count || journal->segments[i].ordinal != segment)
		return 0;
	if (journal_sync(journal) < 0)
		return -1;
	journal_name(name, segment);
	if (unlinkat(journal->directory, name, 0) < 0 && errno != ENOENT)
		return -1;
	journal->size -= journal->segments[i].size;
	journal->count--;
	memmove(journal->segments + i, journal->segments + i + 1, (journal->count - i) * sizeof(*journal->segments));
	journal_reserve(journal);
	return 0;
}

bool journal_synced(const struct journal *journal, struct journal_place place)
{
	return journal->settings.policy == JOURNAL_NEVER || journal_compare(place, journal->synced) < 0;
}

int64_t journal_due(const struct journal *journal, int64_t now)
{
	int64_t passed = now - journal->since;

	if (!journal->unsynced || journal->failed || journal->settings.policy == JOURNAL_NEVER)
		return -1;
	if (journal->settings.policy == JOURNAL_ALWAYS || passed >= journal->settings.interval)
		return 0;
	return journal->settings.interval - passed;
}

bool journal_has(const struct journal *journal, uint64_t segment)
{
	size_t i = journal_segment_at(journal, segment);

	return i < journal->count && journal->segments[i].ordinal == segment;
}

uint64_t journal_size(const struct journal *journal)
{
	return journal->size;
}

struct journal_place journal_first(const struct journal *journal)
{
	if (journal->count == 0)
		return (struct journal_place){0, 0};
	return (struct journal_place){journal->segments[0].ordinal, sizeof(struct journal_head)};
}

struct journal_place journal_end(const struct journal *journal)
{
	if (journal->count == 0)
		return (struct journal_place){0, 0};
	return (struct journal_place){journal_newest(journal)->ordinal, journal_newest(journal)->end};
}
