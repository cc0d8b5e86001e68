#include "cmd/processors/jq/native.h"

#include <string.h>

/* What gives its input, or nothing: what is behind it still works on the line. */
static bool passes(const struct node *node)
{
	if (node->operation == OP_IF)
		return passes(node->b) && passes(node->c);
	if (node->operation == OP_PIPE || node->operation == OP_COMMA)
		return passes(node->a) && passes(node->b);
	return node->operation == OP_IDENTITY || node->operation == OP_EMPTY;
}

/* The path as json_want takes it. False: it cannot be written there. */
static bool add_step(struct text *path, const struct step *step)
{
	if (!step->key) {
		if (step->index < 0)
			return false;
		text_addf(path, "[%ld]", step->index);
		return true;
	}
	for (size_t i = 0; i < step->length; i++) {
		if (step->key[i] != '\\')
			continue;
		i++;
		if (step->key[i] != '"' && step->key[i] != '\\')
			return false;
	}
	text_add_char(path, '.');
	text_add(path, step->key, step->length);
	return true;
}

/* Has the path looked for in the line, if it can be written as json_want takes it. */
static void look_for(struct tree *tree, struct run *run, struct node *path)
{
	struct text text = {0};
	const char *mistake;
	bool possible = true;

	path->prefixes = tree_alloc(tree, path->count * sizeof(*path->prefixes));
	for (size_t i = 0; possible && i < path->count; i++) {
		possible = add_step(&text, &path->steps[i]);
		path->prefixes[i] = possible ? json_want_path(&run->want_prefixes, text.data, &mistake) : -1;
		possible = path->prefixes[i] >= 0;
	}
	if (possible)
		path->slot = json_want_path(&run->want, text.data, &mistake);
	path->sought = possible && path->slot >= 0;
	text_free(&text);
}

/* Notes the digits before the point of a positive number that is written without an exponent. */
static void note_whole(struct node *comparison)
{
	const struct value *literal = &comparison->b->literal;
	size_t whole = 0;

	if (comparison->b->operation != OP_LITERAL || literal->kind != JSON_NUMBER || !literal->at ||
	    memchr(literal->at, 'e', literal->length) || memchr(literal->at, 'E', literal->length))
		return;
	while (whole < literal->length && literal->at[whole] >= '0' && literal->at[whole] <= '9')
		comparison->digits = comparison->digits << 8 | (uint64_t)(literal->at[whole++] - '0');
	comparison->whole = whole < 8 ? (unsigned)whole : 0;
}

static bool is_quick(const struct node *object)
{
	bool quick = object->operation == OP_OBJECT && object->letter == 'd';

	for (size_t i = 0; quick && i < object->count; i += 2)
		quick = object->list[i]->operation == OP_LITERAL && object->list[i + 1]->operation == OP_PATH &&
		        object->list[i + 1]->sought;
	return quick;
}

void analyse(struct tree *tree, struct run *run, struct node *node, bool root)
{
	bool a = root, b = root, c = root, list = root;

	if (!node)
		return;
	switch (node->operation) {
	case OP_PATH:
		if (root)
			look_for(tree, run, node);
		return;
	case OP_PIPE:
		b = root && passes(node->a);
		break;
	case OP_OTHER:
		a = root && (node->inside & 1);
		b = root && (node->inside & 2);
		c = root && (node->inside & 4);
		break;
	case OP_REDUCE:
	case OP_FOREACH:
		c = false;
		break;
	case OP_DEFINE:
	case OP_BY:
		a = false;
		break;
	case OP_CALL:
		list = false;
		break;
	case OP_UPDATE:
		a = false;
		b = root && node->letter != '|';
		break;
	default:
		break;
	}
	analyse(tree, run, node->a, a);
	analyse(tree, run, node->b, b);
	analyse(tree, run, node->c, c);
	analyse(tree, run, node->d, false);
	for (size_t i = 0; node->list && i < node->count; i++)
		analyse(tree, run, node->list[i], list);
	node->quick = is_quick(node);
	if (node->operation == OP_COMPARE)
		note_whole(node);
}
