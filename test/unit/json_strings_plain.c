/*
 * The cases of json_strings.c, with what a machine without vectors has.
 */
#define VECTOR_PLAIN
#include "common/json_leaf.c"
#include "common/utf8.c"

#include "test/unit/json_strings.h"

int main(void)
{
	return strings_cases();
}
