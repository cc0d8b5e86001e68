#include "cmd/flow/manifest/shell.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/scanner.h"
#include "common/memory.h"

/* Where the cutting stands: the part that is open, and what must not be if there are several parts. */
struct cut {
	struct shell *shell;
	struct shell_part part;
	bool open; /* the part has begun */
	bool named; /* its first word has been seen */
	bool line_break; /* there was one since its last token */
	size_t pipe; /* where the last | was */
	enum token_kind list; /* TOKEN_END: nothing of that kind */
	size_t list_at;
};

/* How a list of commands ends: which word or token closes it. */
enum closer { CLOSER_END, CLOSER_PARENTHESIS, CLOSER_BRACE, CLOSER_FI, CLOSER_DONE, CLOSER_CASE };

/* What a word is at this place. */
enum position {
	POSITION_COMMAND, /* a command begins: reserved words count */
	POSITION_PREFIX, /* the same behind an assignment or a redirection: they do not */
	POSITION_ARGUMENT,
	POSITION_AFTER, /* behind a compound command */
	POSITION_NAMED, /* behind "for" and its name: a "do" begins the loop, else there is a list first */
};

/* Reads commands up to what closes them. cut is NULL but for those of the top level; opened is where they were opened. */
static bool commands(struct scanner *scanner, struct cut *cut, enum closer closer, size_t opened,
                     enum position position);

static bool is_word(const struct scanner *scanner, const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && token->end - token->start == strlen(word) &&
	       memcmp(scanner->text + token->start, word, strlen(word)) == 0;
}

static bool is_assignment(const struct scanner *scanner, const struct token *token)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char later[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	const char *s = scanner->text + token->start;

	return strspn(s, first) > 0 && s[strspn(s, later)] == '=';
}

static bool redirection(struct scanner *scanner, const struct token *token)
{
	struct token target = scanner_next(scanner);

	if (target.kind == TOKEN_WRONG)
		return false;
	if (target.kind != TOKEN_WORD)
		return scanner_wrong(scanner, token->start, "a redirection to nowhere");
	return token->kind != TOKEN_HERE || scanner_add_here(scanner, token, &target);
}

/* Behind the word "for". */
static bool for_loop(struct scanner *scanner, size_t start)
{
	struct token name = scanner_next(scanner);

	if (name.kind != TOKEN_WORD)
		return scanner_wrong(scanner, start, "the for has no name");
	return commands(scanner, NULL, CLOSER_DONE, start, POSITION_NAMED);
}

/* Behind the word "case". */
static bool case_patterns(struct scanner *scanner, size_t start)
{
	struct token token = scanner_next(scanner);

	if (token.kind != TOKEN_WORD)
		return scanner_wrong(scanner, start, "the case has no word");
	token = scanner_next_visible(scanner);
	if (!is_word(scanner, &token, "in"))
		return scanner_wrong(scanner, start, "the case has no in");
	for (;;) {
		token = scanner_next_visible(scanner);
		if (is_word(scanner, &token, "esac"))
			return true;
		if (token.kind == TOKEN_OPEN)
			token = scanner_next(scanner);
		while (token.kind == TOKEN_WORD || token.kind == TOKEN_PIPE)
			token = scanner_next(scanner);
		if (token.kind == TOKEN_WRONG)
			return false;
		if (token.kind != TOKEN_CLOSE)
			return scanner_wrong(scanner, start, "the case is not closed by esac");
		if (!commands(scanner, NULL, CLOSER_CASE, start, POSITION_COMMAND))
			return false;
	}
}

enum reserved { RESERVED_NONE, RESERVED_LIST, RESERVED_FOR, RESERVED_CASE, RESERVED_GO_ON, RESERVED_CLOSER };

