/*
 * The functions that are more than a function of values: what they are given is run by them.
 */
#include <math.h>
#include <string.h>

#include "cmd/processors/jq/functions.h"
#include "cmd/processors/jq/loops.h"
#include "cmd/processors/jq/parser.h"
#include "cmd/processors/jq/regexes.h"
#include "cmd/processors/jq/trails.h"

enum { A = 1, B = 2, C = 4 };

static const struct special {
	const char *name;
	size_t count; /* of arguments */
	node_function *many;
	node_function1 *one; /* NULL: not single */
	unsigned single; /* the arguments that have to be */
	bool inside; /* they work on the input */
	char letter;
	bool regex;
	unsigned broken; /* the arguments that jq 1.6 leaves with an error that `try` within them would catch */
} specials[] = {
	{"path", 1, many_path, one_path, 0, false, 0, false, 0},
	{"getpath", 1, NULL, one_getpath, A, true, 0, false, 0},
	{"error", 0, NULL, one_error, 0, true, 0, false, 0},
	{"error", 1, NULL, one_error, A, true, 0, false, 0},
	{"recurse", 1, many_recurse, NULL, 0, false, 0, false, 0},
	{"recurse", 2, many_recurse, NULL, 0, false, 0, false, 0},
	{"while", 2, many_while, NULL, A | B, false, 0, false, 0},
	{"until", 2, many_until, NULL, A | B, false, 0, false, 0},
	{"last", 1, NULL, one_last, 0, true, 0, false, 0},
	{"isempty", 1, NULL, one_isempty, 0, true, 0, false, A},
	{"IN", 1, NULL, one_in, 0, true, 0, false, A},
	{"IN", 2, NULL, one_in_of, 0, true, 0, false, A | B},
	{"nth", 2, NULL, one_nth, A, true, 0, false, B},
	{"tostream", 0, many_tostream, NULL, 0, false, 0, false, 0},
	{"walk", 1, NULL, one_walk, A, false, 0, false, 0},
	{"test", 1, NULL, one_test, A, true, 'a', true, 0},
	{"test", 2, NULL, one_test, A | B, true, 0, true, 0},
	{"match", 1, many_match, NULL, A, true, 'a', true, 0},
	{"match", 2, many_match, NULL, A | B, true, 0, true, 0},
	{"capture", 1, many_capture, NULL, A, true, 'a', true, 0},
	{"capture", 2, many_capture, NULL, A | B, true, 0, true, 0},
	{"scan", 1, many_scan, NULL, A, true, 0, true, 0},
	{"split", 2, NULL, one_split, A | B, true, 0, true, 0},
	{"splits", 1, many_splits, NULL, A, true, 0, true, 0},
	{"splits", 2, many_splits, NULL, A | B, true, 0, true, 0},
};

static bool named(const char *name, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(name, word, length) == 0;
}

struct node *syntax_other(struct parser *parser, node_function *many, node_function1 *one, struct node *a,
                          struct node *b, bool single)
{
	struct node *node = syntax_node(parser, OP_OTHER, a, b);

	node->many = many;
	node->one = one;
	node->single = single;
	return node;
}

/* jq 1.6 lets `try` catch what ends a loop that the argument is in. */
void syntax_broken(struct parser *parser, const struct node *argument)
{
	if (!argument)
		return;
	if (argument->operation == OP_CALL)
		parser->breaks = true;
	if (argument->operation == OP_OTHER && argument->many == many_try) {
		syntax_refuse(parser, "try beside what it might catch");
		return;
	}
	syntax_broken(parser, argument->a);
	syntax_broken(parser, argument->b);
	syntax_broken(parser, argument->c);
	syntax_broken(parser, argument->d);
	for (size_t i = 0; argument->list && i < argument->count; i++)
		syntax_broken(parser, argument->list[i]);
}

/* It gives the same whatever its input is. */
static bool constant(const struct node *node)
{
	switch (node->operation) {
	case OP_LITERAL:
	case OP_VARIABLE:
	case OP_EMPTY:
		return true;
	case OP_COMMA:
	case OP_INDEX:
		return constant(node->a) && constant(node->b);
	case OP_ITERATE:
	case OP_ARRAY:
		return constant(node->a);
	case OP_OBJECT:
		for (size_t i = 0; i < node->count; i++)
			if (!constant(node->list[i]))
				return false;
		return true;
	default:
		return false;
	}
}

static struct node *special(struct parser *parser, const struct special *special, struct node **arguments)
{
	struct node *node, *given[3] = {0};
	const char *reason;
	bool single = special->one;

	for (size_t i = 0; i < special->count; i++) {
		given[i] = arguments[i];
		if ((special->single & 1U << i) && !arguments[i]->single)
			return syntax_refuse(parser, "an argument of several values");
		if (special->broken & 1U << i)
			syntax_broken(parser, arguments[i]);
	}
	/* jq 1.6 gives it each value of the first argument, later versions what IN itself is given. */
	if (special->one == one_in_of && !constant(arguments[1]))
		return syntax_refuse(parser, "an argument that looks at its input");
	if (special->many == many_path)
		single = arguments[0]->single;
	node = syntax_other(parser, special->many, special->one, given[0], given[1], single);
	node->inside = special->inside ? 7 : 0;
	node->letter = special->letter;
	if (special->regex) {
		reason = regex_prepare(parser->tree, node);
		if (reason)
			return syntax_refuse(parser, reason);
	}
	return node;
}

/* sub(re; string; flags) */
static struct node *substitution(struct parser *parser, bool global, struct node **arguments, size_t count)
{
	struct node *node;
	const char *reason;

