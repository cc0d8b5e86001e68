/*
 * pype check: everything about a manifest that can be known without running it.
 *
 * After the manifest itself come the stages: sh -n reads each text; of each command in it the program must be there;
 * and our own programs are run with PYPE_CHECK=1, which makes them parse their options, compile what they are given,
 * and open nothing (pype-stage(7)).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cmd/flow/commands/collect.h"
#include "cmd/flow/command.h"
#include "cmd/flow/manifest/host.h"
#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/commands/manual.h"
#include "cmd/flow/manifest/shell.h"
#include "cmd/flow/run/state.h"
#include "cmd/flow/journal/store.h"
#include "cmd/flow/manifest/tools.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype check",
	.summary = "find the mistakes in a manifest without running it",
	.operands = "[FLOW]",
	.most = 1,
};

static const int64_t patience = 10 * UNIT_S;

/* A command to be run for what it says. */
struct job {
	char *text;
	char **environment; /* NULL: ours */
	struct place place;
	bool syntax; /* only read by sh -n */
	char *argv[5];
};

struct check {
	struct manifest manifest;
	struct mistakes mistakes;
	struct job *jobs;
	size_t count;
};

static char **environment_of(const struct manifest_settings *settings)
{
	struct option_list env = {0};
	char checking[] = "PYPE_CHECK=1", **environment;

	for (size_t i = 0; i < settings->env.count; i++)
		option_list_add(&env, settings->env.items[i]);
	option_list_add(&env, checking);
	environment = tools_environment(&env);
	free(env.items);
	return environment;
}

static struct job *add_job(struct check *check, const char *text, struct place place)
{
	struct job *job;

	check->jobs = xreallocarray(check->jobs, check->count + 1, sizeof(*check->jobs));
	job = &check->jobs[check->count++];
	*job = (struct job){.text = xstrdup(text), .place = place};
	return job;
}

/* The first word of a command. */

static bool is_tool(const char *word)
{
	const char *slash = strrchr(word, '/'), *base = slash ? slash + 1 : word;

	return strcmp(base, "pype") == 0 || strncmp(base, "pype-", 5) == 0;
}

/* The program that a word names must be there. */
static bool check_program(struct check *check, char *const *environment, const char *word, struct place place)
{
	struct text path = {0};
	struct option_list names = {0};
	const char *nearest;
	char *found;

	if (strchr(word, '/') && word[0] != '/')
		text_addf(&path, "%s/", check->manifest.directory);
	text_add_string(&path, word);
	found = tools_search(environment, path.data);
	text_free(&path);
	free(found);
	if (found)
		return true;
	if (strchr(word, '/')) {
		mistakes_add(&check->mistakes, place, "'%s' is not there, or not executable", word);
	} else if (is_tool(word) && word[4]) {
		tools_list(environment, &names);
		nearest = option_nearest(word + 5,
		                         names.count ? (const char *const *)names.items : (const char *[]){NULL});
		mistakes_add(&check->mistakes, place, "'%s' is not in PATH%s%s%s", word,
		             nearest ? ", did you mean 'pype-" : "", nearest ? nearest : "", nearest ? "'?" : "");
		tools_list_free(&names);
	} else {
		mistakes_add(&check->mistakes, place, "'%s' is not in PATH", word);
	}
	return false;
}

/* One command of a stage's text. */
static void check_part(struct check *check, const struct manifest_settings *settings, const char *text,
                       const struct shell_part *part, struct place place)
{
	char *word = xstrndup(text + part->word, part->word_end - part->word);
	char *whole = xstrndup(text + part->start, part->end - part->start);
	char **environment = environment_of(settings);
	struct text command = {0};

	if (*word && !part->reserved && !shell_builtin(word) && check_program(check, environment, word, place) &&
	    is_tool(word) && shell_simple(whole, &command)) {
		add_job(check, command.data, place)->environment = environment;
		environment = NULL;
	}
	tools_environment_free(environment);
	text_free(&command);
	free(whole);
	free(word);
}

/* The stage writes events to the standard output of pype: nobody reads it, and it is no output. */
static bool is_loose(const struct manifest_stage *stage)
{
	unsigned redirected;
	char *name = shell_program(stage->run, &redirected);
	struct manual page;
	bool loose = false;

	if (name && strncmp(name, "pype-", 5) == 0 && !(redirected & SHELL_OUTPUT)) {
		manual_read(&page, name + 5);
		loose = page.group == MANUAL_SOURCE || page.group == MANUAL_PROCESSOR;
		manual_free(&page);
	}
	free(name);
	return loose;
}

/* One stage may write to standard output; what several write there is mixed. */
static void check_ends(struct check *check, const struct manifest_pipeline *pipeline)
{
	bool *read = xcalloc(pipeline->count + 1, sizeof(*read));
	const struct manifest_stage *first = NULL;

	for (size_t i = 0; i < pipeline->count; i++)
		for (size_t j = 0; j < pipeline->stages[i].from_count; j++)
			read[pipeline->stages[i].from[j].stage] = true;
	for (size_t i = 0; pipeline->linked && i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		if (read[i] || !is_loose(stage))
			continue;
		if (first)
			mistakes_warn(
				&check->mistakes, stage->place,
				"nobody reads '%s', so its events are mixed with those of '%s' on standard output",
				stage->name, first->name);
		else
			first = stage;
	}
	free(read);
}

static void check_stage(struct check *check, const struct manifest_settings *settings, const char *text,
                        struct place place)
{
	struct shell shell;

