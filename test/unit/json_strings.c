/*
 * Strings of JSON, as this machine checks them. json_strings_plain.c is the same for plain C.
 */
#include "test/unit/json_strings.h"

int main(void)
{
	return strings_cases();
}
