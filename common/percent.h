/*
 * percent: bytes as a part of a URL (RFC 3986 2.1): all but what is unreserved is written as %XX. Pure.
 */
#ifndef PYPE_PERCENT_H
#define PYPE_PERCENT_H

#include <stddef.h>

#include "common/text.h"

void percent_add(struct text *text, const char *bytes, size_t length);

#endif
