/*
 * pype-tail: follows files, and makes an event of each line or record that comes.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/tail/tail.h"
#include "common/memory.h"
#include "common/option.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-tail",
	.summary = "follow files and make an event of each line",
	.operands = "FILE|GLOB...",
	.least = 1,
	.most = -1,
};

enum { UNSET = -1, LINES = 1000 };
#define RECORD_SIZE (1ULL << 20)

static bool is_word(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	return *text && strspn(text, letters) == strlen(text);
}

static void check(const struct tail *tail)
{
	bool multiline = tail->start_text || tail->continue_text;

	if (!is_word(tail->name))
		die("--name takes letters, digits, '_' and '-', not '%s'", tail->name);
	if (tail->json && tail->regex_text)
		die("there can be only one of --json and --regex");
	if (tail->no_match != REFUSE_BAD && !tail->json && !tail->regex_text)
		die("--no-match needs --json or --regex");
	if (tail->invalid == INVALID_BASE64 && tail->source.bare)
		die("--invalid base64 needs the event around it: not with --bare");
	if (tail->poll == 0)
		die("--poll must be longer than 0");
	if (tail->poll != UNSET && tail->once)
		die("--once and --poll exclude each other");
	if (multiline && (tail->multiline_lines == 0 || tail->multiline_size == 0))
		die("--multiline-%s must be more than 0", tail->multiline_lines == 0 ? "lines" : "size");
	if (multiline && tail->multiline_timeout == 0)
		die("--multiline-timeout must be longer than 0");
}

/* All that can be known to be wrong without opening anything. */
static void compile(struct tail *tail, char **operands)
{
	check(tail);
	if (tail->once && !tail->from_text)
		tail->from = FROM_START;
	/* A larger record could not become an event anyway. */
	if (tail->multiline_size > tail->source.max_line)
		tail->multiline_size = tail->source.max_line;
	tail->regex = regex_new("--regex", tail->regex_text);
	tail->start = regex_new("--multiline-start", tail->start_text);
	tail->more = regex_new("--multiline-continue", tail->continue_text);
	if (tail->regex && regex_names(tail->regex) == 0)
		die("--regex '%s': no group has a name, as (?<name>...) has", tail->regex_text);
	while (operands[tail->pattern_count])
		tail->pattern_count++;
	tail->patterns = xcalloc(tail->pattern_count, sizeof(*tail->patterns));
	for (size_t i = 0; i < tail->pattern_count; i++)
		pattern_init(&tail->patterns[i], operands[i]);
}

static void set_from(void *context, char **values)
{
	struct tail *tail = context;

	tail->from_text = values[0];
	if (strcmp(values[0], "start") == 0)
		tail->from = FROM_START;
	else if (strcmp(values[0], "end") == 0)
		tail->from = FROM_END;
	else
		die("--from is 'start' or 'end', not '%s'", values[0]);
}

static void free_all(struct tail *tail)
{
	while (tail->files)
		file_forget(tail, tail->files);
	matches_clear(&tail->matches);
	free(tail->matches.items);
	for (size_t i = 0; i < tail->folders.count; i++)
		free(tail->folders.items[i]);
	free(tail->folders.items);
	for (size_t i = 0; i < tail->refused_count; i++)
		free(tail->refused[i].path);
	free(tail->refused);
	watch_close(tail);
	places_free(tail);
	for (size_t i = 0; i < tail->pattern_count; i++)
		pattern_free(&tail->patterns[i]);
	free(tail->patterns);
	regex_free(tail->regex);
	regex_free(tail->start);
	regex_free(tail->more);
	text_free(&tail->block);
	text_free(&tail->value);
	text_free(&tail->members);
	text_free(&tail->scratch);
	free(tail->excludes.items);
	free(tail);
}

static int run(struct tail *tail)
{
	bool unsaved;
	int status;

	source_open(&tail->source);
	follow(tail);
	if (tail->dropped > 0)
		message_info("%llu records did not match and were dropped", (unsigned long long)tail->dropped);
	unsaved = tail->state_failed;
	status = source_close(&tail->source);
	free_all(tail);
	return unsaved && status == STATUS_OK ? STATUS_FAILED : status;
}

int main(int argc, char **argv)
{
	struct tail *tail = xcalloc(1, sizeof(*tail));
	char name[] = "line";
	/* clang-format off */
	const struct option options[] = {
		OPTION_CALL(0, "from", "start|end", set_from, tail, "where to begin in files that are there (end, with --once start)"),
		OPTION_FLAG(0, "once", &tail->once, "read what is there, and end"),
		OPTION_STRING(0, "state", "FILE", &tail->state_path, "keep the places in FILE, and go on there the next time"),
		OPTION_LIST(0, "exclude", "GLOB", &tail->excludes, "pass over what GLOB matches too"),
		OPTION_DURATION(0, "poll", "TIME", &tail->poll, "look every TIME instead of being told of changes"),
		OPTION_DURATION(0, "rotate-wait", "TIME", &tail->rotate_wait, "how long a renamed file must be quiet to be let go (5s)"),
		OPTION_STRING(0, "name", "NAME", &tail->name, "name of the events (line)"),
		OPTION_FLAG(0, "offset", &tail->offsets, "say where in the file each record begins"),
		OPTION_FLAG(0, "json", &tail->json, "each line is JSON, which becomes the data itself"),
		OPTION_STRING(0, "regex", "RE", &tail->regex_text, "the data is an object of the named groups of RE"),
		OPTION_CHOICE(0, "no-match", "bad|pass|drop", &tail->no_match, "what is no JSON or does not match RE (bad)"),
		OPTION_CHOICE(0, "invalid", "bad|replace|base64", &tail->invalid, "what is not UTF-8 (bad)"),
		OPTION_DURATION(0, "line-timeout", "TIME", &tail->line_timeout, "take a line without newline as whole after TIME (never)"),
		OPTION_STRING(0, "multiline-start", "RE", &tail->start_text, "a record begins with a line that matches RE"),
		OPTION_STRING(0, "multiline-continue", "RE", &tail->continue_text, "a line that matches RE belongs to the record before it"),
		OPTION_DURATION(0, "multiline-timeout", "TIME", &tail->multiline_timeout, "a record ends when nothing came for TIME (1s)"),
		OPTION_NUMBER(0, "multiline-lines", "N", &tail->multiline_lines, "most lines of a record (1000)"),
		OPTION_SIZE(0, "multiline-size", "SIZE", &tail->multiline_size, "most bytes of a record (1M)"),
		OPTION_END,
	};
	/* clang-format on */
	(void)argc;
	tail->poll = UNSET;
	tail->inotify = -1;
	tail->name = name;
	tail->rotate_wait = 5 * UNIT_S;
	tail->multiline_timeout = UNIT_S;
	tail->multiline_lines = LINES;
	tail->multiline_size = RECORD_SIZE;
	compile(tail, option_parse_both(&program, options, source_options(&tail->source), argv));
	if (!option_checking())
		return run(tail);
	free_all(tail);
	return STATUS_OK;
}
