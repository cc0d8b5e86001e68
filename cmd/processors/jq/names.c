/*
 * The names of a program: variables and functions, and what binds them.
 */
#include "cmd/processors/jq/loops.h"
#include "cmd/processors/jq/parser.h"
#include "cmd/processors/jq/written.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/utf8.h"

enum { WRITTEN_MOST = 16 };

/* ---- names ---- */

/* Binds a name; what is bound before the caller leaves is to be taken off again by putting parser->scope back. */
static struct scope *bind(struct parser *parser, const char *name, size_t length, bool variable)
{
	struct scope *scope = tree_alloc(parser->tree, sizeof(*scope));

	*scope = (struct scope){.up = parser->scope, .name = name, .length = length, .variable = variable};
	parser->scope = scope;
	return scope;
}

const struct scope *syntax_find(const struct parser *parser, const char *name, size_t length, bool variable,
                                size_t arity, size_t *hops)
{
	*hops = 0;
	for (const struct scope *scope = parser->scope; scope; scope = scope->up, ++*hops)
		if (scope->variable == variable && !scope->label && scope->length == length &&
		    memcmp(scope->name, name, length) == 0 && (variable || scope->arity == arity))
			return scope;
	return NULL;
}

/* $name as an argument of the command line. */
static struct node *argument(struct parser *parser, const char *name, size_t length)
{
	for (size_t i = 0; i < parser->program->argument_count; i++) {
		const struct argument *given = &parser->program->arguments[i];
		struct text text = {0};
		struct node *node;

		if (!given->name || !syntax_word_is(name, length, given->name))
			continue;
		if (given->kind == ARGUMENT_JSON)
			return syntax_constant(parser, given->bytes, given->length);
		if (given->kind != ARGUMENT_STRING)
			return syntax_refuse(parser, "a variable");
		json_add_string(&text, given->bytes, given->length);
		node = syntax_constant(parser, text.data, text.length);
		text_free(&text);
		return node;
	}
	return syntax_refuse(parser, "a variable");
}

struct node *syntax_environment(struct parser *parser)
{
	struct text text = {0};
	struct node *node;

	/* Of names that are there twice or are no UTF-8 libjq may make what it likes. */
	text_add_char(&text, '{');
	for (char **entry = environ; *entry; entry++) {
		size_t length = strcspn(*entry, "=");

		if (!(*entry)[length] || !utf8_valid(*entry, strlen(*entry))) {
			text_free(&text);
			return syntax_refuse(parser, "the environment");
		}
		if (text.length > 1)
			text_add_char(&text, ',');
		json_add_string(&text, *entry, length);
		text_add_char(&text, ':');
		json_add_string(&text, *entry + length + 1, strlen(*entry + length + 1));
	}
	text_add_char(&text, '}');
	node = syntax_constant(parser, text.data, text.length);
	text_free(&text);
	return node;
}

struct node *syntax_variable(struct parser *parser)
{
	const char *name = ++parser->p;
	size_t length = syntax_word(name), hops;
	struct node *node;

	parser->p += length;
	if (length == 0 || (parser->p[0] == ':' && parser->p[1] == ':') || syntax_keyword(name, length))
		return syntax_refuse(parser, "a variable");
	if (!syntax_find(parser, name, length, true, 0, &hops)) {
		node = argument(parser, name, length);
		if (node || !syntax_word_is(name, length, "ENV"))
			return node;
		parser->reason = NULL;
		return syntax_environment(parser);
	}
	node = syntax_node(parser, OP_VARIABLE, NULL, NULL);
	node->hops = hops;
	return node;
}

/* ---- what binds names ---- */

static bool parse_pattern(struct parser *parser, struct pattern *pattern, const struct step *prefix, size_t depth);

