#include "common/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/output.h"
#include "common/signals.h"
#include "common/unit.h"

enum { ON_SKIP, ON_FAIL };

const struct option *stage_options(struct stage *stage)
{
	stage->dead_letter = getenv("PYPE_DEAD_LETTER");
	stage->max_line = LINE_LIMIT;
	stage->options[0] = (struct option)OPTION_STRING(0, "dead-letter", "FILE", &stage->dead_letter,
	                                                 "append bad events to FILE");
	stage->options[0].section = "common options";
	stage->options[1] = (struct option)OPTION_CHOICE(0, "on-error", "skip|fail", &stage->on_error,
	                                                 "what to do at a bad event (skip)");
	stage->options[2] = (struct option)OPTION_SIZE(0, "max-line", "SIZE", &stage->max_line,
	                                               "a longer line is a bad event (16M)");
	return stage->options;
}

bool stage_say_next(struct stage *stage)
{
	struct keeper *keeper = &stage->keeper;
	struct stage_place place = {line_reader_position(&stage->in), stage->in.number, stage->events, stage->bad};

	if (!keeper->page || stage->hold || stage->left || stage->marks)
		return false;
	if (stage->held)
		place = *stage->held;
	keeper_handled(keeper, place.in, place.lines);
	keeper->next.events = place.events;
	keeper->next.bad = place.bad;
	keeper->next.results = stage->out.lines;
	return true;
}

void stage_set_boundary(struct stage *stage)
{
	if (stage_say_next(stage))
		line_writer_boundary(&stage->out);
}

struct stage_place stage_began(const struct stage *stage)
{
	return (struct stage_place){stage->in.offset, stage->in.number - 1, stage->events - 1, stage->event_bad};
}

/* It would wait for ever, for what cannot come. */
static void let_go(struct stage *stage)
{
	struct keeper *keeper = &stage->keeper;
	uint64_t read = stage->in.read;

	if (!keeper->page || !stage->hold || stage->marks ||
	    !keeper_is_waited_for(keeper, read, read - keeper->mark.in))
		return;
	if (!stage->let_go && keeper_in_lock_step(keeper))
		message_warning("holds what 'protocol: sync' wants to be handled at once: it is lost if it is killed");
	else if (!stage->let_go)
		message_warning("holds more of its input than the buffer of %zu bytes: what it holds is lost if it is "
		                "killed",
		                keeper->in.size);
	stage->let_go = true;
	stage->hold = false;
	stage_set_boundary(stage);
	stage->hold = true;
}

void stage_prepare_wait(struct stage *stage)
{
	if (stage->before_wait)
		stage->before_wait(stage);
	let_go(stage);
	stage_flush(stage);
}

static void before_wait(void *context)
{
	stage_prepare_wait(context);
}

/* Before the program ends on account of an error: what was handled goes out. */
static void hand_over(struct stage *stage)
{
	int saved = errno;

	stage_prepare_wait(stage);
	errno = saved;
}

static void read_from(struct stage *stage, int fd, const char *name)
{
	if (fd == STDIN_FILENO && stage->keeper.page && !stage->files)
		line_reader_keep(&stage->in, &stage->keeper, stage->max_line);
	else
		line_reader_init(&stage->in, fd, stage->max_line);
	stage->in.stop_fd = signals_fd();
	stage->in.before_wait = before_wait;
	stage->in.context = stage;
	stage->name = name;
}

static void end_input(struct stage *stage)
{
	if (stage->in.fd > STDIN_FILENO)
		close(stage->in.fd);
	line_reader_free(&stage->in);
}

void stage_input(struct stage *stage, int fd, const char *name)
{
	end_input(stage);
	read_from(stage, fd, name);
}

void stage_input_at(struct stage *stage, const struct stage_part *part)
{
	stage_input(stage, part->fd, part->name);
	stage->in.read = part->at;
	stage->in.number = part->lines;
	stage->in.pull = part->pull;
	stage->in.from = part->from;
}

uint64_t stage_position(const struct stage *stage, uint64_t *lines)
{
	*lines = stage->in.number;
	return line_reader_position(&stage->in);
}

