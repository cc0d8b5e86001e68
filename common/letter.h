/*
 * letter: one record of a dead letter file (dead_letter.h, pype-event(5)), taken apart.
 */
#ifndef PYPE_LETTER_H
#define PYPE_LETTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/text.h"

#define LETTER_NO_TIME INT64_MIN
#define LETTER_NOWHERE UINT64_MAX

/* Spans point into the record; those of members that are missing, or of another kind, are JSON_NONE. */
struct letter {
	int64_t time; /* Unix nanoseconds, whole microseconds; or LETTER_NO_TIME */
	uint64_t line; /* number in the stage's input, from 1; 0: unknown */
	uint64_t at; /* position of the event in the stage's input, in bytes; or LETTER_NOWHERE */
	int64_t signal, exit; /* what the event made of the stage; -1: nothing */
	struct json_span source, error; /* strings */
	struct json_span text, base64; /* strings: the line, in one of them */
};

struct letter_parser {
	struct json_want want;
};

void letter_parser_init(struct letter_parser *parser);
void letter_parser_free(struct letter_parser *parser);

/* False: it is no record, but a torn one, or something else. JSON_PADDING bytes behind it must be readable. */
bool letter_parse(const struct letter_parser *parser, const char *record, size_t length, struct letter *letter);

/* Appends the line as it was, without a newline. False: there is none, or its base64 is none; nothing is appended. */
bool letter_add_line(struct text *text, const struct letter *letter);

#endif
