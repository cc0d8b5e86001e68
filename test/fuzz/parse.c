// with: cmd/processors/parse/csv.c cmd/processors/parse/formats.c cmd/processors/parse/pairs.c cmd/processors/parse/place.c cmd/processors/parse/row.c cmd/processors/parse/types.c cmd/processors/parse/web.c cmd/processors/parse/when.c common/regex.c common/syslog.c common/json.c common/json_leaf.c common/json_keys.c common/json_want.c common/json_text.c common/utf8.c common/zone.c common/unit.c common/text.c common/memory.c common/message.c common/moment.c common/option.c -lpcre2-8
/*
 * pype-parse: whatever the text, a row is a JSON object in one line, and so is the event that it is put into. Of CSV no line is
 * dropped: each belongs to a row, to the header, or to what is bad, and each only once.
 *
 * The first bytes say which format and options; stage.h is played here.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/signals.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is read, and how much of it has come to an end. */
struct input {
	const char *start, *at, *end;
	size_t lines, done;
	struct text line;
};

static void check(bool right)
{
	if (!right)
		abort();
}

bool signals_stop(void)
{
	return false;
}

bool refuse(struct parse *parse, const char *format, ...)
{
	va_list arguments;

	text_clear(&parse->reason);
	va_start(arguments, format);
	text_vaddf(&parse->reason, format, arguments);
	va_end(arguments);
	return false;
}

const void *stage_resumed(const struct stage *stage, size_t *length)
{
	(void)stage;
	*length = 0;
	return NULL;
}

void stage_cursor(struct stage *stage, const void *bytes, size_t length)
{
	(void)stage;
	(void)bytes;
	(void)length;
}

bool stage_next_line(struct stage *stage)
{
	struct input *input = stage->context;
	const char *newline;

	if (input->at == input->end)
		return false;
	newline = memchr(input->at, '\n', (size_t)(input->end - input->at));
	text_clear(&input->line);
	text_add(&input->line, input->at, (size_t)((newline ? newline : input->end) - input->at));
	json_pad(&input->line);
	input->at = newline ? newline + 1 : input->end;
	stage->event.line = input->line.data;
	stage->event.length = input->line.length;
	stage->event.number = ++input->lines;
	return true;
}

static size_t count_lines(const struct event *event)
{
	size_t count = 1;

	for (size_t i = 0; i < event->length; i++)
		count += event->line[i] == '\n';
	return count;
}

/* Of CSV, empty lines mean nothing. */
static bool is_blank(const struct input *input, size_t number)
{
	const char *s = input->start, *newline;

	for (; number > 1; number--)
		s = (const char *)memchr(s, '\n', (size_t)(input->end - s)) + 1;
	newline = memchr(s, '\n', (size_t)(input->end - s));
	return newline == s || (newline == s + 1 && *s == '\r');
}

static void line_is_done(struct stage *stage)
{
	struct input *input = stage->context;
	size_t first = (size_t)stage->event.number;

	check(first > input->done);
	while (++input->done < first)
		check(is_blank(input, input->done));
	input->done = first - 1 + count_lines(&stage->event);
	check(input->done <= input->lines);
}

void stage_bad(struct stage *stage, const char *format, ...)
{
	(void)format;
	line_is_done(stage);
}

void bad_text(struct parse *parse, const char *reason)
{
	stage_bad(&parse->stage, "%s", reason);
}

/* A row, or an event with one in it. */
void stage_write(struct stage *stage, const void *line, size_t length)
{
	struct text text = {0};
	struct json_result result;

	(void)stage;
	text_add(&text, line, length);
	json_pad(&text);
	check(json_scan(text.data, text.length, NULL, NULL, JSON_FACTS, &result));
	check(result.kind == JSON_OBJECT && !(result.flags & JSON_SPACED) && !memchr(line, '\n', length));
	text_free(&text);
}

static bool take(struct parse *parse, const char *text, size_t length)
{
	length -= length > 0 && text[length - 1] == '\r';
	if (!utf8_valid(text, length))
		return refuse(parse, "not UTF-8");
	row_begin(parse);
	if (!parse->format->take(parse, text, length))
		return false;
	if (!parse->raw)
		row_end(parse);
	if (parse->has_when)
		parse->timed = when_read(&parse->when, parse->when_text.data, &parse->time);
	return !parse->nothing;
}

