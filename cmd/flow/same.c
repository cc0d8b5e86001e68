#include "cmd/flow/same.h"

#include <string.h>

#include "cmd/flow/settings.h"

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const struct option_list *a, const struct option_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool same_restart(const struct restart_policy *a, const struct restart_policy *b)
{
	return a->mode == b->mode && a->limit == b->limit && a->within == b->within && a->min == b->min &&
	       a->max == b->max && a->reset == b->reset;
}

/* A setting that is one value, whatever it means: a new one in the table is compared without more ado. */
static bool same_value(const struct schema_key *key, const void *a, const void *b)
{
	const char *left = (const char *)a + key->offset, *right = (const char *)b + key->offset;

	switch (key->kind) {
	case SCHEMA_NUMBER:
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
		return memcmp(left, right, sizeof(int64_t)) == 0;
	case SCHEMA_CHOICE:
		return memcmp(left, right, sizeof(int)) == 0;
	case SCHEMA_TEXT:
		return same_text(*(char *const *)(const void *)left, *(char *const *)(const void *)right);
	case SCHEMA_PAIR:
	case SCHEMA_CALL:
		break;
	}
	return true;
}

static bool same_settings(const struct manifest_settings *a, const struct manifest_settings *b)
{
	for (const struct schema_key *key = settings_keys; key->name; key++)
		if (!same_value(key, a, b))
			return false;
	/* A secret's value stands in env. */
	return same_restart(&a->restart, &b->restart) && same_list(&a->env, &b->env);
}

static bool same_stage(const struct manifest_stage *a, const struct manifest_stage *b)
{
	if (strcmp(a->name, b->name) != 0 || strcmp(a->run, b->run) != 0 || a->from_count != b->from_count)
		return false;
	for (size_t i = 0; i < a->from_count; i++)
		if (a->from[i] != b->from[i])
			return false;
	return same_settings(&a->settings, &b->settings);
}

bool manifest_same_pipeline(const struct manifest_pipeline *a, const struct manifest_pipeline *b)
{
	if (strcmp(a->name, b->name) != 0 || a->count != b->count || !same_settings(&a->settings, &b->settings))
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_stage(&a->stages[i], &b->stages[i]))
			return false;
	return true;
}

bool manifest_same_report(const struct manifest *a, const struct manifest *b)
{
	return same_text(a->report, b->report) && strcmp(a->directory, b->directory) == 0 &&
	       same_restart(&a->settings.restart, &b->settings.restart) &&
	       same_list(&a->settings.env, &b->settings.env);
}
