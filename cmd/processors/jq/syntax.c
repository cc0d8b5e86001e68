#include "cmd/processors/jq/syntax.h"

#include "cmd/processors/jq/parser.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"

void *tree_alloc(struct tree *tree, size_t size)
{
	tree->blocks = xreallocarray(tree->blocks, tree->block_count + 1, sizeof(*tree->blocks));
	return tree->blocks[tree->block_count++] = xcalloc(1, size);
}

void tree_at_end(struct tree *tree, void (*function)(void *), void *data)
{
	tree->ends = xreallocarray(tree->ends, tree->end_count + 1, sizeof(*tree->ends));
	tree->ends[tree->end_count++] = (struct tree_end){function, data};
}

void tree_free(struct tree *tree)
{
	for (size_t i = 0; i < tree->end_count; i++)
		tree->ends[i].function(tree->ends[i].data);
	free(tree->ends);
	for (size_t i = 0; i < tree->block_count; i++)
		free(tree->blocks[i]);
	free(tree->blocks);
	*tree = (struct tree){0};
}

void *syntax_refuse(struct parser *parser, const char *reason)
{
	if (!parser->reason)
		parser->reason = reason;
	return NULL;
}

/* ---- words ---- */

bool syntax_letter(char c)
{
	return c == '_' || (((unsigned char)c | 0x20) >= 'a' && ((unsigned char)c | 0x20) <= 'z');
}

bool syntax_digit(char c)
{
	return c >= '0' && c <= '9';
}

void syntax_space(struct parser *parser)
{
	for (;;) {
		while (*parser->p == ' ' || *parser->p == '\t' || *parser->p == '\n' || *parser->p == '\r')
			parser->p++;
		/* The versions differ in where a comment ends if there is a backslash or a return in it. */
		if (*parser->p != '#' || parser->p[strcspn(parser->p, "\\\r\n")] == '\\' ||
		    parser->p[strcspn(parser->p, "\\\r\n")] == '\r')
			return;
		parser->p += strcspn(parser->p, "\n");
	}
}

size_t syntax_word(const char *p)
{
	size_t length = 0;

	if (syntax_letter(*p))
		while (syntax_letter(p[length]) || syntax_digit(p[length]))
			length++;
	return length;
}

bool syntax_word_is(const char *p, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(p, word, length) == 0;
}

bool syntax_keyword(const char *p, size_t length)
{
	static const char *const keywords[] = {"def",    "if",      "then",    "else",  "elif",   "as", "end",
	                                       "reduce", "foreach", "try",     "catch", "and",    "or", "import",
	                                       "module", "label",   "include", "break", "__loc__"};

	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (syntax_word_is(p, length, keywords[i]))
			return true;
	return false;
}

/* The next token is this sign. */
bool syntax_take(struct parser *parser, char sign)
{
	syntax_space(parser);
	if (*parser->p != sign)
		return false;
	parser->p++;
	return true;
}

bool syntax_take_word(struct parser *parser, const char *word)
{
	syntax_space(parser);
	if (!syntax_word_is(parser->p, syntax_word(parser->p), word))
		return false;
	parser->p += strlen(word);
	return true;
}

bool syntax_expect(struct parser *parser, char sign)
{
	if (syntax_take(parser, sign))
		return true;
	syntax_refuse(parser, "syntax");
	return false;
}

/* ---- nodes ---- */

static bool one(const struct node *node)
{
	return !node || node->single;
}

/* What gives exactly one value: most, if their parts do. */
bool syntax_single(const struct node *node)
{
	switch (node->operation) {
	case OP_ITERATE:
	case OP_RECURSE:
	case OP_COMMA:
	case OP_EMPTY:
	case OP_FOREACH:
	case OP_FIRST:
	case OP_LIMIT:
	case OP_RANGE:
	case OP_CALL:
		return false;
	case OP_ARRAY:
	case OP_BY:
		return true;
	case OP_REDUCE:
		return one(node->b);
	case OP_DEFINE:
		return one(node->b);
	default:
		break;
	}
	for (size_t i = 0; node->list && i < node->count; i++)
		if (!one(node->list[i]))
			return false;
	return !node->optional && one(node->a) && one(node->b) && one(node->c);
}

struct node *syntax_node(struct parser *parser, enum operation operation, struct node *a, struct node *b)
{
	struct node *node = tree_alloc(parser->tree, sizeof(*node));

	node->operation = operation;
	node->a = a;
	node->b = b;
	node->single = syntax_single(node);
	return node;
}

struct node *syntax_list(struct parser *parser, struct node *node, struct node **list, size_t count)
{
	node->list = tree_alloc(parser->tree, (count + 1) * sizeof(*list));
	memcpy(node->list, list, count * sizeof(*list));
	node->count = count;
	node->single = syntax_single(node);
	return node;
}

