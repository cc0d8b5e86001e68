#include "cmd/flow/draw/script.h"

#include <string.h>

#include "cmd/flow/manifest/shell.h"
#include "common/json_text.h"

void script_add_quoted(struct text *script, const char *word)
{
	text_add_char(script, '\'');
	for (; *word; word++)
		if (*word == '\'')
			text_add_string(script, "'\\''");
		else
			text_add_char(script, *word);
	text_add_char(script, '\'');
}

void script_add_tabs(struct text *script, size_t count)
{
	for (; count > 0; count--)
		text_add_char(script, '\t');
}

void script_add_comment(struct text *script, const char *words, const char *subject)
{
	text_addf(script, "# %s", words);
	for (; *subject; subject++)
		text_add_char(script, *subject == '\n' ? ' ' : *subject);
	text_add_char(script, '\n');
}

void script_add_env(struct text *script, const struct manifest_settings *settings, size_t inherited, size_t tabs)
{
	for (size_t i = inherited; i < settings->env.count; i++) {
		const char *entry = settings->env.items[i], *value = strchr(entry, '=') + 1;

		script_add_tabs(script, tabs);
		text_addf(script, "export %.*s", (int)(value - entry), entry);
		if (*settings->secrets.items[i]) {
			text_add_string(script, "\"$(cat -- ");
			script_add_quoted(script, settings->secrets.items[i]);
			text_add_string(script, ")\"");
		} else {
			script_add_quoted(script, value);
		}
		text_add_char(script, '\n');
	}
}

/* The text may stand as it is, with ends in front of it if there are any. */
static bool is_bare(const struct shell *shell, const char *text, const char *ends)
{
	const struct shell_part *part = shell->parts;

	if (shell->count != 1 || shell->list || shell->here)
		return false;
	return !ends || (!part->reserved && text[part->start] != '(');
}

void script_add_stage(struct text *script, const struct manifest_stage *stage, size_t inherited, size_t tabs,
                      const char *ends)
{
	struct shell shell;

	if (shell_cut(&shell, stage->run) && is_bare(&shell, stage->run, ends) &&
	    stage->settings.env.count == inherited) {
		text_addf(script, "%s%s", ends ? ends : "", ends && *ends ? " " : "");
		text_add(script, stage->run + shell.parts[0].start, shell.parts[0].end - shell.parts[0].start);
	} else {
		text_add_string(script, "(\n");
		script_add_env(script, &stage->settings, inherited, tabs + 1);
		script_add_tabs(script, tabs + 1);
		text_addf(script, "%s%s", stage->run, stage->run[strlen(stage->run) - 1] == '\n' ? "" : "\n");
		script_add_tabs(script, tabs);
		text_addf(script, ")%s%s", ends && *ends ? " " : "", ends ? ends : "");
	}
	shell_free(&shell);
}

void script_add_filter(struct text *script, const struct manifest_stage *stage, size_t from)
{
	struct text jq = {0};

	text_add_string(&jq, "select(");
	for (size_t i = 0; i < stage->from_count; i++) {
		if (stage->from[i].stage != from)
			continue;
		text_addf(&jq, "%s.event == ", jq.data[jq.length - 1] == '(' ? "" : " or ");
		json_add_string(&jq, stage->from[i].event, strlen(stage->from[i].event));
	}
	text_add_char(&jq, ')');
	text_add_string(script, "pype-jq ");
	script_add_quoted(script, jq.data);
	text_free(&jq);
}
