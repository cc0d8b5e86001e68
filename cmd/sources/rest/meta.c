/*
 * What is said about an answer: with --meta around its data, with --emit-errors about what failed.
 */
#include <string.h>
#include <strings.h>

#include "cmd/sources/rest/rest.h"
#include "common/http_headers.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

void meta_member(struct text *line, const char *name, const char *value, size_t length)
{
	text_addf(line, "\"%s\":", name);
	json_add_string(line, value, length);
	text_add_char(line, ',');
}

static void add_time(struct text *line, const char *name, int64_t nanoseconds)
{
	char seconds[UNIT_TEXT_MAX];

	unit_time_text(seconds, nanoseconds - nanoseconds % UNIT_US);
	text_addf(line, "\"%s\":%s,", name, seconds);
}

/* The URL without name and password. */
static void add_url(struct text *line, const char *url)
{
	const char *authority = strstr(url, "://") + 3;
	const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
	struct text plain = {0};

	text_add(&plain, url, (size_t)(authority - url));
	text_add_string(&plain, at ? at + 1 : authority);
	meta_member(line, "url", plain.data, plain.length);
	text_free(&plain);
}

static bool is_wanted(const struct rest *rest, const struct http_header *header)
{
	for (size_t i = 0; i < rest->meta_headers.count; i++) {
		const char *name = rest->meta_headers.items[i];

		if (strcmp(name, "*") == 0 ||
		    (strlen(name) == header->name_length && strncasecmp(name, header->name, header->name_length) == 0))
			return true;
	}
	return false;
}

/* Names in lower case, as HTTP/2 has them. */
static void add_headers(struct text *line, const struct rest *rest, const char *headers)
{
	struct http_header header;
	const char *before = "";

	text_add_string(line, "\"headers\":{");
	while (http_headers_next(&headers, &header)) {
		size_t start;

		if (!is_wanted(rest, &header))
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

/* What answers and failures have in common: which request it was. */
static void add_request(struct text *line, const struct answer *answer, int64_t attempt)
{
	const struct poll *poll = answer->poll;

	text_addf(line, "\"attempt\":%lld,", (long long)attempt);
	if (poll->rest->pages != PAGES_NONE)
		text_addf(line, "\"page\":%lld,", (long long)(poll->rest->page_start + poll->place.page));
	add_time(line, "scheduled", answer->scheduled);
	add_time(line, "duration", moment_now() - answer->begun);
}

void meta_data(struct answer *answer, const char *json, size_t length, bool spaced)
{
	const struct http_response *response = answer->response;
	const struct rest *rest = answer->poll->rest;
	struct text *line = &answer->line;

	text_clear(line);
	if (rest->meta) {
		text_add_char(line, '{');
		add_url(line, answer->request.url);
		text_addf(line, "\"status\":%d,", response->status);
		if (response->type)
			meta_member(line, "type", response->type, strlen(response->type));
		if (response->etag)
			meta_member(line, "etag", response->etag, strlen(response->etag));
		if (rest->meta_headers.count > 0)
			add_headers(line, rest, response->headers);
		add_request(line, answer, answer->poll->failures + 1);
		text_add_string(line, "\"body\":");
	}
	if (spaced)
		json_add_compact(line, json, length);
	else
		text_add(line, json, length);
	if (rest->meta)
		text_add_char(line, '}');
}

void meta_error(const struct answer *answer, const char *reason, int64_t pause)
{
	struct source *source = &answer->poll->rest->source;
	struct text line = {0};
	int64_t now = moment_unix();

	text_add_char(&line, '{');
	add_url(&line, answer->request.url);
	if (answer->response->status)
		text_addf(&line, "\"status\":%d,", answer->response->status);
	meta_member(&line, "error", reason, strlen(reason));
	add_request(&line, answer, answer->poll->failures);
	if (pause >= 0)
		add_time(&line, "retry_in", pause);
	line.data[line.length - 1] = '}';
	if (!source_event(source, "error", now - now % UNIT_US, line.data, line.length))
		source_bad(source, line.data, line.length, "the event of an error is longer than --max-line");
	text_free(&line);
}
