/*
 * seen: what pype-dedupe remembers of the events that it has let through: of each key the last one. The key that was
 * let through longest ago is forgotten first.
 *
 * With a file all that is remembered is in it, too, as a log of records in shared memory, which a kill does not touch. The
 * number of records so far (seen_count) says what was remembered at a moment: kept with a mark, or in the file's
 * head, it takes the file back to that moment, however much was written since.
 *
 * The log is a ring. Records of keys that still count are copied to its end before they would be written over; its oldest ones
 * may be written over only SEEN_SLACK records after the moment that somebody may go back to, which seen_kept names.
 */
#ifndef PYPE_SEEN_H
#define PYPE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fingerprint.h"
#include "common/key_map.h"
#include "common/state_file.h"

enum { SEEN_SLACK = 8192, SEEN_MOST = 100000000, SEEN_FILE_MOST = 400000 };

struct seen_record {
	struct fingerprint key, value;
	int64_t time;
	uint64_t order; /* of all that was let through, from 1; 0: an empty place */
};

struct seen {
	struct fingerprint_seed seed;
	uint64_t forgotten; /* keys that there was no room for any more */

	/* private */
	size_t most;
	uint64_t order;
	struct key_map map;
	struct state_file file;
	struct seen_head *head; /* of the file; NULL: there is none */
	struct seen_record *records;
	uint64_t places, tail, count, kept;
};

/* Remembers nothing yet, and at most so many keys. */
void seen_init(struct seen *seen, size_t most);
void seen_free(struct seen *seen);

/*
 * Goes on with a file, or makes it: with what was remembered at *count records, or, if count is NULL, at what the file says itself.
 * rules stands for the options that a key depends on; with others the program ends. Ends it, too, if the file cannot be used.
 */
void seen_open(struct seen *seen, const char *path, const char *rules, const uint64_t *count);

/* What is known of a key, or NULL. */
const struct seen_record *seen_find(const struct seen *seen, const struct fingerprint *key);

/* True if seen_kept has to be called before the next seen_put. */
bool seen_is_full(const struct seen *seen);
void seen_put(struct seen *seen, const struct fingerprint *key, const struct fingerprint *value, int64_t time);

uint64_t seen_count(const struct seen *seen);
/* Nobody goes back to a moment before this. */
void seen_kept(struct seen *seen);

#endif
