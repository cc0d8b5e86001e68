/*
 * journal: an append-only log of records in segment files: what must not be forgotten when a process or the machine
 * dies (delivery: durable), and what does not fit into memory (when_full: spill). One process, one thread.
 *
 *     DIR/lock                  held (flock) by the one process that has the journal open; a copy of its identity
 *     DIR/0000000007.journal    segments, named by ordinal; an ordinal is never used twice
 *     DIR/reserve               some room on the disk for a new segment when nothing else is left, see journal_turn
 *
 * What a record says is the caller's business: here it is a kind, a number (of an edge, say) and bytes. It is found
 * again whole or not at all. Bytes once written are never written over: a record that a dying process left unfinished
 * stays where it is, and its successor begins a new segment. What a failed append has written in the running process
 * is cut off.
 *
 * A segment is deleted when the caller releases it, never otherwise. So that he can, without copying what is old, he is
 * told when a new segment begins, and repeats in it what he wants to know although the older ones will be gone (a
 * checkpoint): to be appended by `begun`, before anything else is in the segment.
 *
 * Places compare by segment, then offset, in the order of appending. Functions that return int: 0, or -1 and errno.
 */
#ifndef PYPE_FLOW_JOURNAL_H
#define PYPE_FLOW_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "cmd/flow/journal/crc32c.h"

/* When what was appended is written to the disk. A kill -9 loses nothing by any of them, only the machine does. */
enum journal_policy {
	JOURNAL_ALWAYS, /* journal_due() at once: the caller syncs each time before he lets go of something */
	JOURNAL_INTERVAL, /* journal_due() an interval after the first record that is not on disk */
	JOURNAL_NEVER, /* when the kernel likes; everything counts as synced */
};

enum {
	JOURNAL_SEGMENT = 16 << 20, /* bytes, the default */
	JOURNAL_LENGTH = 64 << 20, /* the longest record */
	JOURNAL_PARTS = 16, /* of a record, in journal_append */
	JOURNAL_RESERVE = 64 << 10, /* what a checkpoint may need on a full disk */
};

struct journal_place {
	uint64_t segment, offset; /* {0, 0} is before all records */
};

struct journal_record {
	uint16_t kind, who;
	const char *bytes; /* 8-byte aligned; borrowed until the next call with the same reader */
	size_t length;
	struct journal_place place, next; /* where it begins, and what comes behind it */
};

struct journal_settings {
	const char *directory; /* made if missing (mode 0700), its parent must be there */
	enum journal_policy policy;
	int64_t interval; /* nanoseconds, of JOURNAL_INTERVAL; 0: 1s */
	uint64_t quota; /* bytes of all segments; 0: as much as the disk has */
	uint64_t segment_size; /* bytes; 0: JOURNAL_SEGMENT. A longer record gets a longer segment */
	/* Each record that journal_open finds, from the oldest on; it may not use the journal yet. May be NULL. */
	void (*found)(void *context, const struct journal_record *record);
	/*
	 * A segment was begun, the first one by journal_open: append the checkpoint now. The quota does not apply
	 * here, and nothing but appending and reading is allowed. 0, or -1 and errno (an append failed): the segment is
	 * removed and all is as before, so that what was to be appended has failed with this errno. Called again in
	 * the next attempt. May be NULL.
	 */
	int (*begun)(void *context);
	bool gaps; /* segments may be missing in between: journal_remove is used, and the caller knows what he needs */
	void *context;
};

/* Bytes that should have been records and are none. Nothing of them is delivered, but what comes behind them is. */
struct journal_damage {
	uint64_t count; /* of stretches that were skipped: one or several records, or a missing segment */
	uint64_t bytes;
	struct journal_place first;
};

struct journal_segment;

struct journal {
	/* What journal_open has found: to be read. torn is bytes at the end that a dying writer had not finished. */
	struct journal_damage damage;
	uint64_t torn; /* no damage */

