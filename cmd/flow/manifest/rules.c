#include "cmd/flow/manifest/rules.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/settings.h"
#include "cmd/flow/manifest/shell.h"
#include "common/memory.h"

/* A stage, and what its rules are about. */
struct view {
	struct manifest_stage *stage;
	struct manifest_settings *settings;
	char *program; /* shell_program */
	unsigned redirected;
	bool source;
	bool ours; /* it keeps the stage page without being told */
	size_t readers;
	const struct manifest_settings *sync; /* of a source with protocol: sync, whose events come here; or NULL */
};

struct rules {
	struct manifest *manifest;
	struct mistakes *mistakes;
	struct view **views; /* of each pipeline, of each of its stages */
	bool linked; /* all pipelines are */
};

static void look_at(struct view *view, struct manifest_stage *stage, bool linked)
{
	view->stage = stage;
	view->settings = &stage->settings;
	view->program = shell_program(stage->run, &view->redirected);
	view->source = linked && stage->from_count == 0;
	view->ours = view->program && strncmp(view->program, "pype-", 5) == 0 &&
	             !(view->redirected & (view->source ? SHELL_OUTPUT : SHELL_INPUT | SHELL_OUTPUT));
}

static struct view *look_at_all(const struct manifest_pipeline *pipeline)
{
	struct view *views = xcalloc(pipeline->count + 1, sizeof(*views));

	for (size_t i = 0; i < pipeline->count; i++) {
		struct view *view = &views[i];

		look_at(view, &pipeline->stages[i], pipeline->linked);
		if (view->source && view->settings->protocol == PROTOCOL_SYNC)
			view->sync = view->settings;
		/* A stage stands behind those it reads. */
		for (size_t j = 0; j < view->stage->from_count; j++) {
			struct view *from = &views[view->stage->from[j].stage];

			from->readers++;
			if (from->sync)
				view->sync = from->sync;
		}
	}
	return views;
}

/* Of two settings that do not go together the nearer one; of two at the same level the second. */
static struct place nearer(const struct manifest_origin *first, const struct manifest_origin *second)
{
	return first->level > second->level ? first->place : second->place;
}

static bool is_own(const struct view *view, enum manifest_setting setting)
{
	return view->settings->origins[setting].level == LEVEL_STAGE;
}

/* Where the stage has it from itself, or its text. */
static struct place own_place(const struct view *view, enum manifest_setting setting)
{
	return is_own(view, setting) ? view->settings->origins[setting].place : view->stage->place;
}

/* Programs of which everybody knows that they write more or fewer lines than they read. */
static bool is_uneven(const char *program)
{
	static const char *const programs[] = {"comm", "egrep", "fgrep", "fold", "grep", "head",
	                                       "shuf", "sort",  "tail",  "uniq", "wc",   "xargs"};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strcmp(programs[i], program) == 0)
			return true;
	return false;
}

static void check_ack(const struct rules *rules, struct view *view)
{
	struct manifest_settings *settings = view->settings;
	const char *word = settings_word(settings, SETTING_ACK);
	struct place place = own_place(view, SETTING_ACK);

	if (settings->ack != ACK_LINES && settings->ack != ACK_EOF)
		return;
	if (view->source || view->ours) {
		if (is_own(view, SETTING_ACK) && view->source)
			mistakes_add(rules->mistakes, place,
			             "'%s' is a source, it reads nothing that 'ack: %s' could answer for",
			             view->stage->name, word);
		else if (is_own(view, SETTING_ACK))
			mistakes_add(rules->mistakes, place, "'%s' keeps the stage page itself: leave 'ack: %s' out",
			             view->program, word);
		settings->ack = ACK_NONE;
	} else if (settings->ack == ACK_LINES && view->program && view->redirected & SHELL_OUTPUT) {
		mistakes_add(rules->mistakes, place,
		             "'ack: lines' counts what '%s' writes, but its standard output is redirected",
		             view->stage->name);
	} else if (settings->ack == ACK_LINES && view->program && is_uneven(view->program)) {
		mistakes_warn(rules->mistakes, place,
		              "'ack: lines' is for one line out for each line in, and '%s' does not do that: use eof",
		              view->program);
	}
}

