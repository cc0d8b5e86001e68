#include <stdlib.h>
#include <string.h>

#include "cmd/sources/replay/replay.h"
#include "common/moment.h"
#include "common/unit.h"
#include "common/zone.h"

static const struct option_program program = {
	.name = "pype-replay",
	.summary = "emit recorded events once more, in their own time",
	.operands = "[FILE...]",
	.least = 0,
	.most = -1,
};

/* How many events may pass before the clock is looked at for --state. */
enum { SAVE_EVERY = 4096 };
#define UNSET (-1)

/* Of struct replay_place, in its order. */
static const char *const names[] = {
	"file",  "start", "position", "line",      "round", "passed", "left",   "timed",  "first",
	"begun", "now",   "ahead",    "unix_time", "clock", "moved",  "latest", "turned", "within",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == REPLAY_NUMBERS, "each number has its name");

/* ---- the command line ---- */

/* "+TIME" is counted from the first event. */
static int64_t border(const char *option, const char *text, bool *relative)
{
	int64_t time;

	*relative = text[0] == '+';
	if (*relative ? !unit_duration(text + 1, &time) : !zone_parse(text, moment_unix(), &time))
		die("--%s: '%s' is neither a time, such as 2026-11-23T10:00:00Z or 1795392000, nor one from the "
		    "beginning "
		    "of the recording, such as +10m",
		    option, text);
	return time;
}

static void set_shift(struct replay *replay)
{
	const char *text = replay->shift_text;
	bool negative = text[0] == '-';

	replay->shift_now = strcmp(text, "now") == 0;
	if (replay->shift_now)
		return;
	if (!unit_duration(text + (negative || text[0] == '+'), &replay->shift))
		die("--shift: '%s' is neither a duration, such as 1d or -90m, nor 'now'", text);
	if (negative)
		replay->shift = -replay->shift;
}

static void set_input(struct replay *replay, char **operands)
{
	struct replay_input *input = &replay->input;

	while (operands[input->count])
		input->count++;
	if (input->count == 0 || (input->count == 1 && strcmp(operands[0], "-") == 0)) {
		if (input->rounds != 1)
			die("--loop needs a FILE: standard input cannot be read again");
		if (replay->state_path)
			die("--state needs a FILE: standard input does not begin where it was left");
		return;
	}
	for (size_t i = 0; i < input->count; i++)
		if (strcmp(operands[i], "-") == 0)
			die("standard input ('-') cannot be one of several FILEs");
	input->files = operands;
	replay->stage.files = true;
}

static void set_slots(struct replay *replay)
{
	struct json_want *want = &replay->stage.want;
	const char *mistake;

	replay->time_slot = json_want_path(want, replay->time_path ? replay->time_path : ".time", &mistake);
	if (replay->time_slot < 0)
		die("--time: '%s': %s", replay->time_path, mistake);
	replay->name_slot = replay->only.count > 0 ? json_want_member(want, "event", 5) : UNSET;
}

static void compile(struct replay *replay, char **operands)
{
	set_input(replay, operands);
	set_slots(replay);
	replay->speed = 1;
	if (replay->speed_text && !clock_speed(replay->speed_text, &replay->speed))
		die("--speed: '%s' is neither a number from 0.000001 to 1000000 nor 'max'", replay->speed_text);
	replay->from = INT64_MIN;
	replay->to = INT64_MAX;
	if (replay->from_text)
		replay->from = border("from", replay->from_text, &replay->from_relative);
	if (replay->to_text)
		replay->to = border("to", replay->to_text, &replay->to_relative);
	if (replay->shift_text && replay->restamp)
		die("there can be only one of --shift and --restamp");
	if (replay->shift_text)
		set_shift(replay);
	replay->place = (struct replay_place){
		.left = replay->count == UNSET ? INT64_MAX : replay->count,
		.moved = replay->shift,
		.within = !replay->from_text,
	};
}

/* ---- the events ---- */

static bool named(const struct replay *replay)
{
	const struct json_span *name;

	if (replay->name_slot == UNSET)
		return true;
	name = &replay->stage.event.spans[replay->name_slot];
	for (size_t i = 0; i < replay->only.count && name->kind == JSON_STRING; i++)
		if (json_string_is(name->at, name->length, replay->only.items[i], strlen(replay->only.items[i])))
			return true;
	return false;
}

static bool within(struct replay *replay, int64_t time)
{
	struct replay_place *place = &replay->place;

	if (!place->timed)
		place->first = time;
	place->timed = 1;
	return time >= (replay->from_relative ? stamp_add(place->first, replay->from) : replay->from) &&
	       time < (replay->to_relative ? stamp_add(place->first, replay->to) : replay->to);
}

static void write_moved(struct replay *replay, const struct json_span *member, int64_t time)
{
	const struct event *event = &replay->stage.event;
	struct line_writer *out = &replay->stage.out;
	const char *behind = member->at + member->length;
	char stamp[STAMP_MAX];

	line_writer_add(out, event->line, (size_t)(member->at - event->line));
	line_writer_add(out, stamp, stamp_write(stamp, member, replay->unit, time));
	line_writer_add(out, behind, (size_t)(event->line + event->length - behind));
	stage_end_line(&replay->stage);
}

