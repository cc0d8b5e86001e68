/*
 * json_put: puts a value at a path of a JSON object; all else stays byte for byte.
 *
 * The path is jq's (json_want_path), of names alone: ".data.reply". What is there is replaced; objects that are missing on the way are
 * made, and a new member comes last.
 */
#ifndef PYPE_EXEC_JSON_PUT_H
#define PYPE_EXEC_JSON_PUT_H

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

/*
 * Appends the object, which is length bytes and has no white space around it, with the value, a JSON text. spans are those of the
 * scan. False: a step leads through what is no object, and nothing is appended.
 */
bool json_put(const struct json_put *put, const struct json_span *spans, const char *object, size_t length,
              const char *value, size_t value_length, struct text *text);

#endif
