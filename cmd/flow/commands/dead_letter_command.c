/*
 * pype dead-letter: what stages could not handle, and what is to be done with it.
 */
#include "cmd/flow/commands/dead_letter_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/flow/command.h"
#include "cmd/flow/run/state.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/zone.h"

static const struct option_program program = {
	.name = "pype dead-letter",
	.summary = "list, show, replay or drop what stages could not handle",
	.operands = "list|show|replay|drop [STAGE...]",
	.least = 1,
	.most = -1,
};

/* Options that not every action has. */
enum { JSON = 1, LIMIT = 2, FILTER = 4, KEEP = 8, RUN = 16, ALL = 32 };

static int drop(struct dead_letter_job *job);

static const struct action {
	const char *name;
	unsigned options;
	int (*function)(struct dead_letter_job *job);
} actions[] = {
	{"list", JSON, dead_letter_list},
	{"show", JSON | LIMIT | FILTER, dead_letter_show},
	{"replay", FILTER | KEEP | RUN, dead_letter_replay},
	{"drop", FILTER | ALL, drop},
	{NULL, 0, NULL},
};

/* The command line. */
struct given {
	char *state, *flow, *since, *error;
	bool all;
};

static const struct action *find_action(const char *name)
{
	const char *names[sizeof(actions) / sizeof(actions[0])] = {NULL};
	char hint[OPTION_HINT];

	for (const struct action *action = actions; action->name; action++) {
		if (strcmp(action->name, name) == 0)
			return action;
		names[action - actions] = action->name;
	}
	die("'%s' is none of list, show, replay, drop%s", name, option_hint(hint, name, names));
}

static void check_options(const struct action *action, const struct dead_letter_job *job, const struct given *given)
{
	const struct {
		const char *word;
		unsigned option;
		bool given;
	} options[] = {
		{"json", JSON, job->json},       {"limit", LIMIT, job->limit >= 0}, {"since", FILTER, given->since},
		{"error", FILTER, given->error}, {"keep", KEEP, job->keep},         {"run", RUN, job->run},
		{"all", ALL, given->all},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].given && !(action->options & options[i].option))
			die("%s takes no --%s", action->name, options[i].word);
}

static void check_operands(const struct action *action, char **stages, bool all)
{
	if (action->function == dead_letter_replay && (!stages[0] || stages[1]))
		die("replay takes one STAGE");
	if (action->function == drop && !stages[0] && !all)
		die("drop takes a STAGE, or --all");
	if (all && stages[0])
		die("--all and '%s' exclude each other", stages[0]);
}

static void set_filter(struct letters_filter *filter, const struct given *given)
{
	*filter = (struct letters_filter){.since = INT64_MIN, .error = given->error};
	if (given->since && !zone_parse(given->since, moment_unix(), &filter->since))
		die("--since: '%s' is not a time, such as 1795392000, 2026-11-23, 2026-11-23T10:00:00Z or now-2h",
		    given->since);
}

static bool is_of(const char *stage, const char *name)
{
	size_t length = strlen(name);

	return strncmp(stage, name, length) == 0 && (stage[length] == '\0' || stage[length] == '.');
}

/* No names mean all stages. */
static bool is_meant(const char *stage, char **names)
{
	for (char **name = names; *name; name++)
		if (is_of(stage, *name))
			return true;
	return !names[0];
}

_Noreturn static void unknown_stage(const struct option_list *all, const char *name)
{
	struct option_list words = {0};
	char hint[OPTION_HINT];

	for (size_t i = 0; i < all->count; i++) {
		option_list_add(&words, all->items[i]);
		option_list_add(&words, xstrndup(all->items[i], strcspn(all->items[i], ".")));
	}
	die("there are no dead letters of '%s'%s", name, option_hint(hint, name, (const char *const *)words.items));
}

static void check_name(const struct option_list *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++)
		if (is_of(all->items[i], name))
			return;
	unknown_stage(all, name);
}

