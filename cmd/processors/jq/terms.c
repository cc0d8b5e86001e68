/*
 * The terms of a program: paths, strings, objects, arrays, numbers, calls.
 */
#include "cmd/processors/jq/parser.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"

/* ---- strings ---- */

/* From behind a quote or an interpolation to the next of them; the literal between, as a string. */
static struct node *string_part(struct parser *parser)
{
	const char *start = parser->p;
	struct text text = {0};
	struct node *node;

	while (*parser->p && *parser->p != '"' && !(parser->p[0] == '\\' && parser->p[1] == '('))
		parser->p += *parser->p == '\\' && parser->p[1] ? 2 : 1;
	text_add_char(&text, '"');
	text_add(&text, start, (size_t)(parser->p - start));
	text_add_char(&text, '"');
	node = syntax_constant(parser, text.data, text.length);
	text_free(&text);
	return node;
}

struct node *syntax_string(struct parser *parser)
{
	struct node *parts[SYNTAX_LIST];
	size_t count = 0;

	parser->p++;
	for (;;) {
		if (count + 2 > SYNTAX_LIST)
			return syntax_refuse(parser, "a long list");
		parts[count++] = string_part(parser);
		if (!parts[count - 1])
			return NULL;
		if (!*parser->p)
			return syntax_refuse(parser, "syntax");
		if (*parser->p++ == '"')
			break;
		parser->p++; /* "(" */
		parts[count++] = syntax_pipe(parser);
		if (!parts[count - 1] || !syntax_expect(parser, ')'))
			return NULL;
	}
	if (count == 1)
		return parts[0];
	return syntax_list(parser, syntax_node(parser, OP_STRING, NULL, NULL), parts, count);
}

/* ---- paths ---- */

/* Makes of constant steps from `.` one path. */
static struct node *fold(struct parser *parser, struct node *index)
{
	const struct value *key = &index->b->literal;
	struct node *base = index->a, *path;
	struct step step = {0};
	double number;

	if (index->optional || index->b->operation != OP_LITERAL)
		return index;
	if (base->operation == OP_LITERAL && base->literal.kind == JSON_OBJECT && key->kind == JSON_STRING) {
		struct value found = value_constant(JSON_NULL);

		value_member(&base->literal, key->at, key->length, &found);
		return syntax_literal(parser, found);
	}
	if (base->operation != OP_IDENTITY && base->operation != OP_PATH)
		return index;
	if (key->kind == JSON_STRING) {
		step.key = key->at;
		step.length = key->length;
	} else if (key->kind == JSON_NUMBER) {
		number = value_double(key);
		step.index = (long)number;
		if ((double)step.index != number || number > 1e6 || number < -1e6)
			return index;
	} else {
		return index;
	}
	path = syntax_node(parser, OP_PATH, NULL, NULL);
	path->count = base->count + 1;
	path->steps = tree_alloc(parser->tree, path->count * sizeof(step));
	if (base->count > 0)
		memcpy(path->steps, base->steps, base->count * sizeof(step));
	path->steps[base->count] = step;
	return path;
}

static struct node *make_index(struct parser *parser, struct node *base, struct node *key, bool optional)
{
	struct node *node = syntax_node(parser, OP_INDEX, base, key);

	node->optional = optional;
	node->single = syntax_single(node);
	return fold(parser, node);
}

/* A '?' behind an index; another one, or "?//", means something else. */
bool syntax_optional(struct parser *parser, bool *optional)
{
	*optional = syntax_take(parser, '?');
	syntax_space(parser);
	if (*optional && (*parser->p == '?' || (parser->p[0] == '/' && parser->p[1] == '/' && parser->p[-1] == '?')))
		return syntax_refuse(parser, "?");
	return true;
}

struct node *syntax_key(struct parser *parser, const char *word, size_t length)
{
	struct text text = {0};
	struct node *node;

	text_addf(&text, "\"%.*s\"", (int)length, word);
	node = syntax_constant(parser, text.data, text.length);
	text_free(&text);
	return node;
}

/* What follows a name or a string in a path. */
static struct node *end_index(struct parser *parser, struct node *base, struct node *key)
{
	bool optional;

	if (!key || !syntax_optional(parser, &optional))
		return NULL;
	return make_index(parser, base, key, optional);
}

/* Behind "[": an index, a slice, or all. */
static struct node *bracket(struct parser *parser, struct node *base)
{
	struct node *from = NULL, *to = NULL, *node;
	bool optional;

