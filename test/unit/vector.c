/*
 * vector_bits gathers the highest bits; utf8_length, which goes by vectors, agrees with a walk byte by byte. vector_plain.c is the
 * same for plain C.
 */
#include "common/vector.h"

#include <stdbool.h>

#include "common/utf8.h"
#include "test/unit/tap.h"
#include "test/unit/vector_cases.h"

int main(void)
{
	return vector_cases();
}
