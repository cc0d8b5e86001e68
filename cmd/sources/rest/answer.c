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

/* The cursor of an event's data, into answer->scratch. False: it has none. */
static bool find_cursor(struct answer *answer, const char *json, size_t length)
{
	static const char *const values[] = {"0", "0", "{}"};
	struct poll *poll = answer->poll;
	struct text *found = &answer->scratch;
	enum expression_result kind;

	if (!poll->rest->cursor_program)
		return false;
	kind = expression_run(poll->rest->cursor_program, json, length, values, found);
	if (kind == EXPRESSION_VALUE && !pages_mistake(found->data))
		return true;
	if (kind != EXPRESSION_NOTHING && message_pass(&poll->no_cursor))
		message_warning("'%s': --cursor %s", poll->shown,
		                kind == EXPRESSION_ERROR ? found->data : pages_mistake(found->data));
	return false;
}

/* One event of bytes with JSON_PADDING behind them. False: they are not JSON, and result says why. */
static bool emit(struct answer *answer, const char *bytes, size_t length, struct json_result *result)
{
	struct poll *poll = answer->poll;
	struct source *source = &poll->rest->source;
	char limit[UNIT_TEXT_MAX];

	if (!json_scan(bytes, length, NULL, NULL, JSON_FACTS, result))
		return false;
	meta_data(answer, bytes + result->start, result->end - result->start, result->flags & JSON_SPACED);
	if (!source_event(source, poll->name, event_time(answer->response), answer->line.data, answer->line.length))
		source_bad(source, bytes, length, "'%s': event longer than %s (--max-line)", poll->shown,
		           unit_size_text(limit, source->max_line));
	if (find_cursor(answer, bytes + result->start, result->end - result->start))
		place_see(&poll->place, answer->scratch.data, poll->rest->cursor_take);
	return true;
}

static void emit_element(struct answer *answer, const char *bytes, size_t length)
{
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
}

/*
 * items_found: an element, or one that is too long to be held. Those that are events since a try before are passed over, if
 * they are still the same.
 */
static bool take_element(void *context, const char *bytes, size_t length)
{
	struct answer *answer = context;
	struct poll *poll = answer->poll;
	struct place *place = &poll->place;
	int64_t number = (int64_t)answer->items.count;

	answer->hash = place_hash(answer->hash, bytes, bytes ? length : 0);
	if (number <= place->elements) {
		answer->changed = number == place->elements && answer->hash != place->hash;
		return !answer->changed;
	}
	emit_element(answer, bytes, length);
	if (!poll->rest->overlap) {
		place->elements = number;
		place->hash = answer->hash;
		places_note(poll, false);
	}
	return true;
}

void answer_init(struct answer *answer, struct poll *poll)
{
	const char *mistake;

	*answer = (struct answer){
		.poll = poll,
		.begun = moment_now(),
		.asked = moment_unix(),
		.scheduled = poll->place.scheduled,
	};
	if (poll->rest->items)
		items_init(&answer->items, poll->rest->items, poll->rest->source.max_line, take_element, answer,
		           &mistake);
	if (poll->rest->next_program || poll->rest->until_program)
		answer->items.envelope_limit = poll->rest->source.max_line;
	request_init(&answer->request, poll);
}

void answer_free(struct answer *answer)
{
	if (answer->poll->rest->items)
		items_free(&answer->items);
	request_free(&answer->request);
	text_free(&answer->body);
	text_free(&answer->line);
	text_free(&answer->scratch);
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
	uint64_t hash;
	size_t mark;

	json_pad(body);
	hash = place_hash(0, body->data, body->length);
	if (!poll->rest->overlap && poll->place.elements > 0 && poll->place.hash == hash)
		return ANSWER_GOOD; /* it is an event since a try before, which did not find the next page */
	mark = body->length >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (emit(answer, body->data + mark, body->length - mark, &result)) {
		poll->place.elements = 1;
		poll->place.hash = hash;
		return ANSWER_GOOD;
	}
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
	if (answer->changed)
		return ANSWER_CHANGED;
	if (response->failure == HTTP_OK && response->status == 304 && answer->request.asks_if)
		return ANSWER_UNCHANGED;
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
	else if (!rest->overlap && (int64_t)answer->items.count < answer->poll->place.elements)
		verdict = ANSWER_CHANGED;
	return verdict;
}
