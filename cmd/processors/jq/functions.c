/*
 * jq's functions that are native: those that mean the same in all versions, where their input is what they are made for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/processors/jq/formats.h"
#include "cmd/processors/jq/functions.h"
#include "cmd/processors/jq/loops.h"
#include "cmd/processors/jq/run.h"
#include "cmd/processors/jq/parser.h"

static const struct {
	const char *name;
	value_function *function;
} functions[] = {
	{"not", function_not},
	{"type", function_type},
	{"length", function_length},
	{"utf8bytelength", function_utf8bytelength},
	{"floor", function_floor},
	{"ceil", function_ceil},
	{"round", function_round},
	{"sqrt", function_sqrt},
	{"fabs", function_fabs},
	{"tonumber", function_tonumber},
	{"tostring", function_tostring},
	{"tojson", function_tojson},
	{"fromjson", function_fromjson},
	{"ascii_downcase", function_ascii_downcase},
	{"ascii_upcase", function_ascii_upcase},
	{"todate", function_todate},
	{"todateiso8601", function_todate},
	{"fromdate", function_fromdate},
	{"fromdateiso8601", function_fromdate},
	{"keys", function_keys},
	{"keys_unsorted", function_keys_unsorted},
	{"to_entries", function_to_entries},
	{"from_entries", function_from_entries},
	{"add", function_add},
	{"reverse", function_reverse},
	{"flatten", function_flatten},
	{"explode", function_explode},
	{"implode", function_implode},
	{"transpose", function_transpose},
	{"gmtime", function_gmtime},
	{"mktime", function_mktime},
	{"now", function_now},
	{"isinfinite", function_isinfinite},
	{"isnan", function_isnan},
	{"isnormal", function_isnormal},
};

static const struct {
	const char *name;
	value_function2 *function;
} functions2[] = {
	{"has", function_has},
	{"in", function_in},
	{"startswith", function_startswith},
	{"endswith", function_endswith},
	{"ltrimstr", function_ltrimstr},
	{"rtrimstr", function_rtrimstr},
	{"split", function_split},
	{"join", function_join},
	{"flatten", function_flatten_to},
	{"indices", function_indices},
	{"index", function_index},
	{"rindex", function_rindex},
	{"contains", function_contains},
	{"inside", function_inside},
	{"strftime", function_strftime},
	{"strptime", function_strptime},
};

static const struct {
	const char *name;
	char letter;
} orders[] = {
	{"sort", 's'}, {"group", 'g'}, {"unique", 'u'}, {"min", 'm'}, {"max", 'M'},
};

static struct node *of_value(struct parser *parser, value_function *function)
{
	struct node *node = syntax_node(parser, OP_VALUE, NULL, NULL);

	node->function = function;
	return node;
}

static struct node *identity(struct parser *parser)
{
	return syntax_node(parser, OP_IDENTITY, NULL, NULL);
}

static struct node *elements(struct parser *parser)
{
	return syntax_node(parser, OP_ITERATE, identity(parser), NULL);
}

static struct node *pipe_of(struct parser *parser, struct node *a, struct node *b)
{
	return syntax_node(parser, OP_PIPE, a, b);
}

static struct node *map_of(struct parser *parser, struct node *f)
{
	return syntax_node(parser, OP_ARRAY, pipe_of(parser, elements(parser), f), NULL);
}

struct node *syntax_select(struct parser *parser, struct node *condition)
{
	struct node *node = syntax_node(parser, OP_IF, condition, identity(parser));

	node->c = syntax_node(parser, OP_EMPTY, NULL, NULL);
	node->single = false;
	return node;
}

struct node *syntax_negation(struct parser *parser, struct node *term)
{
	return pipe_of(parser, term, of_value(parser, function_negate));
}

static bool leaves(const struct node *node)
{
	bool found = node && node->operation == OP_OTHER && node->many == many_break;

	if (!node)
		return false;
	for (size_t i = 0; !found && node->list && i < node->count; i++)
		found = leaves(node->list[i]);
	return found || leaves(node->a) || leaves(node->b) || leaves(node->c) || leaves(node->d);
}

/* jq 1.6 counts the answers, and looks at one value more than it needs: with one answer, and without an error, that is all the same (loops.h). */
static struct node *any_of(struct parser *parser, char letter, struct node *generator, struct node *condition)
{
	struct node *node = syntax_other(parser, NULL, one_any, generator, condition, true);

