#include "common/http_meta.h"

#include <string.h>
#include <strings.h>

#include "common/http_headers.h"
#include "common/json_text.h"

void http_meta_member(struct text *line, const char *name, const char *value, size_t length)
{
	text_addf(line, "\"%s\":", name);
	json_add_string(line, value, length);
	text_add_char(line, ',');
}

void http_meta_url(struct text *line, const char *url)
{
	const char *authority = strstr(url, "://") + 3;
	const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
	struct text plain = {0};

	text_add(&plain, url, (size_t)(authority - url));
	text_add_string(&plain, at ? at + 1 : authority);
	http_meta_member(line, "url", plain.data, plain.length);
	text_free(&plain);
}

static bool is_wanted(const struct option_list *wanted, const struct http_header *header)
{
	for (size_t i = 0; i < wanted->count; i++) {
		const char *name = wanted->items[i];

		if (strcmp(name, "*") == 0 ||
		    (strlen(name) == header->name_length && strncasecmp(name, header->name, header->name_length) == 0))
			return true;
	}
	return false;
}

void http_meta_headers(struct text *line, const struct option_list *wanted, const char *headers)
{
	struct http_header header;
	const char *before = "";

	text_add_string(line, "\"headers\":{");
	while (http_headers_next(&headers, &header)) {
		size_t start;

		if (!is_wanted(wanted, &header))
			continue;
		text_add_string(line, before);
		start = line->length;
		json_add_string(line, header.name, header.name_length);
		for (char *s = line->data + start; *s; s++)
			if (*s >= 'A' && *s <= 'Z')
				*s = (char)(*s + 'a' - 'A');
		text_add_char(line, ':');
		json_add_string(line, header.value, header.value_length);
		before = ",";
	}
	text_add_string(line, "},");
}
