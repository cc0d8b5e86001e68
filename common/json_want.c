#include "common/json_want.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/memory.h"

static uint32_t add_node(struct json_want *want, struct json_want_node node)
{
	if (want->count == want->capacity) {
		want->capacity = want->capacity ? want->capacity * 2 : 16;
		want->nodes = xreallocarray(want->nodes, want->capacity, sizeof(*want->nodes));
	}
	want->nodes[want->count] = node;
	return (uint32_t)want->count++;
}

static uint32_t root_node(struct json_want *want)
{
	if (want->count == 0)
		add_node(want, (struct json_want_node){.slot = JSON_WANT_SLOTLESS});
	return 0;
}

/* The child for a member (name) or an element (no name), made if it is not there. */
static uint32_t child_node(struct json_want *want, uint32_t parent, const char *name, size_t length, size_t index)
{
	struct json_want_node node = {.length = length, .index = index, .slot = JSON_WANT_SLOTLESS};
	uint32_t last = want->nodes[parent].last, child = last;

	while (last != JSON_WANT_NOWHERE) {
		struct json_want_node *n = &want->nodes[child];

		if (name ? n->name && n->length == length && memcmp(n->name, name, length) == 0
		         : !n->name && n->index == index)
			return child;
		child = n->next;
		if (child == last)
			break;
	}
	if (name) {
		node.name = xcalloc(length + sizeof(node.head), 1);
		memcpy(node.name, name, length);
		node.head = json_want_head(node.name, length);
	}
	child = add_node(want, node); /* which may move the nodes */
	want->nodes[child].next = last == JSON_WANT_NOWHERE ? child : want->nodes[last].next;
	want->nodes[last == JSON_WANT_NOWHERE ? child : last].next = child;
	want->nodes[parent].last = child;
	return child;
}

static int take_slot(struct json_want *want, uint32_t node)
{
	if (want->nodes[node].slot == JSON_WANT_SLOTLESS)
		want->nodes[node].slot = (int)want->slots++;
	return want->nodes[node].slot;
}

int json_want_member(struct json_want *want, const char *name, size_t length)
{
	return take_slot(want, child_node(want, root_node(want), name, length, 0));
}

static bool word_byte(unsigned char c)
{
	return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* A quoted name at path: its node; returns what is behind it, or NULL. */
static const char *quoted_node(struct json_want *want, uint32_t *node, const char *path, const char **mistake)
{
	char *name = xmalloc(strlen(path));
	size_t length = 0;

	*mistake = "a quote is not closed";
	for (path++; *path && *path != '"'; path++) {
		if (*path == '\\' && *++path != '"' && *path != '\\') {
			*mistake = "in a quoted name a backslash stands before '\"' or '\\' only";
			break;
		}
		name[length++] = *path;
	}
	if (*path == '"')
		*node = child_node(want, *node, name, length, 0);
	free(name);
	return *path == '"' ? path + 1 : NULL;
}

static const char *bracket_node(struct json_want *want, uint32_t *node, const char *path, const char **mistake)
{
	size_t index = 0;

	if (*++path == '"') {
		path = quoted_node(want, node, path, mistake);
		if (!path)
			return NULL;
	} else {
		if (*path < '0' || *path > '9')
			return *mistake = "brackets hold an index from 0 on, or a quoted name", NULL;
		for (; *path >= '0' && *path <= '9'; path++)
			if (__builtin_mul_overflow(index, 10, &index) ||
			    __builtin_add_overflow(index, (size_t)(*path - '0'), &index))
				return *mistake = "the index is too large", NULL;
		*node = child_node(want, *node, NULL, 0, index);
	}
	if (*path != ']')
		return *mistake = "a bracket is not closed", NULL;
	return path + 1;
}

static const char *name_node(struct json_want *want, uint32_t *node, const char *path, const char **mistake)
{
	const char *name = path;

	while (word_byte((unsigned char)*path))
		path++;
	if (path == name || (*path && !strchr(".[\"", *path)))
		return *mistake = "a name is missing, or has to be quoted", NULL;
	*node = child_node(want, *node, name, (size_t)(path - name), 0);
	return path;
}

int json_want_path(struct json_want *want, const char *path, const char **mistake)
{
	uint32_t node = root_node(want);
	bool first = true;

	if (!*path)
		return *mistake = "the path is empty", -1;
	if (strcmp(path, ".") == 0)
		return take_slot(want, node);
	for (; path && *path; first = false) {
		if (*path == '.')
			path++;
		else if (!first && *path != '[')
			return *mistake = "a dot or a bracket is missing between two names", -1;
		if (*path == '[')
			path = bracket_node(want, &node, path, mistake);
		else if (*path == '"')
			path = quoted_node(want, &node, path, mistake);
		else
			path = name_node(want, &node, path, mistake);
	}
	return path ? take_slot(want, node) : -1;
}

void json_want_free(struct json_want *want)
{
	for (size_t i = 0; i < want->count; i++)
		free(want->nodes[i].name);
	free(want->nodes);
	*want = (struct json_want){0};
}
