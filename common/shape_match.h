/*
 * shape_match: whether a line is one of those that a tree remembers (shape_tree.h).
 */
#ifndef PYPE_SHAPE_MATCH_H
#define PYPE_SHAPE_MATCH_H

#include <sys/types.h>

#include "common/shape_tree.h"

/*
 * The length of the line that begins at text, without its newline; or -1: it matches nothing, and spans and result are undefined.
 * The last byte before end is a newline, and JSON_PADDING more bytes are readable. Else all is as json_scan says, but of slots
 * beyond the first 64 only what is found is set.
 */
ssize_t shape_match(struct shape_tree *tree, const char *text, const char *end, struct json_span *spans, bool facts,
                    struct json_result *result);

#endif
