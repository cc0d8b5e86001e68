/*
 * place: where a URL is: what a successor, or the next run, has to know to go on.
 */
#ifndef PYPE_REST_PLACE_H
#define PYPE_REST_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

/* Times are Unix time in nanoseconds, kept in milliseconds; 0: never. Strings are the place's; NULL: there is none. */
struct place {
	int64_t answers; /* polls that went well */
	int64_t start, begun; /* of the first poll, and of the newest that went well */
	char *cursor; /* JSON text of a string or number, as the last poll left it */
	uint64_t asked; /* hash of the request that the validators belong to */
	char *etag, *modified;

	/* the poll that is not over; opened is 0 if there is none */
	int64_t scheduled, opened;
	int64_t page, offset; /* pages that are through; elements in them */
	char *next; /* JSON text of the token, or of the URL, of the page it is at; NULL: the first */
	char *seen; /* the cursor, as it will be when the poll is over */
	int64_t elements; /* of the page it is at, that are events already */
	uint64_t hash; /* of these */
};

void place_clear(struct place *place);
/* The poll is over, or is not to be gone on with. */
void place_close(struct place *place);

/* Appends the place as the members of a JSON object, without braces; nothing if there is nothing to say. */
void place_add(struct text *text, const struct place *place);
/* Takes over what a valid JSON object says, with JSON_PADDING bytes behind it. False: that is no place. */
bool place_read(struct place *place, const char *json, size_t length);

/* Which of two cursors counts. */
enum place_take { PLACE_GREATEST, PLACE_LAST };

/* A value of the cursor has been seen in this poll. */
void place_see(struct place *place, const char *json, enum place_take take);

/* Replaces a string of the place; value is copied, or NULL. */
void place_set(char **string, const char *value);

/* Goes on with a hash; it tells whether the same bytes come again, no more. */
uint64_t place_hash(uint64_t hash, const char *bytes, size_t length);

#endif
