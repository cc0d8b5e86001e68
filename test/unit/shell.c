// with: cmd/flow/manifest/shell.c cmd/flow/manifest/program.c cmd/flow/manifest/scanner.c
/*
 * shell: where texts are cut, what the stages are called after, what is refused and where.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/shell.h"
#include "test/unit/tap.h"

/* The parts, each between < and >; or the mistake's offset and words, "?" in front if sh would take the text. */
static const struct {
	const char *text, *wanted;
} cuts[] = {
	{"", ""},
	{" \n\t # only a comment\n", ""},
	{"a", "<a>"},
	{" a b  c ", "<a b  c>"},
	{"a|b", "<a><b>"},
	{"a | b\n| c\n", "<a><b><c>"},
	{"a |\n  b |\n\nc", "<a><b><c>"},
	{"a # one | two\n# three\n| b", "<a><b>"},
	{"a |\n# comment | here\nb", "<a><b>"},
	{"a#b | c", "<a#b><c>"},
	{"a \\\n -b \\\n| c", "<a \\\n -b><c>"},
	/* quotes and expansions */
	{"a '|' \"|\" \\| | b", "<a '|' \"|\" \\|><b>"},
	{"a '\n|\n' | b", "<a '\n|\n'><b>"},
	{"a 'it'\\''s | x' | b", "<a 'it'\\''s | x'><b>"},
	{"a \"\\\"|\" | b", "<a \"\\\"|\"><b>"},
	{"a $(x | y) | b", "<a $(x | y)><b>"},
	{"a \"$(x \"|\" | y)\" | b", "<a \"$(x \"|\" | y)\"><b>"},
	{"a $(case x in x) echo;; esac | y) | b", "<a $(case x in x) echo;; esac | y)><b>"},
	{"a $(echo \\) ')' # )\n) | b", "<a $(echo \\) ')' # )\n)><b>"},
	{"a `x | y` | b", "<a `x | y`><b>"},
	{"a `x \\` | y` | b", "<a `x \\` | y`><b>"},
	{"a ${X:-|} | b", "<a ${X:-|}><b>"},
	{"a ${X:-\"}|\"} ${#} ${#X} | b", "<a ${X:-\"}|\"} ${#} ${#X}><b>"},
	{"a \"${X:-'}\" | b", "<a \"${X:-'}\"><b>"},
	{"a $((1 | 2)) $((X|(3))) | b", "<a $((1 | 2)) $((X|(3)))><b>"},
	{"a $ | b$", "<a $><b$>"},
	/* compound commands */
	{"{ a | b; } | c", "<{ a | b; }><c>"},
	{"{ a; { b | c; } } | d", "<{ a; { b | c; } }><d>"},
	{"(a | b) | (c;d)", "<(a | b)><(c;d)>"},
	{"((a) | b) | c", "<((a) | b)><c>"},
	{"if a | b; then c | d; else e; fi | f", "<if a | b; then c | d; else e; fi><f>"},
	{"a | while read -r x; do b | c; done", "<a><while read -r x; do b | c; done>"},
	{"until a; do b; done >x | c", "<until a; do b; done >x><c>"},
	{"for i in 1 2; do a | b; done | c", "<for i in 1 2; do a | b; done><c>"},
	{"for i do a; done | c", "<for i do a; done><c>"},
	{"for i\ndo a\ndone | c", "<for i\ndo a\ndone><c>"},
	{"for i in do done; do a; done | c", "<for i in do done; do a; done><c>"},
	{"case x in a|b) c | d;; (e) f ;; *) esac | g", "<case x in a|b) c | d;; (e) f ;; *) esac><g>"},
	{"case x\nin\na)\nb\nesac | c", "<case x\nin\na)\nb\nesac><c>"},
	{"case x in esac | c", "<case x in esac><c>"},
	{"case x in a) if b; then c; fi;; esac | d", "<case x in a) if b; then c; fi;; esac><d>"},
	{"echo if fi done | b", "<echo if fi done><b>"},
	{"X=1 Y=2 a | b", "<X=1 Y=2 a><b>"},
	{"a >x 2>&1 <y 3<>z >|w | b >>v", "<a >x 2>&1 <y 3<>z >|w><b >>v>"},
	{"a {} } | b", "<a {} }><b>"},
	{"f() { a | b; }", "<f() { a | b; }>"},
	/* lists are fine alone */
	{"a; b && c || d & e", "<a; b && c || d & e>"},
	{"a\nb", "<a\nb>"},
	{"a;", "<a;>"},
	{"! a", "<! a>"},
	/* and not beside a | */
	{"a && b | c", "?2 '&&' beside |: put what belongs to one stage into { …; }"},
	{"a | b || c", "?6 '||' beside |: put what belongs to one stage into { …; }"},
	{"a; b | c", "?1 ';' beside |: put what belongs to one stage into { …; }"},
	{"a | b &", "?6 '&' beside |: put what belongs to one stage into { …; }"},
	{"! a | b", "?0 '!' beside |: put what belongs to one stage into { …; }"},
	{"a | b\nc", "?6 a new command without a | in front: put what belongs to one stage into { …; }"},
	/* here-documents */
	{"cat <<E\n| x\nE\n", "<cat <<E\n| x\nE>"},
	{"a | cat <<-'E F'\n\t| x\n\tE F", "<a><cat <<-'E F'\n\t| x\n\tE F>"},
	{"{ cat <<E\n|\nE\n} | b", "<{ cat <<E\n|\nE\n}><b>"},
	{"cat <<A <<B\nB\nA\nA\nB\n| b", "<cat <<A <<B\nB\nA\nA\nB><b>"},
	{"cat <<E | b\nx\nE",
         "?8 a here-document cannot begin in front of a |: put the command and its lines into { …; }"},
	{"a $(cat <<E\n)\nE\n) | b", "<a $(cat <<E\n)\nE\n)><b>"},
	/* mistakes */
	{"| a", "0 nothing in front of the first |"},
	{"a |", "2 nothing behind the last |"},
	{"a |\n # x\n", "2 nothing behind the last |"},
	{"a | | b", "4 nothing between this | and the one before"},
	{"a\n|\n| b", "4 nothing between this | and the one before"},
	{"a |& b", "2 '|&' is not in sh, write 2>&1 |"},
	{"a 'b | c", "2 the quote ' is not closed"},
	{"a \"b | c", "2 the quote \" is not closed"},
	{"a `b | c", "2 the quote ` is not closed"},
	{"a \"$(b | c\"", "10 the quote \" is not closed"},
	{"a $(b | c", "2 the ( is not closed"},
	{"a ${b | c", "2 the ${ is not closed"},
	{"a $((b | c)", "2 the $(( is not closed"},
	{"a | (b", "4 the ( is not closed"},
	{"a | b)", "5 this ) closes nothing"},
	{"a | { b }", "4 the { is not closed: a } counts only at the beginning of a command, behind ; or a line break"},
	{"if a; then b | c", "0 the if is not closed by fi"},
	{"while a; do b; fi | c", "15 this closes nothing"},
	{"for x in y; do a", "0 the loop is not closed by done"},
	{"case x in a) b", "0 the case is not closed by esac"},
	{"a (b)", "2 a ( is not allowed here, put it in quotes"},
	{"a > | b", "2 a redirection to nowhere"},
	{"a ;; b", "2 ';;' outside of case"},
};