static void check_sync(const struct rules *rules, const struct view *view)
{
	const struct manifest_settings *settings = view->settings;
	const struct manifest_origin *protocol;

	/* A source that nobody reads has nobody to wait for. */
	if (!view->sync || (view->source && view->readers == 0))
		return;
	protocol = &view->sync->origins[SETTING_PROTOCOL];
	if (!view->ours && settings->ack == ACK_NONE)
		mistakes_add(
			rules->mistakes, view->stage->place,
			"'protocol: sync' waits until each stage has handled an event, and '%s' does not say when: "
			"%s",
			view->stage->name,
			view->source ? "a source must be a program of pype, or have 'ack: page'"
				     : "give it 'ack: lines', 'ack: eof' or 'ack: page'");
	if (view->source)
		return;
	if (settings->delivery == DELIVERY_FAST)
		mistakes_add(rules->mistakes, nearer(protocol, &settings->origins[SETTING_DELIVERY]),
		             "'protocol: sync' does not go with 'delivery: fast': use exact or durable");
	if (settings->when_full != WHEN_FULL_BLOCK)
		mistakes_add(
			rules->mistakes, nearer(protocol, &settings->origins[SETTING_WHEN_FULL]),
			"'protocol: sync' does not go with 'when_full: %s': one event at a time never fills anything",
			settings_word(settings, SETTING_WHEN_FULL));
}

/* What a plain pipe cannot do. */
static void check_fast(const struct rules *rules, const struct view *views, const struct view *view)
{
	const struct manifest_settings *settings = view->settings;
	const struct manifest_stage *stage = view->stage;
	const char *name = stage->name, *why = NULL;

	if (settings->delivery != DELIVERY_FAST || stage->from_count == 0)
		return;
	if (settings->when_full != WHEN_FULL_BLOCK)
		mistakes_add(rules->mistakes,
		             nearer(&settings->origins[SETTING_DELIVERY], &settings->origins[SETTING_WHEN_FULL]),
		             "'when_full: %s' does not go with 'delivery: fast': a plain pipe can only block",
		             settings_word(settings, SETTING_WHEN_FULL));
	for (size_t i = 0; i < stage->from_count && !why; i++) {
		const struct view *from = &views[stage->from[i].stage];

		if (stage->from[i].event)
			why = "reads events by name";
		else if (stage->from_count > 1)
			why = "reads several stages";
		else if (from->readers > 1) {
			name = from->stage->name;
			why = "is read by several stages";
		}
	}
	if (why)
		mistakes_add(rules->mistakes, own_place(view, SETTING_DELIVERY),
		             "'delivery: fast' is a plain pipe from one stage to one other, but '%s' %s: use exact",
		             name, why);
}

/* Settings that do nothing. */

static bool reads(const struct view *view)
{
	return !view->source;
}

static bool is_source(const struct view *view)
{
	return view->source;
}

static bool answers(const struct view *view)
{
	return view->source || view->settings->delivery != DELIVERY_FAST;
}

static bool is_durable(const struct view *view)
{
	return !view->source && view->settings->delivery == DELIVERY_DURABLE;
}

static bool uses_disk(const struct view *view)
{
	return is_durable(view) || (!view->source && view->settings->when_full == WHEN_FULL_SPILL);
}

