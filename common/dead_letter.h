/*
 * dead_letter: the file that keeps what a program could not handle, whole.
 *
 * A record is an event (pype-event(5)) of its own:
 *   {"event":"dead_letter","time":T,"source":"pipeline.stage","data":{"error":"…","line":N,"text":"…"}}
 * "text" is the line as it came, as a JSON string; a line that is not UTF-8, or longer than a line may
 * be, is "base64" instead. So nothing is changed or cut, and
 *   pype-jq -r .data.text FILE
 * gives back what was refused. "at", behind "line", is the position of the line in the input, in bytes, if it is known.
 * Records are appended, one write(2) each under a lock on the file, since several processes may share it, and others
 * may put a shorter file in its place meanwhile (locked_file.h). A record that was cut short by a kill stays as a line of its
 * own. letter.h takes records apart.
 */
#ifndef PYPE_DEAD_LETTER_H
#define PYPE_DEAD_LETTER_H

#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

struct dead_letters {
	const char *path; /* NULL: there is no such file, and all below does nothing */
	const char *source; /* who could not handle them; NULL: message_name() */
	int fd; /* -1 until the first record */
	struct text record;
	unsigned char rest[3]; /* base64 works on three bytes at a time */
	size_t rests;
};

/* path may be NULL. The file is made at the first record, mode 0600. */
void dead_letters_init(struct dead_letters *letters, const char *path);
void dead_letters_free(struct dead_letters *letters);

/* Appends a record; number 0: no line number; at UINT64_MAX: no position. 0, or -1: errno. */
int dead_letters_add(struct dead_letters *letters, const char *error, uint64_t number, uint64_t at, const char *line,
                     size_t length);

/* The same for a line that comes in pieces. The file stays locked from begin to end, or to the first -1. */
int dead_letters_begin(struct dead_letters *letters, const char *error, uint64_t number, uint64_t at);
int dead_letters_piece(struct dead_letters *letters, const char *piece, size_t length);
int dead_letters_end(struct dead_letters *letters);

/*
 * Takes away from the end what will be written again by a stage that was killed and starts again at a position of its
 * input: all records of positions >= at and times >= since (Unix nanoseconds, whole microseconds of it count), up to the
 * first that is not. Half a record at the very end goes too, unless its head says that it does not belong to them. 0, or -1: errno.
 */
int dead_letters_cut(struct dead_letters *letters, uint64_t at, int64_t since);

#endif
