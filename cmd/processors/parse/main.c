/*
 * pype-parse: texts to events.
 *
 * A text is a line of the input, several lines for CSV, or a string in an event.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/parse/parse.h"
#include "common/json_text.h"
#include "common/option.h"
#include "common/utf8.h"

static const struct option_program program = {
	.name = "pype-parse",
	.summary = "make events of CSV, logfmt, syslog and other lines of text",
	.operands = "FORMAT [DETAIL]",
	.least = 1,
	.most = 2,
};

static const struct format formats[] = {
	{"csv", csv_take, true, true, NULL, NULL},
	{"tsv", csv_take, true, true, NULL, NULL},
	{"logfmt", logfmt_take, false, true, NULL, NULL},
	{"kv", kv_take, false, true, NULL, NULL},
	{"regex", regex_take, false, true, regex_open, NULL},
	{"fixed", fixed_take, false, true, fixed_open, NULL},
	{"clf", clf_take, false, false, NULL, "status,bytes"},
	{"combined", combined_take, false, false, NULL, "status,bytes"},
	{"syslog", syslog_take, false, false, NULL, NULL},
	{"json", json_take, false, false, NULL, NULL},
	{0},
};

bool refuse(struct parse *parse, const char *format, ...)
{
	va_list arguments;

	text_clear(&parse->reason);
	va_start(arguments, format);
	text_vaddf(&parse->reason, format, arguments);
	va_end(arguments);
	return false;
}

/* With U+FFFD for each byte that is no UTF-8. */
static void replace_invalid(struct text *valid, const char *text, size_t length)
{
	text_clear(valid);
	while (length > 0) {
		size_t good = utf8_length(text, length);

		text_add(valid, text, good);
		if (good < length) {
			text_add(valid, "\xef\xbf\xbd", 3);
			good++;
		}
		text += good;
		length -= good;
	}
	json_pad(valid);
}

static bool read_time(struct parse *parse)
{
	if (!parse->when.field || parse->nothing)
		return true;
	if (!parse->has_when)
		return refuse(parse, "there is no field '%s', which has the time", parse->when.field);
	parse->timed = strlen(parse->when_text.data) == parse->when_text.length &&
	               when_read(&parse->when, parse->when_text.data, &parse->time);
	return parse->timed ||
	       refuse(parse, "field '%s' is no time: '%.80s'", parse->when.field, parse->when_text.data);
}

/* A text, with JSON_PADDING bytes behind it, to the row. False: it is bad, for the reason. */
static bool take_text(struct parse *parse, const char *text, size_t length)
{
	length -= length > 0 && text[length - 1] == '\n';
	length -= length > 0 && text[length - 1] == '\r';
	if (!utf8_valid(text, length)) {
		if (parse->invalid == INVALID_BAD)
			return refuse(parse, "not UTF-8");
		replace_invalid(&parse->valid, text, length);
		text = parse->valid.data;
		length = parse->valid.length;
	}
	row_begin(parse);
	if (!parse->format->take(parse, text, length))
		return false;
	if (!parse->raw)
		row_end(parse);
	return read_time(parse);
}

void bad_text(struct parse *parse, const char *reason)
{
	if (csv_wants_header(parse))
		die("line %llu: %s, and it is to name the fields", (unsigned long long)parse->stage.event.number,
		    reason);
	stage_bad(&parse->stage, "%s", reason);
}

void handle_line(struct parse *parse)
{
	if (!take_text(parse, parse->stage.event.line, parse->stage.event.length))
		bad_text(parse, parse->reason.data);
	else if (!parse->nothing)
		place_line(parse);
}

/* The string in the event. */
static bool take_member(struct parse *parse)
{
	const struct json_span *span = &parse->stage.event.spans[parse->field];

	if (span->kind != JSON_STRING)
		return refuse(parse, span->kind == JSON_NONE ? "there is no '%s'" : "'%s' is no string",
		              parse->field_path);
	if (!(span->flags & JSON_ESCAPED))
		return take_text(parse, span->at + 1, span->length - 2);
	text_clear(&parse->text);
	json_add_unescaped(&parse->text, span->at, span->length);
	json_pad(&parse->text);
	return take_text(parse, parse->text.data, parse->text.length);
}

