/*
 * parser: what the files of the parser (syntax.h) share.
 */
#ifndef PYPE_JQ_PARSER_H
#define PYPE_JQ_PARSER_H

#include "cmd/processors/jq/syntax.h"

/* A name that is bound where the parser is: as at run time, the newest first. */
struct scope {
	const struct scope *up;
	const char *name; /* without '$' */
	size_t length;
	bool variable; /* or a function */
	bool label; /* … or what `break` leaves */
	size_t arity;
	const struct node *define; /* of a function; NULL: a parameter */
};

struct parser {
	struct tree *tree;
	const struct engine_program *program;
	const char *start, *p;
	const char *pipe_start; /* where `as` and `def` may stand */
	const struct scope *scope;
	const char *reason;
	size_t depth;
	size_t written; /* calls of functions that are written in jq */
	/* There is a `try` or '?'; there is a function of the program where syntax_broken looks: not both in one program. */
	bool tries, breaks;
};

/* NULL, and the first reason is kept. */
void *syntax_refuse(struct parser *parser, const char *reason);

struct node *syntax_node(struct parser *parser, enum operation operation, struct node *a, struct node *b);
struct node *syntax_literal(struct parser *parser, struct value literal);

/* A function of jq's with these arguments (functions.c); NULL: it is not native. */
struct node *syntax_function(struct parser *parser, const char *name, size_t length, struct node **arguments,
                             size_t count);
/* Those of them that are OP_OTHER (specials.c), and what is like them; refused if it is none. */
struct node *syntax_special(struct parser *parser, const char *name, size_t length, struct node **arguments,
                            size_t count);
struct node *syntax_other(struct parser *parser, node_function *many, node_function1 *one, struct node *a,
                          struct node *b, bool single);
struct node *syntax_assign(struct parser *parser, char letter, struct node *path, struct node *value);
struct node *syntax_delete(struct parser *parser, struct node *path);
struct node *syntax_try(struct parser *parser, struct node *body, struct node *handler);
/* -term */
struct node *syntax_negation(struct parser *parser, struct node *term);
struct node *syntax_select(struct parser *parser, struct node *condition);
/*
 * The argument is in a loop that jq 1.6 ends with an error: refuses a `try` within it. Of functions it is not known what is in
 * them (parser->breaks).
 */
void syntax_broken(struct parser *parser, const struct node *argument);
/* The node of @name. */
struct node *syntax_format(struct parser *parser, const char *name, size_t length);

enum { SYNTAX_DEPTH = 200, SYNTAX_LIST = 256 };

/* ---- words (syntax.c) ---- */

bool syntax_letter(char c);
bool syntax_digit(char c);
/* How many bytes of an identifier p begins with. */
size_t syntax_word(const char *p);
bool syntax_word_is(const char *p, size_t length, const char *word);
bool syntax_keyword(const char *p, size_t length);

/* Whether the next token is this sign or word; it is then behind them. */
void syntax_space(struct parser *parser);
bool syntax_take(struct parser *parser, char sign);
bool syntax_take_word(struct parser *parser, const char *word);
/* … refuses if not. */
bool syntax_expect(struct parser *parser, char sign);

/* ---- nodes (syntax.c) ---- */

/* It gives exactly one value, as its parts say. */
bool syntax_single(const struct node *node);
struct node *syntax_list(struct parser *parser, struct node *node, struct node **list, size_t count);
/* A constant from JSON; NULL: it is none, or not the same in all versions of jq. */
struct node *syntax_constant(struct parser *parser, const char *json, size_t length);
/* An identifier as a string. */
struct node *syntax_key(struct parser *parser, const char *word, size_t length);

/* ---- the grammar; each is NULL if it refused ---- */

struct node *syntax_pipe(struct parser *parser); /* syntax.c */
struct node *syntax_term(struct parser *parser); /* terms.c */
struct node *syntax_number(struct parser *parser);
struct node *syntax_string(struct parser *parser);
bool syntax_optional(struct parser *parser, bool *optional);
struct node *syntax_variable(struct parser *parser); /* names.c: at "$" */
struct node *syntax_environment(struct parser *parser); /* $ENV */
struct node *syntax_call(struct parser *parser, const char *name, size_t length);
/* The binding of a name; NULL: there is none in the program. */
const struct scope *syntax_find(const struct parser *parser, const char *name, size_t length, bool variable,
                                size_t arity, size_t *hops);
struct node *syntax_bind(struct parser *parser, struct node *term); /* behind "term as" */
struct node *syntax_fold(struct parser *parser, enum operation operation);
struct node *syntax_if(struct parser *parser);
struct node *syntax_definition(struct parser *parser);
struct node *syntax_label(struct parser *parser); /* behind "label" */
struct node *syntax_break(struct parser *parser); /* behind "break" */

#endif
