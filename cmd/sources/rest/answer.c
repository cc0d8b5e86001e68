/*
 * Events from a response: its body as one, or each element of an array in it (--items) as soon as it is there.
 */
#include <string.h>

#include "cmd/sources/rest/rest.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/moment.h"
#include "common/unit.h"

enum { EXCERPT = 200 }; /* bytes of an error's body that -v shows */

static enum http_verdict verdict_of(const struct answer *answer, int status)
{
	return http_status_verdict(&answer->poll->rest->statuses, status);
}

/* The time of the event: the server's, if it says. */
static int64_t event_time(const struct http_response *response)
{
	int64_t now = moment_unix();

	return response->date >= 0 ? response->date : now - now % UNIT_US;
}

static void add_member(struct text *line, const char *name, const char *value)
{
	if (!value)
		return;
	text_addf(line, "\"%s\":", name);
	json_add_string(line, value, strlen(value));
	text_add_char(line, ',');
}

/* The URL without name and password. */
static void add_url(struct text *line, const char *url)
{
	const char *authority = strstr(url, "://") + 3;
	const char *at = memrchr(authority, '@', strcspn(authority, "/?#"));
	struct text plain = {0};

	text_add(&plain, url, (size_t)(authority - url));
	text_add_string(&plain, at ? at + 1 : authority);
	add_member(line, "url", plain.data);
	text_free(&plain);
}

/* Puts the data into answer->line: a valid text in one line, with --meta in an object that says where it is from. */
static void add_data(struct answer *answer, const char *json, size_t length, bool spaced)
{
	const struct http_response *response = answer->response;
	struct text *line = &answer->line;
	bool meta = answer->poll->rest->meta;

	text_clear(line);
	if (meta) {
		text_add_char(line, '{');
		add_url(line, answer->poll->url);
		text_addf(line, "\"status\":%d,", response->status);
		add_member(line, "type", response->type);
		add_member(line, "etag", response->etag);
		text_add_string(line, "\"body\":");
	}
	if (spaced)
		json_add_compact(line, json, length);
	else
		text_add(line, json, length);
	if (meta)
		text_add_char(line, '}');
}

/* One event of bytes with JSON_PADDING behind them. False: they are not JSON, and result says why. */
static bool emit(struct answer *answer, const char *bytes, size_t length, struct json_result *result)
{
	struct poll *poll = answer->poll;
	struct source *source = &poll->rest->source;
	char limit[UNIT_TEXT_MAX];

	if (!json_scan(bytes, length, NULL, NULL, JSON_FACTS, result))
		return false;
	add_data(answer, bytes + result->start, result->end - result->start, result->flags & JSON_SPACED);
	if (!source_event(source, poll->name, event_time(answer->response), answer->line.data, answer->line.length))
		source_bad(source, bytes, length, "'%s': event longer than %s (--max-line)", poll->shown,
		           unit_size_text(limit, source->max_line));
	return true;
}

/* items_found: an element, or one that is too long to be held. */
static bool take_element(void *context, const char *bytes, size_t length)
{
	struct answer *answer = context;
	struct poll *poll = answer->poll;
	struct source *source = &poll->rest->source;
	unsigned long long number = answer->items.count;
	struct json_result result;
	char limit[UNIT_TEXT_MAX];

	if (!bytes)
		source_bad(source, NULL, 0, "'%s': element %llu has %zu bytes, over the limit of %s (--max-line)",
		           poll->shown, number, length, unit_size_text(limit, source->max_line));
	else if (!emit(answer, bytes, length, &result))
		source_bad(source, bytes, length, "'%s': element %llu is not JSON: %s at byte %zu", poll->shown, number,
		           result.error, result.at + 1);
	return true;
}

void answer_init(struct answer *answer, struct poll *poll)
{
	const char *mistake;

	*answer = (struct answer){.poll = poll};
	if (poll->rest->items)
		items_init(&answer->items, poll->rest->items, poll->rest->source.max_line, take_element, answer,
		           &mistake);
}

void answer_free(struct answer *answer)
{
	if (answer->poll->rest->items)
		items_free(&answer->items);
	text_free(&answer->body);
	text_free(&answer->line);
}

bool answer_piece(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct answer *answer = context;
	struct rest *rest = answer->poll->rest;
	bool more = true;

	answer->response = response;
	if (verdict_of(answer, response->status) != HTTP_STATUS_GOOD) {
		if (answer->body.length < EXCERPT)
			text_add(&answer->body, bytes, length < EXCERPT ? length : EXCERPT);
	} else if (rest->items) {
		more = items_add(&answer->items, bytes, length);
		source_flush(&rest->source);
	} else {
		text_add(&answer->body, bytes, length);
	}
	return more;
}

