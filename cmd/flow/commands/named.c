#include "cmd/flow/commands/named.h"

#include <string.h>

bool named(const char *wanted, const char *name, size_t length)
{
	size_t prefix = wanted ? strlen(wanted) : 0;

	if (!wanted)
		return true;
	return length >= prefix && memcmp(name, wanted, prefix) == 0 && (length == prefix || name[prefix] == '.');
}
