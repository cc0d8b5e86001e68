#include "cmd/processors/jq/sorter.h"

#include <stdlib.h>

#include "common/memory.h"

enum { FEW = 16 };

static int compare(const void *left, const void *right)
{
	const struct sorter_member *l = left, *r = right;
	size_t least = l->key_length < r->key_length ? l->key_length : r->key_length;
	int order;

	if (l->beginning != r->beginning)
		return l->beginning < r->beginning ? -1 : 1;
	order = least > sizeof(l->beginning) ? memcmp(l->key, r->key, least) : 0;
	return order != 0 ? order : (l->key_length > r->key_length) - (l->key_length < r->key_length);
}

/* Of few, each goes to its place among those before it. */
static void order_few(struct sorter_member *members, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct sorter_member member = members[i];
		size_t place = i;

		for (; place > 0 && compare(&members[place - 1], &member) > 0; place--)
			members[place] = members[place - 1];
		members[place] = member;
	}
}

/* Writes the members, which lie from start on, once more in their order. */
static void rearrange(struct sorter *sorter, size_t first, char *start, const char *end)
{
	struct sorter_member *members = &sorter->members[first];
	size_t count = sorter->count - first;

	if (count <= FEW)
		order_few(members, count);
	else
		qsort(members, count, sizeof(*members), compare);
	text_clear(&sorter->moved);
	text_reserve(&sorter->moved, (size_t)(end - start));
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_char(&sorter->moved, ',');
		text_add(&sorter->moved, members[i].at, members[i].length);
	}
	memcpy(start, sorter->moved.data, sorter->moved.length);
}

/* The key from member->at to end, with its quotes. */
static void take_key(struct sorter *sorter, struct sorter_member *member, const char *end)
{
	const struct value key = {.kind = JSON_STRING, .at = member->at, .length = (size_t)(end - member->at)};
	unsigned char beginning[sizeof(member->beginning)] = {0};

	member->key = value_bytes(&sorter->arena, &key, &member->key_length);
	memcpy(beginning, member->key, member->key_length < sizeof(beginning) ? member->key_length : sizeof(beginning));
	member->beginning = 0;
	for (size_t i = 0; i < sizeof(beginning); i++)
		member->beginning = member->beginning << 8 | beginning[i];
}

static void push(struct sorter *sorter, const struct sorter_member *member)
{
	if (sorter->count == sorter->capacity) {
		sorter->capacity = sorter->capacity > 0 ? 2 * sorter->capacity : 64;
		sorter->members = xreallocarray(sorter->members, sorter->capacity, sizeof(*sorter->members));
	}
	sorter->members[sorter->count++] = *member;
}

static char *sort_value(struct sorter *sorter, char *p);

/* Behind the value at p, which is neither object nor array. */
static char *behind(char *p)
{
	return p + (value_end(p) - p);
}

static char *sort_object(struct sorter *sorter, char *p)
{
	size_t first = sorter->count;
	char *start = ++p;
	bool ordered = true;

	for (; *p != '}'; p += *p == ',') {
		struct sorter_member member = {.at = p};
		char *end = behind(p);

		take_key(sorter, &member, end);
		p = sort_value(sorter, end + 1);
		member.length = (size_t)(p - member.at);
		ordered = ordered &&
		          (sorter->count == first || compare(&sorter->members[sorter->count - 1], &member) < 0);
		push(sorter, &member);
	}
	if (!ordered)
		rearrange(sorter, first, start, p);
	sorter->count = first;
	return p + 1;
}

static char *sort_value(struct sorter *sorter, char *p)
{
	if (*p == '{')
		return sort_object(sorter, p);
	if (*p != '[')
		return behind(p);
	for (p++; *p != ']'; p += *p == ',')
		p = sort_value(sorter, p);
	return p + 1;
}

void sorter_sort(struct sorter *sorter, struct text *text)
{
	json_pad(text);
	sort_value(sorter, text->data);
	if (sorter->arena.chunk)
		arena_release(&sorter->arena, (struct arena_mark){0});
}

void sorter_free(struct sorter *sorter)
{
	free(sorter->members);
	text_free(&sorter->moved);
	arena_free(&sorter->arena);
}
