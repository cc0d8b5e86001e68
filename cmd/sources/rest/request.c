/*
 * What is asked: URL, headers and body with the values of their variables in place.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/sources/rest/rest.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"

/* ---- templates ---- */

/* Not known: in a URL that is a mistake, elsewhere it may be meant. */
static void check_template(const char *template, const char *where, bool strict)
{
	char hint[OPTION_HINT];
	size_t length;
	const char *unknown = variables_unknown(template, !strict, &length, hint);

	if (unknown && strict)
		die("%s: '%.*s' is no variable%s", where, (int)length, unknown, hint);
	if (unknown)
		message_warning("%s: '%.*s' stays as it is%s", where, (int)length, unknown, hint);
}

static bool is_file(const char *value)
{
	return option_checking() && (*value == '@' || strncmp(value, "env:", 4) == 0);
}

/* A header, or the lines of a file of them: those with variables go to rest->headers, the others to plain. */
static void sort_headers(struct rest *rest, const char *value, struct option_list *plain)
{
	char *copy = xstrdup(value), *left = copy, *line;

	while ((line = strsep(&left, "\n"))) {
		line[strcspn(line, "\r")] = '\0';
		if (!*line)
			continue;
		check_template(line, "--header", false);
		option_list_add(variables_used(line) ? &rest->headers : plain, xstrdup(line));
		if (strncasecmp(line, "content-type:", 13) == 0 && strcasestr(line, "x-www-form-urlencoded"))
			rest->form = true;
	}
	free(copy);
}

void requests_init(struct rest *rest)
{
	struct option_list plain = {0};

	for (size_t i = 0; i < rest->settings.headers.count; i++) {
		if (is_file(rest->settings.headers.items[i]))
			option_list_add(&plain, rest->settings.headers.items[i]);
		else
			sort_headers(rest, rest->settings.headers.items[i], &plain);
	}
	rest->given = rest->settings.headers;
	rest->settings.headers = plain;
	if (rest->data && !is_file(rest->data))
		check_template(rest->data, "--data", false);
	for (size_t i = 0; i < rest->poll_count; i++)
		if (rest->polls[i].url)
			check_template(rest->polls[i].url, rest->polls[i].shown, true);
}

static void free_list(struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct option_list){0};
}

void requests_free(struct rest *rest)
{
	free_list(&rest->headers);
}

/* ---- a request ---- */

/* A parameter of the query that is nothing but a variable without a value is left out. */
static void add_query(struct text *url, const char *query, const char *end, const struct variables *values)
{
	char before = '?';

	while (query <= end) {
		const char *stop = memchr(query, '&', (size_t)(end - query)), *value;

		stop = stop ? stop : end;
		value = memchr(query, '=', (size_t)(stop - query));
		if (!value || !variables_empty(value + 1, (size_t)(stop - value - 1), values)) {
			text_add_char(url, before);
			variables_expand(url, query, (size_t)(stop - query), values, VARIABLES_URL);
			before = '&';
		}
		query = stop + 1;
	}
}

static char *expand_url(const char *template, const struct variables *values)
{
	size_t path = strcspn(template, "?#");
	const char *end = template + strcspn(template, "#");
	struct text url = {0};

	variables_expand(&url, template, path, values, VARIABLES_URL);
	if (template[path] == '?')
		add_query(&url, template + path + 1, end, values);
	return text_detach(&url);
}

char *request_sample(const char *template)
{
	static const struct variables values = {.cursor = "1", .token = "1", .page = 1};

	return expand_url(template, &values);
}

static void add_headers(struct request *request, const struct rest *rest, const struct variables *values)
{
	for (size_t i = 0; i < rest->headers.count; i++) {
		const char *line = rest->headers.items[i], *value = strchr(line, ':');
		struct text header = {0};

		value += 1 + strspn(value + 1, " \t");
		if (variables_empty(value, strlen(value), values))
			continue;
		variables_expand(&header, line, strlen(line), values, VARIABLES_HEADER);
		option_list_add(&request->headers, text_detach(&header));
	}
}

/* Those of the answer before, if it was to the same request. */
static void add_validators(struct request *request, const struct poll *poll)
{
	const struct place *place = &poll->place;

	if (!poll->rest->conditional || request->identity != place->asked)
		return;
	request->asks_if = place->etag || place->modified;
	if (place->etag)
		option_list_add(&request->headers, text_format("If-None-Match: %s", place->etag));
	if (place->modified)
		option_list_add(&request->headers, text_format("If-Modified-Since: %s", place->modified));
}

/* The URL's name and password, which the place does not hold, for a page at the same origin or one that may have them. */
static char *with_user(const char *url, const char *template)
{
	const char *authority = strstr(template, "://") + 3, *rest = strstr(url, "://") + 3;
	const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));

	if (!at)
		return xstrdup(url);
	return text_format("%.*s%.*s%s", (int)(rest - url), url, (int)(at + 1 - authority), authority, rest);
}

static char *url_of(const struct poll *poll, const struct variables *values)
{
	struct text url = {0};
	char *whole;

	if (poll->rest->pages < PAGES_URL || !poll->place.next)
		return expand_url(poll->url, values);
	json_add_unescaped(&url, poll->place.next, strlen(poll->place.next));
	whole = with_user(url.data, poll->url);
	text_free(&url);
	return whole;
}

void request_init(struct request *request, struct poll *poll)
{
	const struct rest *rest = poll->rest;
	const struct place *place = &poll->place;
	static const char accept[] = "Accept: application/json, */*;q=0.5";
	struct variables values = {
		.cursor = place->cursor,
		.token = rest->pages == PAGES_TOKEN ? place->next : NULL,
		.page = rest->page_start + place->page,
		.offset = place->offset,
		.scheduled = place->scheduled,
		.last_success = place->begun,
		.now = moment_unix(),
	};
	struct text body = {0};

	*request = (struct request){.url = url_of(poll, &values)};
	request->identity = place_hash(0, request->url, strlen(request->url));
	add_headers(request, rest, &values);
	if (rest->data) {
		text_init(&body);
		variables_expand(&body, rest->data, strlen(rest->data), &values,
		                 rest->form ? VARIABLES_URL : VARIABLES_JSON);
		request->identity = place_hash(request->identity, body.data, body.length);
		request->body = text_detach(&body);
		option_list_add(&request->headers, xstrdup("Content-Type: application/json"));
	}
	option_list_add(&request->headers, xstrdup(accept));
	add_validators(request, poll);
}

void request_free(struct request *request)
{
	free(request->url);
	free(request->body);
	free_list(&request->headers);
}
