/*
 * Where the source is: the last event ID. Under a runner it is in the page with each event; --state keeps it in a file, too, which is
 * written when the events before it are out, but not after each of them, since that waits for the disk.
 */
#include <errno.h>
#include <string.h>

#include "cmd/sources/sse/sse.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/page.h"
#include "common/unit.h"

static const int64_t write_pause = UNIT_S;

_Static_assert(sizeof(struct place) + SSE_STREAM_ID <= PAGE_CURSOR, "a place must fit into a cursor");

static void set_id(struct sse *sse, const char *id, size_t length)
{
	text_clear(&sse->stream.id);
	text_add(&sse->stream.id, id, length);
}

/* ---- the file ---- */

static bool read_file(struct sse *sse, struct text *content)
{
	struct json_want want = {0};
	struct json_result result;
	struct json_span span;
	const char *mistake;
	bool good;

	json_pad(content);
	json_want_path(&want, ".last_event_id", &mistake);
	good = json_scan(content->data, content->length, &want, &span, 0, &result) && span.kind == JSON_STRING;
	json_want_free(&want);
	if (!good)
		return false;
	text_clear(&sse->stream.id);
	json_add_unescaped(&sse->stream.id, span.at, span.length);
	return sse->stream.id.length <= SSE_STREAM_ID;
}

static void open_file(struct sse *sse)
{
	struct text content = {0};

	if (state_file_open(&sse->state, sse->state_path, &content) < 0) {
		if (errno == EWOULDBLOCK)
			fail("--state '%s' is in use by another process", sse->state_path);
		fail("--state '%s':", sse->state_path);
	}
	if (content.length > 0 && !read_file(sse, &content))
		die("--state '%s' holds something else", sse->state_path);
	text_free(&content);
}

static void write_file(struct sse *sse)
{
	struct text content = {0};

	text_add_string(&content, "{\"last_event_id\":");
	json_add_string(&content, sse->stream.id.data, sse->stream.id.length);
	text_add_string(&content, "}\n");
	if (state_file_replace(&sse->state, content.data, content.length) < 0)
		fail("cannot write --state '%s':", sse->state_path);
	text_free(&content);
	sse->dirty = false;
	sse->written = moment_now();
}

static void file_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct sse *sse = timer->data;

	(void)loop;
	(void)events;
	source_flush(&sse->source);
	if (sse->dirty)
		write_file(sse);
}

/* ---- */

void place_open(struct sse *sse)
{
	size_t length;
	const char *cursor = source_resumed(&sse->source, &length);

	ev_init(&sse->state_due, file_due);
	sse->state_due.data = sse;
	sse->written = moment_now() - write_pause;
	if (sse->first_id)
		set_id(sse, sse->first_id, strlen(sse->first_id));
	if (sse->state_path)
		open_file(sse);
	if (cursor && length >= sizeof(sse->place)) {
		memcpy(&sse->place, cursor, sizeof(sse->place));
		set_id(sse, cursor + sizeof(sse->place), length - sizeof(sse->place));
		sse->resumed = true;
	}
}

void place_note(struct sse *sse)
{
	char cursor[PAGE_CURSOR];

	memcpy(cursor, &sse->place, sizeof(sse->place));
	memcpy(cursor + sizeof(sse->place), sse->stream.id.data, sse->stream.id.length);
	source_cursor(&sse->source, cursor, sizeof(sse->place) + sse->stream.id.length);
	sse->dirty = sse->state_path;
}

void place_settled(struct sse *sse)
{
	int64_t since;

	if (!sse->dirty || ev_is_active(&sse->state_due))
		return;
	since = moment_now() - sse->written;
	if (since >= write_pause)
		write_file(sse);
	else
		source_loop_after(&sse->loop, &sse->state_due, write_pause - since);
}

void place_close(struct sse *sse)
{
	if (!sse->state_path)
		return;
	source_flush(&sse->source);
	if (sse->dirty)
		write_file(sse);
	state_file_close(&sse->state);
}
