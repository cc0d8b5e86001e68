#include "common/vigil.h"

int64_t vigil_pong(const struct vigil *vigil)
{
	return vigil->pong ? vigil->pong : vigil->ping;
}

void vigil_start(struct vigil *vigil, int64_t now)
{
	vigil->heard = vigil->message = now;
	vigil->asked = 0;
}

void vigil_heard(struct vigil *vigil, int64_t now)
{
	vigil->heard = now;
	vigil->asked = 0;
}

enum vigil_call vigil_look(struct vigil *vigil, int64_t now)
{
	if (vigil->idle && now >= vigil->message + vigil->idle)
		return VIGIL_IDLE;
	if (vigil->asked && now >= vigil->asked + vigil_pong(vigil))
		return VIGIL_MUTE;
	if (!vigil->ping || vigil->asked || now < vigil->heard + vigil->ping)
		return VIGIL_QUIET;
	vigil->asked = now;
	return VIGIL_ASK;
}

int64_t vigil_due(const struct vigil *vigil)
{
	int64_t due = INT64_MAX;

	if (vigil->asked)
		due = vigil->asked + vigil_pong(vigil);
	else if (vigil->ping)
		due = vigil->heard + vigil->ping;
	if (vigil->idle && vigil->message + vigil->idle < due)
		due = vigil->message + vigil->idle;
	return due;
}
