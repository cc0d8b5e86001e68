#include "cmd/flow/manifest/scanner.h"

#include <string.h>

#include "common/text.h"

bool scanner_wrong(struct scanner *scanner, size_t at, const char *mistake)
{
	if (!scanner->mistake) {
		scanner->mistake = mistake;
		scanner->mistake_at = at;
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_word(char c)
{
	return c == '\0' || strchr(" \t\n;&|<>()", c);
}

/* Quoting and expansions. Each begins at its first byte and ends behind its last. */

static bool dollar(struct scanner *scanner, struct token *word, bool quoted);

static bool single_quotes(struct scanner *scanner)
{
	const char *end = strchr(scanner->text + scanner->at + 1, '\'');

	if (!end)
		return scanner_wrong(scanner, scanner->at, "the quote ' is not closed");
	scanner->at = (size_t)(end - scanner->text) + 1;
	return true;
}

static bool backquotes(struct scanner *scanner)
{
	for (size_t i = scanner->at + 1; scanner->text[i]; i++) {
		if (scanner->text[i] == '`') {
			scanner->at = i + 1;
			return true;
		}
		if (scanner->text[i] == '\\' && scanner->text[i + 1])
			i++;
	}
	return scanner_wrong(scanner, scanner->at, "the quote ` is not closed");
}

static void backslash(struct scanner *scanner)
{
	scanner->at += scanner->text[scanner->at + 1] ? 2 : 1;
}

static bool double_quotes(struct scanner *scanner, struct token *word)
{
	size_t start = scanner->at++;

	for (;;) {
		switch (scanner->text[scanner->at]) {
		case '\0':
			return scanner_wrong(scanner, start, "the quote \" is not closed");
		case '"':
			scanner->at++;
			return true;
		case '\\':
			backslash(scanner);
			break;
		case '`':
			word->substitution = true;
			if (!backquotes(scanner))
				return false;
			break;
		case '$':
			if (!dollar(scanner, word, true))
				return false;
			break;
		default:
			scanner->at++;
		}
	}
}

/* Whatever may be quoted, escaped or expanded at this place in the inside of ${…} or $((…)). */
static bool inside(struct scanner *scanner, struct token *word, bool quoted)
{
	switch (scanner->text[scanner->at]) {
	case '\\':
		backslash(scanner);
		return true;
	case '\'':
		if (!quoted)
			return single_quotes(scanner);
		break;
	case '"':
		return double_quotes(scanner, word);
	case '`':
		word->substitution = true;
		return backquotes(scanner);
	case '$':
		return dollar(scanner, word, quoted);
	default:
		break;
	}
	scanner->at++;
	return true;
}

static bool braces(struct scanner *scanner, struct token *word, bool quoted)
{
	size_t start = scanner->at;

	scanner->at += 2;
	/* "${#}" and "${#name}", not a comment; "${'…}" is for sh to refuse. */
	while (scanner->text[scanner->at] != '}') {
		if (!scanner->text[scanner->at])
			return scanner_wrong(scanner, start, "the ${ is not closed");
		if (!inside(scanner, word, quoted))
			return false;
	}
	scanner->at++;
	return true;
}

static bool arithmetic(struct scanner *scanner, struct token *word)
{
	size_t start = scanner->at, open = 2;

	scanner->at += 3;
	while (open > 0) {
		char c = scanner->text[scanner->at];

		if (!c)
			return scanner_wrong(scanner, start, "the $(( is not closed");
		if (c == '(')
			open++;
		else if (c == ')')
			open--;
		if (!inside(scanner, word, true))
			return false;
	}
	return true;
}

bool scanner_enter(struct scanner *scanner, size_t at)
{
	return ++scanner->depth <= SCANNER_DEPTH || scanner_wrong(scanner, at, "nested too deeply");
}

static bool dollar(struct scanner *scanner, struct token *word, bool quoted)
{
	const char *s = scanner->text + scanner->at;
	size_t start = scanner->at;
	bool good = true;

	if (!scanner_enter(scanner, start))
		return false;
	if (strncmp(s, "$((", 3) == 0) {
		/* It may also be a subshell in a command substitution. */
		word->substitution = true;
		good = arithmetic(scanner, word);
	} else if (strncmp(s, "$(", 2) == 0) {
		word->substitution = true;
		scanner->at += 2;
		good = scanner->substitution(scanner, start);
	} else if (strncmp(s, "${", 2) == 0) {
		good = braces(scanner, word, quoted);
	} else {
		scanner->at++;
	}
	scanner->depth--;
	return good;
}

/* Tokens. */

static bool scan_word(struct scanner *scanner, struct token *word)
{
	word->kind = TOKEN_WORD;
	word->plain = true;
	for (;;) {
		char c = scanner->text[scanner->at];
		bool good = true;

		if (ends_word(c))
			return true;
		if (strchr("\\'\"`$*?[~", c))
			word->plain = false;
		if (c == '\\') {
			backslash(scanner);
		} else if (c == '\'') {
			good = single_quotes(scanner);
		} else if (c == '"') {
			good = double_quotes(scanner, word);
		} else if (c == '`') {
			word->substitution = true;
			good = backquotes(scanner);
		} else if (c == '$') {
			good = dollar(scanner, word, false);
		} else {
			scanner->at++;
		}
		if (!good)
			return false;
	}
}

static void skip_blanks(struct scanner *scanner)
{
	for (;; scanner->at++) {
		const char *s = scanner->text + scanner->at;

		if (s[0] == '\\' && s[1] == '\n')
			scanner->at++;
		else if (!is_blank(s[0]))
			break;
	}
	if (scanner->text[scanner->at] == '#')
		scanner->at += strcspn(scanner->text + scanner->at, "\n");
}

/* The delimiter of a here-document without its quotes. */
static void add_delimiter(struct text *delimiter, const struct scanner *scanner, const struct here *here)
{
	for (size_t i = here->start; i < here->end; i++) {
		char c = scanner->text[i];

		if (c == '\\' && i + 1 < here->end)
			text_add_char(delimiter, scanner->text[++i]);
		else if (c != '\'' && c != '"')
			text_add_char(delimiter, c);
	}
}

/* At the beginning of a line: goes behind the here-documents that begin there. */
static void skip_heres(struct scanner *scanner)
{
	for (size_t i = 0; i < scanner->here_count; i++) {
		const struct here *here = &scanner->heres[i];
		struct text delimiter = {0};
		bool ended = false;

		text_init(&delimiter);
		add_delimiter(&delimiter, scanner, here);
		while (!ended && scanner->text[scanner->at]) {
			const char *line = scanner->text + scanner->at;
			size_t length = strcspn(line, "\n"), tabs = here->tabs ? strspn(line, "\t") : 0;

			ended = length >= tabs && length - tabs == delimiter.length &&
			        memcmp(line + tabs, delimiter.data, delimiter.length) == 0;
			/* The line break behind the last one is a token again. */
			if (ended && i + 1 == scanner->here_count)
				scanner->at += length;
			else
				scanner->at += length + (line[length] == '\n');
		}
		text_free(&delimiter);
	}
	scanner->here_count = 0;
}

static const struct operator
{
	const char *text;
	enum token_kind kind;
}
operators[] = {
	/* The longer ones first. */
	{"&&", TOKEN_AND},      {"||", TOKEN_OR},        {"|&", TOKEN_PIPE_BOTH}, {"|", TOKEN_PIPE},
	{";;", TOKEN_CASE_END}, {"&", TOKEN_BACKGROUND}, {";", TOKEN_SEMICOLON},  {"(", TOKEN_OPEN},
	{")", TOKEN_CLOSE},     {"<<-", TOKEN_HERE},     {"<<", TOKEN_HERE},      {"<&", TOKEN_REDIRECT},
	{"<>", TOKEN_REDIRECT}, {"<", TOKEN_REDIRECT},   {">>", TOKEN_REDIRECT},  {">&", TOKEN_REDIRECT},
	{">|", TOKEN_REDIRECT}, {">", TOKEN_REDIRECT},
};

/* True if an operator begins here; digits in front of a redirection belong to it. */
static bool scan_operator(struct scanner *scanner, struct token *token)
{
	const char *s = scanner->text + scanner->at;
	size_t digits = strspn(s, "0123456789");

	if (digits > 0 && s[digits] != '<' && s[digits] != '>')
		return false;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t length = strlen(operators[i].text);

		if (strncmp(s + digits, operators[i].text, length) == 0) {
			token->kind = operators[i].kind;
			scanner->at += digits + length;
			return true;
		}
	}
	return false;
}

struct token scanner_next(struct scanner *scanner)
{
	struct token token = {0};
	char c;

	skip_blanks(scanner);
	token.start = scanner->at;
	c = scanner->text[scanner->at];
	if (c == '\0') {
		token.kind = TOKEN_END;
	} else if (c == '\n') {
		token.kind = TOKEN_NEWLINE;
		scanner->at++;
		skip_heres(scanner);
	} else if (!scan_operator(scanner, &token) && !scan_word(scanner, &token)) {
		token.kind = TOKEN_WRONG;
	}
	token.end = scanner->at;
	return token;
}

struct token scanner_next_visible(struct scanner *scanner)
{
	struct token token;

	do
		token = scanner_next(scanner);
	while (token.kind == TOKEN_NEWLINE);
	return token;
}

bool scanner_add_here(struct scanner *scanner, const struct token *redirect, const struct token *delimiter)
{
	if (scanner->here_count == SCANNER_HERES)
		return scanner_wrong(scanner, redirect->start, "too many here-documents");
	scanner->heres[scanner->here_count++] = (struct here){
		.start = delimiter->start,
		.end = delimiter->end,
		.tabs = scanner->text[redirect->end - 1] == '-',
	};
	return true;
}