	syntax_space(parser);
	if (syntax_take(parser, ']')) {
		node = syntax_node(parser, OP_ITERATE, base, NULL);
	} else {
		if (*parser->p != ':' && !(from = syntax_pipe(parser)))
			return NULL;
		if (!syntax_take(parser, ':')) {
			if (!syntax_expect(parser, ']'))
				return NULL;
			return end_index(parser, base, from);
		}
		syntax_space(parser);
		if (*parser->p != ']' && !(to = syntax_pipe(parser)))
			return NULL;
		if (!syntax_expect(parser, ']'))
			return NULL;
		if ((!from && !to) || (from && !from->single) || (to && !to->single))
			return syntax_refuse(parser, "a slice");
		node = syntax_node(parser, OP_SLICE, base, from);
		node->c = to;
	}
	if (!syntax_optional(parser, &optional))
		return NULL;
	node->optional = optional;
	node->single = syntax_single(node);
	return node;
}

/* jq 1.6 takes ".e1" and ".E-1" for numbers. */
static bool like_exponent(const char *p)
{
	if ((*p | 0x20) != 'e')
		return false;
	p++;
	return syntax_digit(*p == '+' || *p == '-' ? p[1] : *p);
}

/* ".name", "."string"" or "[…]" behind a term; *more is false if there is none. */
static struct node *postfix(struct parser *parser, struct node *base, bool *more)
{
	size_t length;

	*more = true;
	syntax_space(parser);
	if (*parser->p == '[') {
		parser->p++;
		return bracket(parser, base);
	}
	if (*parser->p == '.') {
		if (like_exponent(parser->p + 1))
			return syntax_refuse(parser, "a number");
		length = syntax_word(parser->p + 1);
		if (length > 0) {
			const char *word = ++parser->p;

			parser->p += length;
			return end_index(parser, base, syntax_key(parser, word, length));
		}
		parser->p++;
		syntax_space(parser);
		if (*parser->p == '"')
			return end_index(parser, base, syntax_string(parser));
		return syntax_refuse(parser, "syntax");
	}
	*more = false;
	return base;
}

static struct node *parse_dot(struct parser *parser)
{
	struct node *identity = syntax_node(parser, OP_IDENTITY, NULL, NULL);
	bool more;

	if (parser->p[1] == '.') {
		parser->p += 2;
		if (*parser->p == '.' || syntax_letter(*parser->p) || syntax_digit(*parser->p))
			return syntax_refuse(parser, "syntax");
		return syntax_node(parser, OP_RECURSE, NULL, NULL);
	}
	if (syntax_digit(parser->p[1]) || like_exponent(parser->p + 1))
		return syntax_refuse(parser, "a number");
	if (syntax_word(parser->p + 1) > 0)
		return postfix(parser, identity, &more);
	parser->p++;
	syntax_space(parser);
	if (*parser->p == '"')
		return end_index(parser, identity, syntax_string(parser));
	return identity;
}

/* ---- objects ---- */

/* The value behind a key: terms with "|" between them. */
static struct node *parse_member_value(struct parser *parser)
{
	struct node *value = syntax_term(parser), *next;

	syntax_space(parser);
	if (!value || *parser->p != '|')
		return value;
	if (parser->p[1] == '=')
		return syntax_refuse(parser, "syntax");
	parser->p++;
	next = parse_member_value(parser);
	return next ? syntax_node(parser, OP_PIPE, value, next) : NULL;
}

/* A key, and the value that it has if none is given. */
static struct node *parse_key(struct parser *parser, struct node **value)
{
	const char *start;
	struct node *key;
	size_t length;

	*value = NULL;
	syntax_space(parser);
	start = parser->p;
	length = syntax_word(start);
	if (length > 0 && !syntax_keyword(start, length)) {
		parser->p += length;
		if (*parser->p == ':' && parser->p[1] == ':')
			return syntax_refuse(parser, "a module");
		key = syntax_key(parser, start, length);
	} else if (*start == '"') {
		key = syntax_string(parser);
		if (key && key->operation != OP_LITERAL)
			return key;
	} else if (*start == '$') {
		*value = syntax_variable(parser);
		if (!*value)
			return NULL;
		return syntax_key(parser, start + 1, (size_t)(parser->p - start - 1));
	} else if (syntax_take(parser, '(')) {
		key = syntax_pipe(parser);
		return key && syntax_expect(parser, ')') ? key : NULL;
	} else {
		return syntax_refuse(parser, "a key");
	}
	if (key)
		*value = make_index(parser, syntax_node(parser, OP_IDENTITY, NULL, NULL), key, false);
	return key;
}

/* All keys are constant, and none is there twice: then nobody need look for them when the object is made. */
static bool are_distinct(const struct node *object)
{
	for (size_t i = 0; i < object->count; i += 2) {
		const struct value *key = &object->list[i]->literal;

		if (object->list[i]->operation != OP_LITERAL)
			return false;
		for (size_t j = 0; j < i; j += 2)
			if (object->list[j]->literal.length == key->length &&
			    memcmp(object->list[j]->literal.at, key->at, key->length) == 0)
				return false;
	}
	return true;
}