void handle_line(struct parse *parse)
{
	line_is_done(&parse->stage);
	if (take(parse, parse->stage.event.line, parse->stage.event.length))
		place_line(parse);
}

/* The same text as a member of an event. */
static void take_member(struct parse *parse, const char *bytes, size_t length)
{
	struct text text = {0}, event = {0};
	struct json_span spans[4];

	text_add(&text, bytes, length);
	json_pad(&text);
	text_add_string(&event, "{\"x\":1,\"text\":");
	json_add_string(&event, bytes, length);
	text_add_string(&event, ",\"time\":2}");
	json_pad(&event);
	parse->stage.event.line = event.data;
	parse->stage.event.length = event.length;
	parse->stage.event.spans = spans;
	check(json_scan(event.data, event.length, &parse->stage.want, spans, JSON_FACTS, &parse->stage.event.json));
	if (take(parse, text.data, length))
		place_into(parse);
	text_free(&text);
	text_free(&event);
}

static void set_up(struct parse *parse, const struct format *format, unsigned flags)
{
	static char names[] = "a,b", when[] = "a", na[] = "NA";

	*parse = (struct parse){
		.format = format,
		.field = -1,
		.delimiter = flags & 1 ? '\t' : ',',
		.between = flags & 1 ? "," : " ",
		.equals = flags & 2 ? "::" : "=",
		.types = flags & 4,
		.no_header = flags & 8,
		.ragged = flags & 16,
		.merge = flags & 32,
		.null = flags & 64 ? na : NULL,
		.header_text = (flags & 136) == 128 ? names : NULL,
		.stage.max_line = flags & 2 ? 64 : LINE_LIMIT,
	};
	if (flags & 64)
		option_list_add(&parse->numbers, names);
	if (flags & 128)
		when_init(&parse->when, when);
	if (format->csv)
		csv_open(parse);
	else if (format->take == regex_take)
		regex_open(parse, "^(?<a>\\w+)(?: (?<b>.*))?");
	else if (format->take == fixed_take)
		fixed_open(parse, "a:1-3,b:2-5,c:7,d:9-");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct format formats[] = {
		{"csv", csv_take, true, true, NULL, NULL},
		{"logfmt", logfmt_take, false, true, NULL, NULL},
		{"kv", kv_take, false, true, NULL, NULL},
		{"regex", regex_take, false, true, NULL, NULL},
		{"fixed", fixed_take, false, true, NULL, NULL},
		{"clf", clf_take, false, false, NULL, "status,bytes"},
		{"combined", combined_take, false, false, NULL, "status,bytes"},
		{"syslog", syslog_take, false, false, NULL, NULL},
		{"json", json_take, false, false, NULL, NULL},
	};
	struct input input = {
		.start = (const char *)data + 2, .at = (const char *)data + 2, .end = (const char *)data + size};
	const char *mistake;
	struct parse parse;

	if (size < 2)
		return 0;
	set_up(&parse, &formats[data[0] % 9], data[1]);
	parse.stage.context = &input;
	parse.field = json_want_path(&parse.stage.want, ".text", &mistake);
	parse.time_slot = json_want_path(&parse.stage.want, ".time", &mistake);
	take_member(&parse, input.at, size - 2);
	parse.field = -1;
	if (parse.format->csv) {
		csv_run(&parse);
	} else if (parse.format->take != json_take) {
		while (stage_next_line(&parse.stage))
			handle_line(&parse);
	}
	text_free(&input.line);
	text_free(&parse.row);
	text_free(&parse.when_text);
	text_free(&parse.plain);
	text_free(&parse.out);
	text_free(&parse.reason);
	csv_free(&parse.csv);
	columns_free(&parse.columns);
	regex_free(parse.regex);
	when_free(&parse.when);
	free(parse.numbers.items);
	json_want_free(&parse.stage.want);
	return 0;
}
