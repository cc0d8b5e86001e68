/*
 * template: a text with places for values of an event.
 *
 *   {.path}        the value there, as json_want_path has paths: strings without their quotes, all else as JSON
 *   {.path:json}   the same as JSON, strings with their quotes; null if there is none
 *   {.path:raw}    the same as {.path}, and not encoded
 *   {{.            a brace and a dot as they stand
 *
 * How a value is encoded is said by where the text is used. Other braces stand for themselves.
 */
#ifndef PYPE_FETCH_TEMPLATE_H
#define PYPE_FETCH_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json_span.h"
#include "common/json_want.h"
#include "common/text.h"

enum template_use {
	TEMPLATE_PATH, /* up to the query of a URL: percent-encoded, and no step "." or ".." */
	TEMPLATE_URL, /* percent-encoded */
	TEMPLATE_LINE, /* a header, a method: as it is, but no control characters */
	TEMPLATE_JSON, /* as within a JSON string */
};

struct template
{
	enum template_use use;
	struct template_part *parts;
	size_t count;
	bool values; /* it has places for values */
};

/*
 * Adds the paths to want. False: *mistake says what is wrong, and is the caller's. strict: other braces are a mistake.
 * template_free in either case.
 */
bool template_compile(struct template *template, const char *text, size_t length, enum template_use use, bool strict,
                      struct json_want *want, char **mistake);
void template_free(struct template *template);

/*
 * Appends the text with the values of an event; spans are those of want. False: reason, to which is appended, says what is wrong: a
 * value is missing or null, or may not stand there.
 */
bool template_expand(const struct template *template, const struct json_span *spans, struct text *text,
                     struct text *reason);

/* How long the literal text at the beginning is up to and with this character, and blanks behind it; 0: it is not there. */
size_t template_name(const struct template *template, char end);
/* True if the text from `skip` bytes on is a place for a value, and nothing else, and the event has none. */
bool template_is_void(const struct template *template, size_t skip, const struct json_span *spans);

/* Appends the text with "1" for each value. */
void template_sample(const struct template *template, struct text *text);

#endif
