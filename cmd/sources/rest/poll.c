/*
 * When a URL is asked: at the slots of --every or --cron, for a further page at once, and after a failure when the pause is over. One
 * watcher at a time waits for what comes next: the slot, which is set when a poll begins, or the pause that replaces it.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/rest/rest.h"
#include "common/backoff.h"
#include "common/http_headers.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

enum {
	OVERLAP_MAX = 64,
	EARLY = 10 * UNIT_US, /* libev's times are doubles: a watcher may come this much before its time */
};

static void disarm(struct poll *poll)
{
	ev_timer_stop(poll->rest->loop.loop, &poll->timer);
	ev_periodic_stop(poll->rest->loop.loop, &poll->slot);
}

static bool finished(const struct poll *poll)
{
	return poll->rest->count > 0 && poll->place.answers >= poll->rest->count;
}

/* Leaves the loop when nothing is to come any more. */
static void end_if_over(struct rest *rest)
{
	for (size_t i = 0; i < rest->poll_count; i++)
		if (rest->polls[i].flying > 0 || !(rest->ending || finished(&rest->polls[i])))
			return;
	source_loop_leave(&rest->loop);
}

/* No poll begins any more; those under way are waited for. */
static void give_up(struct rest *rest, int status)
{
	rest->ending = true;
	rest->status = status;
	for (size_t i = 0; i < rest->poll_count; i++)
		disarm(&rest->polls[i]);
}

static void arm_pause(struct poll *poll, int64_t pause)
{
	disarm(poll);
	source_loop_after(&poll->rest->loop, &poll->timer, pause);
}

/* The poll that began at poll->start is one of a grid, so that there is no drift; the last slot that is not after now. */
static int64_t grid(const struct poll *poll, int64_t now)
{
	return poll->start + (now - poll->start) / poll->rest->every * poll->rest->every;
}

/* Waits for the next slot. */
static void arm_slot(struct poll *poll)
{
	struct rest *rest = poll->rest;
	int64_t now = rest->cron ? moment_unix() : moment_now(), slot;

	if (!rest->cron) {
		slot = grid(poll, now + EARLY) + rest->every;
		arm_pause(poll, slot - now);
		poll->due = moment_unix() + slot - now;
		return;
	}
	disarm(poll);
	if (!schedule_next(&rest->schedule, now + EARLY, &slot))
		return; /* in the year 2261 */
	poll->due = slot;
	ev_periodic_set(&poll->slot, (double)slot / UNIT_S, 0, NULL);
	ev_periodic_start(rest->loop.loop, &poll->slot);
}

static bool more_to_come(const struct poll *poll)
{
	return poll->rest->count == 0 || poll->place.answers + poll->flying < poll->rest->count;
}

static void took(void *context, const struct http_response *response);

/* Makes the request that the poll's place asks for. */
static void ask(struct poll *poll)
{
	struct rest *rest = poll->rest;
	struct answer *answer = xcalloc(1, sizeof(*answer));
	struct http_request request;

	answer_init(answer, poll);
	answer->next = poll->answers;
	answer->link = &poll->answers;
	if (answer->next)
		answer->next->link = &answer->next;
	poll->answers = answer;
	poll->flying++;
	request = (struct http_request){
		.url = answer->request.url,
		.method = rest->method,
		.headers = (const char *const *)answer->request.headers.items,
		.body = answer->request.body,
		.length = answer->request.body ? strlen(answer->request.body) : 0,
		.max_body = rest->max_body,
		.piece = answer_piece,
		.done = took,
		.context = answer,
	};
	message_debug("'%s': asking", poll->shown);
	answer->exchange = exchange_start(rest, &request);
}

/* A poll begins, with its first page. */
static void begin(struct poll *poll)
{
	place_close(&poll->place);
	poll->place.opened = moment_unix();
	poll->place.scheduled = poll->due;
	ask(poll);
	if (more_to_come(poll))
		arm_slot(poll);
}

static void drop(struct answer *answer)
{
	*answer->link = answer->next;
	if (answer->next)
		answer->next->link = answer->link;
	answer->poll->flying--;
	answer_free(answer);
	free(answer);
}

static void due(struct poll *poll)
{
	if (finished(poll)) {
		end_if_over(poll->rest);
		return;
	}
	if (poll->flying == 0 && poll->failures > 0 && poll->place.opened > 0) {
		/* Behind a pause: the same poll, where it was. */
		ask(poll);
		if (more_to_come(poll))
			arm_slot(poll);
		return;
	}
	if (poll->flying < (poll->rest->overlap ? OVERLAP_MAX : 1)) {
		begin(poll);
		return;
	}
	if (message_pass(&poll->left_out))
		message_warning("'%s': the poll before is not over, this one is left out", poll->shown);
	arm_slot(poll);
}

static void timer_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	due(timer->data);
}