static const struct {
	const char *text, *word; /* "" if there is no plain one, "{" in front if it begins a compound command */
} words[] = {
	{"pype-jq '.a'", "pype-jq"},
	{"X=1 Y='a b' /usr/bin/env foo", "/usr/bin/env"},
	{">out 2>&1 foo bar", "foo"},
	{"'foo' bar", ""},
	{"$FOO bar", ""},
	{"X=1", ""},
	{"~/bin/x", ""},
	{"! foo", "foo"},
	{"{ foo; }", "{{"},
	{"(foo)", ""},
	{"while x; do y; done", "{while"},
	{"X=1 while", "while"},
	{"f() { x; }", "{f"},
	{"foo; bar", "foo"},
};

static const struct {
	const char *text, *command; /* NULL: not simple */
} simple[] = {
	{"pype-jq '.a | .b' -c", "pype-jq '.a | .b' -c"},
	{"X=1 pype-csv \"$Y\" ${Z:-1}\n", "X=1 pype-csv \"$Y\" ${Z:-1}"},
	{"pype-csv a >out 2>>log <in b", "pype-csv a b"},
	{">out pype-csv", "pype-csv"},
	{"pype-csv \\\n a # comment", "pype-csv a"},
	{"\n# comment\npype-csv\n\n", "pype-csv"},
	{"pype-csv '\n'", "pype-csv '\n'"},
	{"X=1", NULL},
	{"", NULL},
	{"a | b", NULL},
	{"a; b", NULL},
	{"a &", NULL},
	{"a\nb", NULL},
	{"a $(b)", NULL},
	{"a \"$(b)\"", NULL},
	{"a \"${X:-$(b)}\"", NULL},
	{"a `b`", NULL},
	{"a $((1))", NULL},
	{"a >$(b)", NULL},
	{"a <<E\nE", NULL},
	{"(a)", NULL},
	{"{ a", NULL},
	{"! a", NULL},
	{"f() b", NULL},
	{"a 'b", NULL},
};

