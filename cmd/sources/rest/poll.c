/*
 * When a URL is asked: at the slots of --every or --cron, and after a failure when the pause is over. One watcher at a time
 * waits for what comes next: the slot, which is set when a poll begins, or the pause that replaces it.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/rest/rest.h"
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
	return poll->rest->count > 0 && poll->answered >= poll->rest->count;
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

/* Waits for the next slot. */
static void arm_slot(struct poll *poll)
{
	struct rest *rest = poll->rest;
	int64_t now = rest->cron ? moment_unix() : moment_now(), slot;

	if (!rest->cron) {
		/* Counted from the first poll, so that there is no drift. */
		slot = poll->start + ((now + EARLY - poll->start) / rest->every + 1) * rest->every;
		arm_pause(poll, slot - now);
		return;
	}
	disarm(poll);
	if (!schedule_next(&rest->schedule, now + EARLY, &slot))
		return; /* in the year 2261 */
	ev_periodic_set(&poll->slot, (double)slot / UNIT_S, 0, NULL);
	ev_periodic_start(rest->loop.loop, &poll->slot);
}

static void took(void *context, const struct http_response *response);

static void begin(struct poll *poll)
{
	struct rest *rest = poll->rest;
	static const char *const json[] = {"Accept: application/json, */*;q=0.5", "Content-Type: application/json",
	                                   NULL};
	static const char *const plain[] = {"Accept: application/json, */*;q=0.5", NULL};
	struct answer *answer = xcalloc(1, sizeof(*answer));
	struct http_request request = {
		.url = poll->url,
		.method = rest->method,
		.headers = rest->data ? json : plain,
		.body = rest->data,
		.length = rest->data ? strlen(rest->data) : 0,
		.max_body = rest->max_body,
		.piece = answer_piece,
		.done = took,
		.context = answer,
	};

	answer_init(answer, poll);
	answer->begun = moment_now();
	answer->next = poll->answers;
	answer->link = &poll->answers;
	if (answer->next)
		answer->next->link = &answer->next;
	poll->answers = answer;
	poll->flying++;
	message_debug("'%s': asking", poll->shown);
	answer->ask = http_ask(rest->asks, &request);
	if (rest->count == 0 || poll->answered + poll->flying < rest->count)
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
	if (poll->flying < (poll->rest->overlap ? OVERLAP_MAX : 1)) {
		begin(poll);
		return;
	}
	if (message_pass(&poll->busy))
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
	if (retry_after > rest->retry_after_max)
		retry_after = rest->retry_after_max;
	if (pause < retry_after)
		pause = retry_after;
	return (pause + UNIT_MS - 1) / UNIT_MS * UNIT_MS;
}

static void succeeded(struct poll *poll)
{
	struct rest *rest = poll->rest;
	bool again = poll->failures > 0;

	if (message_hidden(&poll->limit))
		message_warning("'%s': good again after %lld failures", poll->shown, (long long)poll->failures);
	poll->limit.count = 0;
	poll->failures = 0;
	poll->answered++;
	if (rest->ending || finished(poll))
		disarm(poll);
	else if (again && (rest->count == 0 || poll->answered + poll->flying < rest->count))
		arm_slot(poll);
}

static void failed(struct poll *poll, const struct http_response *response, const char *reason, enum verdict verdict)
{
	bool said = verdict == ANSWER_SAID;
	struct rest *rest = poll->rest;
	char pause[UNIT_TEXT_MAX];
	int64_t nanoseconds;

	poll->failures++;
	if (response->failure == HTTP_SETUP || verdict == ANSWER_FATAL) {
		message_error("'%s': %s", poll->shown, reason);
		give_up(rest, STATUS_POINTLESS);
	} else if (rest->max_failures > 0 && poll->failures >= rest->max_failures) {
		if (rest->max_failures > 1)
			message_error("'%s': %s; given up after %lld failures in a row", poll->shown, reason,
			              (long long)poll->failures);
		else if (!said)
			message_error("'%s': %s", poll->shown, reason);
		if (rest->status != STATUS_POINTLESS)
			give_up(rest, STATUS_FAILED);
	} else if (!rest->ending) {
		nanoseconds = pause_after(poll, response->retry_after);
		if (!said && message_pass(&poll->limit))
			message_warning("'%s': %s; next try in %s", poll->shown, reason,
			                unit_duration_text(pause, nanoseconds));
		arm_pause(poll, nanoseconds);
	} else if (!said) {
		message_warning("'%s': %s", poll->shown, reason);
	}
}