static void kept(struct stage *stage, int result)
{
	if (result < 0) {
		stage->left = true;
		hand_over(stage);
		fail("cannot write to the dead letters '%s':", stage->letters.path);
	}
}

void stage_open(struct stage *stage)
{
	struct keeper *keeper = &stage->keeper;

	signals_init();
	if (!stage->apart)
		keeper_open(keeper, !stage->files, true);
	read_from(stage, STDIN_FILENO, NULL);
	if (stage->files) {
		stage->in.read = keeper->mark.in;
		stage->in.number = keeper->mark.lines;
	}
	dead_letters_init(&stage->letters, stage->dead_letter);
	/* Without a mark, too: a predecessor may have put some away before its first. */
	if (keeper->page)
		kept(stage, dead_letters_cut(&stage->letters, keeper->mark.in, keeper->page->epoch));
	stage->poison = PAGE_NOWHERE;
	if (keeper->page) {
		line_writer_keep(&stage->out, keeper);
		stage->out.lines = stage->out.put_lines = keeper->mark.results;
		stage->events = keeper->mark.events;
		stage->bad = stage->bad_before = keeper->mark.bad;
		stage->poison = atomic_load_explicit(&keeper->page->poison, memory_order_relaxed);
		stage->looked = keeper->mark.in;
	} else {
		line_writer_init(&stage->out, STDOUT_FILENO);
	}
}

const void *stage_resumed(const struct stage *stage, size_t *length)
{
	*length = stage->keeper.mark.cursor_length;
	return *length > 0 ? stage->keeper.mark.cursor : NULL;
}

void stage_cursor(struct stage *stage, const void *bytes, size_t length)
{
	if (stage->keeper.page && !keeper_cursor(&stage->keeper, bytes, length))
		fail("a cursor of %zu bytes is too long for the stage page", length);
}

/* Counts and says a bad event; the caller has put it away. */
static void bad(struct stage *stage, uint64_t number, const char *reason)
{
	const char *name = stage->name ? stage->name : "", *colon = stage->name ? ": " : "";

	stage->bad++;
	if (stage->on_error == ON_FAIL) {
		stage->left = true;
		hand_over(stage);
		fail("%s%sline %llu: %s", name, colon, (unsigned long long)number, reason);
	}
	if (message_pass(&stage->limit))
		message_error("%s%sline %llu: %s", name, colon, (unsigned long long)number, reason);
}

/* Of a line, for a successor that takes back what it will write again. */
static uint64_t position(const struct stage *stage, uint64_t in)
{
	return stage->keeper.page ? in : PAGE_NOWHERE;
}

void stage_bad_held(struct stage *stage, const struct stage_place *place, const char *line, size_t length,
                    const char *reason)
{
	kept(stage,
	     dead_letters_add(&stage->letters, reason, place->lines + 1, position(stage, place->in), line, length));
	bad(stage, place->lines + 1, reason);
}

void stage_bad(struct stage *stage, const char *format, ...)
{
	struct stage_place place = {.in = stage->in.offset, .lines = stage->event.number - 1};
	struct text reason = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&reason, format, arguments);
	va_end(arguments);
	stage_bad_held(stage, &place, stage->event.line, stage->event.length, reason.data);
	text_free(&reason);
}

static void before_bad(struct stage *stage, struct stage_place place)
{
	if (stage->before_bad)
		stage->before_bad(stage, &place);
}

static const char *too_long(const struct stage *stage, char *reason, size_t room)
{
	char size[UNIT_TEXT_MAX];

	snprintf(reason, room, "longer than %s (--max-line)", unit_size_text(size, stage->max_line));
	return reason;
}

static void end_long_line(struct stage *stage)
{
	char reason[100];

	if (!stage->in_long_line)
		return;
	stage->in_long_line = false;
	kept(stage, dead_letters_end(&stage->letters));
	bad(stage, stage->in.number, too_long(stage, reason, sizeof(reason)));
}

/* A line over the limit comes in pieces: into the dead letters with each. */
static void put_away(struct stage *stage, enum line_status status, const char *piece, size_t length)
{
	char reason[100];

	if (!stage->in_long_line) {
		before_bad(stage,
		           (struct stage_place){stage->in.offset, stage->in.number - 1, stage->events, stage->bad});
		kept(stage, dead_letters_begin(&stage->letters, too_long(stage, reason, sizeof(reason)),
		                               stage->in.number, position(stage, stage->in.offset)));
	}
	stage->in_long_line = true;
	kept(stage, dead_letters_piece(&stage->letters, piece, length));
	if (status == LINE_TAIL)
		end_long_line(stage);
}