	if (!condition->single || leaves(generator))
		return syntax_refuse(parser, "an argument of several values");
	node->inside = 1;
	syntax_broken(parser, generator);
	syntax_broken(parser, condition);
	node->letter = letter;
	return node;
}

/* del(.a, .b): one after the other. More than one element at a time moves the others. */
static struct node *delete_of(struct parser *parser, struct node *path, bool alone)
{
	struct node *node;

	if (path->operation == OP_COMMA) {
		struct node *first = delete_of(parser, path->a, false), *second = delete_of(parser, path->b, false);

		return first && second ? pipe_of(parser, first, second) : NULL;
	}
	if (path->operation != OP_PATH)
		return NULL;
	for (size_t i = 0; !alone && i < path->count; i++)
		if (!path->steps[i].key)
			return NULL;
	node = syntax_node(parser, OP_UPDATE, path, NULL);
	node->letter = 'd';
	return node;
}

static struct node *order_of(struct parser *parser, char letter, struct node *key)
{
	struct node *node = syntax_node(parser, OP_BY, key ? syntax_node(parser, OP_ARRAY, key, NULL) : NULL, NULL);

	node->letter = letter;
	return node;
}

/* The node, whose argument jq 1.6 leaves with an error. */
static struct node *broken(struct parser *parser, const struct node *argument, struct node *node)
{
	syntax_broken(parser, argument);
	return node;
}

static struct node *range_of(struct parser *parser, struct node **arguments, size_t count)
{
	struct node *node;

	for (size_t i = 0; i < count; i++)
		if (!arguments[i]->single)
			return syntax_refuse(parser, "an argument of several values");
	if (count == 1)
		node = syntax_node(parser, OP_RANGE, NULL, arguments[0]);
	else
		node = syntax_node(parser, OP_RANGE, arguments[0], arguments[1]);
	node->c = count == 3 ? arguments[2] : NULL;
	return node;
}

/* select(type == "x") and the like. */
static struct node *of_kinds(struct parser *parser, const char *kinds)
{
	struct node *type = of_value(parser, function_type), *node = NULL;

	for (const char *kind = kinds; *kind; kind += strcspn(kind, " "), kind += *kind == ' ') {
		char text[20];
		size_t length = strcspn(kind, " ");
		struct node *is;

		length = (size_t)snprintf(text, sizeof(text), "\"%.*s\"", (int)length, kind);
		is = syntax_node(
			parser, OP_COMPARE, type,
			syntax_literal(parser, (struct value){.kind = JSON_STRING, .at = text, .length = length}));
		is->letter = '=';
		node = node ? syntax_node(parser, OP_OR, node, is) : is;
	}
	return syntax_select(parser, node);
}

static bool named(const char *name, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(name, word, length) == 0;
}

static struct node *without_arguments(struct parser *parser, const char *name, size_t length)
{
	static const struct {
		const char *name, *kinds;
	} selections[] = {
		{"nulls", "null"},
		{"booleans", "boolean"},
		{"numbers", "number"},
		{"strings", "string"},
		{"arrays", "array"},
		{"objects", "object"},
		{"iterables", "array object"},
		{"scalars", "null boolean number string"},
		{"values", "boolean number string array object"},
	};

