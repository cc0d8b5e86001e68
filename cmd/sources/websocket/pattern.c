#include "cmd/sources/websocket/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"

/* The '=' behind a path, which may have one within quotes. */
static const char *end_of_path(const char *path)
{
	bool quoted = false;

	for (; *path; path++) {
		if (*path == '"' && path[-1] != '\\')
			quoted = !quoted;
		else if (*path == '=' && !quoted)
			return path;
	}
	return NULL;
}

const char *pattern_add(struct patterns *patterns, const char *given)
{
	struct pattern pattern = {.text = given, .slot = -1};
	const char *mistake = NULL, *equals = *given == '.' ? end_of_path(given) : NULL;

	if (!*given)
		return "is empty";
	if (equals) {
		char *path = xstrndup(given, (size_t)(equals - given));

		pattern.slot = json_want_path(&patterns->want, path, &mistake);
		pattern.text = equals + 1;
		free(path);
		if (pattern.slot < 0)
			return mistake;
	}
	patterns->items = xreallocarray(patterns->items, patterns->count + 1, sizeof(*patterns->items));
	patterns->items[patterns->count++] = pattern;
	return NULL;
}

static bool is_value(const struct json_span *span, const char *value)
{
	size_t length = strlen(value);

	if (span->kind == JSON_NONE)
		return false;
	if (span->kind == JSON_STRING && json_string_is(span->at, span->length, value, length))
		return true;
	return span->length == length && memcmp(span->at, value, length) == 0;
}

bool pattern_matches(const struct patterns *patterns, size_t number, const struct content *content)
{
	const struct pattern *pattern = &patterns->items[number];

	if (pattern->slot >= 0)
		return content->json && is_value(&content->spans[pattern->slot], pattern->text);
	return memmem(content->bytes, content->length, pattern->text, strlen(pattern->text));
}

void patterns_free(struct patterns *patterns)
{
	json_want_free(&patterns->want);
	free(patterns->items);
}