static bool blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (line[i] != ' ' && line[i] != '\t' && line[i] != '\r')
			return false;
	return true;
}

bool stage_trim(const struct stage *stage, uint64_t number, const char **line, size_t *length)
{
	if (number == 1 && *length >= 3 && memcmp(*line, "\xef\xbb\xbf", 3) == 0) {
		*line += 3;
		*length -= 3;
	}
	return stage->blank_lines || !blank(*line, *length);
}

/* While input comes without a pause: what is handled is given back before the writer has to wait for it. */
static bool is_time_to_mark(struct stage *stage)
{
	const struct keeper *keeper = &stage->keeper;
	uint64_t at = stage->marks ? line_reader_position(&stage->in) : keeper->next.in;

	if (at - (stage->marks ? stage->looked : keeper->mark.in) < keeper->in.size / 4)
		return false;
	stage->looked = at;
	return true;
}

void stage_cannot_read(struct stage *stage)
{
	int saved = errno;

	end_long_line(stage);
	hand_over(stage);
	errno = saved;
	fail("cannot read %s:", stage->name ? stage->name : "standard input");
}

/* Of a stage that keeps a page: the event before is handled. */
static void end_event(struct stage *stage)
{
	stage_set_boundary(stage);
	if (stage->files && keeper_in_lock_step(&stage->keeper)) {
		stage_flush(stage);
		keeper_wait_for_all(&stage->keeper);
	}
	if (!stage->files && is_time_to_mark(stage))
		stage_prepare_wait(stage);
}

/* A new event is what is read by now. False: it is to be passed over. */
static inline bool begin_event(struct stage *stage)
{
	struct event *event = &stage->event;

	event->number = stage->in.number;
	event->newline = stage->in.newline;
	stage->events++;
	stage->event_bad = stage->bad;
	if (stage->in.offset == stage->poison) {
		/* It has killed this stage before, and the runner has put it away: to be marked, before the next one does. */
		stage->bad++;
		stage_set_boundary(stage);
		stage_prepare_wait(stage);
		return false;
	}
	stage_set_handling(stage, stage->in.offset);
	return true;
}

/* The next line that is not empty, by one of the two ways to read. */
static bool read_event(struct stage *stage,
                       enum line_status (*read_line)(struct line_reader *, const char **, size_t *))
{
	struct event *event = &stage->event;

	for (;;) {
		enum line_status status = read_line(&stage->in, &event->line, &event->length);

		switch (status) {
		case LINE_WHOLE:
			break;
		case LINE_PIECE:
		case LINE_TAIL:
			put_away(stage, status, event->line, event->length);
			continue;
		case LINE_ERROR:
			stage_cannot_read(stage);
		case LINE_END:
			end_long_line(stage);
			stage_set_handling(stage, PAGE_NOWHERE);
			return false;
		case LINE_WAIT:
			stage_set_handling(stage, PAGE_NOWHERE);
			return false;
		}
		if (!stage_trim(stage, stage->in.number, &event->line, &event->length)) {
			event->number = stage->in.number;
			event->newline = stage->in.newline;
			continue;
		}
		if (begin_event(stage))
			return true;
	}
}

/* Mostly it is an object that is there: no byte order mark, and not empty. False: nothing is taken. */
static inline bool line_at_once(struct stage *stage)
{
	struct event *event = &stage->event;
	size_t rest;
	const char *from = line_reader_peek(&stage->in, '{', &rest);

	if (!from)
		return false;
	event->line = from;
	event->length = (size_t)(line_find_newline(from, rest) - from);
	return line_reader_pass(&stage->in, event->length);
}

/* The same for one that looks like earlier ones. */
static inline bool line_ahead(struct stage *stage)
{
	struct event *event = &stage->event;
	size_t rest;
	const char *from = line_reader_peek(&stage->in, '{', &rest);

	event->line = from;
	return from && stage->ahead(stage->ahead_context, from, rest, &event->length) &&
	       line_reader_pass(&stage->in, event->length);
}

