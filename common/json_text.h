/*
 * json_text: from JSON strings and numbers to bytes and back.
 */
#ifndef PYPE_JSON_TEXT_H
#define PYPE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/text.h"

/*
 * Appends bytes as a JSON string with its quotes, written as jq writes it. Bytes that are not
 * UTF-8 become U+FFFD; who must not lose them looks first (utf8_valid).
 */
void json_add_string(struct text *text, const char *bytes, size_t length);

/* Puts JSON_PADDING zeros behind the text, which do not belong to it: json_scan may look there. */
void json_pad(struct text *text);

/* Appends what a valid JSON string (with its quotes) stands for, as UTF-8. */
void json_add_unescaped(struct text *text, const char *string, size_t length);

/* Appends a valid JSON text without the white space between its tokens; all else byte for byte. */
void json_add_compact(struct text *text, const char *json, size_t length);

/*
 * Walks through a valid JSON object: *at is its '{' at first and is moved on; key (with its quotes) and
 * value are the next member's. False behind the last one.
 */
bool json_next_member(const char **at, struct json_span *key, struct json_span *value);

/* The same for a valid JSON array: *at is its '[' at first; value is the next element. False behind the last one. */
bool json_next_element(const char **at, struct json_span *value);

/* The value of a valid JSON number, rounded to the nearest double (inf if too large). */
double json_number(const struct json_span *number);

/* A time in Unix seconds, to nanoseconds. False if the value is no number, or one from before 1685 or after 2255. */
bool json_time(const struct json_span *value, int64_t *nanoseconds);

/* Append `,"name":` and a value to an object that has a member already: a string; nanoseconds as seconds, to the microsecond. */
void json_add_string_member(struct text *text, const char *name, const char *string);
void json_add_seconds_member(struct text *text, const char *name, int64_t nanoseconds);

/* Appends the bytes in base64 (RFC 4648, with padding). */
void json_add_base64(struct text *text, const void *bytes, size_t length);

/*
 * Appends what a valid JSON string (with its quotes) of base64 stands for. False if it is none, with padding and without
 * white space, and then nothing is appended.
 */
bool json_add_unbase64(struct text *text, const char *string, size_t length);

#endif
