#include <unistd.h>

#include "cmd/sources/replay/replay.h"
#include "common/moment.h"
#include "common/signals.h"

static void begin(struct replay *replay, int64_t time)
{
	struct replay_place *place = &replay->place;

	place->begun = 1;
	place->now = place->clock = time;
	place->unix_time = moment_unix();
	if (replay->shift_now)
		place->moved = stamp_add(place->unix_time, -time);
	place->latest = stamp_add(time, place->moved);
	pace_go_on(replay);
}

void pace_go_on(struct replay *replay)
{
	const struct replay_place *place = &replay->place;
	double passed = (double)(moment_unix() - place->unix_time) * replay->speed;
	int64_t start;

	if (!place->begun || replay->speed == 0)
		return;
	start = passed < 0x1p62 ? stamp_add(place->clock, (int64_t)passed) : INT64_MAX;
	clock_make_up(&replay->clock, start, replay->speed);
	replay->seen = start;
}

static void say_backward(struct replay *replay)
{
	if (!replay->backward_said)
		message_warning(
			"line %llu: the recorded time is earlier than that of an event before; such events come "
			"without waiting",
			(unsigned long long)replay->stage.event.number);
	replay->backward_said = true;
}

/* A round begins --pause after the one before, on the stream's clock and in the times that are written. */
static void turn(struct replay *replay, int64_t time)
{
	struct replay_place *place = &replay->place;

	place->turned = 0;
	place->now = stamp_add(place->now, replay->pause);
	place->ahead = stamp_add(place->now, -time);
	if (!replay->as_recorded)
		place->moved = stamp_add(stamp_add(place->latest, replay->pause), -time);
}

/* Where the event stands on the stream's clock. */
static void take_place(struct replay *replay, int64_t time)
{
	struct replay_place *place = &replay->place;
	int64_t due, excess;

	if (!place->begun)
		begin(replay, time);
	if (place->turned)
		turn(replay, time);
	due = stamp_add(time, place->ahead);
	if (due < place->now) {
		say_backward(replay);
		return;
	}
	if (replay->max_gap >= 0 && __builtin_sub_overflow(due, place->now, &excess) == 0 && excess > replay->max_gap) {
		place->ahead = stamp_add(place->ahead, replay->max_gap - excess);
		due -= excess - replay->max_gap;
	}
	place->now = due;
	if (stamp_add(time, place->moved) > place->latest)
		place->latest = stamp_add(time, place->moved);
}

bool pace_wait(struct replay *replay, int64_t time)
{
	struct replay_place before = replay->place;
	int64_t due;

	take_place(replay, time);
	due = replay->place.now;
	if (replay->speed == 0)
		return true;
	while (replay->seen < due && (replay->seen = clock_now(&replay->clock)) < due) {
		double pause = ((double)due - (double)replay->seen) / replay->speed;
		enum clock_wake wake;

		stage_flush(&replay->stage);
		if (place_file_due(&replay->file, pause < 0x1p62 ? (int64_t)pause : INT64_MAX))
			place_file_save(&replay->file, &before.file);
		wake = clock_wait(&replay->clock, due, STDOUT_FILENO);
		if (wake == CLOCK_STOP || wake == CLOCK_GONE) {
			replay->place = before;
			return false;
		}
	}
	return true;
}
