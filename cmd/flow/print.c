/*
 * pype print: the flow as a shell script that does the same, without supervision.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/command.h"
#include "cmd/flow/manifest.h"
#include "cmd/flow/select.h"
#include "cmd/flow/shell.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

static const struct option_program program = {
	.name = "pype print",
	.summary = "write the flow of a manifest as a shell script",
	.operands = "[FLOW]",
	.most = 1,
};

static void add_quoted(struct text *script, const char *word)
{
	text_add_char(script, '\'');
	for (; *word; word++)
		if (*word == '\'')
			text_add_string(script, "'\\''");
		else
			text_add_char(script, *word);
	text_add_char(script, '\'');
}

static void add_tabs(struct text *script, size_t count)
{
	for (; count > 0; count--)
		text_add_char(script, '\t');
}

/* A comment is one line. */
static void add_comment(struct text *script, const char *words, const char *subject)
{
	text_addf(script, "# %s", words);
	for (; *subject; subject++)
		text_add_char(script, *subject == '\n' ? ' ' : *subject);
	text_add_char(script, '\n');
}

/* The variables that the level sets itself: those behind the first `inherited`. */
static void add_env(struct text *script, const struct manifest_settings *settings, size_t inherited, size_t tabs)
{
	for (size_t i = inherited; i < settings->env.count; i++) {
		const char *entry = settings->env.items[i], *value = strchr(entry, '=') + 1;

		add_tabs(script, tabs);
		text_addf(script, "export %.*s", (int)(value - entry), entry);
		if (*settings->secrets.items[i]) {
			text_add_string(script, "\"$(cat -- ");
			add_quoted(script, settings->secrets.items[i]);
			text_add_string(script, ")\"");
		} else {
			add_quoted(script, value);
		}
		text_add_char(script, '\n');
	}
}

/* A stage as it may stand between two |; where its text or its env need it, in a subshell. */
static void add_stage(struct text *script, const struct manifest_stage *stage, size_t inherited, size_t tabs)
{
	struct shell shell;
	bool bare = shell_cut(&shell, stage->run) && shell.count == 1 && !shell.list && !shell.here &&
	            stage->settings.env.count == inherited;

	add_tabs(script, tabs);
	if (bare) {
		text_add(script, stage->run + shell.parts[0].start, shell.parts[0].end - shell.parts[0].start);
	} else {
		text_add_string(script, "(\n");
		add_env(script, &stage->settings, inherited, tabs + 1);
		add_tabs(script, tabs + 1);
		text_addf(script, "%s%s", stage->run, stage->run[strlen(stage->run) - 1] == '\n' ? "" : "\n");
		add_tabs(script, tabs);
		text_add_char(script, ')');
	}
	shell_free(&shell);
}

static void add_pipeline(struct text *script, const struct manifest *manifest, const struct manifest_pipeline *pipeline,
                         bool alone)
{
	size_t inherited = manifest->settings.env.count, own = pipeline->settings.env.count, tabs = own > inherited;

	text_add_char(script, '\n');
	add_comment(script, "pipeline ", pipeline->name);
	if (tabs > 0)
		text_add_string(script, "(\n");
	add_env(script, &pipeline->settings, inherited, 1);
	for (size_t i = 0; i < pipeline->count; i++) {
		add_stage(script, &pipeline->stages[i], own, tabs + (i > 0));
		text_add_string(script, i + 1 < pipeline->count ? " |\n" : tabs > 0 ? "\n" : "");
	}
	if (tabs > 0)
		text_add_char(script, ')');
	text_add_string(script, alone ? "\n" : " &\n");
}

/* From where the script is run to where the stages are. */
static void add_directory(struct text *script, const char *path)
{
	char *copy = xstrdup(path), *directory = dirname(copy);

	if (strcmp(directory, ".") != 0) {
		text_add_string(script, "cd -- ");
		add_quoted(script, directory);
		text_add_string(script, " || exit\n");
	}
	free(copy);
}

static void add_script(struct text *script, const struct manifest *manifest, const struct option_list *only)
{
	size_t count = 0;

	for (size_t i = 0; i < manifest->count; i++)
		count += select_has(only, manifest->pipelines[i].name);
	text_add_string(script, "#!/bin/sh\n");
	add_comment(script, "the flow ", manifest->name);
	if (manifest->report)
		add_comment(script, "not in here: report: ", manifest->report);
	add_directory(script, manifest->path);
	add_env(script, &manifest->settings, 0, 0);
	for (size_t i = 0; i < manifest->count; i++)
		if (select_has(only, manifest->pipelines[i].name))
			add_pipeline(script, manifest, &manifest->pipelines[i], count == 1);
	if (count > 1)
		text_add_string(script, "\nwait\n");
}

int print_command(char **argv)
{
	struct option_list only = {0};
	struct option options[] = {
		OPTION_LIST(0, "only", "PIPELINE", &only, "print this pipeline and no other; may be repeated"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	struct manifest manifest;
	struct text script = {0};

	if (!manifest_study(&manifest, operands[0] ? operands[0] : "flow.yaml"))
		return STATUS_POINTLESS;
	select_check(&only, &manifest);
	add_script(&script, &manifest, &only);
	if (fwrite(script.data, 1, script.length, stdout) != script.length || fflush(stdout) != 0)
		fail("cannot write to standard output:");
	text_free(&script);
	manifest_free(&manifest);
	free(only.items);
	return STATUS_OK;
}