static void slot_due(struct ev_loop *loop, struct ev_periodic *slot, int events)
{
	(void)loop;
	(void)events;
	due(slot->data);
}

/*
 * The pause after a failure: by chance between D and 2 D. D is --retry-min at first, or half of --every if that is less, so
 * that the first try is not later than the next poll would be; it doubles with each failure in a row. Nothing is
 * longer than --retry-max, but for what the server asks for.
 */
static int64_t pause_after(struct poll *poll, int64_t retry_after)
{
	struct rest *rest = poll->rest;
	int64_t least = rest->retry_min, most, pause;

	if (!rest->cron && least > rest->every / 2)
		least = (rest->every + 1) / 2;
	for (int64_t i = 1; i < poll->failures && least < rest->retry_max / 2; i++)
		least *= 2;
	most = least < rest->retry_max / 2 ? 2 * least : rest->retry_max;
	pause = least + (int64_t)(erand48(rest->random) * (double)(most - least));
	return backoff_heed(pause, retry_after, rest->retry_after_max);
}

static void good_again(struct poll *poll)
{
	if (message_hidden(&poll->limit))
		message_warning("'%s': good again after %lld failures", poll->shown, (long long)poll->failures);
	poll->limit.count = 0;
	poll->failures = 0;
}

/* The poll is over, and went well. */
static void succeeded(struct poll *poll)
{
	struct rest *rest = poll->rest;
	bool again = poll->failures > 0;

	good_again(poll);
	if (rest->ending || finished(poll))
		disarm(poll);
	else if (again && more_to_come(poll))
		arm_slot(poll);
}

/* A server that forgets where its pages go on says so by a status that another try does not change. */
static bool is_forgotten(const struct poll *poll, int status)
{
	return poll->place.page > 0 && status >= 400 && status <= 499 && status != 401 && status != 403 &&
	       status != 407 && status != 408 && status != 429;
}

static void give_up_poll(struct poll *poll, int status, const char *reason, bool said)
{
	struct rest *rest = poll->rest;

	if (rest->max_failures > 1)
		message_error("'%s': %s; given up after %lld failures in a row", poll->shown, reason,
		              (long long)poll->failures);
	else if (!said)
		message_error("'%s': %s", poll->shown, reason);
	if (is_forgotten(poll, status)) {
		message_warning("'%s': this was page %lld of a poll, the next start begins with the first one",
		                poll->shown, (long long)(rest->page_start + poll->place.page));
		place_close(&poll->place);
	}
	if (rest->status != STATUS_POINTLESS)
		give_up(rest, STATUS_FAILED);
}

static void failed(struct answer *answer, const char *reason, enum verdict verdict)
{
	const struct http_response *response = answer->response;
	struct poll *poll = answer->poll;
	struct rest *rest = poll->rest;
	char text[UNIT_TEXT_MAX];
	bool said = verdict == ANSWER_SAID;
	int64_t pause = -1;

	poll->failures++;
	if (response->failure == HTTP_SETUP || verdict == ANSWER_FATAL) {
		message_error("'%s': %s", poll->shown, reason);
		give_up(rest, STATUS_POINTLESS);
	} else if (rest->max_failures > 0 && poll->failures >= rest->max_failures) {
		give_up_poll(poll, response->status, reason, said);
	} else if (!rest->ending) {
		pause = pause_after(poll, response->retry_after);
		if (!said && message_pass(&poll->limit))
			message_warning("'%s': %s; next try in %s", poll->shown, reason,
			                unit_duration_text(text, pause));
		arm_pause(poll, pause);
	} else if (!said) {
		message_warning("'%s': %s", poll->shown, reason);
	}
	if (rest->emit_errors)
		meta_error(answer, reason, pause);
}

/* What the answer says about the next request to the same URL. */
static void keep_validators(struct place *place, const struct answer *answer)
{
	const char *at = answer->response->headers;
	struct http_header modified;
	char *value;

	if (!answer->poll->rest->conditional || answer->response->status == 304)
		return;
	value = http_headers_find(&at, "Last-Modified", &modified) ? xstrndup(modified.value, modified.value_length)
	                                                           : NULL;
	place->asked = answer->request.identity;
	place_set(&place->etag, answer->response->etag);
	free(place->modified);
	place->modified = value;
}

/* All pages are through: what the poll has seen is what counts now. */
static void close_place(struct poll *poll, const struct answer *answer)
{
	struct place *place = &poll->place;

	keep_validators(place, answer);
	if (place->seen) {
		free(place->cursor);
		place->cursor = place->seen;
		place->seen = NULL;
	}
	place->answers++;
	place->start = poll->start + moment_unix() - moment_now();
	place->begun = poll->rest->overlap ? answer->asked : place->opened;
	place_close(place);
}

enum step { STEP_OVER, STEP_ASK, STEP_FAILED };