/* What may be done about a status; NULL: nothing that could be said here. */
static const char *status_hint(const struct rest *rest, int status)
{
	static const struct {
		int status;
		const char *hint;
	} hints[] = {
		{401, "--user, --bearer or --header logs in"},
		{403, "--user, --bearer or --header logs in"},
		{407, "--proxy http://NAME:PASSWORD@HOST logs in at the proxy"},
		{429, "--every makes the pauses longer"},
	};

	if (status >= 300 && status <= 399)
		return rest->settings.as_signed ? "a signed request follows no redirect"
		                                : "--max-redirects follows redirects";
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		if (hints[i].status == status)
			return hints[i].hint;
	return NULL;
}

static const char *failure_hint(const struct rest *rest, enum http_failure failure)
{
	switch (failure) {
	case HTTP_UNTRUSTED:
		return "--cacert FILE says whom to trust";
	case HTTP_TOO_LARGE:
		return rest->items ? "--max-body raises it" : "--max-body raises it, --items splits the body";
	case HTTP_REDIRECTS:
		return "--max-redirects raises the limit";
	default:
		return NULL;
	}
}

static void add_hint(struct text *reason, const char *hint)
{
	if (hint)
		text_addf(reason, " (%s)", hint);
}

static enum verdict refused(struct answer *answer, struct text *reason)
{
	const struct http_response *response = answer->response;

	text_addf(reason, "status %d", response->status);
	add_hint(reason, status_hint(answer->poll->rest, response->status));
	if (answer->body.length > 0)
		message_info("'%s': status %d: %.*s", answer->poll->shown, response->status, EXCERPT,
		             answer->body.data);
	return verdict_of(answer, response->status) == HTTP_STATUS_FATAL ? ANSWER_FATAL : ANSWER_FAILED;
}

static void add_items_error(struct answer *answer, struct text *reason)
{
	struct items *items = &answer->items;

	if (items->astray)
		text_addf(reason, "%s ('%s')", items->error, answer->poll->rest->items);
	else
		text_addf(reason, "the body is not JSON: %s at byte %llu", items->error,
		          (unsigned long long)items->at + 1);
}

/* The transfer went wrong, or with --items the text did. */
static enum verdict broken(struct answer *answer, struct text *reason)
{
	const struct http_response *response = answer->response;
	struct rest *rest = answer->poll->rest;

	if (response->failure != HTTP_OK && response->failure != HTTP_STOPPED) {
		text_add_string(reason, response->error);
		add_hint(reason, failure_hint(rest, response->failure));
	} else {
		add_items_error(answer, reason);
	}
	if (rest->items && answer->items.count > 0)
		text_addf(reason, ", after %llu elements", (unsigned long long)answer->items.count);
	return ANSWER_FAILED;
}

/* The whole body is one event. */
static enum verdict take_body(struct answer *answer, struct text *reason)
{
	struct poll *poll = answer->poll;
	struct text *body = &answer->body;
	struct json_result result;
	size_t mark;

	json_pad(body);
	mark = body->length >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (emit(answer, body->data + mark, body->length - mark, &result))
		return ANSWER_GOOD;
	text_addf(reason, "the body is not JSON: %s at byte %zu", result.error, mark + result.at + 1);
	if (answer->response->type && strncmp(answer->response->type, "application/json", 16) != 0)
		text_addf(reason, ", the server calls it '%s'", answer->response->type);
	source_bad(&poll->rest->source, body->data, body->length, "'%s': %s", poll->shown, reason->data);
	return ANSWER_SAID;
}

enum verdict answer_end(struct answer *answer, const struct http_response *response, struct text *reason)
{
	struct rest *rest = answer->poll->rest;
	bool came = response->failure == HTTP_OK || response->failure == HTTP_STOPPED;
	enum verdict verdict = ANSWER_GOOD;

	answer->response = response;
	if ((came || response->failure == HTTP_TOO_LARGE) && verdict_of(answer, response->status) != HTTP_STATUS_GOOD)
		verdict = refused(answer, reason);
	else if (response->failure != HTTP_OK)
		verdict = broken(answer, reason);
	else if (response->status == 204 || response->status == 205)
		message_info("'%s': status %d, no data", answer->poll->shown, response->status);
	else if (!rest->items)
		verdict = take_body(answer, reason);
	else if (!items_end(&answer->items))
		verdict = broken(answer, reason);
	return verdict;
}
