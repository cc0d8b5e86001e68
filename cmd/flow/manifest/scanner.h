/*
 * scanner: the tokens of a shell text (POSIX 2.3 and 2.10): words with their quotes and expansions, operators,
 * comments, here-documents. What the tokens mean is for the caller (shell.c).
 */
#ifndef PYPE_FLOW_SCANNER_H
#define PYPE_FLOW_SCANNER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SCANNER_DEPTH = 64, /* how deep things may be nested */
	SCANNER_HERES = 16, /* here-documents that begin in one line */
};

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_NEWLINE, /* with the here-documents behind it */
	TOKEN_PIPE,
	TOKEN_PIPE_BOTH, /* |& */
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_SEMICOLON,
	TOKEN_CASE_END, /* ;; */
	TOKEN_BACKGROUND,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_REDIRECT, /* without its target, which is the next word */
	TOKEN_HERE, /* the same of a here-document */
	TOKEN_WRONG, /* scanner->mistake says why */
};

struct token {
	enum token_kind kind;
	size_t start, end; /* offsets in the text */
	bool plain; /* a word that stands for itself: no quotes, no $ ` * ? [ ~ */
	bool substitution; /* a word with $(…), $((…)) or `…` in it */
};

/* A here-document whose lines begin behind the next line break. */
struct here {
	size_t start, end; /* its delimiter */
	bool tabs; /* <<-: tabs in front of its lines do not count */
};

struct scanner {
	const char *text;
	size_t at;
	size_t depth;
	struct here heres[SCANNER_HERES];
	size_t here_count;
	const char *mistake; /* the first one, a literal, or NULL */
	size_t mistake_at;

	/* Reads the commands behind "$(" up to and with the ')'; opened is where the '$' is. */
	bool (*substitution)(struct scanner *scanner, size_t opened);
};

struct token scanner_next(struct scanner *scanner);
/* The next that is no line break. */
struct token scanner_next_visible(struct scanner *scanner);
/* After TOKEN_HERE and its delimiter: its lines are skipped at the next line break. */
bool scanner_add_here(struct scanner *scanner, const struct token *redirect, const struct token *delimiter);

/* Notes a mistake if it is the first; returns false. */
bool scanner_wrong(struct scanner *scanner, size_t at, const char *mistake);
/* Goes one level deeper (scanner->depth-- on the way back); false: too deep. */
bool scanner_enter(struct scanner *scanner, size_t at);

#endif
