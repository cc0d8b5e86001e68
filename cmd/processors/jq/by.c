/*
 * What orders the elements of an array by a key: sort, group, unique, min and max.
 */
#include <stdlib.h>

#include "cmd/processors/jq/run.h"

struct entry {
	struct value key, value;
	size_t number;
	struct arena *arena;
};

static int by_key(const void *left, const void *right)
{
	const struct entry *l = left, *r = right;
	int order = value_compare(l->arena, &l->key, &r->key);

	return order != 0 ? order : (l->number > r->number) - (l->number < r->number);
}

/* The elements with their keys: an array of all that `key` gives, or the element itself if there is no key. */
static enum run_outcome collect(struct run *run, const struct node *key, const struct value *in,
                                const struct environment *environment, struct entry **entries, size_t *count)
{
	const char *p = value_inside(in);
	enum run_outcome outcome = RUN_DONE;
	size_t n = 0;

	*entries = arena_alloc(&run->arena, (value_count(in) + 1) * sizeof(**entries));
	for (; outcome == RUN_DONE && value_next(&p, &(*entries)[n].value); n++) {
		struct entry *entry = &(*entries)[n];

		entry->number = n;
		entry->arena = &run->arena;
		entry->key = entry->value;
		if (key)
			outcome = run_single(run, key, &entry->value, environment, &entry->key);
	}
	*count = n;
	return outcome;
}

static void add_element(struct text *text, const struct value *value)
{
	if (text->data[text->length - 1] != '[')
		text_add_char(text, ',');
	value_add(text, value);
}

static void add_groups(struct text *text, const struct entry *entries, size_t count, bool first_only)
{
	for (size_t i = 0; i < count; i++) {
		bool begins = i == 0 || value_compare(entries[i].arena, &entries[i - 1].key, &entries[i].key) != 0;

		if (first_only) {
			if (begins)
				add_element(text, &entries[i].value);
			continue;
		}
		if (begins)
			text_add_string(text, i == 0 ? "[" : "],[");
		add_element(text, &entries[i].value);
	}
	if (!first_only && count > 0)
		text_add_char(text, ']');
}

/* Of equals jq's max is the last, its min the first. */
static struct value extreme(const struct entry *entries, size_t count, bool greatest)
{
	const struct entry *best = NULL;

	for (size_t i = 0; i < count; i++) {
		int order = best ? value_compare(entries[i].arena, &entries[i].key, &best->key) : 0;

		if (!best || (greatest ? order >= 0 : order < 0))
			best = &entries[i];
	}
	return best ? best->value : value_constant(JSON_NULL);
}

enum run_outcome run_by(struct run *run, char letter, const struct node *key, const struct value *in,
                        const struct environment *environment, struct value *result)
{
	struct entry *entries;
	struct value array;
	struct text *text;
	size_t count;
	enum run_outcome outcome = run_ready(run, in, &array);

	if (outcome == RUN_DONE && array.kind != JSON_ARRAY)
		outcome = run_fallback(run, "not an array");
	if (outcome == RUN_DONE)
		outcome = collect(run, key, &array, environment, &entries, &count);
	if (outcome != RUN_DONE)
		return outcome;
	if (letter == 'm' || letter == 'M') {
		*result = extreme(entries, count, letter == 'M');
		return RUN_DONE;
	}
	text = run_text(run);
	if (!text)
		return RUN_FALLBACK;
	qsort(entries, count, sizeof(*entries), by_key);
	text_add_char(text, '[');
	if (letter == 's')
		for (size_t i = 0; i < count; i++)
			add_element(text, &entries[i].value);
	else
		add_groups(text, entries, count, letter == 'u');
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}
