/*
 * pype ps: what runs, and how.
 */
#include "cmd/flow/commands/ps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/command.h"
#include "cmd/flow/run/state.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/unit.h"
#include "common/utf8.h"

enum column { NAME, STATE, PID, UP, STARTS, FAILURES, MODE, IN, OUT, BAD, DROPPED, RATE, QUEUE, FAILURE, COLUMNS };

enum kind { TEXT, NUMBER, DURATION, SIZE, PER_SECOND };

static const struct {
	const char *heading, *path;
	enum kind kind;
} columns[COLUMNS] = {
	[NAME] = {"NAME", ".source", TEXT},
	[STATE] = {"STATE", ".data.state", TEXT},
	[PID] = {"PID", ".data.pid", NUMBER},
	[UP] = {"UP", ".data.uptime", DURATION},
	[STARTS] = {"STARTS", ".data.starts", NUMBER},
	[FAILURES] = {"FAILURES", ".data.failures", NUMBER},
	[MODE] = {"MODE", ".data.mode", TEXT},
	[IN] = {"IN", ".data.in", NUMBER},
	[OUT] = {"OUT", ".data.out", NUMBER},
	[BAD] = {"BAD", ".data.bad", NUMBER},
	[DROPPED] = {"DROPPED", ".data.dropped", NUMBER},
	[RATE] = {"RATE", ".data.rate", PER_SECOND},
	[QUEUE] = {"QUEUE", ".data.queue", SIZE},
	[FAILURE] = {"LAST FAILURE", ".data.failure", TEXT},
};

/* What stands behind the columns' fields. */
enum { LEFT = COLUMNS, FIELDS };

struct rows {
	char *(*items)[COLUMNS];
	size_t count;
	size_t width[COLUMNS];
};

static void add_duration(struct text *text, double seconds, int64_t unit)
{
	char buffer[UNIT_TEXT_MAX];

	text_add_string(text, unit_duration_text(buffer, (int64_t)(seconds * (double)UNIT_S) / unit * unit));
}

static void add_size(struct text *text, double bytes)
{
	static const char units[] = "kMGT";
	size_t unit = 0;

	if (bytes < 10000) {
		text_addf(text, "%.0f", bytes);
		return;
	}
	for (bytes /= 1024; bytes >= 10000 && units[unit + 1]; bytes /= 1024)
		unit++;
	text_addf(text, "%.0f%c", bytes, units[unit]);
}

/* "-" for what is not known, or does not apply. */
static char *cell(enum kind kind, const struct json_span *span)
{
	struct text text = {0};

	if (kind == TEXT && span->kind == JSON_STRING) {
		json_add_unescaped(&text, span->at, span->length);
	} else if (kind == TEXT || span->kind != JSON_NUMBER) {
		text_add_char(&text, '-');
	} else if (kind == DURATION) {
		add_duration(&text, json_number(span), UNIT_S);
	} else if (kind == SIZE) {
		add_size(&text, json_number(span));
	} else if (kind == PER_SECOND) {
		text_addf(&text, "%.*f/s", json_number(span) < 100 ? 1 : 0, json_number(span));
	} else {
		text_add(&text, span->at, span->length);
	}
	return text_detach(&text);
}

static void add_row(struct rows *rows, char *cells[COLUMNS])
{
	/* The room doubles at each power of two. */
	if ((rows->count & (rows->count - 1)) == 0)
		rows->items = xreallocarray(rows->items, rows->count ? rows->count * 2 : 1, sizeof(*rows->items));
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t width = utf8_count(cells[i]);

		rows->items[rows->count][i] = cells[i];
		if (width > rows->width[i])
			rows->width[i] = width;
	}
	rows->count++;
}

static void add_heading(struct rows *rows)
{
	char *cells[COLUMNS];

	for (size_t i = 0; i < COLUMNS; i++)
		cells[i] = xstrdup(columns[i].heading);
	add_row(rows, cells);
}

static void read_row(struct rows *rows, const struct json_want *want, const struct ask *ask)
{
	struct json_span spans[FIELDS];
	struct json_result result;
	char *cells[COLUMNS];

	if (!json_scan(ask->line, ask->length, want, spans, 0, &result))
		return;
	for (size_t i = 0; i < COLUMNS; i++)
		cells[i] = cell(columns[i].kind, &spans[i]);
	if (spans[LEFT].kind == JSON_NUMBER) {
		struct text state = {0};

		text_addf(&state, "%s ", cells[STATE]);
		add_duration(&state, json_number(&spans[LEFT]), 100 * UNIT_MS);
		free(cells[STATE]);
		cells[STATE] = text_detach(&state);
	}
	add_row(rows, cells);
}

static void add_lines(const struct rows *rows, struct text *table)
{
	for (size_t i = 0; i < rows->count; i++) {
		for (size_t j = 0; j < COLUMNS; j++) {
			const char *text = rows->items[i][j];
			int room = (int)(rows->width[j] - utf8_count(text));

			if (j == COLUMNS - 1)
				text_addf(table, "%s\n", text);
			else if (columns[j].kind == TEXT)
				text_addf(table, "%s%*s  ", text, room, "");
			else
				text_addf(table, "%*s%s  ", room, "", text);
		}
	}
}

void ps_table(struct ask *ask, struct text *table)
{
	struct json_want want = {0};
	struct rows rows = {0};
	const char *mistake;

	for (size_t i = 0; i < COLUMNS; i++)
		json_want_path(&want, columns[i].path, &mistake);
	json_want_path(&want, ".data.restart_in", &mistake);
	add_heading(&rows);
	ask_send(ask, "ps", NULL, false);
	while (ask_next(ask))
		read_row(&rows, &want, ask);
	add_lines(&rows, table);
	for (size_t i = 0; i < rows.count; i++)
		for (size_t j = 0; j < COLUMNS; j++)
			free(rows.items[i][j]);
	free(rows.items);
	json_want_free(&want);
}

static void write_events(struct ask *ask)
{
	ask_send(ask, "ps", NULL, false);
	while (ask_next(ask))
		printf("%.*s\n", (int)ask->length, ask->line);
}

int ps_command(char **argv)
{
	static const struct option_program program = {
		.name = "pype ps",
		.summary = "show the pipelines and stages of a running flow",
		.operands = "[FLOW]",
		.most = 1,
	};
	char *state = NULL;
	bool json = false;
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &state, "the flow's state directory (.pype beside FLOW)"),
		OPTION_FLAG(0, "json", &json, "write events instead of a table"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	struct text table = {0};
	struct ask ask;

	if (option_checking())
		return STATUS_OK;
	ask_open(&ask, state_path(state, operands[0]));
	if (json)
		write_events(&ask);
	else
		ps_table(&ask, &table);
	if (ask.status == STATUS_OK && table.length > 0)
		fwrite(table.data, 1, table.length, stdout);
	if (fflush(stdout) != 0)
		fail("cannot write to standard output:");
	text_free(&table);
	return ask_close(&ask);
}
