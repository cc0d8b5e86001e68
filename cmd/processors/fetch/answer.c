/*
 * JSON of what comes: the body if it is JSON, else a text.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/http_meta.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"
#include "common/utf8.h"

enum { AS_JSON, AS_TEXT };
enum { EXCERPT = 200 }; /* bytes of an error's body that -v shows */

bool answer_piece(void *context, const struct http_response *response, const char *bytes, size_t length)
{
	struct call *call = context;

	if (http_status_verdict(&call->fetch->statuses, response->status) == HTTP_STATUS_GOOD)
		text_add(&call->body, bytes, length);
	else if (call->body.length < EXCERPT)
		text_add(&call->body, bytes, length < EXCERPT ? length : EXCERPT);
	return true;
}

/* ---- what is wrong ---- */

static const char *status_hint(const struct fetch *fetch, int status)
{
	if (status >= 300 && status <= 399)
		return fetch->settings.as_signed ? " (a signed request follows no redirect)"
		                                 : " (--max-redirects follows redirects)";
	if (status == 401 || status == 403)
		return " (--user, --bearer or --header logs in)";
	if (status == 407)
		return " (--proxy http://NAME:PASSWORD@HOST logs in at the proxy)";
	return "";
}

static const char *failure_hint(enum http_failure failure)
{
	switch (failure) {
	case HTTP_UNTRUSTED:
		return " (--cacert FILE says whom to trust)";
	case HTTP_TOO_LARGE:
		return " (--max-body raises it)";
	case HTTP_REDIRECTS:
		return " (--max-redirects raises the limit)";
	default:
		return "";
	}
}

/* Another try may help: by --retry-status, else what a server says of itself and of the moment (RFC 9110 15.5.9, 15.6). */
static bool is_passing(const struct http_statuses *statuses, int status)
{
	if (statuses->retry)
		return http_status_verdict(statuses, status) == HTTP_STATUS_RETRY;
	return status == 408 || status == 425 || status == 429 || status >= 500;
}

static enum verdict refused(struct call *call, int status)
{
	struct fetch *fetch = call->fetch;

	text_addf(&call->reason, "status %d%s", status, status_hint(fetch, status));
	if (call->body.length > 0 && message_enabled(1)) {
		char *shown = call_shown(call);

		message_info("'%s': status %d: %.*s", shown, status, EXCERPT, call->body.data);
		free(shown);
	}
	if (http_status_is_fatal(&fetch->statuses, status))
		return ANSWER_FATAL;
	return is_passing(&fetch->statuses, status) ? ANSWER_AGAIN : ANSWER_BAD;
}

static enum verdict broken(struct call *call, const struct http_response *response)
{
	text_addf(&call->reason, "%s%s", response->error, failure_hint(response->failure));
	switch (response->failure) {
	case HTTP_SETUP:
		return ANSWER_FATAL;
	case HTTP_TOO_LARGE:
	case HTTP_REDIRECTS:
		return ANSWER_BAD;
	default:
		return ANSWER_AGAIN;
	}
}

/* ---- the answer ---- */

static void add_seconds(struct text *line, const char *name, int64_t nanoseconds)
{
	char seconds[UNIT_TEXT_MAX];

	unit_time_text(seconds, nanoseconds - nanoseconds % UNIT_US);
	text_addf(line, "\"%s\":%s,", name, seconds);
}

static void begin_meta(struct call *call, const struct http_response *response)
{
	const struct fetch *fetch = call->fetch;
	struct text *line = &call->value;

	text_add_char(line, '{');
	http_meta_url(line, call->request.url);
	text_addf(line, "\"status\":%d,", response->status);
	if (response->type)
		http_meta_member(line, "type", response->type, strlen(response->type));
	if (fetch->meta_headers.count > 0)
		http_meta_headers(line, &fetch->meta_headers, response->headers);
	text_addf(line, "\"attempt\":%lld,", (long long)call->tries);
	add_seconds(line, "duration", call->duration);
	text_add_string(line, "\"body\":");
}

/* Appends the body as a JSON text. False: it is none that may be used. */
static bool add_body(struct call *call, const struct http_response *response)
{
	struct text *body = &call->body, *line = &call->value;
	size_t mark = body->length >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	struct json_result result;

	if (body->length == mark) {
		text_add_string(line, "null");
		return true;
	}
	json_pad(body);
	if (call->fetch->as != AS_TEXT &&
	    json_scan(body->data + mark, body->length - mark, NULL, NULL, JSON_FACTS, &result)) {
		if (result.flags & JSON_SPACED)
			json_add_compact(line, body->data + mark + result.start, result.end - result.start);
		else
			text_add(line, body->data + mark + result.start, result.end - result.start);
		return true;
	}
	if (call->fetch->as == AS_JSON) {
		text_addf(&call->reason, "the body is not JSON: %s at byte %zu", result.error, mark + result.at + 1);
		if (response->type && strncmp(response->type, "application/json", 16) != 0)
			text_addf(&call->reason, ", the server calls it '%s'", response->type);
		return false;
	}
	if (!utf8_valid(body->data + mark, body->length - mark)) {
		text_add_string(&call->reason, "the body is neither JSON nor a text in UTF-8");
		return false;
	}
	json_add_string(line, body->data + mark, body->length - mark);
	return true;
}

static enum verdict take(struct call *call, const struct http_response *response)
{
	int64_t now = moment_unix();

	text_clear(&call->value);
	call->time = response->date >= 0 ? response->date : now - now % UNIT_US;
	if (call->fetch->meta)
		begin_meta(call, response);
	if (!add_body(call, response))
		return ANSWER_AGAIN;
	if (call->fetch->meta)
		text_add_char(&call->value, '}');
	return ANSWER_GOOD;
}

enum verdict answer_end(struct call *call, const struct http_response *response)
{
	const struct http_statuses *statuses = &call->fetch->statuses;
	bool came = response->failure == HTTP_OK;

	text_clear(&call->reason);
	call->status = response->status;
	if ((came || response->failure == HTTP_TOO_LARGE) &&
	    http_status_verdict(statuses, response->status) != HTTP_STATUS_GOOD)
		return refused(call, response->status);
	return came ? take(call, response) : broken(call, response);
}
