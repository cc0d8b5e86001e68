/*
 * origin: the scheme, host and port of a URL (RFC 6454). Pure, but for libcurl's parser.
 */
#ifndef PYPE_ORIGIN_H
#define PYPE_ORIGIN_H

#include <stdbool.h>

/* Whether two absolute URLs have the same. False also if one of them is none. */
bool origin_same(const char *url, const char *other);

#endif
