#include "common/output.h"

#include <errno.h>
#include <stdlib.h>

#include "common/message.h"

void output_check(int result)
{
	if (result == 0)
		return;
	if (errno == EPIPE)
		exit(STATUS_OK);
	fail("cannot write to standard output:");
}
