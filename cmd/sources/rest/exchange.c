/*
 * Asks: over the network, or out of a recording. Not more at once than --parallel; the others wait for their turn.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/rest/exchange.h"
#include "common/memory.h"
#include "common/output.h"

static const char *method_of(const struct http_request *request)
{
	return request->method ? request->method : request->body ? "POST" : "GET";
}

char *exchange_line(const struct http_request *request)
{
	char *url = mask_url(request->url), *line = text_format("%s %s", method_of(request), url);

	free(url);
	return line;
}

int exchange_is_request(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".request") == 0;
}

static void add_login(struct text *text, const struct rest *rest)
{
	const struct http_auth_settings *auth = &rest->auth;
	const char *scheme = NULL;

	if (rest->settings.user)
		scheme = auth->aws ? "AWS4-HMAC-SHA256" : rest->settings.digest ? "Digest" : "Basic";
	else if (rest->settings.bearer || auth->bearer_file || auth->bearer_command || auth->oauth2.url)
		scheme = "Bearer";
	if (scheme)
		text_addf(text, "Authorization: %s ***\n", scheme);
}

void exchange_text(struct text *text, const struct rest *rest, const struct http_request *request)
{
	struct curl_slist *headers = http_settings_headers(&rest->settings, request->headers, request->body != NULL);
	char *line = exchange_line(request), *body;

	text_addf(text, "%s\n", line);
	free(line);
	add_login(text, rest);
	for (const struct curl_slist *header = headers; header; header = header->next) {
		/* What libcurl is told not to send. */
		if (header->data[strlen(header->data) - 1] == ':')
			continue;
		line = mask_header(header->data);
		text_addf(text, "%s\n", line);
		free(line);
	}
	curl_slist_free_all(headers);
	text_add_char(text, '\n');
	if (request->body) {
		body = mask_body(request->body);
		text_add_string(text, body);
		free(body);
	}
}

void exchange_print(struct rest *rest, const struct http_request *request)
{
	struct text text = {0};

	exchange_text(&text, rest, request);
	if (request->body)
		text_add_char(&text, '\n');
	else
		text.data[--text.length] = '\0';
	output_check(fwrite(text.data, 1, text.length, stdout) == text.length && fflush(stdout) == 0 ? 0 : -1);
	text_free(&text);
}

/* ---- the turn ---- */

static void exchange_free(struct exchange *exchange)
{
	free(exchange->path);
	free(exchange);
}

static bool piece(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct exchange *exchange = context;

	if (exchange->rest->record)
		record_piece(exchange, response, bytes, length);
	return exchange->request.piece(exchange->request.context, response, bytes, length);
}

static void done(void *context, const struct http_response *response)
{
	struct exchange *exchange = context;

	if (exchange->rest->record)
		record_end(exchange, response);
	exchange->request.done(exchange->request.context, response);
	exchange_over(exchange);
}

static void begin(struct exchange *exchange)
{
	struct rest *rest = exchange->rest;
	struct http_request ours = exchange->request;

	rest->exchanges->active++;
	if (rest->replay) {
		replay_start(exchange);
		return;
	}
	if (rest->record)
		record_request(exchange);
	ours.piece = piece;
	ours.done = done;
	ours.context = exchange;
	exchange->ask = http_ask(rest->asks, &ours);
}

static void wait_for_turn(struct exchange *exchange)
{
	struct exchanges *exchanges = exchange->rest->exchanges;

	exchange->waiting = true;
	exchange->before = exchanges->last;
	if (exchanges->last)
		exchanges->last->next = exchange;
	else
		exchanges->first = exchange;
	exchanges->last = exchange;
}

static void leave_queue(struct exchange *exchange)
{
	struct exchanges *exchanges = exchange->rest->exchanges;

	exchange->waiting = false;
	if (exchange->before)
		exchange->before->next = exchange->next;
	else
		exchanges->first = exchange->next;
	if (exchange->next)
		exchange->next->before = exchange->before;
	else
		exchanges->last = exchange->before;
	exchange->next = exchange->before = NULL;
}

struct exchange *exchange_start(struct rest *rest, const struct http_request *request)
{
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));

	*exchange = (struct exchange){.rest = rest, .request = *request, .fd = -1};
	if (rest->exchanges->active < rest->parallel)
		begin(exchange);
	else
		wait_for_turn(exchange);
	return exchange;
}

void exchange_over(struct exchange *exchange)
{
	struct exchanges *exchanges = exchange->rest->exchanges;
	struct exchange *next = exchanges->first;

	exchange_free(exchange);
	exchanges->active--;
	if (!next)
		return;
	leave_queue(next);
	begin(next);
}

/* No other takes the turn: this is the end. */
void exchange_abort(struct exchange *exchange)
{
	if (exchange->waiting)
		leave_queue(exchange);
	else if (exchange->rest->replay)
		replay_abort(exchange);
	else
		http_ask_abort(exchange->ask);
	record_drop(exchange);
	exchange_free(exchange);
}

void exchanges_open(struct rest *rest)
{
	rest->exchanges = xcalloc(1, sizeof(*rest->exchanges));
	if (rest->record)
		record_open(rest);
	if (rest->replay)
		replay_open(rest);
}

void exchanges_close(struct rest *rest)
{
	replay_close(rest);
	free(rest->exchanges);
}