static const struct keyword {
	const char *word;
	enum reserved reserved;
	enum closer closer;
} keywords[] = {
	{"{", RESERVED_LIST, CLOSER_BRACE},     {"if", RESERVED_LIST, CLOSER_FI},
	{"while", RESERVED_LIST, CLOSER_DONE},  {"until", RESERVED_LIST, CLOSER_DONE},
	{"for", RESERVED_FOR, CLOSER_DONE},     {"case", RESERVED_CASE, CLOSER_CASE},
	{"then", RESERVED_GO_ON, CLOSER_END},   {"elif", RESERVED_GO_ON, CLOSER_END},
	{"else", RESERVED_GO_ON, CLOSER_END},   {"do", RESERVED_GO_ON, CLOSER_END},
	{"!", RESERVED_GO_ON, CLOSER_END},      {"}", RESERVED_CLOSER, CLOSER_BRACE},
	{"fi", RESERVED_CLOSER, CLOSER_FI},     {"done", RESERVED_CLOSER, CLOSER_DONE},
	{"esac", RESERVED_CLOSER, CLOSER_CASE},
};

static const struct keyword *find_keyword(const struct scanner *scanner, const struct token *token)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (is_word(scanner, token, keywords[i].word))
			return &keywords[i];
	return NULL;
}

static bool compound(struct scanner *scanner, const struct keyword *keyword, size_t start, enum position *position)
{
	bool good = true;

	if (keyword->reserved == RESERVED_GO_ON) {
		*position = POSITION_COMMAND;
		return true;
	}
	*position = POSITION_AFTER;
	if (!scanner_enter(scanner, start))
		return false;
	if (keyword->reserved == RESERVED_LIST)
		good = commands(scanner, NULL, keyword->closer, start, POSITION_COMMAND);
	else if (keyword->reserved == RESERVED_FOR)
		good = for_loop(scanner, start);
	else if (keyword->reserved == RESERVED_CASE)
		good = case_patterns(scanner, start);
	else
		good = scanner_wrong(scanner, start, "this closes nothing");
	scanner->depth--;
	return good;
}

/* A '(': a subshell, or behind a name a function. */
static bool parenthesis(struct scanner *scanner, const struct token *token, enum position *position)
{
	bool good;

	if (*position == POSITION_ARGUMENT) {
		struct token close = scanner_next(scanner);

		*position = POSITION_COMMAND;
		return close.kind == TOKEN_CLOSE ||
		       scanner_wrong(scanner, token->start, "a ( is not allowed here, put it in quotes");
	}
	*position = POSITION_AFTER;
	if (!scanner_enter(scanner, token->start))
		return false;
	good = commands(scanner, NULL, CLOSER_PARENTHESIS, token->start, POSITION_COMMAND);
	scanner->depth--;
	return good;
}

static bool word(struct scanner *scanner, const struct token *token, enum position *position)
{
	const struct keyword *keyword = find_keyword(scanner, token);

	if (*position == POSITION_NAMED)
		*position = is_word(scanner, token, "do") ? POSITION_COMMAND : POSITION_ARGUMENT;
	else if (keyword && *position == POSITION_COMMAND)
		return compound(scanner, keyword, token->start, position);
	else if (keyword && *position == POSITION_AFTER && keyword->reserved == RESERVED_GO_ON)
		*position = POSITION_COMMAND;
	else if (*position <= POSITION_PREFIX)
		*position = is_assignment(scanner, token) ? POSITION_PREFIX : POSITION_ARGUMENT;
	return true;
}

/* Takes one token that does not close the list of commands it is in. */
static bool take(struct scanner *scanner, const struct token *token, enum position *position)
{
	switch (token->kind) {
	case TOKEN_WORD:
		return word(scanner, token, position);
	case TOKEN_OPEN:
		return parenthesis(scanner, token, position);
	case TOKEN_REDIRECT:
	case TOKEN_HERE:
		if (*position == POSITION_COMMAND)
			*position = POSITION_PREFIX;
		return redirection(scanner, token);
	case TOKEN_PIPE_BOTH:
		return scanner_wrong(scanner, token->start, "'|&' is not in sh, write 2>&1 |");
	case TOKEN_CLOSE:
		return scanner_wrong(scanner, token->start, "this ) closes nothing");
	case TOKEN_CASE_END:
		return scanner_wrong(scanner, token->start, "';;' outside of case");
	case TOKEN_WRONG:
		return false;
	default:
		*position = POSITION_COMMAND;
		return true;
	}
}

/* Cutting, for the tokens of the top level. */