static void emit(struct replay *replay, const struct json_span *member, bool timed, int64_t time)
{
	struct stage *stage = &replay->stage;

	if (timed && replay->restamp)
		write_moved(replay, member, zone_floor(moment_unix(), UNIT_US) * UNIT_US);
	else if (timed && replay->place.moved != 0)
		write_moved(replay, member, stamp_add(time, replay->place.moved));
	else
		stage_write(stage, stage->event.line, stage->event.length);
	replay->place.passed++;
	replay->place.left--;
}

/* False: the program is to end, and has not handled the event. */
static bool handle(struct replay *replay)
{
	const struct json_span *member = &replay->stage.event.spans[replay->time_slot];
	int64_t time = 0;
	enum stamp stamp;

	if (!named(replay))
		return true;
	stamp = stamp_read(member, replay->unit, &time);
	if (stamp == STAMP_WRONG) {
		stage_bad(&replay->stage, "its time is neither a number nor a string as in RFC 3339");
		return true;
	}
	if (stamp == STAMP_GOOD)
		replay->place.within = within(replay, time);
	if (!replay->place.within)
		return true;
	if (stamp == STAMP_GOOD && !pace_wait(replay, time))
		return false;
	emit(replay, member, stamp == STAMP_GOOD, time);
	return true;
}

/* ---- the place ---- */

static void note_place(struct replay *replay)
{
	uint64_t line;

	if (replay->reading) {
		replay->place.position = (int64_t)stage_position(&replay->stage, &line);
		replay->place.line = (int64_t)line;
	}
	stage_cursor(&replay->stage, &replay->place, sizeof(replay->place));
}

static void save_place(struct replay *replay)
{
	stage_flush(&replay->stage);
	place_file_save(&replay->file, &replay->place.file);
}

/* A predecessor's under the runner, or that of the state file. */
static void find_place(struct replay *replay)
{
	struct replay_place *place = &replay->place;
	size_t length;
	const void *cursor = stage_resumed(&replay->stage, &length);
	uint64_t line;

	int64_t left = place->left;

	place_file_open(&replay->file, replay->state_path, names, &place->file, REPLAY_NUMBERS);
	place->left = left; /* --count is for each run */
	if (cursor && length == sizeof(*place)) {
		memcpy(place, cursor, sizeof(*place));
		place->position = (int64_t)stage_position(&replay->stage, &line);
		place->line = (int64_t)line;
	}
	pace_go_on(replay);
}

static bool next_event(struct replay *replay)
{
	while ((replay->stage.files && !replay->reading) || !stage_next(&replay->stage)) {
		if (!input_next(replay))
			return false;
		note_place(replay);
	}
	return true;
}

static void replay_events(struct replay *replay)
{
	uint64_t events = 0;

	while (replay->place.left > 0 && next_event(replay)) {
		if (!handle(replay)) {
			replay->stage.left = true;
			break;
		}
		note_place(replay);
		if (++events % SAVE_EVERY == 0 && place_file_due(&replay->file, 0))
			save_place(replay);
	}
	save_place(replay);
}

static int run(struct replay *replay)
{
	clock_init(&replay->clock);
	stage_open(&replay->stage);
	find_place(replay);
	replay_events(replay);
	input_free(&replay->input);
	place_file_close(&replay->file);
	clock_free(&replay->clock);
	return stage_close(&replay->stage);
}

int main(int argc, char **argv)
{
	struct replay replay = {
		.input.rounds = 1,
		.count = UNSET,
		.max_gap = UNSET,
		.pause = UNIT_S,
	};
	/* clang-format off */
	const struct option options[] = {
		OPTION_STRING(0, "speed", "N|max", &replay.speed_text, "N times as fast as recorded, or without waiting (1)"),
		OPTION_DURATION(0, "max-gap", "TIME", &replay.max_gap, "shorten longer pauses of the recording to TIME"),
		OPTION_NUMBER(0, "loop", "N", &replay.input.rounds, "replay it N times; 0: without end (1)"),
		OPTION_DURATION(0, "pause", "TIME", &replay.pause, "between the end of a round and the next one (1s)"),
		OPTION_FLAG(0, "as-recorded", &replay.as_recorded, "the times of each round are those of the recording"),
		OPTION_FLAG(0, "restamp", &replay.restamp, "the time of an event becomes now"),
		OPTION_STRING(0, "shift", "TIME|now", &replay.shift_text, "add TIME to times (-TIME: take away); now: so that the first is now"),
		OPTION_STRING(0, "from", "TIME", &replay.from_text, "leave out events before TIME (+TIME: from the beginning)"),
		OPTION_STRING(0, "to", "TIME", &replay.to_text, "leave out events at TIME and later (+TIME: from the beginning)"),
		OPTION_LIST(0, "only", "NAME", &replay.only, "only events of this name (may be repeated)"),
		OPTION_NUMBER('n', "count", "N", &replay.count, "end after N events"),
		OPTION_STRING(0, "time", "PATH", &replay.time_path, "the member that holds the time (.time)"),
		OPTION_CHOICE(0, "unit", "s|ms|us|ns", &replay.unit, "what times that are numbers count (s)"),
		OPTION_STRING(0, "state", "FILE", &replay.state_path, "keep the place in FILE, and go on there the next time"),
		OPTION_END,
	};
	/* clang-format on */

	int status;

	(void)argc;
	compile(&replay, option_parse_both(&program, options, stage_options(&replay.stage), argv));
	status = option_checking() ? STATUS_OK : run(&replay);
	json_want_free(&replay.stage.want);
	free(replay.only.items);
	return status;
}
