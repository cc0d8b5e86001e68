// with: cmd/flow/manifest/shell.c cmd/flow/manifest/program.c cmd/flow/manifest/scanner.c common/text.c common/memory.c common/message.c
/*
 * shell: any text. The parts lie in it, in order, are not empty, and cutting a part again gives that part alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/shell.h"
#include "common/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_part(const char *text, const struct shell_part *part, bool alone)
{
	char *copy = xstrndup(text + part->start, part->end - part->start);
	struct shell again;

	check(shell_cut(&again, copy));
	check(again.count == 1 && (alone || !again.list));
	check(again.parts[0].start == 0 && again.parts[0].end == part->end - part->start);
	check(again.parts[0].word_end - again.parts[0].word == part->word_end - part->word);
	check(again.parts[0].reserved == part->reserved);
	shell_free(&again);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	size_t length = strlen(text), behind = 0;
	struct shell shell;
	struct text command = {0};

	if (shell_cut(&shell, text)) {
		check(!shell.mistake && (shell.count < 2 || !shell.list));
		for (size_t i = 0; i < shell.count; i++) {
			const struct shell_part *part = &shell.parts[i];

			check(behind <= part->start && part->start < part->end && part->end <= length);
			check(part->word == part->word_end ||
			      (part->start <= part->word && part->word < part->word_end &&
			       part->word_end <= part->end));
			check_part(text, part, shell.count == 1);
			behind = part->end;
		}
	} else {
		check(shell.mistake && shell.at <= length);
	}
	if (shell_simple(text, &command))
		check(command.length <= length && shell.count == 1 && !shell.list && !shell.mistake);
	text_free(&command);
	shell_free(&shell);
	free(text);
	return 0;
}