static enum step next_step(struct answer *answer, enum verdict verdict, struct text *reason)
{
	struct poll *poll = answer->poll;

	if (verdict == ANSWER_FAILED || verdict == ANSWER_SAID || verdict == ANSWER_FATAL)
		return STEP_FAILED;
	if (verdict == ANSWER_CHANGED) {
		if (message_pass(&poll->changed))
			message_warning(
				"'%s': what came before the failure is not the same any more: all of it comes again",
				poll->shown);
		poll->place.elements = 0;
		poll->place.hash = 0;
		return STEP_ASK;
	}
	switch (verdict == ANSWER_GOOD ? pages_next(answer, reason) : PAGES_OVER) {
	case PAGES_FAILED:
		return STEP_FAILED;
	case PAGES_MORE:
		good_again(poll);
		return STEP_ASK;
	default:
		close_place(poll, answer);
		return STEP_OVER;
	}
}

/* http_request's done. */
static void took(void *context, const struct http_response *response)
{
	struct answer *answer = context;
	struct poll *poll = answer->poll;
	struct rest *rest = poll->rest;
	struct text reason = {0};
	enum verdict verdict = answer_end(answer, response, &reason);
	enum step step = next_step(answer, verdict, &reason);

	if (step == STEP_FAILED)
		failed(answer, reason.data, verdict);
	drop(answer);
	places_note(poll, true);
	if (step == STEP_OVER)
		succeeded(poll);
	else if (step == STEP_ASK && !rest->ending)
		ask(poll);
	source_flush(&rest->source);
	text_free(&reason);
	end_if_over(rest);
}

/* ---- the beginning and the end ---- */

/* Goes on where the predecessor was. False: there is no place, or its time is over: a poll is due, since poll->due. */
static bool find_place(struct poll *poll)
{
	struct rest *rest = poll->rest;
	const struct place *place = &poll->place;
	int64_t now = moment_unix(), offset = now - moment_now(), slot;

	if (!poll->resumed || place->answers == 0)
		return false;
	poll->start = place->start - offset;
	if (rest->cron) {
		if (!schedule_next(&rest->schedule, place->begun + EARLY, &slot) || slot > now)
			return true;
		if (schedule_before(&rest->schedule, now + 1, &slot))
			poll->due = slot;
		return false;
	}
	if (place->begun <= now && now < place->begun + rest->every)
		return true;
	poll->due = grid(poll, moment_now()) + offset;
	return false;
}

size_t word_length(const char *string)
{
	return strspn(string, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}

void poll_init(struct poll *poll, struct rest *rest, const char *operand)
{
	/* A '=' of the URL's own has a ':', '/', '.' or '?' before it. */
	size_t length = operand[word_length(operand)] == '=' ? word_length(operand) : 0;
	const char *mistake = NULL, *given = length ? operand + length + 1 : operand;
	bool secret = *given == '@' || strncmp(given, "env:", 4) == 0;
	char *url, *sample, *whole;

	*poll = (struct poll){.rest = rest};
	poll->name = length ? xstrndup(operand, length) : xstrdup(rest->name);
	ev_init(&poll->timer, timer_due);
	ev_init(&poll->slot, slot_due);
	poll->timer.data = poll->slot.data = poll;
	if (secret && option_checking())
		return;
	url = option_secret(given);
	sample = request_sample(url);
	mistake = http_url(sample, &whole, &poll->shown);
	if (mistake)
		die("bad URL '%s': %s", secret ? given : url, mistake);
	poll->url = strstr(url, "://") ? xstrdup(url) : text_format("http://%s", url);
	poll->id = place_hash(0, poll->url, strlen(poll->url));
	free(sample);
	free(whole);
	free(url);
}

void poll_start(struct poll *poll)
{
	bool early;

	poll->start = moment_now();
	poll->due = moment_unix();
	early = find_place(poll);
	if (finished(poll)) {
		arm_pause(poll, 0);
	} else if (poll->place.opened > 0) {
		ask(poll);
		if (more_to_come(poll))
			arm_slot(poll);
	} else if (early || (poll->rest->cron && poll->place.answers == 0)) {
		arm_slot(poll);
	} else {
		begin(poll);
	}
}

void poll_free(struct poll *poll)
{
	disarm(poll);
	while (poll->answers) {
		exchange_abort(poll->answers->exchange);
		drop(poll->answers);
	}
	if (message_hidden(&poll->left_out))
		message_warning("'%s': %llu polls left out", poll->shown, (unsigned long long)poll->left_out.count);
	if (message_hidden(&poll->no_cursor))
		message_warning("'%s': %llu events without --cursor", poll->shown,
		                (unsigned long long)poll->no_cursor.count);
	place_clear(&poll->place);
	text_free(&poll->noted);
	free(poll->name);
	free(poll->url);
	free(poll->shown);
}