struct node *syntax_literal(struct parser *parser, struct value literal)
{
	struct node *node = syntax_node(parser, OP_LITERAL, NULL, NULL);
	char *copy = tree_alloc(parser->tree, literal.length + JSON_PADDING);

	memcpy(copy, literal.at, literal.length);
	node->literal = literal;
	node->literal.at = copy;
	if (literal.kind == JSON_NUMBER) {
		node->literal.number = value_double(&node->literal);
		node->literal.known = true;
	}
	return node;
}

/* A constant from valid JSON; NULL: it is not the same in all versions of jq. */
struct node *syntax_constant(struct parser *parser, const char *json, size_t length)
{
	struct text text = {0}, canonical = {0};
	struct json_result result;
	struct node *node = NULL;

	text_add(&text, json, length);
	json_pad(&text);
	if (!json_scan(text.data, length, NULL, NULL, JSON_FACTS, &result) ||
	    (result.flags & (JSON_RENUMBER | JSON_RENUMBER_EXACT | JSON_DUPLICATE))) {
		syntax_refuse(parser, "a constant");
	} else {
		value_add_canonical(&canonical, text.data, length, JSON_SPACED, false);
		node = syntax_literal(parser, (struct value){.kind = value_kind(*canonical.data),
		                                             .at = canonical.data,
		                                             .length = canonical.length});
	}
	text_free(&text);
	text_free(&canonical);
	return node;
}

/* ---- operators ---- */

/* "-1": of which jq knows the number only, not how it was written. */
static struct node *parse_negative(struct parser *parser)
{
	const char *start = parser->p++;
	struct node *node = syntax_number(parser);

	syntax_space(parser);
	if (!node || value_double(&node->literal) == 0 || *parser->p == '.' || *parser->p == '[' || *parser->p == '?' ||
	    syntax_word_is(parser->p, syntax_word(parser->p), "as"))
		return syntax_refuse(parser, "a negative number");
	return syntax_constant(parser, start, node->literal.length + 1);
}

/* "-term". What binds closer than the sign in one version or the other is not taken: -a * b, -a as $b, (-a)?. */
static struct node *parse_negation(struct parser *parser)
{
	struct node *term;
	const char *p;

	parser->p++;
	term = syntax_term(parser);
	if (!term)
		return NULL;
	syntax_space(parser);
	p = parser->p;
	if (*p == '*' || *p == '%' || *p == '?' || (*p == '/' && p[1] != '/') ||
	    syntax_word_is(p, syntax_word(p), "as"))
		return syntax_refuse(parser, "a sign");
	return syntax_negation(parser, term);
}

/* "term?" */
static struct node *take_question(struct parser *parser, struct node *term)
{
	bool optional;

	if (!syntax_optional(parser, &optional))
		return NULL;
	return optional ? syntax_try(parser, term, NULL) : term;
}

/* Behind "try". */
static struct node *parse_try(struct parser *parser)
{
	struct node *body = syntax_term(parser), *handler = NULL;

	if (body && syntax_take_word(parser, "catch") && !(handler = syntax_term(parser)))
		return NULL;
	return body ? syntax_try(parser, body, handler) : NULL;
}

/* A term, or what may stand in its place: "term as", reduce, foreach, if, def, a negative number. */
static struct node *parse_operand(struct parser *parser)
{
	struct node *node;
	bool first;

	syntax_space(parser);
	first = parser->p == parser->pipe_start;
	if (syntax_take_word(parser, "reduce"))
		node = syntax_fold(parser, OP_REDUCE);
	else if (syntax_take_word(parser, "foreach"))
		node = syntax_fold(parser, OP_FOREACH);
	else if (syntax_take_word(parser, "if"))
		node = syntax_if(parser);
	else if (first && syntax_take_word(parser, "def"))
		return syntax_definition(parser);
	else if (first && syntax_take_word(parser, "label"))
		return syntax_label(parser);
	else if (syntax_take_word(parser, "try"))
		node = parse_try(parser);
	else if (*parser->p == '-' && syntax_digit(parser->p[1]))
		return parse_negative(parser);
	else if (*parser->p == '-')
		return parse_negation(parser);
	else
		node = NULL;
	if (node || parser->reason) {
		syntax_space(parser);
		/* Only newer versions take these for terms. */
		if (*parser->p == '.' || *parser->p == '[' || *parser->p == '?')
			return syntax_refuse(parser, "syntax");
		return node;
	}
	node = syntax_term(parser);
	if (!node)
		return NULL;
	if (syntax_take_word(parser, "as"))
		return first ? syntax_bind(parser, node) : syntax_refuse(parser, "as");
	return take_question(parser, node);
}

struct operator
{
	const char *sign;
	int level;
	enum { LEFT, RIGHT, NONE } side;
	enum operation operation;
	char letter;
};