static const struct effect {
	enum manifest_setting setting;
	enum manifest_level level; /* the first one at which it is said */
	bool (*has)(const struct view *view); /* the setting does something for this stage */
	const char *words;
} effects[] = {
	{SETTING_DELIVERY, LEVEL_STAGE, reads, "'delivery' has no effect on a source: set it where the stage is read"},
	{SETTING_WHEN_FULL, LEVEL_STAGE, reads,
         "'when_full' has no effect on a source: set it where the stage is read"},
	{SETTING_BUFFER, LEVEL_STAGE, reads, "'buffer' has no effect on a source: set it where the stage is read"},
	{SETTING_PROTOCOL, LEVEL_STAGE, is_source, "'protocol' has an effect on sources only"},
	{SETTING_ACK, LEVEL_FLOW, answers, "'ack' has no effect with 'delivery: fast'"},
	{SETTING_FSYNC, LEVEL_FLOW, is_durable, "'fsync' has no effect without 'delivery: durable'"},
	{SETTING_QUOTA, LEVEL_FLOW, uses_disk,
         "'quota' has no effect without 'delivery: durable' or 'when_full: spill'"},
};

/* True if the setting does something for one of the stages that have it from this level. */
static bool has_effect(const struct effect *effect, const struct view *views, size_t count, enum manifest_level level)
{
	for (size_t i = 0; i < count; i++)
		if (views[i].settings->origins[effect->setting].level == level && effect->has(&views[i]))
			return true;
	return false;
}

static bool is_set(const struct effect *effect, const struct manifest_settings *settings, enum manifest_level level)
{
	if (effect->level > level || settings->origins[effect->setting].level != level)
		return false;
	return effect->setting != SETTING_ACK || settings->ack != ACK_NONE;
}

static void warn(const struct rules *rules, const struct effect *effect, const struct manifest_settings *settings)
{
	mistakes_warn(rules->mistakes, settings->origins[effect->setting].place, "%s", effect->words);
}

static void check_pipeline_effect(const struct rules *rules, size_t index, const struct effect *effect)
{
	const struct manifest_pipeline *pipeline = &rules->manifest->pipelines[index];
	const struct view *views = rules->views[index];

	if (!pipeline->linked)
		return;
	if (is_set(effect, &pipeline->settings, LEVEL_PIPELINE) &&
	    !has_effect(effect, views, pipeline->count, LEVEL_PIPELINE))
		warn(rules, effect, &pipeline->settings);
	for (size_t i = 0; i < pipeline->count; i++)
		if (is_set(effect, views[i].settings, LEVEL_STAGE) && !has_effect(effect, &views[i], 1, LEVEL_STAGE))
			warn(rules, effect, views[i].settings);
}

static void check_effect(const struct rules *rules, const struct effect *effect)
{
	const struct manifest *manifest = rules->manifest;
	bool has = !rules->linked;

	for (size_t i = 0; i < manifest->count; i++) {
		check_pipeline_effect(rules, i, effect);
		has = has || has_effect(effect, rules->views[i], manifest->pipelines[i].count, LEVEL_FLOW);
	}
	if (is_set(effect, &manifest->settings, LEVEL_FLOW) && !has)
		warn(rules, effect, &manifest->settings);
}

static void check_stages(const struct rules *rules, size_t index)
{
	struct view *views = rules->views[index];

	for (size_t i = 0; i < rules->manifest->pipelines[index].count; i++) {
		check_ack(rules, &views[i]);
		check_sync(rules, &views[i]);
		check_fast(rules, views, &views[i]);
	}
}

void rules_check(struct manifest *manifest, struct mistakes *mistakes)
{
	struct rules rules = {.manifest = manifest, .mistakes = mistakes, .linked = manifest->count > 0};

	rules.views = xcalloc(manifest->count + 1, sizeof(*rules.views));
	for (size_t i = 0; i < manifest->count; i++) {
		rules.views[i] = look_at_all(&manifest->pipelines[i]);
		rules.linked = rules.linked && manifest->pipelines[i].linked;
	}
	/* The effects first: they are those of the settings as written. */
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		check_effect(&rules, &effects[i]);
	for (size_t i = 0; i < manifest->count; i++) {
		check_stages(&rules, i);
		for (size_t j = 0; j < manifest->pipelines[i].count; j++)
			free(rules.views[i][j].program);
		free(rules.views[i]);
	}
	free(rules.views);
}
