/*
 * The cases of vector.c, with what a machine without vectors has.
 */
#define VECTOR_PLAIN
#include "common/utf8.c"

#include "test/unit/tap.h"
#include "test/unit/vector_cases.h"

int main(void)
{
	return vector_cases();
}
