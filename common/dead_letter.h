/*
 * dead_letter: the file that keeps what a program could not handle, whole.
 *
 * A record is an event (pype-event(5)) of its own:
 *   {"event":"dead_letter","time":T,"source":"pipeline.stage","data":{"error":"…","line":N,"text":"…"}}
 * "text" is the line as it came, as a JSON string; a line that is not UTF-8, or longer than a line may
 * be, is "base64" instead. So nothing is changed or cut, and
 *   pype-jq -r .data.text FILE
 * gives back what was refused. Records are appended, one write(2) each under a lock on the file,
 * since several processes may share it. A record that was cut short by a kill stays as a line of its own.
 */
#ifndef PYPE_DEAD_LETTER_H
#define PYPE_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

struct dead_letters {
	const char *path; /* NULL: there is no such file, and all below does nothing */
	int fd; /* -1 until the first record */
	struct text record;
	unsigned char rest[3]; /* base64 works on three bytes at a time */
	size_t rests;
};

/* path may be NULL. The file is made at the first record, mode 0600. */
void dead_letters_init(struct dead_letters *letters, const char *path);
void dead_letters_free(struct dead_letters *letters);

/* Appends a record; number 0: no line number. 0, or -1: errno. */
int dead_letters_add(struct dead_letters *letters, const char *error, uint64_t number, const char *line, size_t length);

/* The same for a line that comes in pieces. The file stays locked from begin to end, or to the first -1. */
int dead_letters_begin(struct dead_letters *letters, const char *error, uint64_t number);
int dead_letters_piece(struct dead_letters *letters, const char *piece, size_t length);
int dead_letters_end(struct dead_letters *letters);

#endif