static struct node *parse_object(struct parser *parser)
{
	struct node *list[SYNTAX_LIST], *value;
	size_t count = 0;

	parser->p++;
	if (syntax_take(parser, '}'))
		return syntax_constant(parser, "{}", 2);
	do {
		if (count + 2 > SYNTAX_LIST)
			return syntax_refuse(parser, "a long list");
		syntax_space(parser);
		bool is_variable = *parser->p == '$';

		list[count] = parse_key(parser, &value);
		if (!list[count])
			return NULL;
		if (syntax_take(parser, ':')) {
			if (is_variable)
				return syntax_refuse(parser, "a key");
			value = parse_member_value(parser);
		}
		if (!value)
			return syntax_refuse(parser, "syntax");
		list[count + 1] = value;
		count += 2;
	} while (syntax_take(parser, ','));
	if (!syntax_expect(parser, '}'))
		return NULL;
	value = syntax_list(parser, syntax_node(parser, OP_OBJECT, NULL, NULL), list, count);
	value->letter = are_distinct(value) ? 'd' : 0;
	return value;
}

/* ---- terms ---- */

struct node *syntax_number(struct parser *parser)
{
	const char *start = parser->p;

	while (syntax_digit(*parser->p) || *parser->p == '.')
		parser->p++;
	if (syntax_letter(*parser->p))
		return syntax_refuse(parser, "a number");
	return syntax_constant(parser, start, (size_t)(parser->p - start));
}

static struct node *parse_word(struct parser *parser)
{
	const char *word = parser->p;
	size_t length = syntax_word(word);

	if (syntax_word_is(word, length, "true") || syntax_word_is(word, length, "false") ||
	    syntax_word_is(word, length, "null")) {
		size_t hops;

		if (syntax_find(parser, word, length, false, 0, &hops))
			return syntax_refuse(parser, "a name");
		parser->p += length;
		return syntax_constant(parser, word, length);
	}
	if (syntax_word_is(word, length, "break")) {
		parser->p += length;
		return syntax_break(parser);
	}
	if (syntax_keyword(word, length))
		return syntax_refuse(parser, "syntax");
	return syntax_call(parser, word, length);
}

static struct node *parse_array(struct parser *parser)
{
	struct node *inner;

	parser->p++;
	if (syntax_take(parser, ']'))
		return syntax_constant(parser, "[]", 2);
	inner = syntax_pipe(parser);
	return inner && syntax_expect(parser, ']') ? syntax_node(parser, OP_ARRAY, inner, NULL) : NULL;
}

static struct node *parse_group(struct parser *parser)
{
	struct node *inner;

	parser->p++;
	inner = syntax_pipe(parser);
	return inner && syntax_expect(parser, ')') ? inner : NULL;
}

/* @name "…": what is put into the string is written in the format. */
static struct node *format_string(struct parser *parser, const char *name, size_t length)
{
	struct node *string = syntax_string(parser);

	for (size_t i = 1; string && string->operation == OP_STRING && i < string->count; i += 2) {
		struct node *format = syntax_format(parser, name, length);

		if (!format)
			return NULL;
		string->list[i] = syntax_node(parser, OP_PIPE, string->list[i], format);
	}
	/* Of a string without values the name must still be that of a format. */
	return string && syntax_format(parser, name, length) ? string : NULL;
}

static struct node *parse_head(struct parser *parser)
{
	syntax_space(parser);
	switch (*parser->p) {
	case '.':
		return parse_dot(parser);
	case '"':
		return syntax_string(parser);
	case '[':
		return parse_array(parser);
	case '{':
		return parse_object(parser);
	case '(':
		return parse_group(parser);
	case '$':
		return syntax_variable(parser);
	case '@': {
		const char *name = parser->p + 1;
		size_t length = syntax_word(name);

		parser->p += 1 + length;
		syntax_space(parser);
		if (*parser->p == '"')
			return format_string(parser, name, length);
		return syntax_format(parser, name, length);
	}
	case '0' ... '9':
		return syntax_number(parser);
	default:
		if (syntax_letter(*parser->p))
			return parse_word(parser);
		return syntax_refuse(parser, "syntax");
	}
}

struct node *syntax_term(struct parser *parser)
{
	struct node *term;
	bool more = true;

	if (++parser->depth > SYNTAX_DEPTH)
		return syntax_refuse(parser, "nested too deep");
	term = parse_head(parser);
	while (term && more)
		term = postfix(parser, term, &more);
	parser->depth--;
	return term;
}
