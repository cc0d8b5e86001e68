#include "cmd/processors/exec/template.h"

#include <stdlib.h>

#include "common/json_text.h"
#include "common/memory.h"

static struct text *add_part(struct template *template, int slot)
{
	struct template_part *part;

	template->parts = xreallocarray(template->parts, template->count + 1, sizeof(*template->parts));
	part = &template->parts[template->count++];
	*part = (struct template_part){.slot = slot};
	text_init(&part->text);
	template->places += slot >= 0;
	return &part->text;
}

static void add_plain(struct template *template, const char *bytes, size_t length)
{
	struct template_part *last = template->count > 0 ? &template->parts[template->count - 1] : NULL;

	if (length > 0)
		text_add(last && last->slot < 0 ? &last->text : add_part(template, -1), bytes, length);
}

/* Where the place that begins here ends: at its brace, outside of quotes; NULL: nowhere. */
static const char *place_end(const char *text)
{
	bool quoted = false;

	for (; *text && (quoted || *text != '}'); text++) {
		if (quoted && *text == '\\' && text[1])
			text++;
		else if (*text == '"')
			quoted = !quoted;
	}
	return *text ? text : NULL;
}

static const char *add_place(struct template *template, struct json_want *want, const char *text, char **mistake)
{
	const char *end = place_end(text + 1), *wrong;
	char *path;
	int slot;

	if (!end) {
		*mistake = text_format("'%s' has no closing brace ('{{.' is '{.' itself)", text);
		return NULL;
	}
	path = xstrndup(text + 1, (size_t)(end - text - 1));
	slot = json_want_path(want, path, &wrong);
	if (slot < 0)
		*mistake = text_format("'{%s}': %s", path, wrong);
	else
		text_add_string(add_part(template, slot), path);
	free(path);
	return slot < 0 ? NULL : end + 1;
}

bool template_compile(struct template *template, struct json_want *want, const char *text, char **mistake)
{
	while (text && *text) {
		const char *brace = strstr(text, "{.");

		if (!brace) {
			add_plain(template, text, strlen(text));
			break;
		}
		if (brace > text && brace[-1] == '{') {
			/* The first of the two braces is left out. */
			add_plain(template, text, (size_t)(brace - 1 - text));
			add_plain(template, brace, 2);
			text = brace + 2;
			continue;
		}
		add_plain(template, text, (size_t)(brace - text));
		text = add_place(template, want, brace, mistake);
	}
	return text != NULL;
}

void template_free(struct template *template)
{
	for (size_t i = 0; i < template->count; i++)
		text_free(&template->parts[i].text);
	free(template->parts);
	*template = (struct template){0};
}

const char *template_fill(const struct template *template, const struct json_span *spans, struct text *text)
{
	for (size_t i = 0; i < template->count; i++) {
		const struct template_part *part = &template->parts[i];
		const struct json_span *span = part->slot < 0 ? NULL : &spans[part->slot];

		if (!span)
			text_add(text, part->text.data, part->text.length);
		else if (span->kind == JSON_NONE || span->kind == JSON_NULL)
			return part->text.data;
		else if (span->kind == JSON_STRING)
			json_add_unescaped(text, span->at, span->length);
		else
			text_add(text, span->at, span->length);
	}
	return NULL;
}
