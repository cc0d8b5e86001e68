/*
 * pype-jq: runs a jq program on the events of a stream.
 *
 * This file is what surrounds the program: options, lines in, results out, and what becomes of bad events. The program is
 * run by an engine (engine.h).
 */
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/message.h"
#include "common/option.h"
#include "common/stage.h"
#include "common/text.h"
#include "common/unit.h"

#include "cmd/processors/jq/arguments.h"
#include "cmd/processors/jq/engine.h"
#include "cmd/processors/jq/jobs.h"

static const struct option_program program = {
	.name = "pype-jq",
	.summary = "run a jq program on each event",
	.operands = "PROGRAM [FILE...]",
	.least = 0,
	.most = -1,
};

/* What --exit-status looks at, and says: the last result. */
enum last { LAST_TRUE = 0, LAST_FALSE = 1, LAST_NONE = 4 };

struct filter {
	struct stage stage;
	struct arguments arguments;
	struct engine_program program;
	bool compact; /* always */
	bool join, unbuffered, exit_status, stats;
	uint64_t max_slurp;
	int64_t jobs; /* as asked for */

	char **files; /* still to be read */
	bool reading; /* standard input, or the first file is open */
	struct text taken; /* the line before the one that the running program asked for */
	struct text all; /* the whole input, for -R -s */
	bool ended;
	uint64_t slurped;
	enum last last;
	bool failed; /* the run as a whole */
	bool file_failed; /* a file could not be opened */
};

/* Turns to the next file. False: there is none. */
static bool next_file(struct filter *filter)
{
	while (filter->files && *filter->files) {
		const char *name = *filter->files++;
		bool standard_input = strcmp(name, "-") == 0;
		int fd = standard_input ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);

		if (fd >= 0) {
			stage_input(&filter->stage, fd, standard_input ? NULL : name);
			filter->reading = true;
			return true;
		}
		message_error("cannot open '%s':", name);
		filter->file_failed = true;
	}
	return false;
}

static bool next_line(struct filter *filter)
{
	while (!filter->reading || !stage_next_line(&filter->stage))
		if (!next_file(filter))
			return false;
	return true;
}

/* With --slurp. */
static void count_slurped(struct filter *filter)
{
	char size[UNIT_TEXT_MAX];

	filter->slurped += filter->stage.event.length + 1;
	if (filter->slurped <= filter->max_slurp)
		return;
	stage_flush(&filter->stage);
	die("the input is larger than %s, and --slurp needs all of it in memory (--max-slurp)",
	    unit_size_text(size, filter->max_slurp));
}

/* -R -s: all lines as one. */
static bool whole_input(struct filter *filter)
{
	const struct event *event = &filter->stage.event;

	if (filter->ended)
		return false;
	while (next_line(filter)) {
		count_slurped(filter);
		text_add(&filter->all, event->line, event->length);
		if (event->newline)
			text_add_char(&filter->all, '\n');
	}
	filter->ended = true;
	return true;
}

static bool give_line(void *context, bool running, const char **line, size_t *length)
{
	struct filter *filter = context;
	struct event *event = &filter->stage.event;
	bool once = filter->program.slurp || filter->program.null_input;

	if (filter->program.slurp && filter->program.raw_input) {
		bool first = whole_input(filter);

		*line = filter->all.data ? filter->all.data : "";
		*length = filter->all.length;
		return first;
	}
	filter->stage.hold = running || once;
	/* If the program finds no more input and fails, it fails at this line, which the reader no longer has. */
	if (running) {
		text_clear(&filter->taken);
		text_add(&filter->taken, event->line, event->length);
	}
	if (!next_line(filter)) {
		event->line = running ? filter->taken.data : NULL;
		event->length = running ? filter->taken.length : 0;
		return false;
	}
	if (filter->program.slurp)
		count_slurped(filter);
	*line = event->line;
	*length = event->length;
	return true;
}

static void take_result(void *context, const char *bytes, size_t length, bool truth)
{
	struct filter *filter = context;
	struct stage *stage = &filter->stage;

	filter->last = truth ? LAST_TRUE : LAST_FALSE;
	if (filter->join) {
		line_writer_add(&stage->out, bytes, length);
		if (line_writer_end_raw(&stage->out) < 0)
			stage_flush(stage); /* fails again, and deals with it */
	} else {
		stage_write(stage, bytes, length);
	}
	if (filter->unbuffered)
		stage_flush(stage);
}

static void take_bad(void *context, bool line, const char *reason)
{
	struct filter *filter = context;

	if (line) {
		stage_bad(&filter->stage, "%s", reason);
	} else {
		message_error("%s", reason);
		filter->failed = true;
	}
}

static uint64_t line_number(void *context)
{
	const struct filter *filter = context;

	return filter->stage.event.number;
}

static const char *file_name(void *context)
{
	const struct filter *filter = context;

	if (filter->stage.event.number == 0)
		return NULL;
	return filter->stage.name ? filter->stage.name : "<stdin>";
}

