#include "cmd/flow/manifest/manifest.h"

#include <ctype.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/document.h"
#include "cmd/flow/manifest/edges.h"
#include "cmd/flow/manifest/host.h"
#include "cmd/flow/manifest/rules.h"
#include "cmd/flow/manifest/schema.h"
#include "cmd/flow/manifest/settings.h"
#include "cmd/flow/manifest/shell.h"
#include "common/memory.h"
#include "common/text.h"

/* What the design knows and this version has not. */
static const char *const lacks[] = {"cluster", NULL};

/* Names. */

/* How much of the text may stand in a name. */
static size_t name_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == '-')
		length++;
	return text[0] == '-' ? 0 : length;
}

static void check_name(const struct schema *schema, const struct node *node, const char *what)
{
	size_t length = strlen(node->text);

	if (length == 0 || name_length(node->text) != length)
		mistakes_add(schema->mistakes, node->place,
		             "'%s' cannot be the name of %s: letters, digits, _ and - make names, not - first",
		             node->text, what);
	else if (length > MANIFEST_NAME)
		mistakes_add(schema->mistakes, node->place,
		             "'%s' is too long for the name of %s, %d characters at most", node->text, what,
		             MANIFEST_NAME);
}

/* A name made of any text: what cannot stand in one becomes '-'. NULL if nothing is left. */
static char *make_name(const char *text, size_t length)
{
	char *name = xstrndup(text, length < MANIFEST_NAME ? length : MANIFEST_NAME);

	for (char *s = name; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			*s = '-';
	if (*name && *name != '-')
		return name;
	free(name);
	return NULL;
}

/* "dir/quotes.yaml": "quotes" */
static char *flow_name(const char *path)
{
	static const char *const endings[] = {".yaml", ".yml", ".json"};
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t length = strlen(base);
	char *name;

	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t ending = strlen(endings[i]);

		if (length > ending && strcmp(base + length - ending, endings[i]) == 0) {
			length -= ending;
			break;
		}
	}
	name = make_name(base, length);
	return name ? name : xstrdup("flow");
}

/* The short form. */

/* What a stage does: the program in its first word, without "pype-"; NULL if there is no plain first word. */
static char *stage_base(const char *text, const struct shell_part *part)
{
	static const char prefix[] = "pype-";
	char *word = xstrndup(text + part->word, part->word_end - part->word), *name;
	const char *base = strrchr(word, '/') ? strrchr(word, '/') + 1 : word;

	if (part->reserved || part->word == part->word_end) {
		free(word);
		return NULL;
	}
	if (strcmp(base, "pype") == 0) {
		/* "pype TOOL" is "pype-TOOL". */
		const char *tool = text + part->word_end + strspn(text + part->word_end, " \t");

		name = name_length(tool) > 0 ? make_name(tool, name_length(tool)) : xstrdup(base);
	} else {
		if (strncmp(base, prefix, sizeof(prefix) - 1) == 0)
			base += sizeof(prefix) - 1;
		name = make_name(base, strlen(base));
	}
	free(word);
	return name;
}

static bool is_taken(const struct manifest_pipeline *pipeline, const char *name)
{
	for (size_t i = 0; i < pipeline->count; i++)
		if (strcmp(pipeline->stages[i].name, name) == 0)
			return true;
	return false;
}

/* "jq", "jq-2" …; "stage-3" for a third stage without a base. bases has those of the stages before, "" for none. */
static char *stage_name(const struct manifest_pipeline *pipeline, const struct option_list *bases, const char *base)
{
	struct text name = {0};
	size_t number = 1;

	for (size_t i = 0; i < bases->count; i++)
		number += base && strcmp(bases->items[i], base) == 0;
	do {
		int room = MANIFEST_NAME - 1 - snprintf(NULL, 0, "%zu", number);

		text_clear(&name);
		if (!base)
			text_addf(&name, "stage-%zu", pipeline->count + number);
		else if (number == 1)
			text_add_string(&name, base);
		else
			text_addf(&name, "%.*s-%zu", room, base, number);
		number++;
	} while (is_taken(pipeline, name.data));
	return text_detach(&name);
}

