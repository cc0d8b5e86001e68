/*
 * shell: cuts the text of a shell pipeline at its top-level '|', as sh would.
 *
 * Quotes, $(…), `…`, ${…}, $((…)), (…), {…}, if, while, until, for, case, functions, comments and here-documents are
 * seen through, so that a '|' in them does not cut. A line break (and comments) before a '|' is allowed here, though not
 * in sh. Everything else at the top level that binds otherwise than a '|' (&& || ; & and a second command on a line of
 * its own) is refused if there is more than one part: "a && b | c" would mean one thing here and another in sh.
 *
 * Pure. The syntax is that of POSIX 2.10; what is accepted here may still be refused by sh -n.
 */
#ifndef PYPE_FLOW_SHELL_H
#define PYPE_FLOW_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

/* The ends of a command that are redirected: standard input, standard output. */
enum { SHELL_INPUT = 1, SHELL_OUTPUT = 2 };

/* One command of the pipeline. Offsets in bytes: from the first byte of it to behind the last one. */
struct shell_part {
	size_t start, end;
	/* Its first word behind assignments, if that is plain (no quotes, no $ ` * ? [ ~); else they are equal. */
	size_t word, word_end;
	bool reserved; /* that word begins a compound command ("{", "if", …) or a function */
	unsigned redirected; /* SHELL_INPUT, SHELL_OUTPUT */
};

struct shell {
	struct shell_part *parts;
	size_t count; /* 0: nothing but white space and comments */
	bool list; /* one part with more in it than one command: "a; b", "a && b", "! a", two lines */
	bool here; /* there is a here-document at the top level */

	const char *mistake; /* what is wrong, a literal, or NULL */
	size_t at; /* where: offset in bytes */
	bool uncut; /* it is not wrong for sh, only for being cut */
};

/* True if there is no mistake. shell_free in either case. */
bool shell_cut(struct shell *shell, const char *text);
void shell_free(struct shell *shell);

/* True for the words that sh runs itself, without a program, or in place of one. */
bool shell_builtin(const char *word);

/*
 * The text with "exec " in front if it is one simple command that begins with the plain name of a program: then no
 * shell stays between the runner and it. Else the text as it is. The caller's.
 */
char *shell_direct(const char *text);

/*
 * True if the text is one simple command whose words can be expanded without running anything: no command
 * substitution. The command without its redirections is then put into command, an empty text.
 */
bool shell_simple(const char *text, struct text *command);

/*
 * The program of a text that is one simple command: its first word behind assignments, if that is plain, without its
 * directory; "pype-TOOL" for "pype TOOL". NULL for anything else. The caller's; redirected is as in its part.
 */
char *shell_program(const char *text, unsigned *redirected);

#endif
