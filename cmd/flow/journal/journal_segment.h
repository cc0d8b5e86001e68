/*
 * journal_segment: the format of the journal's files, in the byte order of the machine.
 *
 * A segment is a header and records, each at a multiple of 8. The checksum of a record's header covers where it is and
 * whose it is too: neither a record inside another one's bytes, nor an old one in a recycled block of the disk, nor
 * zeros pass for one. So the record behind a damaged one can be searched for.
 */
#ifndef PYPE_FLOW_JOURNAL_SEGMENT_H
#define PYPE_FLOW_JOURNAL_SEGMENT_H

#include "cmd/flow/journal/journal.h"

enum { JOURNAL_NAME = 40, JOURNAL_VERSION = 1 };

struct journal_head {
	char magic[8];
	uint32_t version, checksum;
	uint64_t identity, ordinal;
	uint64_t previous, previous_end; /* the segment before this one, and where its last record ends; 0: none */
};

struct journal_frame {
	uint32_t length;
	uint16_t kind, who;
	uint32_t head_checksum; /* of the above, and of where it is */
	uint32_t checksum; /* of the bytes, and of the above */
};

/* A segment as the journal knows it. */
struct journal_segment {
	uint64_t ordinal;
	uint64_t size; /* of the file */
	uint64_t end; /* of the last whole record; what is behind it is nothing */
	struct journal_head head; /* .ordinal 0: it is damaged */
};

/* The file's name, and back: false for any other file. */
void journal_name(char name[JOURNAL_NAME], uint64_t ordinal);
bool journal_name_read(const char *name, uint64_t *ordinal);

/* Magic, version and checksum of a head; whether they are right: 1, 0, or -1 and ENOTSUP, another version. */
void journal_head_seal(const struct crc32c *crc32c, struct journal_head *head);
int journal_head_check(const struct crc32c *crc32c, const struct journal_head *head);

/* Bytes of a record in the file. */
uint64_t journal_frame_size(uint32_t length);
uint32_t journal_frame_head(const struct journal *journal, struct journal_place place,
                            const struct journal_frame *frame);

/* The segment with this ordinal, or the first one above it; count if there is none. */
size_t journal_segment_at(const struct journal *journal, uint64_t ordinal);
/* Opens a segment's file: descriptor or -1. */
int journal_segment_open(const struct journal *journal, uint64_t ordinal, int flags);

/*
 * The next record of the reader's segment that ends at or below end, wherever it begins, in record: 1, 0 or -1. The
 * reader's place is not moved.
 */
int journal_reader_find(struct journal_reader *reader, uint64_t end, struct journal_record *record);
/* Notes a stretch that is no record. */
void journal_damage_add(struct journal_damage *damage, uint64_t segment, uint64_t from, uint64_t to);

/* Writes all of the parts, which it changes. A short write is tried on, so that errno says what was in its way. */
int journal_write(int fd, struct iovec *parts, int count, uint64_t offset);

static inline struct journal_segment *journal_newest(const struct journal *journal)
{
	return &journal->segments[journal->count - 1];
}

/* Begins a segment and has the caller write his checkpoint. When it fails the older one is the newest, as before. */
int journal_begin(struct journal *journal);
/* Makes the reserve if there is none. Best effort, as it is only there for the worst. */
void journal_reserve(struct journal *journal);

#endif
