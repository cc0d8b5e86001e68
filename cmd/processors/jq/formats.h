/*
 * formats: @csv, @tsv, @html, @sh, @base64, @uri.
 */
#ifndef PYPE_JQ_FORMATS_H
#define PYPE_JQ_FORMATS_H

#include "cmd/processors/jq/tree.h"

/* The function of a format, or NULL: there is none here. */
value_function *formats_find(const char *name, size_t length);

#endif
