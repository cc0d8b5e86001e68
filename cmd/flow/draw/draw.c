#include "cmd/flow/draw/draw.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/settings.h"
#include "common/memory.h"

/* What is not the default of an edge, behind its events. */
static void add_settings(struct text *label, const struct manifest_stage *from, const struct manifest_stage *to)
{
	const char *words[] = {
		from->from_count == 0 && from->settings.protocol == PROTOCOL_SYNC
			? settings_word(&from->settings, SETTING_PROTOCOL)
			: NULL,
		to->settings.delivery != DELIVERY_EXACT ? settings_word(&to->settings, SETTING_DELIVERY) : NULL,
		to->settings.when_full != WHEN_FULL_BLOCK ? settings_word(&to->settings, SETTING_WHEN_FULL) : NULL,
	};
	const char *separator = label->length > 0 ? " (" : "(";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!words[i])
			continue;
		text_addf(label, "%s%s", separator, words[i]);
		separator = ", ";
	}
	if (strcmp(separator, ", ") == 0)
		text_add_char(label, ')');
}

/* The edges of one stage from one other, those before `index` having been looked at. False: it is among those. */
static bool add_events(struct text *label, const struct manifest_stage *stage, size_t index)
{
	size_t from = stage->from[index].stage;

	for (size_t i = 0; i < stage->from_count; i++) {
		if (stage->from[i].stage != from)
			continue;
		if (i < index)
			return false;
		if (!stage->from[i].event)
			continue;
		if (label->length > 0)
			text_add_string(label, ", ");
		/* White space alone would not be seen. */
		if (draw_add_line(label, stage->from[i].event, 0) == 0)
			text_add_string(label, "' '");
	}
	return true;
}

struct draw_edge *draw_edges(const struct manifest_pipeline *pipeline, size_t *count)
{
	struct draw_edge *edges;
	size_t most = 0;

	for (size_t i = 0; i < pipeline->count; i++)
		most += pipeline->stages[i].from_count;
	edges = xcalloc(most + 1, sizeof(*edges));
	*count = 0;
	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		for (size_t j = 0; j < stage->from_count; j++) {
			struct text label = {0};
			size_t from = stage->from[j].stage;

			text_init(&label);
			if (!add_events(&label, stage, j)) {
				text_free(&label);
				continue;
			}
			edges[*count].events = xstrdup(label.data);
			add_settings(&label, &pipeline->stages[from], stage);
			edges[*count].from = from;
			edges[*count].to = i;
			edges[(*count)++].label = text_detach(&label);
		}
	}
	return edges;
}

void draw_edges_free(struct draw_edge *edges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(edges[i].events);
		free(edges[i].label);
	}
	free(edges);
}

static bool is_start(char byte)
{
	return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t draw_add_line(struct text *text, const char *string, size_t most)
{
	static const char white[] = " \t\r\n";
	size_t length = 0, last = text->length;

	for (string += strspn(string, white); *string; length++) {
		size_t bytes = 1, blanks = strspn(string, white);

		if (blanks > 0 && !string[blanks])
			break;
		if (most > 0 && length == most) {
			/* One too many: the last one makes room. */
			text->length = last;
			text_add_string(text, "…");
			return most;
		}
		last = text->length;
		while (string[bytes] && !is_start(string[bytes]))
			bytes++;
		if (blanks > 0)
			text_add_char(text, ' ');
		else if ((unsigned char)*string < ' ' || *string == 0x7f)
			text_add_char(text, '?');
		else
			text_add(text, string, bytes);
		string += blanks > 0 ? blanks : bytes;
	}
	return length;
}