static bool add_variable(struct parser *parser, struct pattern *pattern, const struct step *steps, size_t count)
{
	const char *name = ++parser->p;
	size_t length = syntax_word(name);
	const struct scope *bound = parser->scope;
	struct pattern_variable *variable;

	if (length == 0 || syntax_keyword(name, length) || pattern->count == 16)
		return syntax_refuse(parser, "a pattern");
	parser->p += length;
	/* The same name twice in a pattern: the versions differ. */
	for (size_t i = 0; i < pattern->count; i++, bound = bound->up)
		if (bound->length == length && memcmp(bound->name, name, length) == 0)
			return syntax_refuse(parser, "a pattern");
	variable = &pattern->variables[pattern->count++];
	variable->count = count;
	variable->steps = tree_alloc(parser->tree, (count + 1) * sizeof(*steps));
	memcpy(variable->steps, steps, count * sizeof(*steps));
	bind(parser, name, length, true);
	return true;
}

enum { PATTERN_DEPTH = 8 };

static bool parse_array_pattern(struct parser *parser, struct pattern *pattern, const struct step *prefix, size_t depth)
{
	struct step steps[PATTERN_DEPTH];
	long index = 0;

	memcpy(steps, prefix, depth * sizeof(*steps));
	do {
		steps[depth] = (struct step){.index = index};
		index++;
		if (!parse_pattern(parser, pattern, steps, depth + 1))
			return false;
	} while (syntax_take(parser, ','));
	return syntax_expect(parser, ']');
}

static bool parse_object_pattern(struct parser *parser, struct pattern *pattern, const struct step *prefix,
                                 size_t depth)
{
	struct step steps[PATTERN_DEPTH];

	memcpy(steps, prefix, depth * sizeof(*steps));
	do {
		struct node *key;
		const char *start;

		syntax_space(parser);
		start = parser->p;
		if (*start == '$') {
			size_t length = syntax_word(start + 1);

			key = length > 0 ? syntax_key(parser, start + 1, length) : NULL;
			if (!key)
				return syntax_refuse(parser, "a pattern");
			steps[depth] = (struct step){.key = key->literal.at, .length = key->literal.length};
			if (!add_variable(parser, pattern, steps, depth + 1))
				return false;
			if (syntax_take(parser, ':'))
				return syntax_refuse(parser, "a pattern");
			continue;
		}
		if (*start == '"') {
			key = syntax_string(parser);
		} else {
			size_t length = syntax_word(start);

			key = length > 0 && !syntax_keyword(start, length) ? syntax_key(parser, start, length) : NULL;
			parser->p += length;
		}
		if (!key || key->operation != OP_LITERAL || !syntax_take(parser, ':'))
			return syntax_refuse(parser, "a pattern");
		steps[depth] = (struct step){.key = key->literal.at, .length = key->literal.length};
		if (!parse_pattern(parser, pattern, steps, depth + 1))
			return false;
	} while (syntax_take(parser, ','));
	return syntax_expect(parser, '}');
}

static bool parse_pattern(struct parser *parser, struct pattern *pattern, const struct step *prefix, size_t depth)
{
	syntax_space(parser);
	if (*parser->p == '$')
		return add_variable(parser, pattern, prefix, depth);
	if (depth < PATTERN_DEPTH && syntax_take(parser, '['))
		return parse_array_pattern(parser, pattern, prefix, depth);
	if (depth < PATTERN_DEPTH && syntax_take(parser, '{'))
		return parse_object_pattern(parser, pattern, prefix, depth);
	return syntax_refuse(parser, "a pattern");
}

static bool bind_pattern(struct parser *parser, struct pattern *pattern)
{
	struct step none[1] = {{0}};

	pattern->variables = tree_alloc(parser->tree, 16 * sizeof(*pattern->variables));
	if (!parse_pattern(parser, pattern, none, 0))
		return false;
	syntax_space(parser);
	if (*parser->p == '?')
		return syntax_refuse(parser, "?//");
	return true;
}

/* Behind "term as". */
struct node *syntax_bind(struct parser *parser, struct node *term)
{
	const struct scope *outer = parser->scope;
	struct pattern pattern = {0};
	struct node *body = NULL, *node;

