/*
 * cookies: those of one server (RFC 6265), by which a balancer in front of several finds the same one again.
 *
 * Kept in memory, and only for the one URL: so a cookie is a name and a value, no more.
 */
#ifndef PYPE_SOCKETIO_COOKIES_H
#define PYPE_SOCKETIO_COOKIES_H

#include <stddef.h>

#include "common/http.h"
#include "common/text.h"

enum { COOKIES = 32, COOKIE_MAX = 4096 }; /* how many are kept; the longest */

/* Zero-initialise; cookies_free. */
struct cookies {
	struct text pairs[COOKIES]; /* "name=value" */
	size_t count;
	struct text header;
};

/* Takes those of an answer: in piece or done. */
void cookies_take(struct cookies *cookies, const struct http_transfer *transfer);
/* The same from all headers of an answer, lines with CRLF. */
void cookies_take_lines(struct cookies *cookies, const char *lines);
/* None is left. */
void cookies_clear(struct cookies *cookies);
/* "Cookie: …", valid until the next call; NULL: there are none. */
const char *cookies_header(struct cookies *cookies);
void cookies_free(struct cookies *cookies);

#endif