	/* private */
	struct journal_settings settings;
	struct crc32c crc32c;
	uint64_t identity; /* random; in all checksums, so that no other journal's record is taken for one of this */
	int directory, lock;
	int fd; /* of the newest segment; -1: it cannot be appended to, the next append begins another */
	struct journal_segment *segments; /* from the oldest to the newest */
	size_t count;
	uint64_t next; /* ordinal */
	uint64_t size;
	uint64_t checkpoint; /* where it ends in the newest segment */
	bool beginning; /* begun is being called */
	bool reserve; /* there is one */
	int failed; /* errno of a sync that has failed: nobody knows what is on disk */
	bool unsynced, unsynced_name; /* of the newest segment */
	int64_t since; /* it is unsynced: monotonic nanoseconds */
	struct journal_place synced; /* the end of what is on disk */
};

/* -1 if a is before b, 0, 1. */
static inline int journal_compare(struct journal_place a, struct journal_place b)
{
	if (a.segment != b.segment)
		return a.segment < b.segment ? -1 : 1;
	return a.offset < b.offset ? -1 : a.offset > b.offset;
}

/*
 * Opens the journal for good, and calls found for all that is there, then begun. EWOULDBLOCK: another process has it
 * open; ENOTSUP: it was written in a format that is not known here. A full disk is no error: then there is no new
 * segment yet. After an error there is nothing to close.
 */
int journal_open(struct journal *journal, const struct journal_settings *settings);
/* Syncs what was appended, as far as the policy wants it, and lets go of the directory. */
void journal_close(struct journal *journal);

/* Removes a journal that is not open, and its directory. Best effort. */
void journal_discard(const char *path);

/*
 * Appends a record that is the parts one after the other, by one system call; place (may be NULL) is where it begins.
 * When it fails nothing of the record is in the journal. ENOSPC: disk or quota is full (or RLIMIT_FSIZE is reached
 * and SIGXFSZ ignored), it can be tried again when something was released; EMSGSIZE: longer than JOURNAL_LENGTH;
 * EINVAL: more than JOURNAL_PARTS.
 */
int journal_append(struct journal *journal, uint16_t kind, uint16_t who, const struct iovec *parts, int count,
                   struct journal_place *place);

/*
 * Begins a new segment now, in spite of the quota, and on a full disk with the reserve. For when no record of the
 * newest segment is needed any more: after it all older ones may be released, which is how a full journal gets free.
 */
int journal_turn(struct journal *journal);

/*
 * Deletes all segments below this ordinal but the newest, after a sync: what replaces them is on disk before they go.
 * When it fails some may be left.
 */
int journal_release(struct journal *journal, uint64_t segment);

/*
 * Deletes one segment, after a sync, wherever it is; not the newest one. With settings.gaps it is no damage that it is missing.
 */
int journal_remove(struct journal *journal, uint64_t segment);

/* What was appended is on disk when it returns 0. Failed once is failed for good, as for all further appends. */
int journal_sync(struct journal *journal);
/* Whether the record at a place is on disk, as far as the policy wants it. */
bool journal_synced(const struct journal *journal, struct journal_place place);
/* Nanoseconds until the policy wants a journal_sync, 0: now, -1: there is no need. now is moment_now()'s. */
int64_t journal_due(const struct journal *journal, int64_t now);

/* There is a segment with this ordinal. */
bool journal_has(const struct journal *journal, uint64_t segment);
/* Bytes of all segments. */
uint64_t journal_size(const struct journal *journal);
/* Where the oldest record is, and where the next one would be (or the beginning of a segment that is yet to begin). */
struct journal_place journal_first(const struct journal *journal);
struct journal_place journal_end(const struct journal *journal);

/*
 * Reads a journal from a place on, also while it is appended to, in large blocks. There may be any number of readers.
 * A reader in a segment that is released goes on with the oldest one there is.
 */
struct journal_reader {
	struct journal_place place; /* of what is read next; may be set, to a place that came from a record */
	struct journal_damage damage; /* what this reader has skipped */

	/* private */
	struct journal *journal;
	int fd;
	uint64_t segment; /* that fd and the buffer are of */
	char *buffer;
	size_t capacity, length;
	uint64_t start; /* offset of the buffer in the segment */
};

void journal_reader_init(struct journal_reader *reader, struct journal *journal, struct journal_place place);
/* Gets the next record and moves behind it: 1, 0: there is none yet, or -1 and errno (the place is as it was). */
int journal_reader_next(struct journal_reader *reader, struct journal_record *record);
void journal_reader_free(struct journal_reader *reader);

#endif
