/*
 * pype-window: events to aggregates of them, one for each window of time and key.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/json_text.h"
#include "common/unit.h"

static const struct option_program about = {
	.name = "pype-window",
	.summary = "aggregate events by windows of time",
	.operands = "[[NAME=]FUNCTION[(PATH)]...]",
	.most = -1,
};

static void check_times(struct program *program)
{
	int kinds = (program->every > 0) + (program->session > 0) + (program->count > 0);

	if (kinds == 0)
		die("what is a window? --every TIME, --session TIME or --count N says it");
	if (kinds > 1)
		die("there can be only one of --every, --session and --count");
	if (program->size > 0 && program->every == 0)
		die("--size is for windows of the clock: it needs --every");
	if (program->size == 0)
		program->size = program->every;
	if (program->every > 0 && program->size % program->every != 0)
		die("--size must be a whole multiple of --every");
	if (program->every > 0 && program->size / program->every > GRID_SHARE)
		die("--size can be at most %d times --every", GRID_SHARE);
	if (program->size > 3650 * UNIT_DAY || program->session > 3650 * UNIT_DAY ||
	    program->lateness > 3650 * UNIT_DAY)
		die("--every, --size, --session and --lateness can be at most ten years");
	if (program->count > 0 && program->lateness > 0)
		die("--lateness is for windows of time: with --count nothing is late");
	if (program->max_keys == 0)
		die("--max-keys must be 1 or more");
	if (program->tz && !zone_set(program->tz))
		die("--tz: there is no time zone '%s'", program->tz);
}

static void sign(struct program *program, const char *bytes, size_t length)
{
	program->signature = hash_bytes(program->signature, bytes, length);
}

/* Of all that windows depend on: those that were left by a process with other options mean nothing. */
static void sign_options(struct program *program, char **operands)
{
	int64_t numbers[] = {program->every, program->size,     program->session,
	                     program->count, program->lateness, program->unit};

	sign(program, (const char *)numbers, sizeof(numbers));
	sign(program, program->time_path, strlen(program->time_path));
	if (program->tz)
		sign(program, program->tz, strlen(program->tz));
	for (size_t i = 0; i < program->by.count; i++)
		sign(program, program->by.items[i], strlen(program->by.items[i]));
	for (; *operands; operands++)
		sign(program, *operands, strlen(*operands));
}

static void compile(struct program *program, char **operands)
{
	char count[] = "count";
	const char *mistake;

	check_times(program);
	program->time_slot = json_want_path(&program->stage.want, program->time_path, &mistake);
	if (program->time_slot < 0)
		die("--time '%s': %s", program->time_path, mistake);
	for (size_t i = 0; i < program->by.count; i++)
		columns_add_key(&program->columns, &program->stage.want, program->by.items[i]);
	if (!*operands)
		columns_add(&program->columns, &program->stage.want, count);
	for (char **operand = operands; *operand; operand++)
		columns_add(&program->columns, &program->stage.want, *operand);
	text_add_string(&program->head, "{\"event\":");
	json_add_string(&program->head, program->name, strlen(program->name));
	if (program->every > 0)
		grid_init(&program->grid, program->every, program->size);
	sign_options(program, operands);
}

int main(int argc, char **argv)
{
	char name[] = "window", time[] = ".time";
	struct program program = {.name = name, .time_path = time, .max_keys = 100000};
	struct option options[] = {
		OPTION_DURATION('e', "every", "TIME", &program.every, "windows of the clock, one each TIME"),
		OPTION_DURATION('s', "size", "TIME", &program.size,
	                        "… that are as long as that, and overlap (as --every)"),
		OPTION_DURATION(0, "session", "TIME", &program.session, "a window ends when nothing has come for TIME"),
		OPTION_NUMBER('n', "count", "N", &program.count, "a window is N events"),
		OPTION_LIST('b', "by", "[NAME=]PATH", &program.by, "a window for each value of this (repeatable)"),
		OPTION_DURATION('l', "lateness", "TIME", &program.lateness,
	                        "wait so long for events that come out of order (0)"),
		OPTION_CHOICE(0, "late", "bad|drop|pass", &program.late,
	                      "what events that come later are: bad, dropped, or passed on as they are (bad)"),
		OPTION_DURATION(0, "idle", "TIME", &program.idle,
	                        "if nothing comes for TIME, go by the clock on the wall"),
		OPTION_FLAG(0, "no-partial", &program.no_partial,
	                    "at the end of input, leave out the windows that are open"),
		OPTION_NUMBER(0, "max-keys", "N", &program.max_keys,
	                      "open windows at most; then all are closed (100000)"),
		OPTION_STRING(0, "time", "PATH", &program.time_path, "the member that holds the time (.time)"),
		OPTION_CHOICE(0, "unit", "s|ms|us|ns", &program.unit, "what times that are numbers count (s)"),
		OPTION_STRING(0, "tz", "ZONE", &program.tz, "time zone of windows of days, and of local times ($TZ)"),
		OPTION_STRING(0, "name", "NAME", &program.name, "the event's name (window)"),
		OPTION_END,
	};
	char **operands = option_parse_both(&about, options, stage_options(&program.stage), argv);
	int status;

	(void)argc;
	compile(&program, operands);
	status = option_checking() ? STATUS_OK : run(&program);
	columns_free(&program.columns);
	grid_free(&program.grid);
	text_free(&program.head);
	text_free(&program.key);
	text_free(&program.plain);
	text_free(&program.line);
	text_free(&program.base_state);
	free(program.by.items);
	json_want_free(&program.stage.want);
	return status;
}