static const struct operator operators[] = {
	{"//=", 2, NONE, OP_UPDATE, '?'}, {"//", 1, RIGHT, OP_ALTERNATIVE, 0}, {"==", 5, NONE, OP_COMPARE, '='},
	{"!=", 5, NONE, OP_COMPARE, '!'}, {"<=", 5, NONE, OP_COMPARE, 'l'},    {">=", 5, NONE, OP_COMPARE, 'g'},
	{"|=", 2, NONE, OP_UPDATE, '|'},  {"+=", 2, NONE, OP_UPDATE, '+'},     {"-=", 2, NONE, OP_UPDATE, '-'},
	{"*=", 2, NONE, OP_UPDATE, '*'},  {"/=", 2, NONE, OP_UPDATE, '/'},     {"%=", 2, NONE, OP_UPDATE, '%'},
	{"=", 2, NONE, OP_UPDATE, '='},   {"<", 5, NONE, OP_COMPARE, '<'},     {">", 5, NONE, OP_COMPARE, '>'},
	{"+", 6, LEFT, OP_BINARY, '+'},   {"-", 6, LEFT, OP_BINARY, '-'},      {"*", 7, LEFT, OP_BINARY, '*'},
	{"/", 7, LEFT, OP_BINARY, '/'},   {"%", 7, LEFT, OP_BINARY, '%'},      {"or", 3, LEFT, OP_OR, 0},
	{"and", 4, LEFT, OP_AND, 0},
};

static const struct operator* next_operator(struct parser *parser)
{
	syntax_space(parser);
	for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		const char *sign = operators[i].sign;

		if (syntax_letter(*sign) ? syntax_word_is(parser->p, syntax_word(parser->p), sign)
		                         : strncmp(parser->p, sign, strlen(sign)) == 0)
			return &operators[i];
	}
	return NULL;
}

static struct node *apply(struct parser *parser, const struct operator* operator, struct node * left,
                          struct node *right)
{
	struct node *node;

	if (operator->operation ==
	    OP_UPDATE &&(left->operation != OP_PATH || (operator->letter == '|' && !right->single)))
		return syntax_assign(parser, operator->letter, left, right);
	/* What jq 1.6 says when it compiles, later versions say when they run. */
	if (right->operation == OP_LITERAL && right->literal.kind == JSON_NUMBER &&
	    value_double(&right->literal) == 0 && (operator->letter == '/' || operator->letter == '%'))
		return syntax_refuse(parser, "a division by zero");
	node = syntax_node(parser, operator->operation, left, right);
	node->letter = operator->letter;
	if (operator->operation == OP_UPDATE && operator->letter == '|')
		syntax_broken(parser, right);
	return node;
}

static struct node *parse_operators(struct parser *parser, int level)
{
	struct node *left = parse_operand(parser), *right;
	const struct operator* operator;
	int barred = -1; /* a level that does not associate, and was just used */

	while (left && (operator= next_operator(parser)) && operator->level >= level) {
		if (operator->level == barred)
			return syntax_refuse(parser, "syntax");
		parser->p += strlen(operator->sign);
		right = parse_operators(parser, operator->side == RIGHT ? operator->level : operator->level + 1);
		if (!right)
			return NULL;
		left = apply(parser, operator, left, right);
		barred = operator->side == NONE ? operator->level : - 1;
	}
	return left;
}

static struct node *parse_comma(struct parser *parser)
{
	struct node *left = parse_operators(parser, 1), *right;

	while (left && syntax_take(parser, ',')) {
		right = parse_operators(parser, 1);
		left = right ? syntax_node(parser, OP_COMMA, left, right) : NULL;
	}
	return left;
}

struct node *syntax_pipe(struct parser *parser)
{
	struct node *left, *right;

	if (++parser->depth > SYNTAX_DEPTH)
		return syntax_refuse(parser, "nested too deep");
	syntax_space(parser);
	parser->pipe_start = parser->p;
	left = parse_comma(parser);
	if (left && syntax_take(parser, '|')) {
		right = syntax_pipe(parser);
		left = right ? syntax_node(parser, OP_PIPE, left, right) : NULL;
	}
	parser->depth--;
	return left;
}

bool syntax_parse(struct tree *tree, const struct engine_program *program, const char **reason, size_t *at)
{
	struct parser parser = {.tree = tree, .program = program, .start = program->text, .p = program->text};

	tree->root = syntax_pipe(&parser);
	if (tree->root) {
		syntax_space(&parser);
		if (*parser.p || parser.reason)
			tree->root = syntax_refuse(&parser, "syntax");
		else if (parser.tries && parser.breaks)
			tree->root = syntax_refuse(&parser, "try beside what it might catch");
	}
	*reason = parser.reason ? parser.reason : "syntax";
	*at = (size_t)(parser.p - parser.start);
	return tree->root;
}
