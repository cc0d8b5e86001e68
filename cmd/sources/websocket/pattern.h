/*
 * pattern: which messages --expect and --ignore mean: ".path=value" a member of JSON, anything else a text that they contain.
 */
#ifndef PYPE_WEBSOCKET_PATTERN_H
#define PYPE_WEBSOCKET_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json.h"

struct pattern {
	const char *text; /* to contain; or the value: a string's bytes, or a JSON text */
	int slot; /* of the path; -1: there is none */
};

struct patterns {
	struct json_want want;
	struct pattern *items;
	size_t count;
};

/* What of a message patterns look at, and what becomes of it. */
struct content {
	const char *bytes; /* as text */
	size_t length;
	bool json;
	const struct json_span *spans; /* if json: one for each slot of patterns.want */
	const char *data; /* the JSON text of the event's data */
	size_t data_length;
};

/* Adds one; its number is patterns->count before. NULL, or what is wrong with it. The text is borrowed. */
const char *pattern_add(struct patterns *patterns, const char *given);
bool pattern_matches(const struct patterns *patterns, size_t number, const struct content *content);
void patterns_free(struct patterns *patterns);

#endif
