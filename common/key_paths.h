/*
 * key_paths: the paths of options such as --key and --by, whose values together are the key of an event.
 */
#ifndef PYPE_KEY_PATHS_H
#define PYPE_KEY_PATHS_H

#include "common/fingerprint.h"
#include "common/json_want.h"
#include "common/option.h"

/* Zero-initialise; names is the target of an OPTION_LIST. */
struct key_paths {
	struct option_list names;
	int *slots; /* of want, in the order of names */
};

/* Adds them to want. A malformed one ends the program; word is the option's. */
void key_paths_compile(struct key_paths *paths, struct json_want *want, const char *word);
void key_paths_free(struct key_paths *paths);

/* Appends the values that an event has there to what a fingerprint is taken of. */
void key_paths_add(const struct key_paths *paths, const struct json_span *spans, struct text *text);

#endif
