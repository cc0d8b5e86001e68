#include "common/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/json_text.h"
#include "common/output.h"
#include "common/signals.h"

const struct option *source_options(struct source *source)
{
	source->dead_letter = getenv("PYPE_DEAD_LETTER");
	source->max_line = LINE_LIMIT;
	source->options[0] =
		(struct option)OPTION_FLAG(0, "bare", &source->bare, "write the data alone, no event around it");
	source->options[0].section = "common options";
	source->options[1] = (struct option)OPTION_STRING(0, "dead-letter", "FILE", &source->dead_letter,
	                                                  "append what cannot become an event to FILE");
	source->options[2] = (struct option)OPTION_SIZE(0, "max-line", "SIZE", &source->max_line,
	                                                "a longer event is not written but bad (16M)");
	return source->options;
}

void source_open(struct source *source)
{
	const char *name = getenv("PYPE_NAME");

	signals_init();
	keeper_open(&source->keeper, false, true);
	if (source->keeper.page) {
		line_writer_keep(&source->out, &source->keeper);
		/* Not even a large event goes out before its cursor is known: a successor may come to events in another order. */
		source->out.patient = true;
		source->events = source->out.lines = source->out.put_lines = source->keeper.mark.results;
		source->bad = source->keeper.mark.bad;
	} else {
		line_writer_init(&source->out, STDOUT_FILENO);
	}
	dead_letters_init(&source->letters, source->dead_letter);
	if (name && *name) {
		text_add_string(&source->head, ",\"source\":");
		json_add_string(&source->head, name, strlen(name));
	}
}

bool source_keeps(const struct source *source)
{
	return source->keeper.page != NULL;
}

const void *source_resumed(const struct source *source, size_t *length)
{
	*length = source->keeper.mark.cursor_length;
	return *length > 0 ? source->keeper.mark.cursor : NULL;
}

/* What was written so far is whole, and the cursor, if there is one, says where that leaves the source. */
static void set_boundary(struct source *source)
{
	source->keeper.next.results = source->out.lines;
	source->keeper.next.bad = source->bad;
	line_writer_boundary(&source->out);
}

void source_cursor(struct source *source, const void *bytes, size_t length)
{
	if (!source->keeper.page)
		return;
	if (!keeper_cursor(&source->keeper, bytes, length))
		fail("a cursor of %zu bytes is too long for the stage page", length);
	set_boundary(source);
}

static void set_time(struct source *source, int64_t time)
{
	if (source->digits > 0 && time == source->time)
		return;
	source->time = time;
	source->digits = unit_time_text(source->seconds, time - time % UNIT_US);
}

void source_settle(struct source *source)
{
	if (source->keeper.page)
		output_check(line_writer_settle(&source->out));
}

static void add_string(struct line_writer *out, const char *string)
{
	line_writer_add(out, string, strlen(string));
}

/* Bytes of an event besides its data and its name. */
enum { AROUND = 512, SLOT = 4096 };

/*
 * What has room goes out at once, and not in parts with marks that are in the middle of it: so a successor has no lines to drop, which
 * a source would not write again that hears from others. The events so far are therefore not kept back for one that would be too much.
 */
static void make_room(struct source *source, size_t length)
{
	struct keeper *keeper = &source->keeper;

	if (keeper->page && keeper->skip == 0 && source->out.whole > 0 &&
	    source->out.length + length + source->head.length + AROUND > ring_room(&keeper->out))
		source_settle(source);
}

bool source_event(struct source *source, const char *name, int64_t time, const char *data, size_t length)
{
	return source_event_beside(source, name, time, NULL, data, length);
}

bool source_event_beside(struct source *source, const char *name, int64_t time, const struct text *members,
                         const char *data, size_t length)
{
	struct line_writer *out = &source->out;
	size_t before;

	if (!source->fresh && keeper_in_lock_step(&source->keeper))
		source_flush(source);
	if (!source->fresh) {
		set_boundary(source);
		make_room(source, length + (members ? members->length : 0));
	}
	set_time(source, time);
	before = out->length;
	if (source->bare && data) {
		line_writer_add(out, data, length);
	} else {
		add_string(out, "{");
		if (!source->bare) {
			add_string(out, "\"event\":\"");
			add_string(out, name);
			add_string(out, "\",");
		}
		add_string(out, "\"time\":");
		line_writer_add(out, source->seconds, source->digits);
		if (!source->bare && source->head.length)
			line_writer_add(out, source->head.data, source->head.length);
		if (!source->bare && members)
			line_writer_add(out, members->data, members->length);
		if (data) {
			add_string(out, ",\"data\":");
			line_writer_add(out, data, length);
		}
		add_string(out, "}");
	}
	if (out->length - before > source->max_line) {
		line_writer_drop(out);
		return false;
	}
	source->events++;
	if (source->fresh) {
		source->keeper.next.results = out->lines + 1;
		source->keeper.next.bad = source->bad;
		output_check(line_writer_end_whole(out));
	} else {
		output_check(line_writer_end(out));
	}
	return true;
}