	/* One that could not be read has been complained of. */
	if (shell_cut(&shell, text) || shell.uncut) {
		add_job(check, text, place)->syntax = true;
		for (size_t i = 0; i < shell.count; i++)
			check_part(check, settings, text, &shell.parts[i], place);
	}
	shell_free(&shell);
}

/* What was said. */

/* "NAME: fatal: words" without the level; "/bin/sh: 2: words" of sh as "sh: line 2: words". */
static void add_words(struct text *words, const struct job *job, const char *line)
{
	static const char *const levels[] = {": fatal: ", ": error: "};
	const char *rest = strstr(line, ": ");
	size_t digits;

	if (job->syntax && rest) {
		rest += 2;
		digits = strspn(rest, "0123456789");
		if (digits > 0 && strncmp(rest + digits, ": ", 2) == 0) {
			text_addf(words, "sh: line %.*s: %s", (int)digits, rest, rest + digits + 2);
			return;
		}
	}
	for (size_t i = 0; !job->syntax && i < sizeof(levels) / sizeof(levels[0]); i++)
		if (rest && strncmp(rest, levels[i], strlen(levels[i])) == 0) {
			text_addf(words, "%.*s: %s", (int)(rest - line), line, rest + strlen(levels[i]));
			return;
		}
	text_add_string(words, line);
}

static void add_result(struct check *check, const struct job *job, const struct collect *run)
{
	struct text words = {0};
	char *rest = run->output.data;
	bool said = false, good = WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0;
	/* 128 and more are the shell's word for it. */
	int number = WIFSIGNALED(run->status) ? WTERMSIG(run->status) : WEXITSTATUS(run->status) - 128;

	if (run->failed) {
		mistakes_add(&check->mistakes, job->place, "cannot check '%s': %s: %s", job->text, run->failed,
		             strerror(run->number));
		return;
	}
	if (run->late) {
		mistakes_add(&check->mistakes, job->place, "'%s' with PYPE_CHECK=1 has not ended after 10s", job->text);
		return;
	}
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (!*line)
			continue;
		said = true;
		text_clear(&words);
		add_words(&words, job, line);
		if (good)
			mistakes_warn(&check->mistakes, job->place, "%s", words.data);
		else
			mistakes_add(&check->mistakes, job->place, "%s", words.data);
	}
	if (number > 0)
		mistakes_add(&check->mistakes, job->place, "'%s' with PYPE_CHECK=1 was killed by signal %d", job->text,
		             number);
	else if (!good && !said)
		mistakes_add(&check->mistakes, job->place,
		             "'%s' with PYPE_CHECK=1 ended with status %d, and said nothing", job->text,
		             WEXITSTATUS(run->status));
	text_free(&words);
}

static void run_jobs(struct check *check)
{
	char shell[] = "/bin/sh", no_run[] = "-n", command[] = "-c";
	struct collect *runs = xcalloc(check->count + 1, sizeof(*runs));

	for (size_t i = 0; i < check->count; i++) {
		struct job *job = &check->jobs[i];
		size_t count = 0;

		job->argv[count++] = shell;
		if (job->syntax)
			job->argv[count++] = no_run;
		job->argv[count++] = command;
		job->argv[count++] = job->text;
		runs[i] = (struct collect){
			.argv = job->argv,
			.environment = job->environment,
			.directory = check->manifest.directory,
			.fd = 2,
		};
	}
	collect_all(runs, check->count, patience);
	for (size_t i = 0; i < check->count; i++) {
		add_result(check, &check->jobs[i], &runs[i]);
		collect_free(&runs[i]);
		tools_environment_free(check->jobs[i].environment);
		free(check->jobs[i].text);
	}
	free(check->jobs);
	free(runs);
}

/* What an earlier run has left: `pype run` goes on with it. */
static void check_journal(struct check *check, const struct manifest_pipeline *pipeline)
{
	char *state = state_path(NULL, check->manifest.path), size[UNIT_TEXT_MAX];
	uint64_t bytes = store_settings(pipeline) ? store_size(state, pipeline->name) : 0;

	if (bytes > 0)
		mistakes_warn(&check->mistakes, pipeline->place,
		              "there is a journal of %s from an earlier run: pype run goes on with it",
		              unit_size_text(size, bytes / 1024 * 1024));
	free(state);
}

int check_command(char **argv)
{
	static const struct option none[] = {OPTION_END};
	char **operands = option_parse(&program, none, argv);
	const char *path = operands[0] ? operands[0] : "flow.yaml";
	struct check check = {0};
	const struct manifest *manifest = &check.manifest;
	bool good;

	manifest_load(&check.manifest, path, &check.mistakes);
	host_check(manifest, &check.mistakes);
	for (size_t i = 0; i < manifest->count; i++) {
		check_ends(&check, &manifest->pipelines[i]);
		check_journal(&check, &manifest->pipelines[i]);
		for (size_t j = 0; j < manifest->pipelines[i].count; j++) {
			const struct manifest_stage *stage = &manifest->pipelines[i].stages[j];

			check_stage(&check, &stage->settings, stage->run, stage->place);
		}
	}
	if (manifest->report)
		check_stage(&check, &manifest->settings, manifest->report, manifest->report_place);
	run_jobs(&check);
	good = mistakes_say(&check.mistakes, path);
	mistakes_free(&check.mistakes);
	manifest_free(&check.manifest);
	return good ? STATUS_OK : STATUS_POINTLESS;
}
