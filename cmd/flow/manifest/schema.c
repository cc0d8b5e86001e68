#include "cmd/flow/manifest/schema.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/option.h"
#include "common/text.h"
#include "common/unit.h"

static const char *kind_name(const struct node *node)
{
	static const char *const names[] = {
		[NODE_REFUSED] = "this", [NODE_SCALAR] = "a text", [NODE_LIST] = "a list", [NODE_MAP] = "a mapping"};

	return names[node->kind];
}

bool schema_scalar(const struct schema *schema, const struct node *key, const struct node *value, const char *wanted)
{
	if (value->kind == NODE_REFUSED || value->open)
		return false;
	if (value->kind != NODE_SCALAR)
		mistakes_add(schema->mistakes, value->place, "'%s' takes %s, not %s", key->text, wanted,
		             kind_name(value));
	else if (node_is_empty(value))
		mistakes_add(schema->mistakes, key->place, "'%s' has no value, it takes %s", key->text, wanted);
	else
		return true;
	return false;
}

/* The index of the value in choices; false, and said, if it is none of them. */
static bool find_choice(const struct schema *schema, const struct schema_pair *pair, const char *choices, size_t *index)
{
	struct option_list words = {0};
	struct text list = {0};
	const char *value = pair->value->text;
	char *copy = xstrdup(choices), *rest = copy, hint[OPTION_HINT];
	bool found;

	for (char *word; (word = strsep(&rest, "|"));) {
		text_addf(&list, "%s%s", words.count > 0 ? ", " : "", word);
		option_list_add(&words, word);
	}
	*index = 0;
	while (*index < words.count && strcmp(words.items[*index], value) != 0)
		++*index;
	found = *index < words.count;
	if (!found)
		mistakes_add(schema->mistakes, pair->value->place, "'%s' takes %s, not '%s'%s", pair->key->text,
		             list.data, value, option_hint(hint, value, (const char *const *)words.items));
	text_free(&list);
	free(copy);
	free(words.items);
	return found;
}

static void read_choice(const struct schema *schema, const struct schema_key *key, const struct schema_pair *pair,
                        void *target)
{
	size_t index;

	if (!find_choice(schema, pair, key->kind == SCHEMA_FLAG ? "false|true" : key->choices, &index))
		return;
	if (key->kind == SCHEMA_FLAG)
		*(bool *)target = index == 1;
	else
		*(int *)target = (int)index;
}

/* The range of a number, duration or size in words. */
static void add_range(struct text *text, const struct schema_key *key)
{
	char least[UNIT_TEXT_MAX], most[UNIT_TEXT_MAX];

	if (key->kind == SCHEMA_NUMBER)
		text_addf(text, "a whole number from %lld to %lld", (long long)key->least, (long long)key->most);
	else if (key->kind == SCHEMA_DURATION)
		text_addf(text, "a time from %s to %s", unit_duration_text(least, key->least),
		          unit_duration_text(most, key->most));
	else
		text_addf(text, "a size from %s to %s", unit_size_text(least, (uint64_t)key->least),
		          unit_size_text(most, (uint64_t)key->most));
}

static void read_quantity(const struct schema *schema, const struct schema_key *key, const struct schema_pair *pair,
                          void *target)
{
	const char *value = pair->value->text;
	struct text range = {0};
	uint64_t size = 0;
	int64_t number = 0;
	bool good;

	if (key->kind == SCHEMA_NUMBER)
		good = unit_number(value, &number);
	else if (key->kind == SCHEMA_DURATION)
		good = unit_duration(value, &number);
	else
		good = unit_size(value, &size) && size <= INT64_MAX;
	if (key->kind == SCHEMA_SIZE)
		number = (int64_t)size;
	if (!good || number < key->least || number > key->most) {
		add_range(&range, key);
		mistakes_add(schema->mistakes, pair->value->place, "'%s' takes %s, not '%s'", key->name, range.data,
		             value);
		text_free(&range);
	} else if (key->kind == SCHEMA_SIZE) {
		*(uint64_t *)target = size;
	} else {
		*(int64_t *)target = number;
	}
}