static void cut_as_text(const char *text, struct text *result)
{
	struct shell shell;

	if (!shell_cut(&shell, text))
		text_addf(result, "%s%zu %s", shell.uncut ? "?" : "", shell.at, shell.mistake);
	else
		for (size_t i = 0; i < shell.count; i++)
			text_addf(result, "<%.*s>", (int)(shell.parts[i].end - shell.parts[i].start),
			          text + shell.parts[i].start);
	shell_free(&shell);
}

static void first_word(const char *text, struct text *result)
{
	struct shell shell;

	if (shell_cut(&shell, text))
		text_addf(result, "%s%.*s", shell.parts[0].reserved ? "{" : "",
		          (int)(shell.parts[0].word_end - shell.parts[0].word), text + shell.parts[0].word);
	shell_free(&shell);
}

static const struct {
	const char *text, *program; /* NULL: there is none that is plain */
	unsigned redirected;
} programs[] = {
	{"pype-jq . ", "pype-jq", 0},
	{"A=b /usr/bin/pype-jq .", "pype-jq", 0},
	{"pype  jq .", "pype-jq", 0},
	{"pype", "pype", 0},
	{"pype \"jq\"", "pype", 0},
	{"cat <a >b", "cat", SHELL_INPUT | SHELL_OUTPUT},
	{"<a cat 2>b", "cat", SHELL_INPUT},
	{"cat 2>&1 3<a", "cat", 0},
	{"cat >&2", "cat", SHELL_OUTPUT},
	{"cat 1>>a", "cat", SHELL_OUTPUT},
	{"cat 0<a", "cat", SHELL_INPUT},
	{"cat 10<a", "cat", 0},
	{"cat '>a' $(echo >b)", "cat", 0},
	{"cat <<E\n>a\nE\n", "cat", SHELL_INPUT},
	{"$X a", NULL, 0},
	{"a | b", NULL, 0},
	{"a; b", NULL, 0},
	{"{ a; }", NULL, 0},
	{"(a)", NULL, 0},
	{"f() { a; }", NULL, 0},
	{"a 'b", NULL, 0},
	{"/bin/ <a", NULL, SHELL_INPUT},
	{"", NULL, 0},
};

static void check_program(struct tap *tap, const char *text, const char *wanted, unsigned redirected)
{
	unsigned bits;
	char *program = shell_program(text, &bits);

	if (wanted && program)
		tap_is(tap, program, strlen(program), wanted, strlen(wanted), text);
	else
		tap_ok(tap, !wanted && !program, "no program: %s", text);
	tap_ok(tap, bits == redirected, "redirected: %s", text);
	free(program);
}

int main(void)
{
	struct tap tap = {0};
	struct text result = {0}, deep = {0};
	struct shell shell;

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		text_clear(&result);
		cut_as_text(cuts[i].text, &result);
		tap_is(&tap, result.data, result.length, cuts[i].wanted, strlen(cuts[i].wanted), cuts[i].text);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		text_clear(&result);
		first_word(words[i].text, &result);
		tap_is(&tap, result.data, result.length, words[i].word, strlen(words[i].word), words[i].text);
	}
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		text_clear(&result);
		if (shell_simple(simple[i].text, &result) && simple[i].command)
			tap_is(&tap, result.data, result.length, simple[i].command, strlen(simple[i].command),
			       simple[i].text);
		else
			tap_ok(&tap, !simple[i].command && !shell_simple(simple[i].text, &result), "not simple: %s",
			       simple[i].text);
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		check_program(&tap, programs[i].text, programs[i].program, programs[i].redirected);
	tap_ok(&tap, shell_cut(&shell, "a; b") && shell.list, "a list");
	shell_free(&shell);
	tap_ok(&tap, shell_cut(&shell, "a | b") && !shell.list && !shell.here, "no list, no here-document");
	shell_free(&shell);
	tap_ok(&tap, shell_cut(&shell, "a <<E\nE") && shell.here, "a here-document");
	shell_free(&shell);
	for (int i = 0; i < 100000; i++)
		text_add_string(&deep, "$(");
	tap_ok(&tap, !shell_cut(&shell, deep.data) && strcmp(shell.mistake, "nested too deeply") == 0, "deep nesting");
	shell_free(&shell);
	text_free(&deep);
	text_free(&result);
	return tap_end(&tap);
}