static void parse_options(struct filter *filter, char **argv)
{
	struct engine_program *jq = &filter->program;
	struct arguments *arguments = &filter->arguments;
	/* clang-format off */
	const struct option options[] = {
		OPTION_FLAG('c', "compact-output", &filter->compact, "one line per result: always on"),
		OPTION_FLAG('r', "raw-output", &jq->raw_output, "write strings without quotes and escapes"),
		OPTION_FLAG('j', "join-output", &filter->join, "as -r, and no newline after a result"),
		OPTION_FLAG('a', "ascii-output", &jq->ascii, "write ASCII only, the rest as \\uXXXX"),
		OPTION_FLAG('S', "sort-keys", &jq->sort_keys, "write the members of objects sorted by key"),
		OPTION_FLAG('n', "null-input", &jq->null_input, "run once, on null; input and inputs read the lines"),
		OPTION_FLAG('R', "raw-input", &jq->raw_input, "a line is a string, not JSON"),
		OPTION_FLAG('s', "slurp", &jq->slurp, "run once, on an array of all events (with -R: on the whole text)"),
		OPTION_SIZE(0, "max-slurp", "SIZE", &filter->max_slurp, "give up if --slurp meets more input (256M)"),
		OPTION_FLAG('e', "exit-status", &filter->exit_status, "exit with 1 if the last result is false or null, 4 if there is none"),
		OPTION_FLAG(0, "unbuffered", &filter->unbuffered, "write each result at once"),
		OPTION_FLAG(0, "stats", &filter->stats, "say at the end how many events needed libjq, and why"),
		OPTION_NUMBER('P', "jobs", "N", &filter->jobs, "let N processes run the program; 0: one per processor (1)"),
		OPTION_CALL('f', "from-file", "FILE", arguments_from_file, arguments, "read the program from FILE"),
		OPTION_LIST('L', "library-path", "DIR", &jq->library, "look for modules in DIR"),
		OPTION_CALL(0, "arg", "NAME VALUE", arguments_arg, arguments, "set $NAME to the string VALUE"),
		OPTION_CALL(0, "argjson", "NAME JSON", arguments_argjson, arguments, "set $NAME to the JSON value JSON"),
		OPTION_CALL(0, "slurpfile", "NAME FILE", arguments_slurpfile, arguments, "set $NAME to an array of the JSON values in FILE"),
		OPTION_CALL(0, "rawfile", "NAME FILE", arguments_rawfile, arguments, "set $NAME to the text of FILE"),
		OPTION_CALL(0, "args", NULL, arguments_args, arguments, "operands from here on are strings in $ARGS.positional"),
		OPTION_CALL(0, "jsonargs", NULL, arguments_jsonargs, arguments, "operands from here on are JSON in $ARGS.positional"),
		OPTION_OPERAND(arguments_operand, arguments),
		OPTION_END,
	};
	/* clang-format on */

	option_parse_both(&program, options, stage_options(&filter->stage), argv);
	arguments_finish(arguments);
	jq->text = arguments->program;
	jq->origin = arguments->program_file ? dirname(arguments->program_file) : ".";
	jq->arguments = arguments->items;
	jq->argument_count = arguments->count;
	jq->raw_output |= filter->join;
	filter->files = arguments->files.items;
	filter->reading = arguments->files.count == 0;
	filter->stage.blank_lines = jq->raw_input;
	filter->stage.apart = arguments->files.count > 0;
}

/* What the program asked for with halt_error, what went wrong, and what --exit-status says, in this order. */
static int finish(struct filter *filter, const struct engine *engine)
{
	int halted, status = stage_close(&filter->stage);
	bool has_halted = engine_halted(engine, &halted);

	if (has_halted && halted != STATUS_OK)
		return halted;
	if (filter->file_failed)
		return STATUS_POINTLESS;
	if (status != STATUS_OK || filter->failed)
		return STATUS_FAILED;
	return filter->exit_status && !has_halted ? (int)filter->last : STATUS_OK;
}

/* Several processes, an engine each. */
static void run_jobs(struct filter *filter, struct engine *engine, struct engine_host *host, unsigned count)
{
	struct jobs jobs;

	jobs_open(&jobs, count, &filter->stage, engine, host);
	do
		if (filter->reading)
			jobs_run(&jobs);
	while (next_file(filter));
	jobs_close(&jobs);
}

/* Most programs: line by line. */
static void run_lines(struct filter *filter, struct engine *engine)
{
	const struct event *event = &filter->stage.event;

	filter->stage.ahead = engine_ahead;
	filter->stage.ahead_context = engine;
	while (next_line(filter))
		engine_line(engine, event->line, event->length);
}

static void run(struct filter *filter, struct engine *engine, struct engine_host *host)
{
	const char *why;
	unsigned jobs = jobs_count(filter->jobs, &filter->program, stage_max_line(&filter->stage), &why);

	stage_open(&filter->stage);
	if (jobs > 1)
		run_jobs(filter, engine, host, jobs);
	else if (engine_is_native(engine))
		run_lines(filter, engine);
	else
		while (engine_next(engine))
			;
	if (filter->stats && !message_enabled(1))
		message_level(1);
	if (why)
		message_info("one process has done it all, in spite of --jobs: %s", why);
	if (filter->stats)
		engine_stats(engine);
}

int main(int argc, char **argv)
{
	struct filter filter = {.max_slurp = ENGINE_TEXT_MOST, .last = LAST_NONE, .jobs = 1};
	struct engine_host host = {&filter, give_line, take_result, take_bad, line_number, file_name, NULL};
	struct engine *engine;
	int status;

	(void)argc;
	parse_options(&filter, argv);
	engine = engine_open(&filter.program, &host);
	if (!engine) {
		status = STATUS_POINTLESS;
	} else if (option_checking()) {
		status = STATUS_OK;
	} else {
		run(&filter, engine, &host);
		status = finish(&filter, engine);
	}
	if (engine)
		engine_free(engine);
	text_free(&filter.taken);
	text_free(&filter.all);
	arguments_free(&filter.arguments);
	free(filter.program.library.items);
	return status;
}