	if (bind_pattern(parser, &pattern) && syntax_expect(parser, '|'))
		body = syntax_pipe(parser);
	parser->scope = outer;
	if (!body)
		return NULL;
	node = syntax_node(parser, OP_BIND, term, body);
	node->pattern = pattern;
	return node;
}

/* reduce and foreach. */
struct node *syntax_fold(struct parser *parser, enum operation operation)
{
	const struct scope *outer, *inner;
	struct pattern pattern = {0};
	struct node *node, *term = syntax_term(parser), *start, *update = NULL, *extract = NULL;

	outer = parser->scope;
	if (!term || !syntax_take_word(parser, "as") || !bind_pattern(parser, &pattern) || !syntax_expect(parser, '('))
		return syntax_refuse(parser, "syntax");
	inner = parser->scope;
	parser->scope = outer;
	start = syntax_pipe(parser);
	parser->scope = inner;
	if (start && syntax_expect(parser, ';'))
		update = syntax_pipe(parser);
	if (update && operation == OP_FOREACH && syntax_take(parser, ';')) {
		extract = syntax_pipe(parser);
		if (!extract)
			update = NULL;
	}
	parser->scope = outer;
	if (!update || !syntax_expect(parser, ')'))
		return syntax_refuse(parser, "syntax");
	if (!start->single)
		return syntax_refuse(parser, "several values to begin with");
	node = syntax_node(parser, operation, term, start);
	node->c = update;
	node->d = extract;
	node->pattern = pattern;
	return node;
}

struct node *syntax_if(struct parser *parser)
{
	struct node *node, *condition = syntax_pipe(parser), *then, *otherwise;

	if (!condition || !syntax_take_word(parser, "then"))
		return syntax_refuse(parser, "syntax");
	then = syntax_pipe(parser);
	if (!then)
		return NULL;
	if (syntax_take_word(parser, "elif")) {
		otherwise = syntax_if(parser);
	} else if (syntax_take_word(parser, "else")) {
		otherwise = syntax_pipe(parser);
		if (otherwise && !syntax_take_word(parser, "end"))
			return syntax_refuse(parser, "syntax");
	} else {
		return syntax_refuse(parser, "if without else");
	}
	if (!otherwise)
		return NULL;
	node = syntax_node(parser, OP_IF, condition, then);
	node->c = otherwise;
	node->single = syntax_single(node);
	return node;
}

/* "(a; $b)" of a definition: binds the parameters. */
static bool parse_parameters(struct parser *parser, struct node *define)
{
	define->parameters = tree_alloc(parser->tree, 8 * sizeof(*define->parameters));
	if (!syntax_take(parser, '('))
		return true;
	do {
		bool variable = syntax_take(parser, '$');
		size_t length;

		syntax_space(parser);
		length = syntax_word(parser->p);
		if (length == 0 || syntax_keyword(parser->p, length) || define->count == 8)
			return syntax_refuse(parser, "syntax");
		if (variable)
			bind(parser, parser->p, length, true);
		bind(parser, parser->p, length, false);
		define->parameters[define->count++].variable = variable;
		parser->p += length;
	} while (syntax_take(parser, ';'));
	return syntax_expect(parser, ')');
}

/* How many parameters a definition has, looking ahead: its name is bound before they are. */
static size_t count_parameters(const char *p)
{
	size_t count = 1;

	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
		p++;
	if (*p != '(')
		return 0;
	for (; *p && *p != ')'; p++)
		count += *p == ';';
	return count;
}

/* Behind "def", up to its ';', with the name bound; NULL if it is refused. What is around it is what the scope was. */
static struct node *parse_definition(struct parser *parser, struct scope **name)
{
	struct node *define = syntax_node(parser, OP_DEFINE, NULL, NULL);
	size_t length;

	syntax_space(parser);
	length = syntax_word(parser->p);
	if (length == 0 || syntax_keyword(parser->p, length))
		return syntax_refuse(parser, "syntax");
	*name = bind(parser, parser->p, length, false);
	parser->p += length;
	(*name)->arity = count_parameters(parser->p);
	(*name)->define = define;
	if (!parse_parameters(parser, define) || !syntax_expect(parser, ':'))
		return NULL;
	define->a = syntax_pipe(parser);
	parser->scope = *name;
	return define->a && syntax_expect(parser, ';') ? define : NULL;
}

