#include "cmd/processors/fetch/template.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/percent.h"

enum format { FORMAT_PLAIN, FORMAT_JSON, FORMAT_RAW };

/* A literal text, or the place for a value. */
struct template_part {
	char *text; /* or the path */
	size_t length;
	int slot; /* of the value; -1: a literal */
	enum format format;
};

static struct template_part *add_part(struct template *template)
{
	template->parts = xreallocarray(template->parts, template->count + 1, sizeof(*template->parts));
	template->parts[template->count] = (struct template_part){.slot = -1};
	return &template->parts[template->count++];
}

static void add_literal(struct template *template, struct text *literal)
{
	struct template_part *part;

	if (literal->length == 0)
		return;
	part = add_part(template);
	part->length = literal->length;
	part->text = text_detach(literal);
	*literal = (struct text){0};
}

/* Behind a path: where its ':' or '}' is; NULL: nowhere. */
static const char *path_end(const char *s, const char *end)
{
	bool quoted = false;

	for (; s < end; s++) {
		if (*s == '"')
			quoted = !quoted;
		else if (quoted && *s == '\\' && s + 1 < end)
			s++;
		else if (!quoted && (*s == '}' || *s == ':'))
			return s;
	}
	return NULL;
}

static bool read_format(const char *name, size_t length, enum format *format)
{
	static const char *const names[] = {[FORMAT_PLAIN] = "", [FORMAT_JSON] = "json", [FORMAT_RAW] = "raw"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0) {
			*format = (enum format)i;
			return true;
		}
	}
	return false;
}

/* s stands behind the brace, before the dot. Returns what is behind the place, or NULL. */
static const char *add_value(struct template *template, const char *s, const char *end, struct json_want *want,
                             char **mistake)
{
	const char *stop = path_end(s, end), *close = stop ? memchr(stop, '}', (size_t)(end - stop)) : NULL, *why;
	struct template_part *part;
	enum format format;

	if (!close) {
		*mistake = text_format("'{%.*s' has no end", (int)(end - s), s);
		return NULL;
	}
	if (!read_format(*stop == ':' ? stop + 1 : close, (size_t)(*stop == ':' ? close - stop - 1 : 0), &format)) {
		*mistake = text_format("'{%.*s}': behind the ':' is json or raw", (int)(close - s), s);
		return NULL;
	}
	part = add_part(template);
	part->text = xstrndup(s, (size_t)(stop - s));
	part->length = (size_t)(stop - s);
	part->format = format;
	part->slot = json_want_path(want, part->text, &why);
	if (part->slot < 0) {
		*mistake = text_format("'{%.*s}': %s", (int)(close - s), s, why);
		return NULL;
	}
	template->values = true;
	return close + 1;
}

bool template_compile(struct template *template, const char *text, size_t length, enum template_use use, bool strict,
                      struct json_want *want, char **mistake)
{
	const char *s = text, *end = text + length;
	struct text literal = {0};

	*template = (struct template){.use = use};
	*mistake = NULL;
	while (s && s < end && !*mistake) {
		if (end - s > 2 && strncmp(s, "{{.", 3) == 0) {
			text_add_string(&literal, "{.");
			s += 3;
		} else if (end - s > 1 && strncmp(s, "{.", 2) == 0) {
			add_literal(template, &literal);
			s = add_value(template, s + 1, end, want, mistake);
		} else if (strict && (*s == '{' || *s == '}')) {
			*mistake = text_format("'%.*s': a value of the event is written {.path}", (int)(end - s), s);
		} else {
			text_add_char(&literal, *s++);
		}
	}
	add_literal(template, &literal);
	text_free(&literal);
	return !*mistake;
}

void template_free(struct template *template)
{
	for (size_t i = 0; i < template->count; i++)
		free(template->parts[i].text);
	free(template->parts);
	*template = (struct template){0};
}

static bool has_controls(const struct text *value)
{
	for (size_t i = 0; i < value->length; i++)
		if ((unsigned char)value->data[i] < ' ' || value->data[i] == '\x7f')
			return true;
	return false;
}

