/*
 * netrc: names and passwords by host, from ~/.netrc, for those connections whose requests libcurl does not make.
 */
#ifndef PYPE_NETRC_H
#define PYPE_NETRC_H

#include <stdbool.h>

#include "common/text.h"

/*
 * Appends "NAME:PASSWORD" for the host, as a file with this text has it (NUL behind it): of the first "machine" of that name or
 * of "default", whichever stands first. False: there is none.
 */
bool netrc_find(const char *file, const char *host, struct text *found);

/* The same of ~/.netrc. 1 found, 0 there is none, -1 the file cannot be read (errno; if there is no file, that is 0). */
int netrc_lookup(const char *host, struct text *found);

#endif