static void choose_stages(struct dead_letter_job *job, char **names)
{
	struct option_list all = {0};

	if (letters_stages(job->directory, &all) < 0)
		fail("cannot read the directory '%s':", job->directory);
	for (char **name = names; *name; name++)
		check_name(&all, *name);
	for (size_t i = 0; i < all.count; i++)
		if (is_meant(all.items[i], names))
			option_list_add(&job->stages, xstrdup(all.items[i]));
	letters_stages_free(&all);
}

static void open_state(struct dead_letter_job *job, const struct given *given)
{
	char *state;

	job->flow = given->flow ? given->flow : "flow.yaml";
	state = state_path(given->state, job->flow);
	job->state = realpath(state, NULL);
	/* A flow that never ran has none, but one that is asked for by name should be there. */
	if (!job->state && given->state)
		fail("cannot find the state directory '%s':", state);
	job->directory = text_format("%s/dead-letters", job->state ? job->state : state);
	free(state);
}

void dead_letter_open(const struct dead_letter_job *job, const char *stage, struct letters *letters)
{
	struct text path = {0};

	text_addf(&path, "%s/%s.ndjson", job->directory, stage);
	if (letters_open(letters, &job->parser, path.data) < 0)
		fail("cannot read '%s':", path.data);
	text_free(&path);
}

bool dead_letter_next(struct dead_letter_job *job, struct letters *letters, struct letters_record *record)
{
	int result;

	do
		result = letters_next(letters, record);
	while (result > 0 && !letters_pass(&job->filter, record));
	if (result < 0)
		fail("cannot read '%s':", letters->path);
	return result > 0;
}

static bool is_dropped(void *context, const struct letters_record *record)
{
	struct dead_letter_job *job = context;

	return letters_pass(&job->filter, record);
}

static int drop(struct dead_letter_job *job)
{
	for (size_t i = 0; i < job->stages.count; i++) {
		struct letters letters;
		uint64_t removed;

		dead_letter_open(job, job->stages.items[i], &letters);
		if (letters_remove(&letters, is_dropped, job, &removed) < 0)
			fail("cannot drop letters of '%s':", letters.path);
		letters_close(&letters);
		printf("%s: %llu dropped\n", job->stages.items[i], (unsigned long long)removed);
	}
	if (fflush(stdout) != 0)
		fail("cannot write to standard output:");
	return STATUS_OK;
}

int dead_letter_command(char **argv)
{
	struct dead_letter_job job = {.limit = -1};
	struct given given = {0};
	struct option options[] = {
		OPTION_STRING('d', "state", "DIR", &given.state, "the flow's state directory (.pype beside FLOW)"),
		OPTION_STRING('f', "flow", "FLOW", &given.flow, "the manifest (flow.yaml)"),
		OPTION_FLAG(0, "json", &job.json, "list, show: write events"),
		OPTION_NUMBER(0, "limit", "N", &job.limit, "show: only the newest N letters of each stage"),
		OPTION_STRING(0, "since", "TIME", &given.since, "only letters of this time or later"),
		OPTION_STRING(0, "error", "TEXT", &given.error, "only letters with this text in their error"),
		OPTION_FLAG(0, "keep", &job.keep, "replay: remove no letters"),
		OPTION_FLAG(0, "run", &job.run, "replay: into the stage's own command and what follows it"),
		OPTION_FLAG(0, "all", &given.all, "drop: the letters of all stages"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	const struct action *action;
	int status;

	message_init("pype");
	action = find_action(operands[0]);
	check_options(action, &job, &given);
	check_operands(action, operands + 1, given.all);
	set_filter(&job.filter, &given);
	if (option_checking())
		return STATUS_OK;
	open_state(&job, &given);
	choose_stages(&job, operands + 1);
	letter_parser_init(&job.parser);
	status = action->function(&job);
	letter_parser_free(&job.parser);
	letters_stages_free(&job.stages);
	text_free(&job.filter.text);
	free(job.directory);
	free(job.state);
	return status;
}