/* Behind "def": the definition, and all that follows it. */
struct node *syntax_definition(struct parser *parser)
{
	const struct scope *outer = parser->scope;
	struct scope *name;
	struct node *define = parse_definition(parser, &name);

	if (define)
		define->b = syntax_pipe(parser);
	parser->scope = outer;
	if (!define || !define->b)
		return NULL;
	define->single = syntax_single(define);
	return define;
}

/* The call of a function that is written in jq, as if its definition stood before the call. It sees no name of the program's. */
static struct node *call_written(struct parser *parser, const char *definition, const char *call, size_t length)
{
	const struct scope *outer = parser->scope;
	struct scope *name;
	struct node *define;

	/* Arguments are read once more for each call around them. */
	if (++parser->written > WRITTEN_MOST)
		return syntax_refuse(parser, "a long list");
	parser->scope = NULL;
	parser->p = definition;
	define = parse_definition(parser, &name);
	if (define) {
		name->up = outer;
		parser->p = call;
		define->b = syntax_call(parser, call, length);
	}
	parser->scope = outer;
	if (!define || !define->b)
		return NULL;
	define->single = syntax_single(define);
	return define;
}

/* "name" or "name(a; b)". */
struct node *syntax_call(struct parser *parser, const char *name, size_t length)
{
	struct node *arguments[SYNTAX_LIST], *node;
	const struct scope *scope;
	const char *written;
	size_t count = 0, hops;

	parser->p += length;
	if (parser->p[0] == ':' && parser->p[1] == ':')
		return syntax_refuse(parser, "a module");
	if (syntax_take(parser, '(')) {
		do {
			if (count == 8)
				return syntax_refuse(parser, "a long list");
			arguments[count] = syntax_pipe(parser);
			if (!arguments[count++])
				return NULL;
		} while (syntax_take(parser, ';'));
		if (!syntax_expect(parser, ')'))
			return NULL;
	}
	scope = syntax_find(parser, name, length, false, count, &hops);
	written = scope ? NULL : written_function(name, length, count);
	if (written)
		return call_written(parser, written, name, length);
	if (!scope)
		return syntax_function(parser, name, length, arguments, count);
	node = syntax_list(parser, syntax_node(parser, OP_CALL, NULL, NULL), arguments, count);
	node->hops = hops;
	return node;
}

/* "$name" of a label. */
static size_t label_name(struct parser *parser, const char **name)
{
	size_t length = 0;

	if (syntax_take(parser, '$')) {
		*name = parser->p;
		length = syntax_word(parser->p);
		parser->p += length;
	}
	return length > 0 && !syntax_keyword(*name, length) ? length : 0;
}

struct node *syntax_label(struct parser *parser)
{
	const struct scope *outer = parser->scope;
	struct node *node, *body = NULL;
	const char *name;
	size_t length = label_name(parser, &name);

	if (length == 0)
		return syntax_refuse(parser, "syntax");
	bind(parser, name, length, true)->label = true;
	if (syntax_expect(parser, '|'))
		body = syntax_pipe(parser);
	parser->scope = outer;
	if (!body)
		return NULL;
	syntax_broken(parser, body);
	node = syntax_other(parser, many_label, NULL, NULL, body, false);
	node->inside = 7;
	return node;
}

struct node *syntax_break(struct parser *parser)
{
	const char *name;
	size_t length = label_name(parser, &name), hops = 0;
	const struct scope *scope = parser->scope;
	struct node *node;

	while (scope &&
	       !(length > 0 && scope->label && scope->length == length && memcmp(scope->name, name, length) == 0)) {
		scope = scope->up;
		hops++;
	}
	if (!scope)
		return syntax_refuse(parser, "break");
	node = syntax_other(parser, many_break, NULL, NULL, NULL, false);
	node->hops = hops;
	return node;
}
