/*
 * http_token: a bearer token (RFC 6750) as it comes from wherever it is had, or why there is none.
 */
#ifndef PYPE_HTTP_TOKEN_H
#define PYPE_HTTP_TOKEN_H

#include <stdint.h>

#include "common/text.h"

struct http_token {
	const char *value; /* NULL: there is none */
	int64_t lifetime; /* nanoseconds that it is good for; -1: not known */
	const char *error; /* if there is none: one line that says why, without anything secret */
	int64_t retry_after; /* and how long its giver wants to be left alone, in nanoseconds; -1: it does not say */
};

enum { HTTP_TOKEN_MAX = 64 * 1024 };

/*
 * Puts the token that the bytes hold, between blanks and ends of lines, into value. NULL, or what is wrong with it: it has to be
 * one word of visible ASCII, which a header can hold.
 */
const char *http_token_read(const char *bytes, size_t length, struct text *value);

#endif
