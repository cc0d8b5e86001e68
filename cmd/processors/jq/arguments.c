#include "cmd/processors/jq/arguments.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

/* All of a file, NUL-terminated; the caller's. */
static char *load(const char *path, size_t *length)
{
	struct text text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result;

	if (fd < 0)
		die("cannot open '%s':", path);
	result = text_add_file(&text, fd, ENGINE_TEXT_MOST);
	if (result < 0)
		die("cannot read '%s':", path);
	if (result > 0)
		die("'%s' is larger than %luM", path, ENGINE_TEXT_MOST >> 20);
	close(fd);
	*length = text.length;
	return text_detach(&text);
}

static void append(struct argument **list, size_t *count, struct argument argument)
{
	*list = xreallocarray(*list, *count + 1, sizeof(**list));
	(*list)[(*count)++] = argument;
}

static void add_string(struct arguments *arguments, enum argument_kind kind, const char *option, const char *name,
                       const char *value)
{
	append(&arguments->items, &arguments->count,
	       (struct argument){
		       .kind = kind, .option = option, .name = name, .bytes = xstrdup(value), .length = strlen(value)});
}

static void add_file(struct arguments *arguments, enum argument_kind kind, const char *option, char **values)
{
	struct argument argument = {.kind = kind, .option = option, .name = values[0]};

	argument.bytes = load(values[1], &argument.length);
	append(&arguments->items, &arguments->count, argument);
}

void arguments_arg(void *context, char **values)
{
	add_string(context, ARGUMENT_STRING, "--arg", values[0], values[1]);
}

void arguments_argjson(void *context, char **values)
{
	add_string(context, ARGUMENT_JSON, "--argjson", values[0], values[1]);
}

void arguments_slurpfile(void *context, char **values)
{
	add_file(context, ARGUMENT_VALUES, "--slurpfile", values);
}

void arguments_rawfile(void *context, char **values)
{
	add_file(context, ARGUMENT_STRING, "--rawfile", values);
}

void arguments_args(void *context, char **values)
{
	struct arguments *arguments = context;

	(void)values;
	arguments->mode = (struct argument){.kind = ARGUMENT_STRING, .option = "--args"};
}

void arguments_jsonargs(void *context, char **values)
{
	struct arguments *arguments = context;

	(void)values;
	arguments->mode = (struct argument){.kind = ARGUMENT_JSON, .option = "--jsonargs"};
}

void arguments_from_file(void *context, char **values)
{
	struct arguments *arguments = context;
	size_t length;

	free(arguments->program);
	arguments->program_file = values[0];
	arguments->program = load(values[0], &length);
	if (strlen(arguments->program) != length)
		die("'%s' is no jq program: it holds a NUL byte", values[0]);
}

void arguments_operand(void *context, char **values)
{
	struct arguments *arguments = context;
	struct argument operand = arguments->mode;

	operand.bytes = values[0];
	append(&arguments->operands, &arguments->operand_count, operand);
}

void arguments_finish(struct arguments *arguments)
{
	size_t i = 0;

	if (!arguments->program) {
		if (arguments->operand_count == 0)
			die("operand missing: PROGRAM (try 'pype-jq --help')");
		arguments->program = xstrdup(arguments->operands[i++].bytes);
	}
	for (; i < arguments->operand_count; i++) {
		const struct argument *operand = &arguments->operands[i];

		if (!operand->option)
			option_list_add(&arguments->files, operand->bytes);
		else
			add_string(arguments, operand->kind, operand->option, NULL, operand->bytes);
	}
}

void arguments_free(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->count; i++)
		free(arguments->items[i].bytes);
	free(arguments->items);
	free(arguments->operands);
	free(arguments->files.items);
	free(arguments->program);
}
