#include "cmd/flow/manifest/same.h"

#include <string.h>

#include "cmd/flow/manifest/settings.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_stage(const struct manifest_stage *a, const struct manifest_stage *b)
{
	if (strcmp(a->name, b->name) != 0 || strcmp(a->run, b->run) != 0 || a->from_count != b->from_count)
		return false;
	for (size_t i = 0; i < a->from_count; i++)
		if (a->from[i].stage != b->from[i].stage || !same_text(a->from[i].event, b->from[i].event))
			return false;
	return settings_same(&a->settings, &b->settings);
}

bool manifest_same_pipeline(const struct manifest_pipeline *a, const struct manifest_pipeline *b)
{
	if (strcmp(a->name, b->name) != 0 || a->count != b->count || !settings_same(&a->settings, &b->settings))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_stage(&a->stages[i], &b->stages[i]))
			return false;
	return true;
}

bool manifest_same_report(const struct manifest *a, const struct manifest *b)
{
	return same_text(a->report, b->report) && strcmp(a->directory, b->directory) == 0 &&
	       settings_same_command(&a->settings, &b->settings);
}
