/*
 * letters: the dead letters of one stage, to be read, and taken away, while the stage goes on writing some.
 *
 * letters_open takes a snapshot: what is in the file now. It can be read as often and as slowly as one likes, without
 * keeping the stage waiting, whatever becomes of the file. letters_remove takes away records of the snapshot; what came later
 * stays. Memory is that of the longest record.
 */
#ifndef PYPE_FLOW_LETTERS_H
#define PYPE_FLOW_LETTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/letter.h"
#include "common/line.h"
#include "common/option.h"
#include "common/text.h"

/* A record as it is, until the next one is read. */
struct letters_record {
	const char *line; /* without its newline */
	size_t length;
	bool whole; /* it is a record, taken apart in letter; or else half of one, of a writer that was killed */
	struct letter letter;
};

struct letters {
	char *path;
	off_t size; /* of the snapshot, in bytes */

	/* private */
	const struct letter_parser *parser;
	int fd;
	bool writing; /* behind the last newline is what somebody is just writing */
	struct line_reader reader;
};

/* Takes a snapshot; parser is borrowed. 0, or -1: errno. letters_close in either case. */
int letters_open(struct letters *letters, const struct letter_parser *parser, const char *path);
void letters_close(struct letters *letters);

/* The next record, the oldest first. 1; 0: there are no more; -1: errno. */
int letters_next(struct letters *letters, struct letters_record *record);
/* Back to the first one. */
void letters_rewind(struct letters *letters);

/*
 * Takes those records of the snapshot out of the file for which selected() is true. Either all of them are gone, synced, or,
 * if this fails or is killed, none. *removed is their number. 0, or -1: errno.
 */
int letters_remove(struct letters *letters, bool (*selected)(void *context, const struct letters_record *),
                   void *context, uint64_t *removed);

/* Which letters are meant. */
struct letters_filter {
	int64_t since; /* INT64_MIN: no matter */
	const char *error; /* a part of the error; NULL: no matter */

	/* private */
	struct text text;
};

/* Half a record passes only if nothing is asked for. */
bool letters_pass(struct letters_filter *filter, const struct letters_record *record);

/*
 * The stages that have a file in the directory, sorted. The strings are the list's: letters_stages_free. A directory that
 * is not there has none. 0, or -1: errno.
 */
int letters_stages(const char *directory, struct option_list *stages);
void letters_stages_free(struct option_list *stages);

#endif
