/*
 * From what comes to events.
 */
#include <string.h>

#include "cmd/sources/sse/sse.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/utf8.h"

static const char *const words[] = {
	[FORMAT_SSE] = "an event", [FORMAT_NDJSON] = "a line", [FORMAT_JSON_SEQ] = "a record"};

/* What a message says of this one. */
static const char *what(const struct sse *sse)
{
	return words[sse->stream_format];
}

/* ---- data ---- */

static bool take_json(struct sse *sse, const char *bytes, size_t length, struct json_result *result)
{
	if (!json_scan(bytes, length, NULL, NULL, JSON_FACTS, result))
		return false;
	bytes += result->start;
	length = result->end - result->start;
	if (result->flags & JSON_SPACED)
		json_add_compact(&sse->line, bytes, length);
	else
		text_add(&sse->line, bytes, length);
	return true;
}

/* Makes sse->line of it. False: it is bad, which was said. */
static bool make_data(struct sse *sse, const char *bytes, size_t length, const char *mistake)
{
	struct json_result result = {0};

	text_clear(&sse->line);
	if (mistake) {
		source_bad(&sse->source, bytes, length, "%s is no event: %s", what(sse), mistake);
		return false;
	}
	if (!sse->as_text) {
		if (take_json(sse, bytes, length, &result))
			return true;
		if (sse->stream_format != FORMAT_SSE) {
			source_bad(&sse->source, bytes, length, "%s is not JSON: %s at byte %zu", what(sse),
			           result.error, result.at);
			return false;
		}
	}
	if (!utf8_valid(bytes, length)) {
		source_bad(&sse->source, bytes, length, "%s is not UTF-8", what(sse));
		return false;
	}
	json_add_string(&sse->line, bytes, length);
	return true;
}

static void too_long(struct sse *sse, uint64_t length)
{
	source_bad(&sse->source, NULL, 0, "%s has %llu bytes, over the limit of --max-message, and was not kept",
	           what(sse), (unsigned long long)length);
}

/* ---- events ---- */

static void write_event(struct sse *sse, const char *bytes, size_t length)
{
	struct text *members = &sse->members;
	int64_t now = moment_unix();

	text_clear(members);
	if (sse->stream_format == FORMAT_SSE && sse->stream.id.length > 0) {
		text_add_string(members, ",\"id\":");
		json_add_string(members, sse->stream.id.data, sse->stream.id.length);
	}
	if (!source_event_beside(&sse->source, sse->event.data, now, members, sse->line.data, sse->line.length)) {
		source_bad(&sse->source, bytes, length, "%s is longer than --max-line as an event", what(sse));
		return;
	}
	sse->received++;
	sse->place.events++;
	sse->place.last = now;
}

static bool enough(const struct sse *sse)
{
	return sse->count > 0 && sse->place.events >= sse->count;
}

/* The event's name as it stands in JSON, without quotes. False: it is not UTF-8. */
static bool set_name(struct sse *sse, const char *name, size_t length)
{
	text_clear(&sse->event);
	if (length == 0) {
		text_add_string(&sse->event, sse->name);
		return true;
	}
	if (!utf8_valid(name, length))
		return false;
	json_add_string(&sse->event, name, length);
	sse->event.length--;
	sse->event.data[sse->event.length] = '\0';
	text_drop(&sse->event, 1);
	return true;
}

static bool wanted(const struct sse *sse, const struct sse_stream_event *event)
{
	const char *name = event->name_length > 0 ? event->name : "message";
	size_t length = event->name_length > 0 ? event->name_length : strlen(name);

	for (size_t i = 0; i < sse->events.count; i++)
		if (strlen(sse->events.items[i]) == length && memcmp(sse->events.items[i], name, length) == 0)
			return true;
	return sse->events.count == 0;
}

static void warn_of_ids(struct sse *sse)
{
	while (sse->ids.count < sse->stream.bad_ids)
		if (message_pass(&sse->ids))
			message_warning(
				"'%s': an event ID is ignored: it has a NUL, is not UTF-8, or longer than %d bytes",
				sse->shown, SSE_STREAM_ID);
}

static bool found_event(void *context, const struct sse_stream_event *event)
{
	struct sse *sse = context;

	warn_of_ids(sse);
	if (event->over)
		too_long(sse, event->over);
	else if (!event->data || !wanted(sse, event))
		;
	else if (!set_name(sse, event->name, event->name_length))
		source_bad(&sse->source, event->data, event->length, "an event has a name that is not UTF-8");
	else if (make_data(sse, event->data, event->length, NULL))
		write_event(sse, event->data, event->length);
	place_note(sse);
	return !enough(sse);
}

static bool found_record(void *context, const struct record *record)
{
	static const struct sse_stream_event unnamed = {.name = ""};
	struct sse *sse = context;

	set_name(sse, "", 0);
	if (record->over)
		too_long(sse, record->over);
	else if (!wanted(sse, &unnamed))
		;
	else if (make_data(sse, record->bytes, record->length, record->mistake))
		write_event(sse, record->bytes, record->length);
	place_note(sse);
	return !enough(sse);
}

void emit_begin(struct sse *sse)
{
	sse->received = 0;
	if (sse->stream_format == FORMAT_SSE)
		sse_stream_begin(&sse->stream);
	else
		records_init(&sse->records, sse->stream_format == FORMAT_JSON_SEQ, sse->max_message, found_record, sse);
}

bool emit_bytes(struct sse *sse, const char *bytes, size_t length)
{
	if (sse->stream_format == FORMAT_SSE)
		return sse_stream_add(&sse->stream, bytes, length);
	return records_add(&sse->records, bytes, length);
}

void emit_end(struct sse *sse, bool whole)
{
	if (sse->stream_format != FORMAT_SSE && !enough(sse))
		records_end(&sse->records, whole);
}

void emit_state(struct sse *sse, const char *name, const struct text *data)
{
	if (sse->source.bare)
		return;
	if (!source_event(&sse->source, name, moment_unix(), data->data, data->length))
		source_bad(&sse->source, data->data, data->length, "a '%s' event is longer than --max-line", name);
	place_note(sse);
}

void emit_init(struct sse *sse)
{
	sse_stream_init(&sse->stream, sse->max_message, found_event, sse);
}

void emit_free(struct sse *sse)
{
	sse_stream_free(&sse->stream);
	records_free(&sse->records);
	text_free(&sse->event);
	text_free(&sse->line);
	text_free(&sse->members);
}