	for (size_t i = 0; i < count; i++)
		if (!arguments[i]->single)
			return syntax_refuse(parser, "an argument of several values");
	node = syntax_other(parser, NULL, one_sub, arguments[0], count == 3 ? arguments[2] : NULL, true);
	node->c = arguments[1];
	node->letter = global ? 'g' : 's';
	reason = regex_prepare(parser->tree, node);
	return reason ? syntax_refuse(parser, reason) : node;
}

static struct node *real_function(struct parser *parser, const char *name, size_t length, struct node **arguments,
                                  size_t count)
{
	static const struct {
		const char *name;
		double (*real)(double);
	} reals[] = {{"sin", sin},     {"cos", cos},     {"tan", tan},   {"asin", asin},          {"acos", acos},
	             {"atan", atan},   {"sinh", sinh},   {"cosh", cosh}, {"tanh", tanh},          {"asinh", asinh},
	             {"acosh", acosh}, {"atanh", atanh}, {"exp", exp},   {"exp2", exp2},          {"exp10", exp10},
	             {"expm1", expm1}, {"log", log},     {"log2", log2}, {"log10", log10},        {"log1p", log1p},
	             {"cbrt", cbrt},   {"trunc", trunc}, {"rint", rint}, {"nearbyint", nearbyint}};
	static const struct {
		const char *name;
		double (*real2)(double, double);
	} reals2[] = {{"pow", pow}, {"atan2", atan2}, {"fmod", fmod}, {"fmin", fmin}, {"fmax", fmax}, {"hypot", hypot}};
	struct node *node;

	for (size_t i = 0; count == 0 && i < sizeof(reals) / sizeof(*reals); i++) {
		if (!named(name, length, reals[i].name))
			continue;
		node = syntax_other(parser, NULL, one_real, NULL, NULL, true);
		node->real = reals[i].real;
		return node;
	}
	for (size_t i = 0; count == 2 && i < sizeof(reals2) / sizeof(*reals2); i++) {
		if (!named(name, length, reals2[i].name))
			continue;
		if (!arguments[0]->single || !arguments[1]->single)
			return syntax_refuse(parser, "an argument of several values");
		node = syntax_other(parser, NULL, one_real, arguments[0], arguments[1], true);
		node->real2 = reals2[i].real2;
		node->inside = 7;
		return node;
	}
	return NULL;
}

/* ---- paths ---- */

static struct node *recursion(struct parser *parser)
{
	return syntax_node(parser, OP_RECURSE, NULL, NULL);
}

/* paths and paths(f): all but the path to the value itself. */
static struct node *paths(struct parser *parser, struct node *filter)
{
	struct node *body = filter ? syntax_node(parser, OP_PIPE, recursion(parser), filter) : recursion(parser);
	struct node *all = syntax_other(parser, many_path, NULL, body, NULL, false);
	struct node *is = syntax_node(parser, OP_COMPARE, syntax_node(parser, OP_IDENTITY, NULL, NULL),
	                              syntax_constant(parser, "[]", 2));

	all->letter = filter ? 'f' : 0;
	is->letter = '!';
	return syntax_node(parser, OP_PIPE, all, syntax_select(parser, is));
}

struct node *syntax_assign(struct parser *parser, char letter, struct node *path, struct node *value)
{
	struct node *node = syntax_other(parser, many_assign, one_assign, path, value, letter == '|' || value->single);

	node->letter = letter;
	node->plain = assign_plain(path);
	if (letter == '|')
		syntax_broken(parser, value);
	return node;
}

struct node *syntax_delete(struct parser *parser, struct node *path)
{
	return syntax_other(parser, NULL, one_delete, path, NULL, true);
}

static struct node *of_paths(struct parser *parser, const char *name, size_t length, struct node **arguments,
                             size_t count)
{
	struct node *node;

	if (count == 0 && named(name, length, "paths"))
		return paths(parser, NULL);
	if (count == 0 && named(name, length, "leaf_paths")) {
		parser->tree->before_1_7 = true;
		return paths(parser, syntax_select(parser, syntax_function(parser, "scalars", 7, NULL, 0)));
	}
	if (count == 1 && named(name, length, "paths"))
		return paths(parser, syntax_select(parser, arguments[0]));
	if (count == 1 && named(name, length, "map_values"))
		return syntax_assign(
			parser, '|',
			syntax_node(parser, OP_ITERATE, syntax_node(parser, OP_IDENTITY, NULL, NULL), NULL),
			arguments[0]);
	if (count == 1 && named(name, length, "delpaths") && arguments[0]->single) {
		node = syntax_node(parser, OP_VALUES, arguments[0], NULL);
		node->function2 = function_delpaths;
		return node;
	}
	if (count == 2 && named(name, length, "setpath") && arguments[0]->single && arguments[1]->single) {
		node = syntax_node(parser, OP_VALUES, arguments[0], arguments[1]);
		node->function3 = function_setpath;
		return node;
	}
	return NULL;
}

struct node *syntax_special(struct parser *parser, const char *name, size_t length, struct node **arguments,
                            size_t count)
{
	struct node *node = of_paths(parser, name, length, arguments, count);

	if (node || parser->reason)
		return node;
	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (specials[i].count == count && named(name, length, specials[i].name))
			return special(parser, &specials[i], arguments);
	if ((count == 2 || count == 3) && (named(name, length, "sub") || named(name, length, "gsub")))
		return substitution(parser, *name == 'g', arguments, count);
	node = real_function(parser, name, length, arguments, count);
	return node || parser->reason ? node : syntax_refuse(parser, "a function");
}

/* ---- try, label ---- */

struct node *syntax_try(struct parser *parser, struct node *body, struct node *handler)
{
	struct node *node = syntax_other(parser, many_try, NULL, body, handler, false);

	parser->tries = true;
	node->inside = 7;
	return node;
}
