#include "cmd/flow/journal/journal_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[8] = "pypelog\n";

void journal_name(char name[JOURNAL_NAME], uint64_t ordinal)
{
	snprintf(name, JOURNAL_NAME, "%010" PRIu64 ".journal", ordinal);
}

bool journal_name_read(const char *name, uint64_t *ordinal)
{
	char again[JOURNAL_NAME];

	*ordinal = strtoull(name, NULL, 10);
	journal_name(again, *ordinal);
	return *ordinal > 0 && *ordinal < UINT64_MAX && strcmp(name, again) == 0;
}

static uint32_t head_checksum(const struct crc32c *crc32c, struct journal_head head)
{
	head.checksum = 0;
	return crc32c_add(crc32c, 0, &head, sizeof(head));
}

void journal_head_seal(const struct crc32c *crc32c, struct journal_head *head)
{
	memcpy(head->magic, magic, sizeof(magic));
	head->version = JOURNAL_VERSION;
	head->checksum = head_checksum(crc32c, *head);
}

int journal_head_check(const struct crc32c *crc32c, const struct journal_head *head)
{
	if (memcmp(head->magic, magic, sizeof(magic)) != 0 || head->checksum != head_checksum(crc32c, *head))
		return 0;
	if (head->version == JOURNAL_VERSION)
		return 1;
	errno = ENOTSUP;
	return -1;
}

uint64_t journal_frame_size(uint32_t length)
{
	return (sizeof(struct journal_frame) + (uint64_t)length + 7) & ~(uint64_t)7;
}

uint32_t journal_frame_head(const struct journal *journal, struct journal_place place,
                            const struct journal_frame *frame)
{
	struct {
		uint64_t identity;
		struct journal_place place;
		uint32_t length;
		uint16_t kind, who;
	} covered = {journal->identity, place, frame->length, frame->kind, frame->who};

	return crc32c_add(&journal->crc32c, 0, &covered, sizeof(covered));
}

size_t journal_segment_at(const struct journal *journal, uint64_t ordinal)
{
	size_t low = 0, high = journal->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (journal->segments[middle].ordinal < ordinal)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int journal_segment_open(const struct journal *journal, uint64_t ordinal, int flags)
{
	char name[JOURNAL_NAME];

	journal_name(name, ordinal);
	return openat(journal->directory, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

void journal_damage_add(struct journal_damage *damage, uint64_t segment, uint64_t from, uint64_t to)
{
	if (damage->count++ == 0)
		damage->first = (struct journal_place){segment, from};
	damage->bytes += to - from;
}

int journal_write(int fd, struct iovec *parts, int count, uint64_t offset)
{
	while (count > 0) {
		ssize_t n = pwritev(fd, parts, count, (off_t)offset);

		if (n == 0)
			errno = ENOSPC;
		if (n == 0 || (n < 0 && errno != EINTR))
			return -1;
		if (n > 0)
			offset += (size_t)n;
		while (count > 0 && n >= (ssize_t)parts->iov_len) {
			n -= (ssize_t)parts->iov_len;
			parts++;
			count--;
		}
		if (n > 0) {
			parts->iov_base = (char *)parts->iov_base + n;
			parts->iov_len -= (size_t)n;
		}
	}
	return 0;
}
