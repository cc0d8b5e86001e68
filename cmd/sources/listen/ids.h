/*
 * ids: the ids of the newest requests that became events, so that one which is sent again does not become events again.
 *
 * Of an id 64 bits of its SHA-256 are kept. The newest of them fit into the cursor that a runner keeps with the events
 * themselves (source_cursor): so the successor of a process that was killed knows those that are out, and no others.
 */
#ifndef PYPE_LISTEN_IDS_H
#define PYPE_LISTEN_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "common/page.h"

enum { IDS_CURSOR = PAGE_CURSOR / sizeof(uint64_t) };

struct ids {
	size_t most; /* how many are kept; the caller's */

	/* private: the newest is before `next` */
	uint64_t *hashes, *positions;
	size_t count, next;
};

/* Never 0. */
uint64_t ids_hash(const char *scope, const char *id, size_t length);
/* The position that was noted with it (0 or more), or -1: it is not known. */
int64_t ids_find(const struct ids *ids, uint64_t hash);
void ids_note(struct ids *ids, uint64_t hash, uint64_t position);
/* Sets the position of the newest. */
void ids_place(struct ids *ids, uint64_t hash, uint64_t position);

/* Writes the newest, oldest first; returns the number of bytes. And back, all at one position. */
size_t ids_save(const struct ids *ids, uint64_t cursor[IDS_CURSOR]);
void ids_load(struct ids *ids, const void *cursor, size_t length, uint64_t position);
void ids_free(struct ids *ids);

#endif
