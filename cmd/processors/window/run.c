#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/moment.h"
#include "common/signals.h"
#include "common/stage_held.h"
#include "common/stage_loop.h"
#include "common/stamp.h"
#include "common/unit.h"

/* Times from 1700 to 2240: sums of two durations and one of them do not overflow. */
#define TIME_MOST (270 * 365 * UNIT_DAY)

/* ---- out ---- */

static void add_time(struct text *text, const char *label, int64_t time)
{
	char digits[UNIT_TEXT_MAX];

	text_add_string(text, label);
	text_add(text, digits, unit_time_text(digits, time));
}

/* A window of the clock is as long as it is; any other from its first event to its last. */
static void write_window(struct program *program, struct window *window)
{
	struct text *line = &program->line;
	bool clock = program->every > 0;

	text_clear(line);
	text_add(line, program->head.data, program->head.length);
	if (clock || window->last != INT64_MIN) {
		add_time(line, ",\"time\":", clock ? window->start : window->first);
		add_time(line, ",\"end\":", clock ? window->end : window->last);
	}
	text_add(line, window->key->bytes, window->key->length);
	columns_write(&program->columns, window, line);
	text_add_char(line, '}');
	stage_write(&program->stage, line->data, line->length);
}

static void finish(struct program *program, struct window *window)
{
	if (!program->muted)
		write_window(program, window);
	windows_close(&program->windows, window);
}

/* Windows that end at this time or before are over. */
static int64_t watermark(const struct program *program)
{
	return program->clock == WINDOW_NEVER ? INT64_MIN : program->clock - program->lateness;
}

static void finish_due(struct program *program)
{
	int64_t mark = watermark(program);
	struct window *window;

	if (program->count > 0)
		return;
	while ((window = windows_first(&program->windows)) && window->end <= mark)
		finish(program, window);
}

static void finish_all(struct program *program)
{
	struct window *window;

	while ((window = windows_first(&program->windows)))
		finish(program, window);
}

/* What was read again has all been read: from here on it is new. */
static void catch_up(struct program *program, uint64_t at)
{
	if (!program->muted || at < program->muted_until)
		return;
	if (program->muted_clock > program->clock)
		program->clock = program->muted_clock;
	finish_due(program);
	program->muted = false;
	if (program->muted_advance == INT64_MAX) {
		finish_all(program);
	} else if (program->muted_advance > program->clock) {
		program->clock = program->muted_advance;
		finish_due(program);
	}
}

static void before_wait(struct stage *stage)
{
	struct program *program = stage->context;

	catch_up(program, stage_here(stage).in);
	state_mark(program);
}

/* ---- in ---- */

static bool read_time(struct program *program)
{
	struct stage *stage = &program->stage;
	const struct json_span *span = &stage->event.spans[program->time_slot];

	program->timed = false;
	switch (stamp_read(span, program->unit, &program->time)) {
	case STAMP_GOOD:
		if (program->time < TIME_MOST && program->time > -TIME_MOST)
			break;
		stage_bad(stage, "the time at '%s' is not between the years 1700 and 2239", program->time_path);
		return false;
	case STAMP_WRONG:
		stage_bad(stage, "no time at '%s'", program->time_path);
		return false;
	default:
		if (program->count > 0)
			return true;
		stage_bad(stage, "it has no time at '%s'", program->time_path);
		return false;
	}
	program->timed = true;
	return true;
}

static void handle_late(struct program *program, int64_t end)
{
	struct stage *stage = &program->stage;
	char late[UNIT_TEXT_MAX];

	unit_duration_text(late, watermark(program) - end);
	switch ((enum late)program->late) {
	case LATE_BAD:
		stage_bad(stage, "late: its window was closed %s before (see --lateness)", late);
		break;
	case LATE_DROP:
		if (message_pass(&program->late_limit))
			message_warning("line %llu: dropped, since it is late: its window was closed %s before",
			                (unsigned long long)stage->event.number, late);
		break;
	case LATE_PASS:
		if (!program->muted)
			stage_write(stage, stage->event.line, stage->event.length);
		break;
	}
}

/* ---- windows ---- */

/* At the limit all windows are closed, so that what is held is bounded, and nothing is lost. */
static struct window *open_window(struct program *program, int64_t start, int64_t end)
{
	struct windows *windows = &program->windows;
	struct origin origin = {stage_began(&program->stage), program->before};

	if (windows->count >= (uint64_t)program->max_keys) {
		if (message_pass(&program->early_limit))
			message_warning("line %llu: all windows are closed early, since %lld are open (--max-keys)",
			                (unsigned long long)program->stage.event.number, (long long)program->max_keys);
		finish_all(program);
	}
	if (windows->count == 0)
		program->alone = origin;
	return windows_open(windows, keys_find(program), start, end, &origin);
}

static void add_to(struct program *program, struct window *window)
{
	windows_add(&program->windows, window, program->time, program->time);
}

static void add_to_slot(struct program *program, int64_t start, int64_t end)
{
	struct window *window = keys_find(program)->windows;

	while (window && window->start != start)
		window = window->sibling;
	add_to(program, window ? window : open_window(program, start, end));
}

