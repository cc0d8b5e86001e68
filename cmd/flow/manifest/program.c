#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/shell.h"
#include "common/memory.h"

bool shell_builtin(const char *word)
{
	static const char *const names[] = {
		".",     ":",     "[",      "alias",  "bg",     "break",    "cd",      "command", "continue", "echo",
		"eval",  "exec",  "exit",   "export", "false",  "fc",       "fg",      "getopts", "hash",     "jobs",
		"kill",  "local", "printf", "pwd",    "read",   "readonly", "return",  "set",     "shift",    "test",
		"times", "trap",  "true",   "type",   "ulimit", "umask",    "unalias", "unset",   "wait",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], word) == 0)
			return true;
	return false;
}

char *shell_direct(const char *text)
{
	struct shell shell;
	struct text direct = {0};

	if (shell_cut(&shell, text) && shell.count == 1 && !shell.list && !shell.here) {
		const struct shell_part *part = &shell.parts[0];
		char *word = xstrndup(text + part->word, part->word_end - part->word);

		if (part->word == part->start && *word && !part->reserved && !shell_builtin(word))
			text_addf(&direct, "exec %.*s", (int)(part->end - part->start), text + part->start);
		free(word);
	}
	shell_free(&shell);
	return direct.length > 0 ? text_detach(&direct) : xstrdup(text);
}

char *shell_program(const char *text, unsigned *redirected)
{
	struct shell shell;
	const struct shell_part *part = NULL;
	struct text program = {0};

	if (shell_cut(&shell, text) && shell.count == 1 && !shell.list && !shell.parts[0].reserved)
		part = &shell.parts[0];
	*redirected = part ? part->redirected : 0;
	if (part && part->word < part->word_end) {
		size_t start = part->word;

		for (size_t i = start; i < part->word_end; i++)
			if (text[i] == '/')
				start = i + 1;
		text_add(&program, text + start, part->word_end - start);
		if (strcmp(program.data, "pype") == 0) {
			const char *tool = text + part->word_end + strspn(text + part->word_end, " \t");
			size_t length = strspn(tool, "abcdefghijklmnopqrstuvwxyz-");

			if (length > 0)
				text_addf(&program, "-%.*s", (int)length, tool);
		}
	}
	shell_free(&shell);
	if (program.length > 0)
		return text_detach(&program);
	text_free(&program);
	return NULL;
}