/* Encodes a value for its place. False: it may not stand there. */
static bool put(const struct template *template, const struct template_part *part, const struct text *value,
                struct text *text)
{
	struct text quoted = {0};
	bool raw = part->format == FORMAT_RAW;

	switch (template->use) {
	case TEMPLATE_PATH:
	case TEMPLATE_URL:
		if (raw) {
			if (has_controls(value) || memchr(value->data, ' ', value->length))
				return false;
			break;
		}
		if (template->use == TEMPLATE_PATH && value->length == 0)
			return false;
		percent_add(text, value->data, value->length);
		return true;
	case TEMPLATE_LINE:
		if (has_controls(value))
			return false;
		break;
	case TEMPLATE_JSON:
		if (part->format != FORMAT_PLAIN)
			break;
		json_add_string(&quoted, value->data, value->length);
		text_add(text, quoted.data + 1, quoted.length - 2);
		text_free(&quoted);
		return true;
	}
	text_add(text, value->data, value->length);
	return true;
}

static bool is_missing(const struct json_span *span)
{
	return span->kind == JSON_NONE || span->kind == JSON_NULL;
}

static bool expand_value(const struct template *template, const struct template_part *part,
                         const struct json_span *span, struct text *text, struct text *reason)
{
	struct text value = {0};
	bool good;

	if (is_missing(span) && part->format != FORMAT_JSON) {
		text_addf(reason, "nothing at '%s'", part->text);
		return false;
	}
	text_init(&value);
	if (is_missing(span))
		text_add_string(&value, "null");
	else if (span->kind == JSON_STRING && part->format != FORMAT_JSON)
		json_add_unescaped(&value, span->at, span->length);
	else
		json_add_compact(&value, span->at, span->length);
	good = put(template, part, &value, text);
	if (!good)
		text_addf(reason, "the value at '%s' cannot stand in a %s", part->text,
		          template->use == TEMPLATE_LINE   ? "header"
		          : template->use == TEMPLATE_PATH ? "URL's path"
		                                           : "URL");
	text_free(&value);
	return good;
}

/* Whether a step of the path is "." or "..": a value would lead elsewhere than the URL says. */
static bool has_dots(const char *url)
{
	for (const char *s = strchr(url, '/'); s; s = strchr(s, '/')) {
		size_t length = strcspn(++s, "/");

		if ((length == 1 || length == 2) && strspn(s, ".") == length)
			return true;
	}
	return false;
}

bool template_expand(const struct template *template, const struct json_span *spans, struct text *text,
                     struct text *reason)
{
	size_t start = text->length;
	bool raw = false;

	for (size_t i = 0; i < template->count; i++) {
		const struct template_part *part = &template->parts[i];

		if (part->slot < 0)
			text_add(text, part->text, part->length);
		else if (!expand_value(template, part, &spans[part->slot], text, reason))
			return false;
		raw |= part->format == FORMAT_RAW;
	}
	if (template->use != TEMPLATE_PATH || !template->values || raw || !has_dots(text->data + start))
		return true;
	text_add_string(reason, "a step of the URL's path is made of dots");
	return false;
}

size_t template_name(const struct template *template, char end)
{
	const struct template_part *first = template->parts;
	const char *found = template->count > 0 && first->slot < 0 ? strchr(first->text, end) : NULL;

	return found ? (size_t)(found - first->text) + 1 + strspn(found + 1, " ") : 0;
}

bool template_is_void(const struct template *template, size_t skip, const struct json_span *spans)
{
	const struct template_part *parts = template->parts, *last;

	if (template->count == 0)
		return false;
	last = &parts[template->count - 1];
	return last->slot >= 0 && last->format != FORMAT_JSON && is_missing(&spans[last->slot]) &&
	       (skip == 0 ? template->count == 1
	                  : template->count == 2 && parts[0].slot < 0 && parts[0].length == skip);
}

void template_sample(const struct template *template, struct text *text)
{
	for (size_t i = 0; i < template->count; i++) {
		if (template->parts[i].slot < 0)
			text_add(text, template->parts[i].text, template->parts[i].length);
		else
			text_add_char(text, '1');
	}
}
