#include "common/http_headers.h"

#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

bool http_headers_next(const char **at, struct http_header *header)
{
	while (*at && **at) {
		const char *line = *at, *end = line + strcspn(line, "\n"),
			   *colon = memchr(line, ':', (size_t)(end - line));

		*at = *end ? end + 1 : end;
		if (!colon || colon == line)
			continue;
		header->name = line;
		header->name_length = (size_t)(colon - line);
		for (line = colon + 1; line < end && is_blank(*line);)
			line++;
		while (end > line && is_blank(end[-1]))
			end--;
		header->value = line;
		header->value_length = (size_t)(end - line);
		return true;
	}
	return false;
}

bool http_headers_find(const char **at, const char *name, struct http_header *header)
{
	size_t length = strlen(name);

	while (http_headers_next(at, header))
		if (header->name_length == length && strncasecmp(header->name, name, length) == 0)
			return true;
	return false;
}
