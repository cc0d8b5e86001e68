/*
 * What a successor needs, if this process is killed: a place in the input, the windows that were open there, and up to where the
 * output of what it reads again has been written.
 *
 * While the open windows fit into the cursor, the place is where the input was read to. Otherwise it is before the first event of the
 * oldest open window, and what is read again goes into those windows and nowhere else; or, if that is later, the last place
 * where they did fit.
 */
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/keeper.h"
#include "common/stage_held.h"

struct header {
	uint64_t signature;
	uint64_t until; /* what is read again ends here */
	int64_t base_clock; /* at the place it begins */
	int64_t clock, advance; /* … and ends */
};

enum { ROOM = PAGE_CURSOR - (int)sizeof(struct header) };

/* What each window takes at least. */
static size_t least(const struct columns *columns)
{
	size_t size = 5 * 8 + 4;

	for (size_t i = 0; i < columns->measure_count; i++)
		size += columns->measures[i].kind == MEASURE_COUNT ? 8 : 12;
	return size;
}

static void save_window(const struct columns *columns, const struct window *window, struct text *to)
{
	save_bytes(to, &window->key->length, sizeof(window->key->length));
	save_bytes(to, window->key->bytes, window->key->length);
	save_bytes(to, &window->start, sizeof(window->start));
	save_bytes(to, &window->end, sizeof(window->end));
	save_bytes(to, &window->first, sizeof(window->first));
	save_bytes(to, &window->last, sizeof(window->last));
	save_bytes(to, &window->count, sizeof(window->count));
	for (size_t i = 0; i < columns->measure_count; i++)
		columns->measures[i].type->save(window->states + columns->measures[i].offset, to);
}

/* False: they do not fit into the cursor. */
static bool save_windows(struct program *program, struct text *to)
{
	const struct windows *windows = &program->windows;

	text_clear(to);
	if (windows->count * least(&program->columns) > ROOM)
		return false;
	for (const struct window *window = windows->oldest; window; window = window->newer) {
		save_window(&program->columns, window, to);
		if (to->length > ROOM)
			return false;
	}
	return true;
}

static bool load_window(struct program *program, struct cursor *from)
{
	const struct columns *columns = &program->columns;
	struct windows *windows = &program->windows;
	struct window *window;
	uint32_t length;
	int64_t start, end;
	const char *key;

	load_bytes(from, &length, sizeof(length));
	key = from->at;
	if (from->bad || (size_t)(from->end - from->at) < length)
		return false;
	from->at += length;
	load_bytes(from, &start, sizeof(start));
	load_bytes(from, &end, sizeof(end));
	window = windows_open(windows, windows_key(windows, key, length), start, end, &program->base);
	load_bytes(from, &window->first, sizeof(window->first));
	load_bytes(from, &window->last, sizeof(window->last));
	load_bytes(from, &window->count, sizeof(window->count));
	for (size_t i = 0; i < columns->measure_count; i++)
		columns->measures[i].type->load(window->states + columns->measures[i].offset, from);
	return !from->bad;
}

static void load_windows(struct program *program)
{
	struct cursor from = {.at = program->base_state.data, .end = program->base_state.data};

	from.end += program->base_state.length;
	while (from.at < from.end)
		if (!load_window(program, &from))
			fail("cannot make sense of the windows that the process before left");
}

void state_resume(struct program *program)
{
	size_t length;
	const char *cursor = stage_resumed(&program->stage, &length);
	struct header header;

	program->clock = program->advance = program->muted_advance = WINDOW_NEVER;
	text_init(&program->base_state);
	program->base = (struct origin){stage_here(&program->stage), WINDOW_NEVER};
	if (cursor && length >= sizeof(header)) {
		memcpy(&header, cursor, sizeof(header));
		if (header.signature == program->signature) {
			program->clock = program->base.clock = header.base_clock;
			text_add(&program->base_state, cursor + sizeof(header), length - sizeof(header));
			load_windows(program);
			program->muted = true;
			program->muted_until = header.until;
			program->muted_clock = header.clock;
			program->muted_advance = header.advance;
		} else {
			message_warning("the options are not those of the process before: the windows that it had open "
			                "begin anew");
		}
	}
	program->alone = program->base;
}

/* From where a successor can do it all again, with which windows. */
static void find_base(struct program *program, const struct stage_place *here)
{
	const struct window *oldest = program->windows.oldest;
	struct text state = {0};

	if (save_windows(program, &state)) {
		program->base = (struct origin){*here, program->clock};
		text_clear(&program->base_state);
		text_add(&program->base_state, state.data, state.length);
	} else {
		/* Where windows end after so many events of a key, each key depends on all of its events. */
		const struct origin *origin = program->count > 0 ? &program->alone : &oldest->origin;

		if (origin->place.in > program->base.place.in) {
			program->base = *origin;
			text_clear(&program->base_state);
		}
	}
	text_free(&state);
}

void state_mark(struct program *program)
{
	struct stage_place here = stage_here(&program->stage);
	struct header header;
	struct text *cursor = &program->plain;

	if (!program->stage.keeper.page || program->muted)
		return;
	find_base(program, &here);
	if (!stage_mark(&program->stage, &program->base.place)) {
		if (!program->let_go)
			message_warning(
				"%zu open windows do not fit into a mark, nor their events into the buffer: what is "
				"in them is lost if it is killed",
				program->windows.count);
		program->let_go = true;
		program->base = (struct origin){here, program->clock};
		text_clear(&program->base_state);
		stage_mark(&program->stage, &here);
	}
	header = (struct header){
		.signature = program->signature,
		.until = here.in,
		.base_clock = program->base.clock,
		.clock = program->clock,
		.advance = program->advance,
	};
	text_clear(cursor);
	text_add(cursor, &header, sizeof(header));
	text_add(cursor, program->base_state.data, program->base_state.length);
	stage_cursor(&program->stage, cursor->data, cursor->length);
}
