/*
 * pype-replay: recorded events once more, in their own time.
 *
 *   input.c   the recordings: files one behind the other, round after round, from any position on
 *   pace.c    when an event is due
 *   main.c    the command line; which events are wanted; the loop
 */
#ifndef PYPE_REPLAY_H
#define PYPE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/place_file.h"
#include "common/stage.h"
#include "common/stamp.h"

/*
 * What a successor needs to go on. Three times of an event are told apart: the recorded one; the one on the stream's clock, which never
 * goes back; and, if it is to be moved, the one that is written. Nanoseconds.
 */
struct replay_place {
	int64_t file, start, position,
		line; /* which file, where it begins in all that is read, where this is, its line */
	int64_t round, passed; /* of --loop, from 0; the events of it that were written */
	int64_t left; /* so many events are still to come; INT64_MAX: no limit */
	int64_t timed, first; /* 1: the time of the first event that has one */
	int64_t begun; /* 1: an event with a time was written */
	int64_t now; /* the stream's clock at the last event */
	int64_t ahead; /* stream's clock less recorded time */
	int64_t unix_time, clock; /* the stream's clock began at this Unix time, with this */
	int64_t moved; /* how much is added to times: by --shift, and by the rounds that are over */
	int64_t latest; /* the latest written time */
	int64_t turned; /* 1: the next event with a time is the first of a round */
	int64_t within; /* 1: the last event with a time was within --from and --to */
};

enum { REPLAY_NUMBERS = sizeof(struct replay_place) / sizeof(int64_t) };

/* Of --unit: the power of ten that makes nanoseconds. */

/* The recordings. */
struct replay_input {
	char **files; /* NULL: standard input */
	size_t count;
	int64_t rounds; /* 0: without end */
	void *packed; /* of zlib, while such a file is read */
};

struct replay {
	/* from the command line */
	char *time_path, *speed_text, *from_text, *to_text, *shift_text, *state_path;
	struct option_list only;
	int64_t count, max_gap, pause;
	bool restamp, as_recorded;
	int unit;

	struct stage stage;
	struct replay_input input;
	struct place_file file;
	struct replay_place place;
	struct clock clock;
	double speed; /* 0: max */
	int64_t seen; /* what the stream's clock has shown */
	int64_t from, to; /* recorded times; of from_relative and to_relative, nanoseconds behind the first */
	bool from_relative, to_relative;
	int64_t shift;
	bool reading; /* a file is open */
	bool shift_now, backward_said;
	int time_slot, name_slot;
};

/* input.c: opens what comes next, at first where the place says. False: there is nothing more. */
bool input_next(struct replay *replay);
void input_free(struct replay_input *input);

/* pace.c: takes note of an event that was recorded at that time, and waits until it is due. False: the program is to end. */
bool pace_wait(struct replay *replay, int64_t time);
/* Goes on with the clock of a predecessor. */
void pace_go_on(struct replay *replay);

#endif