static struct manifest_stage *add_stage(struct manifest_pipeline *pipeline, char *name)
{
	struct manifest_stage *stage = &pipeline->stages[pipeline->count++];

	stage->name = name;
	settings_inherit(&stage->settings, &pipeline->settings);
	return stage;
}

static void add_parts(const struct schema *schema, struct manifest_pipeline *pipeline, const struct node *run,
                      const struct shell *shell)
{
	struct option_list bases = {0};

	pipeline->stages = xcalloc(shell->count, sizeof(*pipeline->stages));
	for (size_t i = 0; i < shell->count; i++) {
		const struct shell_part *part = &shell->parts[i];
		char *base = stage_base(run->text, part);
		struct manifest_stage *stage = add_stage(pipeline, stage_name(pipeline, &bases, base));

		stage->run = xstrndup(run->text + part->start, part->end - part->start);
		stage->place = document_place(schema->document, run, part->start);
		if (i > 0) {
			stage->from = xcalloc(1, sizeof(*stage->from));
			stage->from[stage->from_count++].stage = i - 1;
		}
		option_list_add(&bases, base ? base : xstrdup(""));
	}
	pipeline->linked = true;
	for (size_t i = 0; i < bases.count; i++)
		free(bases.items[i]);
	free(bases.items);
}

static void read_short(const struct schema *schema, struct manifest_pipeline *pipeline, const struct schema_pair *run)
{
	struct shell shell;

	if (!schema_scalar(schema, run->key, run->value, "a shell pipeline"))
		return;
	if (!shell_cut(&shell, run->value->text))
		mistakes_add(schema->mistakes, document_place(schema->document, run->value, shell.at), "%s",
		             shell.mistake);
	else if (shell.count == 0)
		mistakes_add(schema->mistakes, run->value->place, "'run' is empty");
	else if (shell.count > MANIFEST_MOST)
		mistakes_add(schema->mistakes, run->value->place, "more than %d stages", MANIFEST_MOST);
	else
		add_parts(schema, pipeline, run->value, &shell);
	shell_free(&shell);
}

/* The long form. */

/* What stands beside a stage's settings. */
struct stage_form {
	struct schema_pair run, from;
};

static const struct schema_key stage_keys[] = {
	{"run", SCHEMA_PAIR, offsetof(struct stage_form, run), 0, 0, NULL, NULL},
	{"from", SCHEMA_PAIR, offsetof(struct stage_form, from), 0, 0, NULL, NULL},
	{0},
};

/* The text of a stage, which sh gets as it is. */
static void read_run(const struct schema *schema, struct manifest_stage *stage, const struct schema_pair *run)
{
	struct shell shell;

	if (!schema_scalar(schema, run->key, run->value, "a shell command"))
		return;
	if (!shell_cut(&shell, run->value->text) && !shell.uncut)
		mistakes_add(schema->mistakes, document_place(schema->document, run->value, shell.at), "%s",
		             shell.mistake);
	else if (shell.count == 0 && !shell.uncut)
		mistakes_add(schema->mistakes, run->value->place, "'%s' is empty", run->key->text);
	free(stage->run);
	stage->run = xstrdup(run->value->text);
	stage->place = document_place(schema->document, run->value, 0);
	shell_free(&shell);
}

static void read_stage(const struct schema *schema, struct manifest_pipeline *pipeline, const struct schema_pair *pair,
                       struct schema_pair *from)
{
	struct manifest_stage *stage = add_stage(pipeline, xstrdup(pair->key->text));
	struct stage_form form = {0};
	const struct schema_part own = {stage_keys, &form};

	check_name(schema, pair->key, "a stage");
	stage->run = xstrdup("");
	stage->place = pair->key->place;
	if (pair->value->kind == NODE_SCALAR) {
		read_run(schema, stage, pair);
		return;
	}
	settings_read(schema, pair->value, "a stage", &own, &stage->settings);
	*from = form.from;
	if (form.run.key)
		read_run(schema, stage, &form.run);
	else if (pair->value->kind == NODE_MAP && !pair->value->open)
		mistakes_add(schema->mistakes, pair->key->place, "stage '%s' has no 'run'", pair->key->text);
}

