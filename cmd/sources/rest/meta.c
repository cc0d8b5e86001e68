/*
 * What is said about an answer: with --meta around its data, with --emit-errors about what failed.
 */
#include <string.h>

#include "cmd/sources/rest/rest.h"
#include "common/http_meta.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

static void add_time(struct text *line, const char *name, int64_t nanoseconds)
{
	char seconds[UNIT_TEXT_MAX];

	unit_time_text(seconds, nanoseconds - nanoseconds % UNIT_US);
	text_addf(line, "\"%s\":%s,", name, seconds);
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
		http_meta_url(line, answer->request.url);
		text_addf(line, "\"status\":%d,", response->status);
		if (response->type)
			http_meta_member(line, "type", response->type, strlen(response->type));
		if (response->etag)
			http_meta_member(line, "etag", response->etag, strlen(response->etag));
		if (rest->meta_headers.count > 0)
			http_meta_headers(line, &rest->meta_headers, response->headers);
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
	http_meta_url(&line, answer->request.url);
	if (answer->response->status)
		text_addf(&line, "\"status\":%d,", answer->response->status);
	http_meta_member(&line, "error", reason, strlen(reason));
	add_request(&line, answer, answer->poll->failures);
	if (pause >= 0)
		add_time(&line, "retry_in", pause);
	line.data[line.length - 1] = '}';
	if (!source_event(source, "error", now - now % UNIT_US, line.data, line.length))
		source_bad(source, line.data, line.length, "the event of an error is longer than --max-line");
	text_free(&line);
}
