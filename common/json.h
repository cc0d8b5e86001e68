/*
 * json: one validating pass over a JSON text, without building a tree.
 *
 * json_scan checks a text against RFC 8259 to the letter (grammar, escapes, control bytes,
 * UTF-8 without surrogates or overlong forms, one value and nothing behind it; a high
 * surrogate "\ud800" needs its low one), and on the way notes where the wanted members are. A span points into the
 * text: nothing is copied or allocated.
 *
 * Duplicate keys are treated as jq does: the last value counts. A wanted path that runs
 * through a key which comes again is forgotten and looked for in the later value.
 *
 * Agreement with libjq: what json_scan accepts as one value, libjq (1.6 to 1.8) accepts too, and
 * a text whose facts say canonical is byte for byte what `jq -c .` prints. libjq accepts more, which
 * json_scan refuses: numbers such as "01", ".5", "+1" and "nan"; NUL where a number may be or end, \v and \f before
 * one; NUL and 0x1f in strings, anything behind a record separator, 0x1e (1.6); invalid UTF-8 (libjq puts U+FFFD);
 * several values in a text; a byte order mark; nesting beyond JSON_DEPTH. test/unit/json_libjq.c holds it to this.
 *
 * Pure: no input, no output, no allocation outside json_want_*.
 */
#ifndef PYPE_JSON_H
#define PYPE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/json_span.h"
#include "common/json_want.h"

/* What json_scan is asked to find out beyond validity. */
enum {
	JSON_FACTS = 1, /* all flags, of the whole and of each wanted span */
};

struct json_result {
	enum json_kind kind; /* of the whole */
	unsigned flags; /* of the whole; white space around it does not count */
	size_t start, end; /* the value without the white space around it */
	size_t members; /* how many the whole has, if it is an object; a key that comes twice counts twice */
	const char *error; /* what is wrong, or NULL */
	size_t at; /* where: offset in bytes */
};

/*
 * Scans length bytes, behind which JSON_PADDING more must be readable. want may be NULL. spans
 * has a place for every slot; those not found are JSON_NONE. True if the text is valid;
 * else result->error and result->at say why, and the spans are undefined.
 */
bool json_scan(const char *text, size_t length, const struct json_want *want, struct json_span *spans, int ask,
               struct json_result *result);

/* True if a valid JSON string (with its quotes) stands for just these bytes. */
bool json_string_is(const char *string, size_t length, const char *bytes, size_t count);

/* The same for a span, whose flags say whether it has escapes: quicker. */
static inline bool json_span_is(const struct json_span *string, const char *bytes, size_t count)
{
	if (string->flags & JSON_ESCAPED)
		return json_string_is(string->at, string->length, bytes, count);
	return string->length == count + 2 && memcmp(string->at + 1, bytes, count) == 0;
}

#endif
