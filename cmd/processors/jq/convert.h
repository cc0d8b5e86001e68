/*
 * convert: from JSON text to libjq's values and back, as libjq does it, but quicker: it spends most of its time there. All that
 * is not certain is left to libjq itself.
 */
#ifndef PYPE_JQ_CONVERT_H
#define PYPE_JQ_CONVERT_H

#include "cmd/processors/jq/library.h"
#include "common/text.h"

/*
 * The value of a JSON text that json_scan has taken, from its first byte on. For a libjq whose numbers are doubles (1.6). Invalid
 * if libjq is to parse it.
 */
jv convert_in(const struct library *jq, const char *json);

/*
 * Appends a value, which is borrowed, as jq writes it, compact. doubles: libjq's numbers are doubles. False: libjq is to write it,
 * and the text is what it was.
 */
bool convert_out(const struct library *jq, struct text *text, jv value, bool doubles);

#endif
