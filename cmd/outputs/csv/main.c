/*
 * pype-csv: events to rows of a CSV file.
 *
 * Rows are made by row.c; the file they go to is file.c's.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/outputs/csv/csv.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/option.h"

static const struct option_program program = {
	.name = "pype-csv",
	.summary = "write events as rows of CSV",
	.operands = "[FIELD[=PATH]...]",
	.most = -1,
};

static void add_column(struct csv *csv, const char *name, size_t length, int slot)
{
	char *copy = xmalloc(length);

	if (length)
		memcpy(copy, name, length);
	csv->columns = xreallocarray(csv->columns, csv->count + 1, sizeof(*csv->columns));
	csv->columns[csv->count++] = (struct column){copy, length, slot};
}

void csv_add_member(struct csv *csv, const char *name, size_t length)
{
	add_column(csv, name, length, json_want_member(&csv->stage.want, name, length));
}

/* FIELD is a member of the event; NAME=PATH and .PATH are found by a path. */
static void parse_column(struct csv *csv, const char *operand)
{
	const char *equals = strchr(operand, '='), *path = equals ? equals + 1 : operand, *mistake;
	int slot;

	if (!equals && operand[0] != '.') {
		csv_add_member(csv, operand, strlen(operand));
		return;
	}
	slot = json_want_path(&csv->stage.want, path, &mistake);
	if (slot < 0)
		die("column '%s': %s", operand, mistake);
	if (equals)
		add_column(csv, operand, (size_t)(equals - operand), slot);
	else
		add_column(csv, path + (path[1] != '\0'), strlen(path) - (path[1] != '\0'), slot);
}

static char parse_delimiter(const char *string)
{
	if (strcmp(string, "\\t") == 0 || strcmp(string, "tab") == 0)
		return '\t';
	if (strlen(string) != 1 || strchr("\"\r\n+-.", *string) || (unsigned char)*string >= 0x80 ||
	    (*string >= '0' && *string <= '9') || ((*string | 0x20) >= 'a' && (*string | 0x20) <= 'z'))
		die("--delimiter takes one ASCII character, no letter, digit, quote, '+', '-' or '.', or \\t, not '%s'",
		    string);
	return *string;
}

static void flush(struct csv *csv)
{
	if (csv->out != &csv->file) {
		stage_flush(&csv->stage);
		return;
	}
	csv_written(csv, line_writer_flush(csv->out));
	stage_cursor(&csv->stage, &csv->length, sizeof(csv->length));
}

static void put_header(struct csv *csv)
{
	if (!csv->no_header)
		csv_put_header(csv);
}

static void before_wait(struct stage *stage)
{
	flush(stage->context);
}

/* A member that comes twice is one column. */
static bool name_by_first(struct csv *csv)
{
	struct event *event = &csv->stage.event;
	const char *at = event->line + event->json.start;
	struct json_span key, value;
	int slot;

	if (event->json.members == 0 || event->json.members > COLUMNS) {
		stage_bad(&csv->stage, "the first event names the columns, 1 to %d, and has %zu members", COLUMNS,
		          event->json.members);
		return false;
	}
	while (json_next_member(&at, &key, &value)) {
		text_clear(&csv->plain);
		json_add_unescaped(&csv->plain, key.at, key.length);
		slot = json_want_member(&csv->stage.want, csv->plain.data, csv->plain.length);
		if ((size_t)slot == csv->count)
			add_column(csv, csv->plain.data, csv->plain.length, slot);
	}
	stage_rescan(&csv->stage);
	return true;
}

static bool is_column(const struct csv *csv, const struct json_span *key)
{
	for (size_t i = 0; i < csv->count; i++)
		if (json_string_is(key->at, key->length, csv->columns[i].name, csv->columns[i].length))
			return true;
	return false;
}

/* Without FIELDs all members should be columns: says when an event has one that is not. */
static void look_for_more(struct csv *csv)
{
	struct event *event = &csv->stage.event;
	const char *at = event->line + event->json.start;
	struct json_span key, value;
	size_t found = 0;

	for (size_t i = 0; i < csv->stage.want.slots; i++)
		found += event->spans[i].kind != JSON_NONE;
	if (event->json.members == found)
		return;
	while (json_next_member(&at, &key, &value)) {
		if (is_column(csv, &key))
			continue;
		if (message_pass(&csv->more))
			message_warning("line %llu: member '%.*s' has no column", (unsigned long long)event->number,
			                (int)(key.length < 200 ? key.length - 2 : 200), key.at + 1);
		break;
	}
}

static void handle(struct csv *csv)
{
	if (csv->count == 0) {
		if (!name_by_first(csv))
			return;
		put_header(csv);
	}
	if (csv->all)
		look_for_more(csv);
	csv_put_row(csv);
}

static int run(struct csv *csv)
{
	csv->stage.context = csv;
	csv->stage.before_wait = before_wait;
	stage_open(&csv->stage);
	if (strcmp(csv->path, "-") != 0)
		csv_open_file(csv);
	if (csv->count > 0)
		put_header(csv);
	while (stage_next(&csv->stage))
		handle(csv);
	flush(csv);
	if (message_hidden(&csv->more))
		message_warning("%llu events with a member that has no column in all",
		                (unsigned long long)csv->more.count);
	if (csv->out == &csv->file) {
		if (close(csv->file.fd) < 0)
			fail("cannot close '%s':", csv->path);
		line_writer_free(&csv->file);
	}
	text_free(&csv->plain);
	return stage_close(&csv->stage);
}

int main(int argc, char **argv)
{
	char comma[] = ",", stdout_name[] = "-", nothing[] = "";
	struct csv csv = {.delimiter_text = comma, .path = stdout_name, .missing = nothing, .null = nothing};
	struct option options[] = {
		OPTION_STRING('d', "delimiter", "CHAR", &csv.delimiter_text, "what stands between fields (,)"),
		OPTION_STRING('o', "output", "FILE", &csv.path, "write to FILE, replacing it (-: standard output)"),
		OPTION_FLAG('a', "append", &csv.append, "go on with FILE if it is there"),
		OPTION_FLAG(0, "no-header", &csv.no_header, "no row with the columns' names"),
		OPTION_FLAG(0, "crlf", &csv.crlf, "end rows with CR LF, as RFC 4180 has it"),
		OPTION_STRING(0, "missing", "TEXT", &csv.missing, "what a missing value is written as (nothing)"),
		OPTION_STRING(0, "null", "TEXT", &csv.null, "what null is written as (nothing)"),
		OPTION_FLAG(0, "fsync", &csv.fsync, "have each block of rows on disk before going on"),
		OPTION_END,
	};
	char **operands = option_parse_both(&program, options, stage_options(&csv.stage), argv);
	int status;

	(void)argc;
	csv.delimiter = parse_delimiter(csv.delimiter_text);
	csv.out = &csv.stage.out;
	for (; *operands; operands++)
		parse_column(&csv, *operands);
	if ((csv.append || csv.fsync) && strcmp(csv.path, "-") == 0)
		die("--%s needs a file (-o FILE)", csv.append ? "append" : "fsync");
	csv.all = csv.count == 0;
	status = option_checking() ? STATUS_OK : run(&csv);
	for (size_t i = 0; i < csv.count; i++)
		free(csv.columns[i].name);
	free(csv.columns);
	json_want_free(&csv.stage.want);
	return status;
}
