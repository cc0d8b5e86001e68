/*
 * written: functions that jq has written in its own language, in a way that all versions agree on.
 */
#ifndef PYPE_JQ_WRITTEN_H
#define PYPE_JQ_WRITTEN_H

#include <stddef.h>

/* What stands behind "def", to the ';' and with it; NULL: there is none of this name with so many arguments. */
const char *written_function(const char *name, size_t length, size_t arguments);

#endif
