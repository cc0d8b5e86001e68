/*
 * utf8: whether bytes are UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. Pure.
 */
#ifndef PYPE_UTF8_H
#define PYPE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes from the first on are valid. */
size_t utf8_length(const char *bytes, size_t length);
/* How many characters a string has that is valid. */
size_t utf8_count(const char *string);
bool utf8_valid(const char *bytes, size_t length);

#endif
