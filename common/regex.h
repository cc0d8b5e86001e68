/*
 * regex: Perl-compatible regular expressions (PCRE2, compiled to machine code where that is possible), on valid UTF-8.
 *
 * A match is given up when it takes too many steps, so that no text takes for ever.
 */
#ifndef PYPE_REGEX_H
#define PYPE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

struct regex;

/* `what` names it in the message if it is none, which ends the program with 2. NULL for a text of NULL. */
struct regex *regex_new(const char *what, const char *text);
void regex_free(struct regex *regex);

enum { REGEX_MISTAKE = 120 };
/* 1: matches, 0: does not; -1: gave up, mistake says why. */
int regex_match(struct regex *regex, const char *text, size_t length, char mistake[REGEX_MISTAKE]);

/* How many groups have a name. */
size_t regex_names(const struct regex *regex);
/* The i-th of them, in the order of their names. Borrowed. */
const char *regex_name(const struct regex *regex, size_t i);
/* What it stands for in the text that matched last: false if it took no part. */
bool regex_group(const struct regex *regex, size_t i, size_t *from, size_t *to);
/* Appends the named groups that took part in the last match as a JSON object. */
void regex_add_groups(const struct regex *regex, const char *text, struct text *json);

#endif
