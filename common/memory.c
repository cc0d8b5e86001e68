#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#include "common/message.h"

static void *checked(void *memory)
{
	if (!memory)
		fail("out of memory");
	return memory;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
	return checked(reallocarray(old, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *string)
{
	return checked(strdup(string));
}

char *xstrndup(const char *string, size_t length)
{
	return checked(strndup(string, length));
}