static __attribute__((cold)) void make_span_room(struct stage *stage)
{
	stage->event.spans = xreallocarray(stage->event.spans, stage->want.slots, sizeof(*stage->event.spans));
	stage->span_room = stage->want.slots;
}

static __attribute__((cold)) bool refuse(struct stage *stage, bool valid)
{
	const struct json_result *json = &stage->event.json;

	before_bad(stage, stage_began(stage));
	if (valid)
		stage_bad(stage, "not a JSON object");
	else
		stage_bad(stage, "not JSON: %s at column %zu", json->error, json->at + 1);
	return false;
}

/* What is not found ahead. */
static bool scan(struct stage *stage)
{
	struct event *event = &stage->event;
	bool valid = json_shapes_scan(&stage->shapes, event->line, event->length, &stage->want, event->spans,
	                              stage->ask, &event->json);

	return (valid && event->json.kind == JSON_OBJECT) || refuse(stage, valid);
}

/* An event that looks like earlier ones. */
static inline bool event_at_once(struct stage *stage)
{
	struct event *event = &stage->event;
	size_t rest;
	const char *from = line_reader_peek(&stage->in, '{', &rest);

	event->line = from;
	return from &&
	       json_shapes_ahead(&stage->shapes, from, rest, &stage->want, event->spans, stage->ask, &event->json,
	                         &event->length) &&
	       line_reader_pass(&stage->in, event->length);
}

static inline bool next_event(struct stage *stage,
                              enum line_status (*read_line)(struct line_reader *, const char **, size_t *))
{
	if (stage->want.slots > stage->span_room)
		make_span_room(stage);
	for (;;) {
		if (stage->keeper.page)
			end_event(stage);
		if (event_at_once(stage)) {
			if (begin_event(stage))
				return true;
		} else if (line_at_once(stage)) {
			if (begin_event(stage) && scan(stage))
				return true;
		} else if (!read_event(stage, read_line)) {
			return false;
		} else if (scan(stage)) {
			return true;
		}
	}
}

void stage_rescan(struct stage *stage)
{
	struct event *event = &stage->event;

	make_span_room(stage);
	json_scan(event->line, event->length, &stage->want, event->spans, stage->ask, &event->json);
}

bool stage_next_line(struct stage *stage)
{
	if (stage->keeper.page)
		end_event(stage);
	if ((stage->ahead && line_ahead(stage)) || line_at_once(stage))
		if (begin_event(stage))
			return true;
	return read_event(stage, line_reader_next);
}

bool stage_next(struct stage *stage)
{
	return next_event(stage, line_reader_next);
}

bool stage_take(struct stage *stage)
{
	return next_event(stage, line_reader_take);
}

bool stage_take_line(struct stage *stage)
{
	/* One by one: the short way knows of nothing that is held back. */
	if (stage->keeper.page)
		end_event(stage);
	return read_event(stage, line_reader_take);
}

void stage_write(struct stage *stage, const void *line, size_t length)
{
	output_check(line_writer_put(&stage->out, line, length));
}

void stage_end_line(struct stage *stage)
{
	output_check(line_writer_end(&stage->out));
}

void stage_flush(struct stage *stage)
{
	output_check(line_writer_flush(&stage->out));
}

int stage_close(struct stage *stage)
{
	/* With status 0 all that it was given would count as handled. */
	bool given_back = stage->left && stage->keeper.page && !stage->files;

	stage->hold = false;
	stage->held = NULL;
	stage_set_boundary(stage);
	stage_flush(stage);
	if (message_hidden(&stage->limit))
		message_error("%llu bad events in all", (unsigned long long)stage->bad);
	dead_letters_free(&stage->letters);
	end_input(stage);
	line_writer_free(&stage->out);
	keeper_close(&stage->keeper);
	json_want_free(&stage->want);
	json_shapes_free(&stage->shapes);
	free(stage->event.spans);
	if (stage->files)
		return stage->bad > stage->bad_before && !signals_stop() ? STATUS_FAILED : STATUS_OK;
	return stage->bad > 0 || given_back ? STATUS_FAILED : STATUS_OK;
}