static void handle_event(struct parse *parse)
{
	const struct event *event = &parse->stage.event;

	if (take_member(parse) && (parse->nothing || place_into(parse)))
		return;
	if (parse->no_match == NO_MATCH_PASS)
		stage_write(&parse->stage, event->line, event->length);
	else if (parse->no_match == NO_MATCH_BAD)
		bad_text(parse, parse->reason.data);
}

static int run(struct parse *parse)
{
	stage_open(&parse->stage);
	if (parse->format->csv)
		csv_resume(parse);
	if (parse->field_path) {
		while (stage_next(&parse->stage))
			handle_event(parse);
	} else if (parse->format->csv) {
		csv_run(parse);
	} else {
		while (stage_next_line(&parse->stage))
			if (parse->stage.event.number > (uint64_t)parse->skip)
				handle_line(parse);
	}
	return stage_close(&parse->stage);
}

/* ---- options ---- */

static const struct format *find_format(const char *name)
{
	const char *names[sizeof(formats) / sizeof(*formats)] = {NULL};
	char hint[OPTION_HINT];

	for (size_t i = 0; formats[i].name; i++) {
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
		names[i] = formats[i].name;
	}
	die("unknown format '%s'%s", name, option_hint(hint, name, names));
}

static const char *read_separator(const char *string)
{
	return strcmp(string, "\\t") == 0 || strcmp(string, "tab") == 0 ? "\t" : string;
}

static char read_delimiter(const char *string)
{
	string = read_separator(string);
	if (strlen(string) != 1 || strchr("\"\r\n", *string) || (unsigned char)*string >= 0x80)
		die("--delimiter takes one ASCII character, no quote or line break, or \\t, not '%s'", string);
	return *string;
}

/* Options that this format or this input does nothing with. */
static void check_use(const struct parse *parse)
{
	const struct format *format = parse->format;
	bool typed = parse->types || parse->numbers.count > 0 || parse->strings.count > 0;
	bool kv = strcmp(format->name, "kv") == 0;

	if (!format->csv &&
	    (parse->header_text || parse->no_header || parse->ragged || parse->no_quotes || parse->delimiter_text))
		die("--header, --no-header, --ragged, --no-quotes and --delimiter are for csv and tsv");
	if (!kv && (parse->pair_separator || parse->value_separator))
		die("--pair-separator and --value-separator are for kv");
	if (!format->fields && (typed || parse->time_text || parse->null || parse->missing))
		die("--types, --number, --string, --null, --missing and --time are not for %s", format->name);
	if (parse->header_text && parse->no_header)
		die("--header and --no-header exclude each other");
	if (!parse->field_path && (parse->into || parse->merge || parse->no_match != NO_MATCH_BAD))
		die("--into, --merge and --no-match need --field");
	if (!parse->field_path && strcmp(format->name, "json") == 0)
		die("json needs --field: what is JSON by lines are events already");
	if (parse->field_path && (parse->name || parse->skip > 0))
		die("--%s is for lines: not with --field", parse->name ? "name" : "skip");
	if (parse->into && parse->merge)
		die("--into and --merge exclude each other");
	if (parse->into && strcmp(parse->into, "time") == 0)
		die("--into time: that is for the time of the event");
	if ((parse->pair_separator && !*parse->pair_separator) || (parse->value_separator && !*parse->value_separator))
		die("a separator is empty");
}

static void set_field(struct parse *parse)
{
	const char *mistake;
	struct json_want *want = &parse->stage.want;

	parse->field = parse->into_slot = parse->time_slot = -1;
	if (!parse->field_path)
		return;
	parse->field = json_want_path(want, parse->field_path, &mistake);
	if (parse->field < 0)
		die("--field '%s': %s", parse->field_path, mistake);
	parse->time_slot = json_want_member(want, "time", 4);
	if (parse->into)
		parse->into_slot = json_want_member(want, parse->into, strlen(parse->into));
}