static void add_to_grid(struct program *program)
{
	struct grid *grid = &program->grid;
	const int64_t *starts, *ends;
	int64_t mark = watermark(program);

	grid_find(grid, program->time);
	starts = grid->slots;
	ends = starts + grid->share;
	if (ends[grid->share - 1] <= mark) {
		handle_late(program, ends[grid->share - 1]);
		return;
	}
	for (size_t i = 0; i < grid->share; i++)
		if (ends[i] > mark)
			add_to_slot(program, starts[i], ends[i]);
}

static void add_to_session(struct program *program)
{
	struct windows *windows = &program->windows;
	int64_t time = program->time, end = time + program->session;
	struct window *session = NULL, *next;

	if (end <= watermark(program)) {
		handle_late(program, end);
		return;
	}
	for (struct window *window = keys_find(program)->windows; window; window = next) {
		next = window->sibling;
		if (time < window->end && end > window->start)
			session = session ? windows_merge(windows, session, window) : window;
	}
	if (!session)
		session = open_window(program, time, end);
	if (time < session->start)
		session->start = time;
	if (end > session->end)
		session->end = end;
	add_to(program, session);
}

static void add_to_count(struct program *program)
{
	struct window *window = keys_find(program)->windows;

	if (!window)
		window = open_window(program, 0, INT64_MAX);
	windows_add(&program->windows, window, (int64_t)window->count, program->timed ? program->time : WINDOW_NEVER);
	if (window->count == (uint64_t)program->count)
		finish(program, window);
}

static void handle(struct program *program)
{
	if (!read_time(program) || !columns_read(&program->columns, &program->stage) || !keys_read(program))
		return;
	program->before = program->clock;
	if (program->count > 0) {
		add_to_count(program);
		return;
	}
	if (program->time > program->clock) {
		program->clock = program->time;
		finish_due(program);
	}
	if (program->session > 0)
		add_to_session(program);
	else
		add_to_grid(program);
}

static void take_event(struct program *program)
{
	if (program->muted)
		catch_up(program, stage_began(&program->stage).in);
	handle(program);
	if (program->muted)
		catch_up(program, stage_here(&program->stage).in);
}

/* ---- --idle ---- */

/* The clock goes on without an event. A successor has to do the same at this place, before it reads on. */
static void advance(struct program *program, int64_t clock)
{
	program->advance = clock;
	state_mark(program);
	stage_flush(&program->stage);
	if (clock == INT64_MAX) {
		finish_all(program);
	} else {
		program->clock = clock;
		finish_due(program);
	}
	program->advance = WINDOW_NEVER;
}

/*
 * Nothing has come for some time: the time of the events goes on as that on the wall does. How long until a window is over by that;
 * 0: one is now, and that was seen to; -1: none is open.
 */
static int64_t go_on_alone(struct program *program)
{
	int64_t passed = moment_now() - program->heard, wait = program->idle, clock = INT64_MAX;
	const struct window *window = windows_first(&program->windows);

	if (!window)
		return -1;
	if (program->count == 0) {
		clock = window->end + program->lateness;
		if (clock - program->heard_clock > wait)
			wait = clock - program->heard_clock;
	}
	if (passed < wait)
		return wait - passed;
	advance(program, clock);
	return 0;
}

/* False: the input has ended, or it is to stop. */
static bool wait_for_input(struct program *program)
{
	struct pollfd fds[2] = {{.fd = stage_descriptor(&program->stage), .events = POLLIN},
	                        {.fd = signals_fd(), .events = POLLIN}};
	int64_t wait;
	int ready;

	for (;;) {
		while ((wait = go_on_alone(program)) == 0)
			;
		before_wait(&program->stage);
		stage_flush(&program->stage);
		ready = poll(fds, 2, wait < 0 ? -1 : (int)((wait < UNIT_HOUR ? wait : UNIT_HOUR) / UNIT_MS + 1));
		if (ready < 0 && errno != EINTR)
			fail("cannot wait for input:");
		if (signals_stop())
			return false;
		if (ready > 0)
			return stage_fill(&program->stage);
	}
}

static void run_with_wall_clock(struct program *program)
{
	bool more = true;

	while (more) {
		program->heard = moment_now();
		program->heard_clock = program->clock;
		more = wait_for_input(program);
		while (stage_take(&program->stage))
			take_event(program);
	}
}

/* ---- the whole ---- */

static void end(struct program *program)
{
	catch_up(program, UINT64_MAX);
	if (stage_ended(&program->stage)) {
		if (program->no_partial && program->windows.count > 0)
			message_info("%zu windows were open at the end", program->windows.count);
		program->muted = program->no_partial;
		finish_all(program);
		program->muted = false;
		state_mark(program);
	} else {
		/* The next process goes on with the windows. */
		program->stage.left = true;
	}
	if (message_hidden(&program->late_limit))
		message_warning("%llu late events in all", (unsigned long long)program->late_limit.count);
	if (message_hidden(&program->early_limit))
		message_warning("all windows were closed early %llu times in all",
		                (unsigned long long)program->early_limit.count);
}

int run(struct program *program)
{
	struct stage *stage = &program->stage;

	stage->context = program;
	stage->before_wait = before_wait;
	stage->marks = true;
	windows_init(&program->windows, &program->columns);
	stage_open(stage);
	state_resume(program);
	catch_up(program, stage_here(stage).in);
	if (program->idle > 0)
		run_with_wall_clock(program);
	else
		while (stage_next(stage))
			take_event(program);
	end(program);
	windows_free(&program->windows);
	return stage_close(stage);
}