static void end_part(struct cut *cut)
{
	struct shell *shell = cut->shell;

	/* The room doubles at each power of two. */
	if ((shell->count & (shell->count - 1)) == 0)
		shell->parts = xreallocarray(shell->parts, shell->count ? shell->count * 2 : 1, sizeof(*shell->parts));
	shell->parts[shell->count++] = cut->part;
	cut->open = cut->named = cut->line_break = false;
	cut->part = (struct shell_part){0};
}

static void note_list(struct cut *cut, const struct token *token, enum token_kind kind)
{
	if (cut->list == TOKEN_END) {
		cut->list = kind;
		cut->list_at = token->start;
	}
}

/* The first word of a part. */
static void name_part(struct cut *cut, const struct scanner *scanner, const struct token *token, enum position position)
{
	const struct keyword *keyword = find_keyword(scanner, token);

	if (position == POSITION_COMMAND && is_word(scanner, token, "!")) {
		note_list(cut, token, TOKEN_WORD);
		return;
	}
	if (cut->named || is_assignment(scanner, token))
		return;
	cut->named = true;
	if (!token->plain)
		return;
	cut->part.word = token->start;
	cut->part.word_end = token->end;
	cut->part.reserved = keyword && position == POSITION_COMMAND;
}

/* The bit of a redirection: "2>" has none. */
static unsigned redirected_end(const char *text, const struct token *token)
{
	const char *s = text + token->start;
	size_t digits = strspn(s, "0123456789");

	if (digits > 1 || (digits == 1 && *s > '1'))
		return 0;
	return (digits ? *s == '0' : s[digits] == '<') ? SHELL_INPUT : SHELL_OUTPUT;
}

static bool cut_before(struct cut *cut, struct scanner *scanner, const struct token *token, enum position position)
{
	struct shell *shell = cut->shell;

	switch (token->kind) {
	case TOKEN_END:
		if (!cut->open && shell->count > 0)
			return scanner_wrong(scanner, cut->pipe, "nothing behind the last |");
		if (cut->open)
			end_part(cut);
		return true;
	case TOKEN_PIPE:
		if (!cut->open)
			return scanner_wrong(scanner, token->start,
			                     shell->count ? "nothing between this | and the one before"
			                                  : "nothing in front of the first |");
		if (scanner->here_count > 0) {
			shell->uncut = true;
			return scanner_wrong(
				scanner, token->start,
				"a here-document cannot begin in front of a |: put the command and its lines into "
				"{ …; }");
		}
		end_part(cut);
		cut->pipe = token->start;
		return true;
	case TOKEN_NEWLINE:
		cut->line_break = cut->open;
		/* The lines of a here-document belong to the part. */
		if (token->end > token->start + 1) {
			cut->part.end = token->end;
			shell->here = true;
		}
		return true;
	default:
		break;
	}
	if (token->kind == TOKEN_AND || token->kind == TOKEN_OR || token->kind == TOKEN_SEMICOLON ||
	    token->kind == TOKEN_BACKGROUND)
		note_list(cut, token, token->kind);
	else if (cut->line_break)
		note_list(cut, token, TOKEN_NEWLINE);
	if (!cut->open)
		cut->part.start = token->start;
	cut->open = true;
	cut->line_break = false;
	if (token->kind == TOKEN_REDIRECT || token->kind == TOKEN_HERE)
		cut->part.redirected |= redirected_end(scanner->text, token);
	if (token->kind == TOKEN_WORD && position <= POSITION_PREFIX)
		name_part(cut, scanner, token, position);
	else if (token->kind == TOKEN_OPEN && position == POSITION_ARGUMENT)
		cut->part.reserved = true;
	else if (token->kind == TOKEN_OPEN)
		cut->named = true;
	return true;
}

/* What binds otherwise than | must not stand beside it. */
static bool check_list(const struct cut *cut, struct scanner *scanner)
{
	static const char *const mistakes[] = {
		[TOKEN_AND] = "'&&' beside |: put what belongs to one stage into { …; }",
		[TOKEN_OR] = "'||' beside |: put what belongs to one stage into { …; }",
		[TOKEN_SEMICOLON] = "';' beside |: put what belongs to one stage into { …; }",
		[TOKEN_BACKGROUND] = "'&' beside |: put what belongs to one stage into { …; }",
		[TOKEN_NEWLINE] = "a new command without a | in front: put what belongs to one stage into { …; }",
		[TOKEN_WORD] = "'!' beside |: put what belongs to one stage into { …; }",
	};

	if (cut->list == TOKEN_END)
		return true;
	cut->shell->list = true;
	if (cut->shell->count < 2)
		return true;
	cut->shell->uncut = true;
	return scanner_wrong(scanner, cut->list_at, mistakes[cut->list]);
}

