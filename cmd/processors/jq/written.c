#include "cmd/processors/jq/written.h"

#include <string.h>

static const struct {
	const char *name;
	size_t arguments;
	const char *definition;
} functions[] = {
	{"combinations", 0,
         "combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $y | [$x] + $y end;"},
	{"combinations", 1,
         "combinations(n): def all: if length == 0 then [] else .[0][] as $x | (.[1:] | all) as $y | [$x] + $y end;"
         " . as $dot | [n as $count | range($count) | $dot] | all;"},
	{"repeat", 1, "repeat(f): def again: f, again; again;"},
	{"INDEX", 1, "INDEX(f): reduce .[] as $row ({}; .[$row | f | tostring] = $row);"},
	{"INDEX", 2, "INDEX(stream; f): reduce stream as $row ({}; .[$row | f | tostring] = $row);"},
};

const char *written_function(const char *name, size_t length, size_t arguments)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (functions[i].arguments == arguments && strlen(functions[i].name) == length &&
		    memcmp(functions[i].name, name, length) == 0)
			return functions[i].definition;
	return NULL;
}
