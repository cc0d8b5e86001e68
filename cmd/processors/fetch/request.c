/*
 * What is asked for an event: URL, method, headers and body with the event's values in place.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/option.h"
#include "common/origin.h"

/* ---- templates ---- */

static void compile(struct fetch *fetch, struct template *template, const char *text, size_t length,
                    enum template_use use, const char *where)
{
	bool strict = use == TEMPLATE_PATH || (use == TEMPLATE_URL && template != &fetch->data);
	char *mistake;

	if (!template_compile(template, text, length, use, strict, &fetch->stage.want, &mistake))
		die("%s: %s", where, mistake);
}

static bool is_unread(const char *value)
{
	return option_checking() && (*value == '@' || strncmp(value, "env:", 4) == 0);
}

/* Whether the URL up to its path is the same for all events. */
static bool has_origin(const char *url)
{
	const char *authority = strstr(url, "://"), *value = strstr(url, "{.");

	authority = authority && (!value || authority < value) ? authority + 3 : url;
	return !value || value >= authority + strcspn(authority, "/?#");
}

static void check_origins(struct fetch *fetch)
{
	fetch->anywhere = !has_origin(fetch->url_text);
	if (fetch->anywhere && fetch->origins.count == 0)
		die("events say which host is asked: --origin URL says which ones may be, '*' is any");
	if (!fetch->anywhere && fetch->origins.count > 0)
		die("--origin: the URL names its host");
	for (size_t i = 0; i < fetch->origins.count; i++) {
		const char *given = fetch->origins.items[i], *mistake;
		char *url, *shown;

		if (strcmp(given, "*") == 0)
			continue;
		mistake = http_url(given, &url, &shown);
		if (mistake)
			die("--origin '%s': %s", given, mistake);
		fetch->origins.items[i] = url;
		free(shown);
	}
}

static void check_url(struct fetch *fetch, const char *given)
{
	struct text sample = {0};
	const char *mistake;
	char *url, *shown;

	template_sample(&fetch->path, &sample);
	for (size_t i = 0; i < fetch->query_count; i++) {
		text_add_char(&sample, i == 0 ? '?' : '&');
		template_sample(&fetch->query[i], &sample);
	}
	text_add_string(&sample, "");
	mistake = http_url(sample.data, &url, &shown);
	if (mistake)
		die("bad URL '%s': %s", given, mistake);
	text_free(&sample);
	free(url);
	free(shown);
}

static void compile_url(struct fetch *fetch, const char *given)
{
	const char *text = fetch->url_text, *query;
	size_t path = strcspn(text, "?#"), length = strcspn(text, "#");

	compile(fetch, &fetch->path, text, path, TEMPLATE_PATH, given);
	query = text[path] == '?' ? text + path + 1 : NULL;
	while (query && query <= text + length) {
		size_t one = (size_t)(text + length - query);
		const char *stop = memchr(query, '&', one);

		one = stop ? (size_t)(stop - query) : one;
		fetch->query = xreallocarray(fetch->query, fetch->query_count + 1, sizeof(*fetch->query));
		compile(fetch, &fetch->query[fetch->query_count++], query, one, TEMPLATE_URL, given);
		query += one + 1;
	}
	check_url(fetch, given);
}

static void set_url(struct fetch *fetch)
{
	const char *given = fetch->url_text;
	bool secret = *given == '@' || strncmp(given, "env:", 4) == 0, whole;
	char *url;

	if (is_unread(given)) {
		fetch->url_text = NULL;
		return;
	}
	url = secret ? option_secret(given) : xstrdup(given);
	/* One that begins with a value has its scheme there. */
	whole = strncmp(url, "{.", 2) == 0 && strstr(url, ":raw}");
	fetch->url_text = strstr(url, "://") || whole ? xstrdup(url) : text_format("http://%s", url);
	compile_url(fetch, secret ? given : url);
	check_origins(fetch);
	free(url);
}

/* A header, or the lines of a file of them: those with values become templates, the others go to plain. */
static bool sort_headers(struct fetch *fetch, const char *value, struct option_list *plain)
{
	char *copy = xstrdup(value), *left = copy, *line;
	bool form = false;

	while ((line = strsep(&left, "\n"))) {
		line[strcspn(line, "\r")] = '\0';
		if (!*line)
			continue;
		if (strncasecmp(line, "content-type:", 13) == 0 && strcasestr(line, "x-www-form-urlencoded"))
			form = true;
		if (!strstr(line, "{.")) {
			option_list_add(plain, xstrdup(line));
			continue;
		}
		fetch->headers = xreallocarray(fetch->headers, fetch->header_count + 1, sizeof(*fetch->headers));
		compile(fetch, &fetch->headers[fetch->header_count++], line, strlen(line), TEMPLATE_LINE, "--header");
		if (template_name(&fetch->headers[fetch->header_count - 1], ':') == 0)
			die("--header '%s' has no name", line);
	}
	free(copy);
	return form;
}

void requests_init(struct fetch *fetch)
{
	struct option_list plain = {0}, *given = &fetch->settings.headers;
	bool form = false;
	char *mistake;

	set_url(fetch);
	if (fetch->method_text)
		compile(fetch, &fetch->method, fetch->method_text, strlen(fetch->method_text), TEMPLATE_LINE,
		        "--method");
	for (size_t i = 0; i < given->count; i++) {
		if (is_unread(given->items[i]))
			option_list_add(&plain, given->items[i]);
		else
			form |= sort_headers(fetch, given->items[i], &plain);
	}
	/* The values as given are secrets, and never freed. */
	*given = plain;
	if (fetch->data_text && !is_unread(fetch->data_text))
		compile(fetch, &fetch->data, fetch->data_text, strlen(fetch->data_text),
		        form ? TEMPLATE_URL : TEMPLATE_JSON, "--data");
	if (fetch->body_text) {
		fetch->body = expression_new(fetch->body_text, NULL, &mistake);
		if (!fetch->body)
			die("--body '%s': %s", fetch->body_text, mistake);
	}
}

