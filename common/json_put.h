/*
 * json_put: puts a value at a path of a JSON object; all else stays byte for byte.
 *
 * The path is jq's (json_want_path), of names alone: ".data.reply". What is there is replaced; objects that are missing on the way are
 * made, and a new member comes last.
 */
#ifndef PYPE_JSON_PUT_H
#define PYPE_JSON_PUT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json_span.h"
#include "common/json_want.h"
#include "common/text.h"

struct json_put {
	struct text *names; /* of the steps */
	int *slots; /* of want: of the path up to each of them */
	size_t count;
};

/* Adds what it looks for to want. False: *mistake says what is wrong with the path. Zero-initialise; json_put_free in either case. */
bool json_put_init(struct json_put *put, struct json_want *want, const char *path, const char **mistake);
void json_put_free(struct json_put *put);

/* Where the value goes in a certain object: these bytes of it are replaced. */
struct json_gap {
	size_t at, length;
	size_t level; /* so many of the names are there already; all: the old value is replaced */
	bool comma;
};

/*
 * Finds the gap in an object of length bytes without white space around it; spans are those of its scan. False: the last of the
 * gap->level names that are there is no object.
 */
bool json_put_find(const struct json_put *put, const struct json_span *spans, const char *object, size_t length,
                   struct json_gap *gap);
/* Appends the object, or a copy of it, with a value, which is a JSON text, in the gap. */
void json_put_add(const struct json_put *put, const struct json_gap *gap, const char *object, size_t length,
                  const struct text *value, struct text *text);

#endif