/* True if this token closes the list; the "esac" of a case is left for case_patterns. */
static bool closes(struct scanner *scanner, const struct token *token, enum closer closer, enum position position)
{
	bool reserved = position == POSITION_COMMAND || position == POSITION_AFTER;

	switch (closer) {
	case CLOSER_END:
		return token->kind == TOKEN_END;
	case CLOSER_PARENTHESIS:
		return token->kind == TOKEN_CLOSE;
	case CLOSER_BRACE:
		return reserved && is_word(scanner, token, "}");
	case CLOSER_FI:
		return reserved && is_word(scanner, token, "fi");
	case CLOSER_DONE:
		return reserved && is_word(scanner, token, "done");
	case CLOSER_CASE:
		if (reserved && is_word(scanner, token, "esac")) {
			scanner->at = token->start;
			return true;
		}
		return token->kind == TOKEN_CASE_END;
	}
	return false;
}

static bool commands(struct scanner *scanner, struct cut *cut, enum closer closer, size_t opened,
                     enum position position)
{
	static const char *const unclosed[] = {
		[CLOSER_END] = "",
		[CLOSER_PARENTHESIS] = "the ( is not closed",
		[CLOSER_BRACE] =
			"the { is not closed: a } counts only at the beginning of a command, behind ; or a line break",
		[CLOSER_FI] = "the if is not closed by fi",
		[CLOSER_DONE] = "the loop is not closed by done",
		[CLOSER_CASE] = "the case is not closed by esac",
	};

	for (;;) {
		struct token token = scanner_next(scanner);

		if (cut && !cut_before(cut, scanner, &token, position))
			return false;
		if (closes(scanner, &token, closer, position))
			return true;
		if (token.kind == TOKEN_END)
			return scanner_wrong(scanner, opened, unclosed[closer]);
		if (!take(scanner, &token, &position))
			return false;
		if (cut && cut->open && token.kind != TOKEN_NEWLINE)
			cut->part.end = scanner->at;
	}
}

static bool substitution(struct scanner *scanner, size_t opened)
{
	return commands(scanner, NULL, CLOSER_PARENTHESIS, opened, POSITION_COMMAND);
}

bool shell_cut(struct shell *shell, const char *text)
{
	struct scanner scanner = {.text = text, .substitution = substitution};
	struct cut cut = {.shell = shell};
	bool good;

	*shell = (struct shell){0};
	good = commands(&scanner, &cut, CLOSER_END, 0, POSITION_COMMAND) && check_list(&cut, &scanner);
	shell->mistake = scanner.mistake;
	shell->at = scanner.mistake_at;
	return good;
}

void shell_free(struct shell *shell)
{
	free(shell->parts);
	*shell = (struct shell){0};
}

bool shell_simple(const char *text, struct text *command)
{
	struct scanner scanner = {.text = text, .substitution = substitution};
	struct token token = scanner_next_visible(&scanner);
	bool begun = false;

	for (; token.kind == TOKEN_WORD || token.kind == TOKEN_REDIRECT; token = scanner_next(&scanner)) {
		bool redirect = token.kind == TOKEN_REDIRECT;

		if (redirect)
			token = scanner_next(&scanner);
		if (token.kind != TOKEN_WORD || token.substitution || (!begun && find_keyword(&scanner, &token)))
			return false;
		if (redirect)
			continue;
		if (command->length > 0)
			text_add_char(command, ' ');
		text_add(command, text + token.start, token.end - token.start);
		begun |= !is_assignment(&scanner, &token);
	}
	if (token.kind == TOKEN_NEWLINE)
		token = scanner_next_visible(&scanner);
	return begun && token.kind == TOKEN_END;
}
