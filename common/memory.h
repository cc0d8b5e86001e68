/*
 * memory: allocation that ends the program with status 1 ("out of memory") instead of
 * returning NULL. What these return is freed with free().
 */
#ifndef PYPE_MEMORY_H
#define PYPE_MEMORY_H

#include <stddef.h>

void *xmalloc(size_t size);
/* Zeroed; the product is checked for overflow. */
void *xcalloc(size_t count, size_t size);
/* Resizes to count elements of size bytes, checked for overflow. */
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrdup(const char *string);
char *xstrndup(const char *string, size_t length);

#endif