/*
 * The place that a runner keeps, one of these for each URL: how many answers have become events, and on the clock on the wall
 * when the first poll and the newest good one began. More URLs than fit into a cursor have none: their polls begin anew.
 */
struct place {
	int64_t answered, start, begun;
};

static size_t places_size(const struct rest *rest)
{
	size_t size = rest->poll_count * sizeof(struct place);

	return size <= PAGE_CURSOR ? size : 0;
}

static void note_places(const struct rest *rest, struct source *source)
{
	struct place places[PAGE_CURSOR / sizeof(struct place)];
	int64_t offset = moment_unix() - moment_now();

	if (places_size(rest) == 0)
		return;
	for (size_t i = 0; i < rest->poll_count; i++) {
		const struct poll *poll = &rest->polls[i];

		places[i] = (struct place){poll->answered, poll->start + offset, poll->begun + offset};
	}
	source_cursor(source, places, places_size(rest));
}

/* Goes on where the predecessor was. False: there is no place, or its time is over: a poll is due. */
static bool find_place(struct poll *poll)
{
	struct rest *rest = poll->rest;
	size_t length, number = (size_t)(poll - rest->polls);
	const char *cursor = source_resumed(&rest->source, &length);
	int64_t offset = moment_unix() - moment_now(), slot;
	struct place place;

	if (!cursor || length == 0 || length != places_size(rest))
		return false;
	memcpy(&place, cursor + number * sizeof(place), sizeof(place));
	poll->answered = place.answered;
	if (place.answered == 0)
		return false;
	poll->start = place.start - offset;
	poll->begun = place.begun - offset;
	if (rest->cron)
		return !schedule_next(&rest->schedule, place.begun + EARLY, &slot) || slot > moment_unix();
	return poll->begun <= moment_now() && moment_now() < poll->begun + rest->every;
}

/* http_request's done. */
static void took(void *context, const struct http_response *response)
{
	struct answer *answer = context;
	struct poll *poll = answer->poll;
	struct text reason = {0};
	enum verdict verdict = answer_end(answer, response, &reason);
	int64_t begun;

	begun = answer->begun;
	drop(answer);
	if (verdict == ANSWER_GOOD) {
		poll->begun = begun;
		succeeded(poll);
		note_places(poll->rest, &poll->rest->source);
	} else {
		failed(poll, response, reason.data, verdict);
	}
	source_flush(&poll->rest->source);
	text_free(&reason);
	end_if_over(poll->rest);
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
	char *url;

	*poll = (struct poll){.rest = rest};
	poll->name = length ? xstrndup(operand, length) : xstrdup(rest->name);
	ev_init(&poll->timer, timer_due);
	ev_init(&poll->slot, slot_due);
	poll->timer.data = poll->slot.data = poll;
	if (secret && option_checking())
		return;
	url = option_secret(given);
	mistake = http_url(url, &poll->url, &poll->shown);
	if (mistake)
		die("bad URL '%s': %s", secret ? given : url, mistake);
	free(url);
}

void poll_start(struct poll *poll)
{
	bool early;

	poll->start = moment_now();
	early = find_place(poll);
	if (finished(poll))
		arm_pause(poll, 0);
	else if (early || (poll->rest->cron && poll->answered == 0))
		arm_slot(poll);
	else
		begin(poll);
}

void poll_free(struct poll *poll)
{
	disarm(poll);
	while (poll->answers) {
		http_ask_abort(poll->answers->ask);
		drop(poll->answers);
	}
	if (message_hidden(&poll->busy))
		message_warning("'%s': %llu polls left out", poll->shown, (unsigned long long)poll->busy.count);
	free(poll->name);
	free(poll->url);
	free(poll->shown);
}