	parser->tree->clock |= named(name, length, "now");
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (named(name, length, functions[i].name))
			return of_value(parser, functions[i].function);
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++)
		if (named(name, length, orders[i].name) && orders[i].letter != 'g')
			return order_of(parser, orders[i].letter, NULL);
	for (size_t i = 0; i < sizeof(selections) / sizeof(*selections); i++)
		if (named(name, length, selections[i].name))
			return of_kinds(parser, selections[i].kinds);
	if (named(name, length, "empty"))
		return syntax_node(parser, OP_EMPTY, NULL, NULL);
	if (named(name, length, "env"))
		return syntax_environment(parser);
	if (named(name, length, "recurse"))
		return syntax_node(parser, OP_RECURSE, NULL, NULL);
	if (named(name, length, "any") || named(name, length, "all"))
		return any_of(parser, name[1], elements(parser), identity(parser));
	if (named(name, length, "first") || named(name, length, "last")) {
		const char *digits = *name == 'f' ? "0" : "-1";

		return syntax_node(
			parser, OP_INDEX, identity(parser),
			syntax_literal(parser,
		                       (struct value){.kind = JSON_NUMBER, .at = digits, .length = strlen(digits)}));
	}
	return syntax_special(parser, name, length, NULL, 0);
}

static struct node *with_one_argument(struct parser *parser, const char *name, size_t length, struct node *f)
{
	struct node *node;

	for (size_t i = 0; i < sizeof(functions2) / sizeof(*functions2); i++) {
		if (!named(name, length, functions2[i].name))
			continue;
		if (!f->single)
			return syntax_refuse(parser, "an argument of several values");
		node = syntax_node(parser, OP_VALUES, f, NULL);
		node->function2 = functions2[i].function;
		return node;
	}
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		size_t stem = strlen(orders[i].name);

		if (length == stem + 3 && memcmp(name, orders[i].name, stem) == 0 && memcmp(name + stem, "_by", 3) == 0)
			return order_of(parser, orders[i].letter, f);
	}
	if (named(name, length, "select"))
		return syntax_select(parser, f);
	if (named(name, length, "map"))
		return map_of(parser, f);
	if (named(name, length, "with_entries"))
		return pipe_of(parser, of_value(parser, function_to_entries),
		               pipe_of(parser, map_of(parser, f), of_value(parser, function_from_entries)));
	if (named(name, length, "any") || named(name, length, "all"))
		return any_of(parser, name[1], elements(parser), f);
	if (named(name, length, "first"))
		return broken(parser, f, syntax_node(parser, OP_FIRST, f, NULL));
	if (named(name, length, "nth"))
		return syntax_node(parser, OP_INDEX, identity(parser), f);
	if (named(name, length, "del"))
		return (node = delete_of(parser, f, true)) ? node : syntax_delete(parser, f);
	if (named(name, length, "range"))
		return range_of(parser, &f, 1);
	return syntax_special(parser, name, length, &f, 1);
}

struct node *syntax_function(struct parser *parser, const char *name, size_t length, struct node **arguments,
                             size_t count)
{
	if (count == 0)
		return without_arguments(parser, name, length);
	if (count == 1)
		return with_one_argument(parser, name, length, arguments[0]);
	if (count <= 3 && named(name, length, "range"))
		return range_of(parser, arguments, count);
	if (count == 2 && (named(name, length, "any") || named(name, length, "all")))
		return any_of(parser, name[1], arguments[0], arguments[1]);
	if (count == 2 && named(name, length, "limit") && arguments[0]->single)
		return broken(parser, arguments[1], syntax_node(parser, OP_LIMIT, arguments[0], arguments[1]));
	return syntax_special(parser, name, length, arguments, count);
}

struct node *syntax_format(struct parser *parser, const char *name, size_t length)
{
	value_function *function = named(name, length, "text")   ? function_tostring
	                           : named(name, length, "json") ? function_tojson
	                                                         : formats_find(name, length);

	return function ? of_value(parser, function) : syntax_refuse(parser, "a format");
}