void requests_free(struct fetch *fetch)
{
	template_free(&fetch->path);
	template_free(&fetch->method);
	template_free(&fetch->data);
	for (size_t i = 0; i < fetch->query_count; i++)
		template_free(&fetch->query[i]);
	for (size_t i = 0; i < fetch->header_count; i++)
		template_free(&fetch->headers[i]);
	free(fetch->query);
	free(fetch->headers);
	free(fetch->url_text);
	expression_free(fetch->body);
}

/* ---- a request ---- */

static bool is_allowed(const struct fetch *fetch, const char *url)
{
	for (size_t i = 0; i < fetch->origins.count; i++)
		if (strcmp(fetch->origins.items[i], "*") == 0 || origin_same(fetch->origins.items[i], url))
			return true;
	return false;
}

/* A URL whose host is a value may be anything. */
static bool check_place(struct request *request, const struct fetch *fetch, struct text *reason)
{
	const char *mistake;
	char *url, *shown;

	if (!fetch->anywhere)
		return true;
	mistake = http_url(request->url, &url, &shown);
	if (mistake) {
		text_addf(reason, "bad URL: %s", mistake);
		return false;
	}
	free(request->url);
	request->url = url;
	if (is_allowed(fetch, url)) {
		free(shown);
		return true;
	}
	text_addf(reason, "'%s' is at none of the places that --origin names", shown);
	free(shown);
	return false;
}

static bool make_url(struct request *request, const struct fetch *fetch, struct text *reason)
{
	const struct json_span *spans = fetch->stage.event.spans;
	struct text url = {0};
	char before = '?';
	bool good = template_expand(&fetch->path, spans, &url, reason);

	for (size_t i = 0; good && i < fetch->query_count; i++) {
		const struct template *parameter = &fetch->query[i];

		if (parameter->values && template_is_void(parameter, template_name(parameter, '='), spans))
			continue;
		text_add_char(&url, before);
		before = '&';
		good = template_expand(parameter, spans, &url, reason);
	}
	request->url = text_detach(&url);
	return good && check_place(request, fetch, reason);
}

static bool make_headers(struct request *request, const struct fetch *fetch, struct text *reason)
{
	const struct json_span *spans = fetch->stage.event.spans;

	for (size_t i = 0; i < fetch->header_count; i++) {
		struct text line = {0};

		if (template_is_void(&fetch->headers[i], template_name(&fetch->headers[i], ':'), spans))
			continue;
		if (!template_expand(&fetch->headers[i], spans, &line, reason)) {
			text_free(&line);
			return false;
		}
		option_list_add(&request->headers, text_detach(&line));
	}
	return true;
}

static bool make_method(struct request *request, const struct fetch *fetch, struct text *reason)
{
	struct text method = {0};

	if (!fetch->method_text)
		return true;
	if (!template_expand(&fetch->method, fetch->stage.event.spans, &method, reason)) {
		text_free(&method);
		return false;
	}
	request->method = text_detach(&method);
	if (*request->method && request->method[strspn(request->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-")] == '\0')
		return true;
	text_addf(reason, "'%.20s' is no method", request->method);
	return false;
}

static bool make_body(struct request *request, struct fetch *fetch, struct text *reason)
{
	const struct event *event = &fetch->stage.event;
	struct text *body = &request->body;

	if (fetch->data_text) {
		request->has_body = true;
		text_init(body);
		return template_expand(&fetch->data, event->spans, body, reason);
	}
	if (!fetch->body)
		return true;
	request->has_body = true;
	switch (expression_run(fetch->body, event->line, event->length, NULL, body)) {
	case EXPRESSION_VALUE:
		return true;
	case EXPRESSION_NOTHING:
		text_add_string(reason, "--body finds nothing");
		return false;
	default:
		text_addf(reason, "--body: %s", body->data);
		return false;
	}
}

bool request_init(struct request *request, struct fetch *fetch, struct text *reason)
{
	*request = (struct request){0};
	if (!make_url(request, fetch, reason) || !make_method(request, fetch, reason) ||
	    !make_headers(request, fetch, reason) || !make_body(request, fetch, reason))
		return false;
	if (request->has_body)
		option_list_add(&request->headers, xstrdup("Content-Type: application/json"));
	option_list_add(&request->headers, xstrdup("Accept: application/json, */*;q=0.5"));
	return true;
}

void request_free(struct request *request)
{
	free(request->method);
	free(request->url);
	for (size_t i = 0; i < request->headers.count; i++)
		free(request->headers.items[i]);
	free(request->headers.items);
	text_free(&request->body);
	*request = (struct request){0};
}

static void add_string(struct text *text, const char *string)
{
	text_add(text, string ? string : "", string ? strlen(string) + 1 : 1);
}

void request_identify(const struct request *request, struct text *text)
{
	add_string(text, request->method);
	add_string(text, request->url);
	for (size_t i = 0; i < request->headers.count; i++)
		add_string(text, request->headers.items[i]);
	add_string(text, request->has_body ? "body" : "");
	text_add(text, request->body.data, request->body.length);
}
