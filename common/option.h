/*
 * option: one typed table per program gives parsing, --help, --version and --complete.
 *
 *     static const struct option_program program = {
 *         .name = "pype-tick", .summary = "emit an event at a steady pace", .operands = "[FILE...]",
 *     };
 *     struct option options[] = {
 *         OPTION_DURATION('e', "every", "TIME", &every, "pause between two events"),
 *         OPTION_NUMBER('n', "count", "N", &count, "stop after this many events"),
 *         OPTION_END,
 *     };
 *     char **operands = option_parse(&program, options, argv);
 *
 * GNU rules: "--word=value", "--word value", "-xvalue", "-x value", "-abc", "--" ends the
 * options, options may follow operands, "-" is an operand, and so is "-5" or "-(.a)", where no letter
 * follows the dash. No abbreviations: a new
 * option must not break an old script. A mistake ends the program with status 2 and
 * names the nearest option.
 *
 * --help, --version and --complete are handled for every program, and so are
 * -v/--verbose (given twice: debug). --complete prints a line per option:
 * "-x,--word" TAB value TAB help.
 *
 * Values marked OPTION_SECRET may be "@FILE" (the file's content without the last newline)
 * or "env:NAME", so that a secret never has to stand in argv; "@@…" is a literal '@'.
 *
 * PYPE_CHECK=1 in the environment asks a program to check itself and open nothing:
 * after option_parse and after compiling what it was given, it returns 0 if
 * option_checking() is true. Secrets are then not read.
 */
#ifndef PYPE_OPTION_H
#define PYPE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing list of strings, for options that may be repeated. Zero-initialise. */
struct option_list {
	char **items; /* NULL-terminated once anything is in it */
	size_t count;
};

/* Called for each occurrence, in the order of the command line; values has as many strings as the option takes. */
typedef void option_function(void *context, char **values);

struct option_program {
	const char *name; /* "pype-csv" */
	const char *summary; /* what it does, one line, lower case: equals .Nd of the man page */
	const char *operands; /* "FIELD[=PATH]...", "" if there are none */
	int least, most; /* how many operands; most < 0: any number */
	bool command; /* they are a command, whose options follow it: the first operand ends ours */
};

enum option_kind {
	OPTION_KIND_END,
	OPTION_KIND_FLAG,
	OPTION_KIND_NUMBER,
	OPTION_KIND_DURATION,
	OPTION_KIND_SIZE,
	OPTION_KIND_STRING,
	OPTION_KIND_LIST,
	OPTION_KIND_CHOICE,
	OPTION_KIND_CALL,
	OPTION_KIND_OPERAND,
};

enum { OPTION_SECRET = 1 };

struct option {
	enum option_kind kind;
	char letter; /* 0: none */
	const char *word; /* long name without dashes */
	const char *value; /* what --help calls the value; "NAME VALUE" takes two; NULL: takes none */
	union {
		bool *flag;
		int64_t *number; /* whole number >= 0 */
		int64_t *duration; /* nanoseconds */
		uint64_t *size; /* bytes */
		char **string; /* points into argv, or to a secret's content (never freed) */
		struct option_list *list;
		int *choice; /* index in choices */
		option_function *call;
	} target;
	const char *help;
	const char *choices; /* "skip|once|all" */
	void *context; /* for call */
	int flags;
	const char *section; /* NULL, or a heading printed before this option in --help */
};

/* clang-format off */
#define OPTION_FLAG(l, w, t, h)      { .kind = OPTION_KIND_FLAG, .letter = (l), .word = (w), .target.flag = (t), .help = (h) }
#define OPTION_NUMBER(l, w, v, t, h) { .kind = OPTION_KIND_NUMBER, .letter = (l), .word = (w), .value = (v), .target.number = (t), .help = (h) }
#define OPTION_DURATION(l, w, v, t, h) { .kind = OPTION_KIND_DURATION, .letter = (l), .word = (w), .value = (v), .target.duration = (t), .help = (h) }
#define OPTION_SIZE(l, w, v, t, h)   { .kind = OPTION_KIND_SIZE, .letter = (l), .word = (w), .value = (v), .target.size = (t), .help = (h) }
#define OPTION_STRING(l, w, v, t, h) { .kind = OPTION_KIND_STRING, .letter = (l), .word = (w), .value = (v), .target.string = (t), .help = (h) }
#define OPTION_LIST(l, w, v, t, h)   { .kind = OPTION_KIND_LIST, .letter = (l), .word = (w), .value = (v), .target.list = (t), .help = (h) }
#define OPTION_CHOICE(l, w, c, t, h) { .kind = OPTION_KIND_CHOICE, .letter = (l), .word = (w), .value = (c), .choices = (c), .target.choice = (t), .help = (h) }
#define OPTION_CALL(l, w, v, f, x, h) { .kind = OPTION_KIND_CALL, .letter = (l), .word = (w), .value = (v), .target.call = (f), .context = (x), .help = (h) }
/* No option: the function is called for each operand, where it stands among the options. */
#define OPTION_OPERAND(f, x)         { .kind = OPTION_KIND_OPERAND, .target.call = (f), .context = (x) }
#define OPTION_STRING_SECRET(l, w, v, t, h) { .kind = OPTION_KIND_STRING, .letter = (l), .word = (w), .value = (v), .target.string = (t), .help = (h), .flags = OPTION_SECRET }
#define OPTION_LIST_SECRET(l, w, v, t, h) { .kind = OPTION_KIND_LIST, .letter = (l), .word = (w), .value = (v), .target.list = (t), .help = (h), .flags = OPTION_SECRET }
#define OPTION_END                   { .kind = OPTION_KIND_END }
/* clang-format on */

/*
 * Parses argv (argv[0] is skipped) into the targets; calls message_init, and makes sure that no file which is opened later
 * becomes a standard descriptor. Returns the
 * operands, NULL-terminated, in argv's own array. Ends the program on a mistake (2), and
 * after --help, --version, --complete (0).
 */
char **option_parse(const struct option_program *program, const struct option *options, char **argv);

/*
 * As option_parse for a table in two parts, such as a program's own options followed by
 * those every event reader has (stage_options).
 */
char **option_parse_both(const struct option_program *program, const struct option *options,
                         const struct option *common, char **argv);

void option_list_add(struct option_list *list, char *item);

/* True under PYPE_CHECK=1. */
bool option_checking(void);

/* "@FILE", "env:NAME" or the string itself; the result is the caller's. Ends the program (2) if there is none. */
char *option_secret(const char *value);

/* True if that would be read from a file or the environment and is not, since the program checks itself. */
bool option_unread(const char *value);

/* The nearest of the words to a misspelt one, or NULL if none is near. words ends with NULL. */
const char *option_nearest(const char *word, const char *const *words);

/* ", did you mean 'NEAREST'?", or "" if none is near: put into hint, and returned. words may be NULL, for none. */
enum { OPTION_HINT = 288 };
const char *option_hint(char hint[OPTION_HINT], const char *word, const char *const *words);

#endif
