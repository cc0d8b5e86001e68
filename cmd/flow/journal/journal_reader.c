#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/journal/journal_segment.h"
#include "common/memory.h"

enum { BLOCK = 256 << 10 };

void journal_reader_init(struct journal_reader *reader, struct journal *journal, struct journal_place place)
{
	*reader = (struct journal_reader){.place = place, .journal = journal, .fd = -1};
}

void journal_reader_free(struct journal_reader *reader)
{
	if (reader->fd >= 0)
		close(reader->fd);
	free(reader->buffer);
	*reader = (struct journal_reader){.fd = -1};
}

/* Opens the segment that the place is in. */
static int enter(struct journal_reader *reader)
{
	int fd;

	if (reader->fd >= 0 && reader->segment == reader->place.segment)
		return 0;
	fd = journal_segment_open(reader->journal, reader->place.segment, O_RDONLY);
	if (fd < 0)
		return -1;
	if (reader->fd >= 0)
		close(reader->fd);
	reader->fd = fd;
	reader->segment = reader->place.segment;
	reader->length = 0;
	return 0;
}

/* Makes room for need bytes from offset on, keeping those that are there already. */
static void make_room(struct journal_reader *reader, uint64_t offset, size_t need)
{
	size_t capacity = need > BLOCK ? need : BLOCK, kept = 0;

	if (offset >= reader->start && offset < reader->start + reader->length) {
		kept = reader->length - (size_t)(offset - reader->start);
		memmove(reader->buffer, reader->buffer + (offset - reader->start), kept);
	}
	if (capacity < kept)
		capacity = kept;
	/* What a long record needed is given back behind it. */
	if (capacity != reader->capacity) {
		reader->buffer = xreallocarray(reader->buffer, capacity, 1);
		reader->capacity = capacity;
	}
	reader->start = offset;
	reader->length = kept;
}

/*
 * The bytes from offset on, need of them, in bytes: 1, 0: the file has not that many, -1. Never reads at or beyond
 * end: what is there may still change.
 */
static int get(struct journal_reader *reader, uint64_t end, uint64_t offset, size_t need, const char **bytes)
{
	if (offset < reader->start || offset + need > reader->start + reader->length) {
		make_room(reader, offset, need);
		while (reader->length < need) {
			uint64_t left = end - offset - reader->length;
			size_t room = reader->capacity - reader->length;
			ssize_t n = pread(reader->fd, reader->buffer + reader->length, left < room ? left : room,
			                  (off_t)(offset + reader->length));

			if (n == 0)
				return 0;
			if (n < 0 && errno != EINTR)
				return -1;
			if (n > 0)
				reader->length += (size_t)n;
		}
	}
	*bytes = reader->buffer + (offset - reader->start);
	return 1;
}

/* The record at an offset, if there is one that is whole and right. */
static int get_record(struct journal_reader *reader, uint64_t end, uint64_t offset, struct journal_record *record)
{
	const struct journal *journal = reader->journal;
	struct journal_place place = {reader->place.segment, offset};
	struct journal_frame frame;
	const char *bytes;
	int there = get(reader, end, offset, sizeof(frame), &bytes);

	if (there <= 0)
		return there;
	memcpy(&frame, bytes, sizeof(frame));
	if (frame.head_checksum != journal_frame_head(journal, place, &frame) || frame.length > JOURNAL_LENGTH ||
	    journal_frame_size(frame.length) > end - offset)
		return 0;
	there = get(reader, end, offset, sizeof(frame) + frame.length, &bytes);
	if (there <= 0)
		return there;
	bytes += sizeof(frame);
	if (frame.checksum != crc32c_add(&journal->crc32c, frame.head_checksum, bytes, frame.length))
		return 0;
	*record = (struct journal_record){
		.kind = frame.kind,
		.who = frame.who,
		.bytes = bytes,
		.length = frame.length,
		.place = place,
		.next = {place.segment, offset + journal_frame_size(frame.length)},
	};
	return 1;
}

int journal_reader_find(struct journal_reader *reader, uint64_t end, struct journal_record *record)
{
	int there = 0;

	if (enter(reader) < 0)
		return -1;
	for (uint64_t offset = (reader->place.offset + 7) & ~(uint64_t)7; there == 0; offset += 8) {
		if (offset + sizeof(struct journal_frame) > end)
			return 0;
		there = get_record(reader, end, offset, record);
	}
	return there;
}

int journal_reader_next(struct journal_reader *reader, struct journal_record *record)
{
	const struct journal *journal = reader->journal;
	struct journal_place *place = &reader->place;

	for (;;) {
		size_t i = journal_segment_at(journal, place->segment);
		const struct journal_segment *segment = &journal->segments[i];
		int there;

		if (i == journal->count)
			return 0;
		if (segment->ordinal != place->segment || place->offset < sizeof(struct journal_head))
			*place = (struct journal_place){segment->ordinal, sizeof(struct journal_head)};
		if (place->offset >= segment->end) {
			if (i + 1 == journal->count)
				return 0;
			*place = (struct journal_place){segment[1].ordinal, sizeof(struct journal_head)};
			continue;
		}
		there = journal_reader_find(reader, segment->end, record);
		if (there < 0)
			return -1;
		if (there == 0 || record->place.offset > place->offset)
			journal_damage_add(&reader->damage, segment->ordinal, place->offset,
			                   there == 0 ? segment->end : record->place.offset);
		place->offset = there == 0 ? segment->end : record->next.offset;
		if (there > 0)
			return 1;
	}
}
