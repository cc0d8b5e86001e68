#include "common/option.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"
#include "common/unit.h"

enum { SECRET_LIMIT = 1 << 20, TABLES = 3 };

/* What one call of option_parse works with: the program's tables and the options every program has. */
struct parser {
	const struct option_program *program;
	const struct option *tables[TABLES];
	bool help, version, complete;
	int verbose;
	struct option built_in[5];
};

void option_list_add(struct option_list *list, char *item)
{
	list->items = xreallocarray(list->items, list->count + 2, sizeof(*list->items));
	list->items[list->count++] = item;
	list->items[list->count] = NULL;
}

bool option_checking(void)
{
	const char *check = getenv("PYPE_CHECK");

	return check && strcmp(check, "1") == 0;
}

char *option_secret(const char *value)
{
	struct text content = {0};
	int fd, result;

	if (strncmp(value, "@@", 2) == 0)
		return xstrdup(value + 1);
	if (strncmp(value, "env:", 4) == 0) {
		const char *content_of = getenv(value + 4);

		if (!content_of)
			die("environment variable '%s' is not set", value + 4);
		return xstrdup(content_of);
	}
	if (value[0] != '@')
		return xstrdup(value);
	fd = open(value + 1, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("cannot read '%s':", value + 1);
	result = text_add_file(&content, fd, SECRET_LIMIT);
	if (result < 0)
		die("cannot read '%s':", value + 1);
	if (result > 0)
		die("'%s' is too large for a value (more than %d bytes)", value + 1, SECRET_LIMIT);
	close(fd);
	if (content.length > 0 && content.data[content.length - 1] == '\n')
		content.data[--content.length] = '\0';
	return text_detach(&content);
}

bool option_unread(const char *value)
{
	return option_checking() && (*value == '@' || strncmp(value, "env:", 4) == 0);
}

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b, for words of less than 32 letters. */
static int distance(const char *a, const char *b)
{
	enum { MOST = 32 };
	int rows[3][MOST + 1];
	int *before = rows[0], *above = rows[1], *row = rows[2];
	size_t m = strlen(a), n = strlen(b);

	if (m >= MOST || n >= MOST)
		return MOST;
	for (size_t j = 0; j <= n; j++)
		above[j] = (int)j;
	for (size_t i = 1; i <= m; i++) {
		int *spare = before;

		row[0] = (int)i;
		for (size_t j = 1; j <= n; j++) {
			int best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[n];
}

const char *option_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	int best = 1 + (int)strlen(word) / 3;

	for (; *words; words++) {
		int d = distance(word, *words);

		if (d <= best) {
			best = d - 1;
			nearest = *words;
		}
	}
	return nearest;
}

const char *option_hint(char hint[OPTION_HINT], const char *word, const char *const *words)
{
	const char *nearest = words ? option_nearest(word, words) : NULL;

	hint[0] = '\0';
	if (nearest)
		snprintf(hint, OPTION_HINT, ", did you mean '%s'?", nearest);
	return hint;
}

/* The next option of all tables; start with table = 0, *option = NULL. */
static const struct option *next_option(const struct parser *parser, int *table, const struct option *option)
{
	do {
		option = option ? option + 1 : parser->tables[0];
		while (!option || option->kind == OPTION_KIND_END) {
			if (++*table >= TABLES)
				return NULL;
			option = parser->tables[*table];
		}
	} while (option->kind == OPTION_KIND_OPERAND);
	return option;
}

static const struct option *find_letter(const struct parser *parser, char letter)
{
	int table = 0;

	for (const struct option *o = NULL; (o = next_option(parser, &table, o));)
		if (letter && o->letter == letter)
			return o;
	return NULL;
}

static const struct option *find_word(const struct parser *parser, const char *word, size_t length)
{
	int table = 0;

	for (const struct option *o = NULL; (o = next_option(parser, &table, o));)
		if (o->word && strlen(o->word) == length && memcmp(o->word, word, length) == 0)
			return o;
	return NULL;
}

static size_t values_taken(const struct option *option)
{
	size_t count = 1;

	if (!option->value)
		return 0;
	for (const char *s = option->value; *s; s++)
		count += *s == ' ';
	return count;
}

_Noreturn static void mistake(const struct parser *parser, const char *format, ...) MESSAGE_FORMAT(2, 3);

static void mistake(const struct parser *parser, const char *format, ...)
{
	struct text text = {0};
	va_list arguments;

	va_start(arguments, format);
	text_vaddf(&text, format, arguments);
	va_end(arguments);
	die("%s (try '%s --help')", text.data, parser->program->name);
}

static void set_choice(const struct parser *parser, const struct option *option, const char *value)
{
	const char *s = option->choices;

	for (int i = 0;; i++) {
		size_t length = strcspn(s, "|");

		if (strlen(value) == length && memcmp(s, value, length) == 0) {
			*option->target.choice = i;
			return;
		}
		if (!s[length])
			break;
		s += length + 1;
	}
	mistake(parser, "--%s takes %s, not '%s'", option->word, option->choices, value);
}

static void set(const struct parser *parser, const struct option *option, char **values)
{
	const char *wanted = NULL;

	switch (option->kind) {
	case OPTION_KIND_FLAG:
		*option->target.flag = true;
		break;
	case OPTION_KIND_NUMBER: {
		int64_t number;

		if (!unit_number(values[0], &number) || number < 0)
			wanted = "a whole number";
		else
			*option->target.number = number;
		break;
	}
	case OPTION_KIND_DURATION:
		if (!unit_duration(values[0], option->target.duration))
			wanted = "a time such as 500ms, 30s or 1h30m";
		break;
	case OPTION_KIND_SIZE:
		if (!unit_size(values[0], option->target.size))
			wanted = "a size such as 64k or 16M";
		break;
	case OPTION_KIND_STRING:
	case OPTION_KIND_LIST: {
		char *value = values[0];

		if ((option->flags & OPTION_SECRET) && !option_checking())
			value = option_secret(value);
		if (option->kind == OPTION_KIND_STRING)
			*option->target.string = value;
		else
			option_list_add(option->target.list, value);
		break;
	}
	case OPTION_KIND_CHOICE:
		set_choice(parser, option, values[0]);
		break;
	case OPTION_KIND_CALL:
		option->target.call(option->context, values);
		break;
	case OPTION_KIND_OPERAND:
	case OPTION_KIND_END:
		break;
	}
	if (wanted)
		mistake(parser, "--%s takes %s, not '%s'", option->word, wanted, values[0]);
}

/* Sets an option whose first value may be attached; the others are taken from argv. Returns the last argument used. */
static char **apply(const struct parser *parser, const struct option *option, char *attached, char **argv)
{
	enum { MOST = 2 };
	char *values[MOST] = {0};
	size_t count = values_taken(option), have = 0;

	if (attached && count > 0)
		values[have++] = attached;
	for (; have < count; have++) {
		if (!argv[1])
			mistake(parser, "--%s needs %s", option->word, option->value);
		values[have] = *++argv;
	}
	set(parser, option, values);
	return argv;
}

static void unknown_word(const struct parser *parser, const char *word, size_t length)
{
	struct option_list words = {0};
	char *given = xstrndup(word, length);
	const char *nearest;
	int table = 0;

	for (const struct option *o = NULL; (o = next_option(parser, &table, o));)
		if (o->word)
			option_list_add(&words, xstrdup(o->word));
	nearest = option_nearest(given, (const char *const *)words.items);
	if (nearest)
		mistake(parser, "unknown option '--%s', did you mean '--%s'?", given, nearest);
	mistake(parser, "unknown option '--%s'", given);
}

static char **parse_word(const struct parser *parser, char **argv)
{
	char *word = *argv + 2, *value = strchr(word, '=');
	size_t length = value ? (size_t)(value - word) : strlen(word);
	const struct option *option = find_word(parser, word, length);

	if (!option)
		unknown_word(parser, word, length);
	else if (value && values_taken(option) == 0)
		mistake(parser, "--%s takes no value", option->word);
	return apply(parser, option, value ? value + 1 : NULL, argv);
}

static char **parse_letters(const struct parser *parser, char **argv)
{
	for (char *s = *argv + 1; *s; s++) {
		const struct option *option = find_letter(parser, *s);

		if (!option)
			mistake(parser, "unknown option '-%c'", *s);
		if (values_taken(option) > 0)
			return apply(parser, option, s[1] ? s + 1 : NULL, argv);
		apply(parser, option, NULL, argv);
	}
	return argv;
}

static void add_spelling(struct text *text, const struct option *option)
{
	if (option->letter)
		text_addf(text, "-%c", option->letter);
	if (option->word)
		text_addf(text, "%s--%s", option->letter ? "," : "", option->word);
}

static void add_usage(struct text *text, const struct option_program *program)
{
	text_addf(text, "usage: %s [options]%s%s\n", program->name, *program->operands ? " " : "", program->operands);
}

static void add_help(struct text *text, const struct parser *parser)
{
	int table = 0;

	text_addf(text, "%s: %s\n", parser->program->name, parser->program->summary);
	add_usage(text, parser->program);
	text_add_string(text, "\noptions:\n");
	for (const struct option *o = NULL; (o = next_option(parser, &table, o));) {
		enum { HELP_COLUMN = 30 };
		size_t start;

		if (o->section)
			text_addf(text, "\n%s:\n", o->section);
		start = text->length;
		text_addf(text, "  %c%c%s --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		          o->letter ? "," : " ", o->word, o->value ? " " : "", o->value ? o->value : "");
		if (text->length - start >= HELP_COLUMN) {
			text_add_char(text, '\n');
			start = text->length;
		}
		text_addf(text, "%*s%s\n", (int)(HELP_COLUMN - (text->length - start)), "", o->help);
	}
}

static void add_completion(struct text *text, const struct parser *parser)
{
	int table = 0;

	for (const struct option *o = NULL; (o = next_option(parser, &table, o));) {
		add_spelling(text, o);
		text_addf(text, "\t%s\t%s\n", o->value ? o->value : "", o->help);
	}
}

/* Ends the program with what --help, --version or --complete print. */
_Noreturn static void answer(const struct parser *parser)
{
	struct text text = {0};

	if (parser->version)
		text_addf(&text, "%s %s\n", parser->program->name, PYPE_VERSION);
	else if (parser->help)
		add_help(&text, parser);
	else
		add_completion(&text, parser);
	if (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0) {
		if (errno == EPIPE)
			exit(STATUS_OK);
		fail("cannot write to standard output:");
	}
	exit(STATUS_OK);
}

static void count_verbose(void *context, char **values)
{
	int *verbose = context;

	(void)values;
	message_level(++*verbose);
}

static bool is_option(const struct parser *parser, const char *argument)
{
	return argument[0] == '-' &&
	       (argument[1] == '-' || isalpha((unsigned char)argument[1]) || find_letter(parser, argument[1]));
}

static void call_for_operand(const struct parser *parser, char **operand)
{
	for (const struct option *o = parser->tables[0]; o->kind != OPTION_KIND_END; o++)
		if (o->kind == OPTION_KIND_OPERAND)
			o->target.call(o->context, operand);
}

static void check_operands(const struct parser *parser, int count)
{
	const struct option_program *program = parser->program;

	if (count < program->least)
		mistake(parser, "%s: %s", count == 0 ? "operand missing" : "too few operands", program->operands);
	if (program->most >= 0 && count > program->most)
		mistake(parser, "too many operands, %d at most", program->most);
}

/*
 * A standard descriptor that is closed would be given to the first file that is opened, and be written to. Its place
 * is taken by one for which reading or writing fails as for a closed one.
 */
static void fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(STATUS_FAILED);
}

char **option_parse_both(const struct option_program *program, const struct option *options,
                         const struct option *common, char **argv)
{
	struct parser parser = {.program = program};
	char **operands = argv + 1, **end = operands;
	bool only_operands = false;

	message_init(program->name);
	fill_standard_descriptors();
	parser.built_in[0] = (struct option)OPTION_CALL('v', "verbose", NULL, count_verbose, &parser.verbose,
	                                                "say more on stderr; twice: all");
	parser.built_in[1] = (struct option)OPTION_FLAG('h', "help", &parser.help, "say this and exit");
	parser.built_in[2] = (struct option)OPTION_FLAG('V', "version", &parser.version, "say the version and exit");
	parser.built_in[3] = (struct option)OPTION_FLAG(0, "complete", &parser.complete, "list the options and exit");
	parser.tables[0] = options;
	parser.tables[1] = common;
	parser.tables[2] = parser.built_in;
	if (!argv[0])
		return argv;
	for (argv++; *argv; argv++) {
		if (only_operands || !is_option(&parser, *argv)) {
			call_for_operand(&parser, argv);
			*end++ = *argv;
			only_operands |= program->command;
		} else if (strcmp(*argv, "--") == 0) {
			only_operands = true;
		} else {
			argv = (*argv)[1] == '-' ? parse_word(&parser, argv) : parse_letters(&parser, argv);
		}
		if (parser.help || parser.version || parser.complete)
			answer(&parser);
	}
	*end = NULL;
	check_operands(&parser, (int)(end - operands));
	return operands;
}

char **option_parse(const struct option_program *program, const struct option *options, char **argv)
{
	return option_parse_both(program, options, NULL, argv);
}