static void kept(const struct source *source, int result)
{
	if (result < 0)
		fail("cannot write to the dead letters '%s':", source->letters.path);
}

static void say_bad(struct source *source, struct text *reason)
{
	source->bad++;
	if (message_pass(&source->limit))
		message_error("%s", reason->data);
	text_free(reason);
}

void source_bad(struct source *source, const void *bytes, size_t length, const char *format, ...)
{
	struct text reason = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&reason, format, arguments);
	va_end(arguments);
	if (bytes)
		kept(source, dead_letters_add(&source->letters, reason.data, 0, UINT64_MAX, bytes, length));
	say_bad(source, &reason);
}

void source_bad_begin(struct source *source, const char *format, ...)
{
	struct text reason = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&reason, format, arguments);
	va_end(arguments);
	kept(source, dead_letters_begin(&source->letters, reason.data, 0, UINT64_MAX));
	say_bad(source, &reason);
}

void source_bad_piece(struct source *source, const void *bytes, size_t length)
{
	kept(source, dead_letters_piece(&source->letters, bytes, length));
}

void source_bad_end(struct source *source)
{
	kept(source, dead_letters_end(&source->letters));
}

void source_flush(struct source *source)
{
	set_boundary(source);
	output_check(line_writer_flush(&source->out));
	if (keeper_in_lock_step(&source->keeper))
		keeper_wait_for_all(&source->keeper);
}

/* A pipe has slots of a page; those that lines did not fit into are half full at worst. */
static bool pipe_has_room(int fd, size_t length)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	int size = fcntl(fd, F_GETPIPE_SZ), used = 0;

	if (size < 0 && errno == EBADF)
		return true; /* no pipe */
	if (poll(&poll_fd, 1, 0) <= 0)
		return false;
	if ((poll_fd.revents & POLLERR) || ioctl(fd, FIONREAD, &used) < 0 || used == 0)
		return true;
	return 2 * (size_t)used + length + 2 * (size_t)SLOT <= (size_t)size;
}

bool source_is_held_up(struct source *source)
{
	size_t length = source->out.whole;

	if (length == 0 || keeper_in_lock_step(&source->keeper))
		return false;
	return source->keeper.page ? !keeper_room(&source->keeper, length) : !pipe_has_room(source->out.fd, length);
}

bool source_room(struct source *source, size_t length)
{
	size_t need = source->out.length + length + source->head.length + AROUND;

	if (!source->keeper.page)
		return pipe_has_room(source->out.fd, need);
	if (keeper_in_lock_step(&source->keeper) &&
	    (source->out.length > 0 || !keeper_safe(&source->keeper, source->keeper.mark.out)))
		return false;
	/* What was written had room when it was, and goes by itself: so lines are never put in part. */
	if (source->out.length > 0 && need > ring_room(&source->keeper.out)) {
		need -= source->out.length;
		source_push(source);
	}
	return keeper_room(&source->keeper, need);
}

int source_bell(const struct source *source)
{
	return source->keeper.page ? source->keeper.page->bell : -1;
}

void source_bell_clear(struct source *source)
{
	if (source->keeper.page)
		bell_clear(source->keeper.page->bell);
}

uint64_t source_push(struct source *source)
{
	set_boundary(source);
	output_check(line_writer_flush(&source->out));
	return source->keeper.page ? source->keeper.mark.out : 0;
}

bool source_safe(struct source *source, uint64_t position)
{
	return !source->keeper.page || keeper_safe(&source->keeper, position);
}

int source_close(struct source *source)
{
	source_flush(source);
	if (message_hidden(&source->limit))
		message_error("%llu failures in all", (unsigned long long)source->bad);
	dead_letters_free(&source->letters);
	line_writer_free(&source->out);
	text_free(&source->head);
	keeper_close(&source->keeper);
	return source->bad > 0 && !signals_stop() ? STATUS_FAILED : STATUS_OK;
}
