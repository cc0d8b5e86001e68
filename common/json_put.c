#include "common/json_put.h"

#include <stdlib.h>

#include "common/json_text.h"
#include "common/memory.h"

static bool is_word(char c)
{
	return c == '_' || (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') ||
	       ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The name that a step of the path has; returns what is behind it. The path is well formed. */
static const char *read_name(const char *path, struct text *name)
{
	bool bracket;

	path += *path == '.';
	bracket = *path == '[';
	path += bracket;
	if (*path == '"') {
		for (path++; *path != '"'; path++) {
			path += *path == '\\';
			text_add_char(name, *path);
		}
		path++;
	} else {
		while (is_word(*path))
			text_add_char(name, *path++);
	}
	return path + bracket;
}

/* The path up to here, with each name in quotes. */
static void add_step(struct text *path, const struct text *name)
{
	text_add_string(path, ".\"");
	for (size_t i = 0; i < name->length; i++) {
		if (name->data[i] == '"' || name->data[i] == '\\')
			text_add_char(path, '\\');
		text_add_char(path, name->data[i]);
	}
	text_add_char(path, '"');
}

/* Whether there is an index in a path that is well formed. */
static bool has_index(const char *path)
{
	bool quoted = false;

	for (; *path; path++) {
		if (quoted && *path == '\\')
			path++;
		else if (*path == '"')
			quoted = !quoted;
		else if (!quoted && *path == '[' && path[1] != '"')
			return true;
	}
	return false;
}

bool json_put_init(struct json_put *put, struct json_want *want, const char *path, const char **mistake)
{
	struct text steps = {0};

	if (json_want_path(want, path, mistake) < 0)
		return false;
	if (strcmp(path, ".") == 0 || has_index(path))
		return *mistake = "it has to be of names alone", false;
	while (*path) {
		struct text name = {0};

		text_init(&name);
		path = read_name(path, &name);
		put->names = xreallocarray(put->names, put->count + 1, sizeof(*put->names));
		put->slots = xreallocarray(put->slots, put->count + 1, sizeof(*put->slots));
		add_step(&steps, &name);
		put->slots[put->count] = json_want_path(want, steps.data, mistake);
		put->names[put->count++] = name;
	}
	text_free(&steps);
	return true;
}

void json_put_free(struct json_put *put)
{
	for (size_t i = 0; i < put->count; i++)
		text_free(&put->names[i]);
	free(put->names);
	free(put->slots);
	*put = (struct json_put){0};
}

/* Whether an object that ends here (in front of its brace) has no member. */
static bool is_empty(const char *start, const char *end)
{
	while (end > start + 1 && strchr(" \t\r\n", end[-1]))
		end--;
	return end[-1] == '{';
}

bool json_put_find(const struct json_put *put, const struct json_span *spans, const char *object, size_t length,
                   struct json_gap *gap)
{
	const char *start = object, *brace = object + length - 1;
	const struct json_span *found;

	gap->level = put->count;
	while (gap->level > 0 && spans[put->slots[gap->level - 1]].kind == JSON_NONE)
		gap->level--;
	found = gap->level > 0 ? &spans[put->slots[gap->level - 1]] : NULL;
	if (found && gap->level == put->count) {
		gap->at = (size_t)(found->at - object);
		gap->length = found->length;
		gap->comma = false;
		return true;
	}
	if (found && found->kind != JSON_OBJECT)
		return false;
	if (found) {
		start = found->at;
		brace = found->at + found->length - 1;
	}
	gap->at = (size_t)(brace - object);
	gap->length = 0;
	gap->comma = !is_empty(start, brace);
	return true;
}

void json_put_add(const struct json_put *put, const struct json_gap *gap, const char *object, size_t length,
                  const struct text *value, struct text *text)
{
	size_t behind = gap->at + gap->length;

	text_add(text, object, gap->at);
	if (gap->comma)
		text_add_char(text, ',');
	for (size_t i = gap->level; i < put->count; i++) {
		if (i > gap->level)
			text_add_char(text, '{');
		json_add_string(text, put->names[i].data, put->names[i].length);
		text_add_char(text, ':');
	}
	text_add(text, value->data, value->length);
	for (size_t i = gap->level + 1; i < put->count; i++)
		text_add_char(text, '}');
	text_add(text, object + behind, length - behind);
}