static void read_value(const struct schema *schema, const struct schema_key *key, const struct schema_pair *pair,
                       void *target)
{
	static const char *const wanted[] = {
		[SCHEMA_TEXT] = "a text",
		[SCHEMA_NUMBER] = "a whole number",
		[SCHEMA_DURATION] = "a time such as 500ms, 30s or 1h30m",
		[SCHEMA_SIZE] = "a size such as 64k or 16M",
		[SCHEMA_CHOICE] = "a word",
		[SCHEMA_FLAG] = "true or false",
	};

	if (key->kind == SCHEMA_PAIR)
		*(struct schema_pair *)target = *pair;
	else if (pair->value->kind == NODE_REFUSED)
		return;
	else if (key->kind == SCHEMA_CALL)
		key->call(schema, pair, target);
	else if (!schema_scalar(schema, pair->key, pair->value, wanted[key->kind]))
		return;
	else if (key->kind == SCHEMA_CHOICE || key->kind == SCHEMA_FLAG)
		read_choice(schema, key, pair, target);
	else if (key->kind != SCHEMA_TEXT)
		read_quantity(schema, key, pair, target);
	else if (!pair->value->text[0])
		mistakes_add(schema->mistakes, pair->value->place, "'%s' is empty", key->name);
	else
		*(char **)target = xstrdup(pair->value->text);
}

static void unknown_key(const struct schema *schema, const struct node *node, const struct schema_part *parts,
                        size_t count)
{
	const char **names = NULL;
	char hint[OPTION_HINT];
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		for (const struct schema_key *key = parts[i].keys; key->name; key++) {
			names = xreallocarray(names, known + 2, sizeof(*names));
			names[known++] = key->name;
			names[known] = NULL;
		}
	mistakes_add(schema->mistakes, node->place, "unknown key '%s'%s", node->text,
	             option_hint(hint, node->text, names));
	free(names);
}

static void read_pair(const struct schema *schema, const struct schema_pair *pair, const struct schema_part *parts,
                      size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (const struct schema_key *key = parts[i].keys; key->name; key++)
			if (strcmp(key->name, pair->key->text) == 0) {
				read_value(schema, key, pair, (char *)parts[i].target + key->offset);
				return;
			}
	for (const char *const *lack = schema->lacks; *lack; lack++)
		if (strcmp(*lack, pair->key->text) == 0) {
			mistakes_add(schema->mistakes, pair->key->place, "'%s' is not available in this version",
			             *lack);
			return;
		}
	unknown_key(schema, pair->key, parts, count);
}

void schema_read(const struct schema *schema, const struct node *node, const char *what,
                 const struct schema_part *parts, size_t count)
{
	if (node->kind == NODE_REFUSED)
		return;
	if (node->kind != NODE_MAP) {
		mistakes_add(schema->mistakes, node->place, "%s is a mapping of keys to values, not %s", what,
		             node_is_empty(node) ? "nothing" : kind_name(node));
		return;
	}
	for (size_t i = 0; i < node->count; i += 2) {
		struct schema_pair pair = {.key = node->items[i], .value = node->items[i + 1]};

		if (pair.key->kind == NODE_SCALAR)
			read_pair(schema, &pair, parts, count);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_value(enum schema_kind kind, const void *a, const void *b)
{
	switch (kind) {
	case SCHEMA_NUMBER:
	case SCHEMA_DURATION:
	case SCHEMA_SIZE:
		return memcmp(a, b, sizeof(int64_t)) == 0;
	case SCHEMA_CHOICE:
		return *(const int *)a == *(const int *)b;
	case SCHEMA_FLAG:
		return *(const bool *)a == *(const bool *)b;
	case SCHEMA_TEXT:
		return same_text(*(char *const *)a, *(char *const *)b);
	case SCHEMA_PAIR:
	case SCHEMA_CALL:
		break;
	}
	return true;
}

bool schema_same(const struct schema_key *keys, const void *a, const void *b)
{
	for (const struct schema_key *key = keys; key->name; key++)
		if (!same_value(key->kind, (const char *)a + key->offset, (const char *)b + key->offset))
			return false;
	return true;
}
