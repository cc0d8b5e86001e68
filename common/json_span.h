/*
 * json_span: a value in a JSON text: where it is, what it is, and what keeps its bytes from being canonical.
 */
#ifndef PYPE_JSON_SPAN_H
#define PYPE_JSON_SPAN_H

#include <stddef.h>

enum {
	/* Containers within containers: what every libjq since 1.6 can take (128 objects). */
	JSON_DEPTH = 128,
	/* Bytes that must be readable (of any value) behind a text given to json_scan. */
	JSON_PADDING = 64,
};

enum json_kind {
	JSON_NONE, /* absent */
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* What a value holds that keeps its bytes from being what jq would print; 0: canonical. */
enum {
	JSON_SPACED = 1, /* white space between tokens */
	JSON_ESCAPED = 2, /* a string with a backslash (canonical unless JSON_RESTRING too) */
	JSON_RESTRING = 4, /* a string jq writes otherwise: "\/", "\u…", DEL */
	JSON_RENUMBER = 8, /* a number that jq 1.6 (numbers are doubles) writes otherwise: 1.0, 1e2, 20 digits */
	JSON_RENUMBER_EXACT = 16, /* a number that jq 1.7 and later (literals are kept) write otherwise: 1e2 */
	JSON_DUPLICATE = 32, /* an object with a key twice, or that may have one: escaped keys, very many keys */
};

struct json_span {
	const char *at; /* strings: with their quotes */
	size_t length;
	enum json_kind kind;
	unsigned flags; /* JSON_ESCAPED is always right; the others only after json_scan with JSON_FACTS */
};

#endif