static void read_long(const struct schema *schema, struct manifest_pipeline *pipeline, const struct schema_pair *stages)
{
	const struct node *map = stages->value;
	struct schema_pair *froms;

	if (map->kind == NODE_REFUSED)
		return;
	if (map->kind != NODE_MAP || (map->count == 0 && !map->open)) {
		mistakes_add(schema->mistakes, map->place,
		             "'stages' is a mapping of names to stages, with one at least");
		return;
	}
	if (map->count / 2 > MANIFEST_MOST) {
		mistakes_add(schema->mistakes, map->place, "more than %d stages", MANIFEST_MOST);
		return;
	}
	pipeline->stages = xcalloc(map->count / 2 + 1, sizeof(*pipeline->stages));
	froms = xcalloc(map->count / 2 + 1, sizeof(*froms));
	for (size_t i = 0; i < map->count; i += 2) {
		struct schema_pair pair = {.key = map->items[i], .value = map->items[i + 1]};

		if (pair.key->kind != NODE_SCALAR)
			continue;
		read_stage(schema, pipeline, &pair, &froms[pipeline->count]);
	}
	/* What a stage reads may be behind the place where the text went wrong. */
	if (!map->open)
		edges_link(schema, pipeline, froms);
	free(froms);
}

/* Pipelines and the flow. */

struct pipeline_form {
	struct schema_pair run, stages;
};

static const struct schema_key pipeline_keys[] = {
	{"run", SCHEMA_PAIR, offsetof(struct pipeline_form, run), 0, 0, NULL, NULL},
	{"stages", SCHEMA_PAIR, offsetof(struct pipeline_form, stages), 0, 0, NULL, NULL},
	{0},
};

static void read_pipeline(const struct schema *schema, struct manifest *manifest, const struct schema_pair *pair)
{
	struct manifest_pipeline *pipeline = &manifest->pipelines[manifest->count++];
	struct pipeline_form form = {0};
	const struct schema_part own = {pipeline_keys, &form};

	pipeline->name = xstrdup(pair->key->text);
	pipeline->place = pair->key->place;
	settings_inherit(&pipeline->settings, &manifest->settings);
	check_name(schema, pair->key, "a pipeline");
	settings_read(schema, pair->value, "a pipeline", &own, &pipeline->settings);
	if (form.run.key && form.stages.key)
		mistakes_add(schema->mistakes, form.stages.key->place,
		             "a pipeline has either 'run' or 'stages', not both");
	if (form.run.key)
		read_short(schema, pipeline, &form.run);
	else if (form.stages.key)
		read_long(schema, pipeline, &form.stages);
	else if (pair->value->kind == NODE_MAP && !pair->value->open)
		mistakes_add(schema->mistakes, pair->key->place, "pipeline '%s' has neither 'run' nor 'stages'",
		             pipeline->name);
}

static void read_pipelines(const struct schema *schema, struct manifest *manifest, const struct schema_pair *pipelines)
{
	const struct node *map = pipelines->value;

	if (map->kind == NODE_REFUSED)
		return;
	if (map->kind != NODE_MAP || (map->count == 0 && !map->open)) {
		mistakes_add(schema->mistakes, map->place,
		             "'pipelines' is a mapping of names to pipelines, with one at least");
		return;
	}
	if (map->count / 2 > MANIFEST_MOST) {
		mistakes_add(schema->mistakes, map->place, "more than %d pipelines", MANIFEST_MOST);
		return;
	}
	manifest->pipelines = xcalloc(map->count / 2 + 1, sizeof(*manifest->pipelines));
	for (size_t i = 0; i < map->count; i += 2) {
		struct schema_pair pair = {.key = map->items[i], .value = map->items[i + 1]};

		if (pair.key->kind == NODE_SCALAR)
			read_pipeline(schema, manifest, &pair);
	}
}