static void set_up(struct parse *parse, char **operands)
{
	const struct format *format = find_format(operands[0]);

	parse->format = format;
	check_use(parse);
	if (format->open && !operands[1])
		die("%s needs %s", format->name,
		    format->open == regex_open ? "a regular expression" : "columns: NAME:FROM-TO,...");
	if (!format->open && operands[1])
		die("%s takes no operand '%s'", format->name, operands[1]);
	parse->delimiter = strcmp(format->name, "tsv") == 0 ? '\t' : ',';
	if (parse->delimiter_text)
		parse->delimiter = read_delimiter(parse->delimiter_text);
	parse->between = parse->pair_separator ? read_separator(parse->pair_separator) : " ";
	parse->equals = parse->value_separator ? read_separator(parse->value_separator) : "=";
	parse->event = parse->name;
	if (parse->time_text) {
		when_init(&parse->when, parse->time_text);
		if (!parse->event && !parse->field_path)
			parse->event = "data";
	}
	parse->source = getenv("PYPE_NAME");
	set_field(parse);
	if (format->csv)
		csv_open(parse);
	if (format->open)
		format->open(parse, operands[1]);
}

static void clear(struct parse *parse)
{
	struct text *texts[] = {&parse->row,  &parse->when_text, &parse->plain, &parse->valid,
	                        &parse->text, &parse->out,       &parse->reason};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		text_free(texts[i]);
	csv_free(&parse->csv);
	columns_free(&parse->columns);
	regex_free(parse->regex);
	when_free(&parse->when);
	free(parse->numbers.items);
	free(parse->strings.items);
}

int main(int argc, char **argv)
{
	struct parse parse = {0};
	struct option options[] = {
		OPTION_STRING('f', "field", "PATH", &parse.field_path, "parse the string at PATH of events, not lines"),
		OPTION_STRING(0, "into", "NAME", &parse.into, "put the result into member NAME, and leave the string"),
		OPTION_FLAG(0, "merge", &parse.merge, "the fields become members of the event"),
		OPTION_CHOICE(0, "no-match", "bad|pass|drop", &parse.no_match, "what cannot be parsed (bad)"),
		OPTION_STRING(0, "name", "NAME", &parse.name, "write events of this name, with the row as their data"),
		OPTION_STRING(0, "time", "FIELD[=FORMAT]", &parse.time_text, "the time of the event is in FIELD"),
		OPTION_FLAG(0, "types", &parse.types, "numbers, true, false and null are no strings"),
		OPTION_LIST(0, "number", "FIELD,...", &parse.numbers, "these fields are numbers, or bad"),
		OPTION_LIST(0, "string", "FIELD,...", &parse.strings, "these fields are strings, in spite of --types"),
		OPTION_STRING(0, "null", "TEXT", &parse.null, "a field that is TEXT is null"),
		OPTION_STRING(0, "missing", "TEXT", &parse.missing, "a field that is TEXT is left out"),
		OPTION_CHOICE(0, "invalid", "bad|replace", &parse.invalid, "what is not UTF-8 (bad)"),
		OPTION_NUMBER(0, "skip", "N", &parse.skip, "pass over the first N lines"),
		OPTION_STRING('d', "delimiter", "CHAR", &parse.delimiter_text, "what stands between fields (,)"),
		OPTION_STRING(0, "header", "NAMES", &parse.header_text, "names of the fields, with commas between"),
		OPTION_FLAG(0, "no-header", &parse.no_header, "there are no names: fields are 1, 2, 3 and so on"),
		OPTION_FLAG(0, "ragged", &parse.ragged, "rows may have fewer or more fields than there are names"),
		OPTION_FLAG(0, "no-quotes", &parse.no_quotes, "quotes mean nothing"),
		OPTION_STRING(0, "pair-separator", "TEXT", &parse.pair_separator,
	                      "what stands between pairs (a blank)"),
		OPTION_STRING(0, "value-separator", "TEXT", &parse.value_separator,
	                      "what stands between name and value (=)"),
		OPTION_END,
	};
	char **operands = option_parse_both(&program, options, stage_options(&parse.stage), argv);
	int status = STATUS_OK;

	(void)argc;
	set_up(&parse, operands);
	if (!option_checking())
		status = run(&parse);
	else
		json_want_free(&parse.stage.want);
	clear(&parse);
	return status;
}
