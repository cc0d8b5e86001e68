/*
 * vigil: a silent connection is asked for a sign of life, and given up if none comes, or no message.
 */
#include "common/vigil.h"

#include "test/unit/tap.h"

int main(void)
{
	struct tap tap = {0};
	struct vigil vigil = {.ping = 10, .pong = 5};

	vigil_start(&vigil, 100);
	tap_ok(&tap, vigil_due(&vigil) == 110 && vigil_look(&vigil, 109) == VIGIL_QUIET, "quiet before its time");
	tap_ok(&tap, vigil_look(&vigil, 110) == VIGIL_ASK && vigil_due(&vigil) == 115, "then it is asked");
	tap_ok(&tap, vigil_look(&vigil, 114) == VIGIL_QUIET, "once");
	vigil_heard(&vigil, 114);
	tap_ok(&tap, vigil_look(&vigil, 115) == VIGIL_QUIET && vigil_due(&vigil) == 124, "an answer counts");
	tap_ok(&tap, vigil_look(&vigil, 124) == VIGIL_ASK && vigil_look(&vigil, 129) == VIGIL_MUTE, "no answer");
	vigil = (struct vigil){.ping = 10, .idle = 25};
	vigil_start(&vigil, 100);
	vigil_heard(&vigil, 118);
	tap_ok(&tap, vigil_due(&vigil) == 125 && vigil_look(&vigil, 124) == VIGIL_QUIET, "what is no message");
	tap_ok(&tap, vigil_look(&vigil, 125) == VIGIL_IDLE, "no message");
	vigil.message = 125;
	tap_ok(&tap, vigil_look(&vigil, 128) == VIGIL_ASK && vigil_due(&vigil) == 138,
	       "the limit of a ping is that of an answer");
	vigil = (struct vigil){0};
	vigil_start(&vigil, 100);
	tap_ok(&tap, vigil_due(&vigil) == INT64_MAX && vigil_look(&vigil, INT64_MAX) == VIGIL_QUIET,
	       "nothing is watched");
	return tap_end(&tap);
}