/* What stands beside a flow's settings. */
struct flow_form {
	struct schema_pair flow, report, pipelines;
};

static const struct schema_key flow_keys[] = {
	{"flow", SCHEMA_PAIR, offsetof(struct flow_form, flow), 0, 0, NULL, NULL},
	{"report", SCHEMA_PAIR, offsetof(struct flow_form, report), 0, 0, NULL, NULL},
	{"pipelines", SCHEMA_PAIR, offsetof(struct flow_form, pipelines), 0, 0, NULL, NULL},
	{0},
};

static void read_flow(const struct schema *schema, struct manifest *manifest, const struct node *root)
{
	struct flow_form form = {0};
	const struct schema_part own = {flow_keys, &form};

	settings_read(schema, root, "a manifest", &own, &manifest->settings);
	if (form.flow.key && schema_scalar(schema, form.flow.key, form.flow.value, "a name")) {
		check_name(schema, form.flow.value, "a flow");
		free(manifest->name);
		manifest->name = xstrdup(form.flow.value->text);
	}
	if (form.report.key) {
		struct manifest_stage report = {0};

		read_run(schema, &report, &form.report);
		manifest->report = report.run;
		manifest->report_place = report.place;
	}
	if (form.pipelines.key)
		read_pipelines(schema, manifest, &form.pipelines);
	else if (root->kind == NODE_MAP && !root->open)
		mistakes_add(schema->mistakes, root->place, "there are no 'pipelines'");
}

static char *directory_of(const char *path)
{
	char *copy = xstrdup(path), *directory = realpath(strcmp(path, "-") == 0 ? "." : dirname(copy), NULL);

	free(copy);
	return directory ? directory : xstrdup(".");
}

void manifest_load(struct manifest *manifest, const char *path, struct mistakes *mistakes)
{
	static const struct place start = {1, 1};
	struct document document = {0};
	struct schema schema = {.mistakes = mistakes, .document = &document, .lacks = lacks};
	size_t before = mistakes->fatal;

	*manifest = (struct manifest){.path = xstrdup(path), .directory = directory_of(path), .name = flow_name(path)};
	settings_init(&manifest->settings);
	schema.directory = manifest->directory;
	document_read(&document, path, mistakes);
	if (document.root)
		read_flow(&schema, manifest, document.root);
	else if (mistakes->fatal == before)
		mistakes_add(mistakes, start, "the manifest is empty");
	document_free(&document);
	rules_check(manifest, mistakes);
}

static bool read_for(struct manifest *manifest, const char *path, bool host)
{
	struct mistakes mistakes = {0};
	bool good;

	manifest_load(manifest, path, &mistakes);
	if (host)
		host_check(manifest, &mistakes);
	good = mistakes_say(&mistakes, path);
	mistakes_free(&mistakes);
	if (!good)
		manifest_free(manifest);
	return good;
}

bool manifest_read(struct manifest *manifest, const char *path)
{
	return read_for(manifest, path, true);
}

bool manifest_study(struct manifest *manifest, const char *path)
{
	return read_for(manifest, path, false);
}

void manifest_restart_never(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		struct manifest_pipeline *pipeline = &manifest->pipelines[i];

		pipeline->settings.restart.mode = RESTART_NEVER;
		for (size_t j = 0; j < pipeline->count; j++)
			pipeline->stages[j].settings.restart.mode = RESTART_NEVER;
	}
}

void manifest_free(struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->count; i++) {
		struct manifest_pipeline *pipeline = &manifest->pipelines[i];

		for (size_t j = 0; j < pipeline->count; j++) {
			free(pipeline->stages[j].name);
			free(pipeline->stages[j].run);
			edges_free(&pipeline->stages[j]);
			settings_free(&pipeline->stages[j].settings);
		}
		free(pipeline->stages);
		free(pipeline->name);
		settings_free(&pipeline->settings);
	}
	free(manifest->pipelines);
	free(manifest->path);
	free(manifest->directory);
	free(manifest->name);
	free(manifest->report);
	settings_free(&manifest->settings);
	*manifest = (struct manifest){0};
}
