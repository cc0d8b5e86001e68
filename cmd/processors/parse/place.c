/*
 * Where a row goes.
 */
#include <string.h>

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/unit.h"

static void add_time(struct text *out, int64_t time)
{
	text_reserve(out, UNIT_TEXT_MAX);
	out->length += unit_time_text(out->data + out->length, time);
}

static void write_out(struct parse *parse)
{
	stage_write(&parse->stage, parse->out.data, parse->out.length);
}

void place_line(struct parse *parse)
{
	struct text *out = &parse->out;

	if (!parse->event && !parse->timed) {
		stage_write(&parse->stage, parse->row.data, parse->row.length);
		return;
	}
	text_clear(out);
	text_add_char(out, '{');
	if (parse->event) {
		text_add_string(out, "\"event\":");
		json_add_string(out, parse->event, strlen(parse->event));
		text_add_char(out, ',');
	}
	if (parse->timed) {
		text_add_string(out, "\"time\":");
		add_time(out, parse->time);
		text_add_char(out, ',');
	}
	if (parse->event && parse->source) {
		text_add_string(out, "\"source\":");
		json_add_string(out, parse->source, strlen(parse->source));
		text_add_char(out, ',');
	}
	if (parse->event) {
		text_add_string(out, "\"data\":");
		text_add(out, parse->row.data, parse->row.length);
		text_add_char(out, '}');
	} else if (parse->row.length > 2) {
		text_add(out, parse->row.data + 1, parse->row.length - 1);
	} else {
		out->data[out->length - 1] = '}';
	}
	write_out(parse);
}

/* A value to be put at a span of the event, or, where there is none, as a new member. */
struct edit {
	const struct json_span *span;
	const char *name;
	const char *bytes;
	size_t length;
};

static bool is_there(const struct edit *edit)
{
	return edit->span->kind != JSON_NONE;
}

static void add_member(struct text *out, const char *name, const char *value, size_t length)
{
	if (out->data[out->length - 1] != '{')
		text_add_char(out, ',');
	json_add_string(out, name, strlen(name));
	text_add_char(out, ':');
	text_add(out, value, length);
}

static bool apply(struct parse *parse, struct edit *edits, size_t count)
{
	const struct event *event = &parse->stage.event;
	const char *at = event->line + event->json.start, *end = event->line + event->json.end - 1;
	struct text *out = &parse->out;

	if (count == 2 && is_there(&edits[0]) && is_there(&edits[1])) {
		struct edit first = edits[0];

		if (edits[1].span->at < first.span->at) {
			edits[0] = edits[1];
			edits[1] = first;
		}
		if (edits[0].span->at + edits[0].span->length > edits[1].span->at)
			return refuse(parse, "the time and the row belong into the same member");
	}
	text_clear(out);
	for (size_t i = 0; i < count; i++) {
		if (!is_there(&edits[i]))
			continue;
		text_add(out, at, (size_t)(edits[i].span->at - at));
		text_add(out, edits[i].bytes, edits[i].length);
		at = edits[i].span->at + edits[i].span->length;
	}
	text_add(out, at, (size_t)(end - at));
	while (event->json.members == 0 && out->length > 1)
		out->data[--out->length] = '\0';
	for (size_t i = 0; i < count; i++)
		if (!is_there(&edits[i]))
			add_member(out, edits[i].name, edits[i].bytes, edits[i].length);
	text_add_char(out, '}');
	write_out(parse);
	return true;
}

/* Whether a member of the event gives way to one of the row. */
static bool gives_way(struct parse *parse, const struct json_span *key, bool timed)
{
	struct text *name = &parse->plain;
	const char *at = parse->row.data;
	struct json_span other, value;

	text_clear(name);
	json_add_unescaped(name, key->at, key->length);
	if (timed && name->length == 4 && memcmp(name->data, "time", 4) == 0)
		return true;
	while (json_next_member(&at, &other, &value))
		if (json_string_is(other.at, other.length, name->data, name->length))
			return true;
	return false;
}

static void add_span(struct text *out, const struct json_span *key, const struct json_span *value)
{
	if (out->length > 1)
		text_add_char(out, ',');
	text_add(out, key->at, key->length);
	text_add_char(out, ':');
	text_add(out, value->at, value->length);
}

/* The members of the event, without the text, and those of the row behind them. */
static void merge(struct parse *parse, const struct json_span *text, const char *time, size_t time_length)
{
	const struct event *event = &parse->stage.event;
	const char *at = event->line + event->json.start, *row = parse->row.data;
	struct text *out = &parse->out;
	struct json_span key, value;

	text_clear(out);
	text_add_char(out, '{');
	while (json_next_member(&at, &key, &value))
		if (value.at != text->at && !gives_way(parse, &key, time_length > 0))
			add_span(out, &key, &value);
	if (time_length > 0)
		add_member(out, "time", time, time_length);
	while (json_next_member(&row, &key, &value))
		if (time_length == 0 || !json_string_is(key.at, key.length, "time", 4))
			add_span(out, &key, &value);
	text_add_char(out, '}');
	write_out(parse);
}

bool place_into(struct parse *parse)
{
	const struct json_span *spans = parse->stage.event.spans;
	char time[UNIT_TEXT_MAX];
	size_t length = parse->timed ? unit_time_text(time, parse->time) : 0, count = 0;
	struct edit edits[2];

	json_pad(&parse->row);
	if (parse->merge) {
		merge(parse, &spans[parse->field], time, length);
		return true;
	}
	/* What is new stands in this order: the time, and the row. */
	if (length > 0)
		edits[count++] = (struct edit){&spans[parse->time_slot], "time", time, length};
	edits[count++] = (struct edit){&spans[parse->into ? parse->into_slot : parse->field], parse->into,
	                               parse->row.data, parse->row.length};
	return apply(parse, edits, count);
}
