/*
 * pype graph: the flow as a picture.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/flow/command.h"
#include "cmd/flow/draw/draw.h"
#include "cmd/flow/manifest/manifest.h"
#include "cmd/flow/manifest/select.h"
#include "common/memory.h"
#include "common/message.h"

static const struct option_program program = {
	.name = "pype graph",
	.summary = "draw the flow of a manifest",
	.operands = "[FLOW]",
	.most = 1,
};

static size_t terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static void draw(struct text *text, const struct manifest *manifest, const struct option_list *only, int format)
{
	static void (*const functions[])(struct text *, const struct drawing *) = {draw_text, draw_dot, draw_mermaid,
	                                                                           draw_svg};
	struct drawing drawing = {
		.name = manifest->name,
		.pipelines = xcalloc(manifest->count + 1, sizeof(*drawing.pipelines)),
		.utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.width = terminal_width(),
	};

	for (size_t i = 0; i < manifest->count; i++)
		if (select_has(only, manifest->pipelines[i].name))
			drawing.pipelines[drawing.count++] = &manifest->pipelines[i];
	functions[format](text, &drawing);
	free(drawing.pipelines);
}

int graph_command(char **argv)
{
	struct option_list only = {0};
	int format = 0;
	struct option options[] = {
		OPTION_CHOICE('f', "format", "text|dot|mermaid|svg", &format,
	                      "for the terminal (the default), for Graphviz, for Mermaid, for a browser"),
		OPTION_LIST(0, "only", "PIPELINE", &only, "draw this pipeline and no other; may be repeated"),
		OPTION_END,
	};
	char **operands = option_parse(&program, options, argv);
	struct manifest manifest;
	struct text text = {0};

	if (!manifest_study(&manifest, operands[0] ? operands[0] : "flow.yaml"))
		return STATUS_POINTLESS;
	select_check(&only, &manifest);
	draw(&text, &manifest, &only, format);
	if (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0)
		fail("cannot write to standard output:");
	text_free(&text);
	manifest_free(&manifest);
	free(only.items);
	return STATUS_OK;
}
