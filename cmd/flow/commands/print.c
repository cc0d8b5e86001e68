/*
 * pype print: the flow as a shell script that does the same, without supervision.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/command.h"
#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/draw/script.h"
#include "cmd/flow/manifest/select.h"
#include "cmd/flow/manifest/settings.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

static const struct option_program program = {
	.name = "pype print",
	.summary = "write the flow of a manifest as a shell script",
	.operands = "[FLOW]",
	.most = 1,
};

/* Stages that read one after the other, as they stand: a pipeline of the shell. */
static bool is_line(const struct manifest_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		if ((stage->from_count > 0) != (i > 0))
			return false;
		for (size_t j = 0; j < stage->from_count; j++)
			if (stage->from[j].stage != i - 1)
				return false;
	}
	return true;
}

static void add_stages(struct text *script, const struct manifest_pipeline *pipeline, size_t tabs)
{
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		if (stage->from_count > 0 && stage->from[0].event) {
			script_add_tabs(script, tabs + 1);
			script_add_filter(script, stage, i - 1);
			text_add_string(script, " |\n");
		}
		script_add_tabs(script, tabs + (i > 0));
		script_add_stage(script, stage, pipeline->settings.env.count, tabs + (i > 0), NULL);
		text_add_string(script, i + 1 < pipeline->count ? " |\n" : "");
	}
}

static void add_pipeline(struct text *script, const struct manifest *manifest, const struct manifest_pipeline *pipeline,
                         bool alone)
{
	size_t inherited = manifest->settings.env.count, own = pipeline->settings.env.count;
	bool line = is_line(pipeline), inside = own > inherited || (!line && !alone);

	text_add_char(script, '\n');
	script_add_comment(script, "pipeline ", pipeline->name);
	if (inside)
		text_add_string(script, "(\n");
	script_add_env(script, &pipeline->settings, inherited, 1);
	if (line)
		add_stages(script, pipeline, inside);
	else
		script_add_graph(script, pipeline, inside);
	if (inside)
		text_add_string(script, line ? "\n)" : ")");
	text_add_string(script, !alone ? " &\n" : line || inside ? "\n" : "");
}

/* From where the script is run to where the stages are. */
static void add_directory(struct text *script, const char *path)
{
	char *copy = xstrdup(path), *directory = dirname(copy);

	if (strcmp(directory, ".") != 0) {
		text_add_string(script, "cd -- ");
		script_add_quoted(script, directory);
		text_add_string(script, " || exit\n");
	}
	free(copy);
}

static bool is_merged(const struct manifest_stage *stage)
{
	for (size_t i = 1; i < stage->from_count; i++)
		if (stage->from[i].stage != stage->from[0].stage)
			return true;
	return false;
}

/* What the shell has no word for, as ", delivery: durable, user: x". */
static void add_lost_settings(struct text *lost, const struct manifest_stage *stage)
{
	static const struct {
		enum manifest_setting setting;
		const char *name, *usual;
	} choices[] = {
		{SETTING_PROTOCOL, "protocol", "async"},
		{SETTING_DELIVERY, "delivery", "exact"},
		{SETTING_WHEN_FULL, "when_full", "block"},
		{SETTING_ACK, "ack", "none"},
	};
	const struct manifest_settings *settings = &stage->settings;
	bool source = stage->from_count == 0;

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const char *word = settings_word(settings, choices[i].setting);
		/* protocol is of sources, delivery and when_full are of the others; fast is what the shell does. */
		bool any = choices[i].setting == SETTING_ACK || source == (choices[i].setting == SETTING_PROTOCOL);

		if (any && strcmp(word, choices[i].usual) != 0 && strcmp(word, "fast") != 0)
			text_addf(lost, ", %s: %s", choices[i].name, word);
	}
	if (settings->user)
		text_addf(lost, ", user: %s", settings->user);
	if (settings->origins[SETTING_LIMITS].level != LEVEL_DEFAULT)
		text_add_string(lost, ", limits");
}

static void add_lost(struct text *script, const struct manifest_pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];
		struct text lost = {0};

		add_lost_settings(&lost, stage);
		if (is_merged(stage))
			text_add_string(&lost, ", lines of more than 4096 bytes in one piece");
		if (lost.length > 0) {
			struct text words = {0};

			text_addf(&words, "not in here: %s.%s: ", pipeline->name, stage->name);
			script_add_comment(script, words.data, lost.data + 2);
			text_free(&words);
		}
		text_free(&lost);
	}
}

static void add_script(struct text *script, const struct manifest *manifest, const struct option_list *only)
{
	size_t count = 0;

	for (size_t i = 0; i < manifest->count; i++)
		count += select_has(only, manifest->pipelines[i].name);
	text_add_string(script, "#!/bin/sh\n");
	script_add_comment(script, "the flow ", manifest->name);
	if (manifest->report)
		script_add_comment(script, "not in here: report: ", manifest->report);
	for (size_t i = 0; i < manifest->count; i++)
		if (select_has(only, manifest->pipelines[i].name))
			add_lost(script, &manifest->pipelines[i]);
	add_directory(script, manifest->path);
	script_add_env(script, &manifest->settings, 0, 0);
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
