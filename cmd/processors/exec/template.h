/*
 * template: a text with places for values of an event: "user/{.data.id}".
 *
 * A place is a brace, a path that begins with a dot, as in jq (json_want_path), and a brace. "{{." stands for "{." itself; all other
 * braces mean nothing. A string gives what it stands for, another value its JSON text.
 */
#ifndef PYPE_EXEC_TEMPLATE_H
#define PYPE_EXEC_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/json_span.h"
#include "common/json_want.h"
#include "common/text.h"

/* Zero-initialise. */
struct template
{
	struct template_part {
		struct text text; /* as it is; of a place: its path */
		int slot; /* of want; -1: no place */
	} * parts;
	size_t count;
	size_t places; /* how many of the parts are */
};

/* Adds the paths to want. False: *mistake, the caller's to free, says what is wrong. template_free in either case. */
bool template_compile(struct template *template, struct json_want *want, const char *text, char **mistake);
void template_free(struct template *template);

/*
 * Appends the text for the event that the spans are of. Returns NULL, or the path of the first place whose value is missing or null, which
 * is the template's; what is appended then is undefined.
 */
const char *template_fill(const struct template *template, const struct json_span *spans, struct text *text);

#endif
