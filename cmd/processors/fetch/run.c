/*
 * Events in and out. Lines go out in the order of the events, or with --unordered as their answers come; failures are put away in
 * order in either case, since a successor takes those behind the mark back.
 *
 * The mark stays before the oldest event that is held. With --unordered lines of events behind it are out already: which ones is in the
 * cursor of the mark, a bit for each, so that a successor passes over them.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/stage_held.h"
#include "common/stage_loop.h"

/* ---- marks ---- */

static void settle(struct fetch *fetch)
{
	struct stage *stage = &fetch->stage;
	unsigned char done[PAGE_CURSOR] = {0};
	const struct item *item = fetch->first;
	size_t length = 0;

	stage->held = item ? &item->place : fetch->barred ? &fetch->barrier : NULL;
	if (!stage_is_kept(stage))
		return;
	for (; item; item = item->next) {
		uint64_t bit = item->place.events - fetch->first->place.events;

		if (!item->gone)
			continue;
		if (bit / 8 >= sizeof(done))
			fail("too many events for the stage page");
		done[bit / 8] |= (unsigned char)(1 << bit % 8);
		length = bit / 8 + 1;
	}
	stage_cursor(stage, done, length);
}

static void resume(struct fetch *fetch)
{
	size_t length;
	const void *cursor = stage_resumed(&fetch->stage, &length);

	fetch->done_from = fetch->stage.events;
	if (cursor)
		memcpy(fetch->done, cursor, length);
}

/* A predecessor's line for it is out. */
static bool was_done(const struct fetch *fetch, const struct item *item)
{
	uint64_t bit = item->place.events - fetch->done_from;

	return bit / 8 < sizeof(fetch->done) && (fetch->done[bit / 8] >> bit % 8 & 1);
}

/* ---- items ---- */

static void empty(struct item *item)
{
	text_free(&item->line);
	text_free(&item->reason);
	if (item->call)
		call_release(item->call);
	item->call = NULL;
}

static void drop_first(struct fetch *fetch)
{
	struct item *first = fetch->first;

	fetch->first = first->next;
	if (!fetch->first)
		fetch->last = NULL;
	fetch->item_count--;
	empty(first);
	free(first);
}

/* Its line is out, or is about to be. */
static void let_go(struct fetch *fetch, struct item *item)
{
	empty(item);
	item->gone = true;
	while (fetch->first && fetch->first->gone)
		drop_first(fetch);
	settle(fetch);
}

static struct item *add_item(struct fetch *fetch)
{
	const struct event *event = &fetch->stage.event;
	struct item *item = xcalloc(1, sizeof(*item));

	item->place = stage_began(&fetch->stage);
	item->start = event->json.start;
	item->end = event->json.end;
	if (fetch->last)
		fetch->last->next = item;
	else
		fetch->first = item;
	fetch->last = item;
	fetch->item_count++;
	return item;
}

/* ---- in ---- */

static void begin_call(struct fetch *fetch, struct item *item)
{
	struct request request = {0};
	struct fingerprint key = {0};

	if (!result_prepare(fetch, item) || !request_init(&request, fetch, &item->reason)) {
		request_free(&request);
		return;
	}
	item->call = cache_find(fetch, &request, &key);
	if (item->call) {
		request_free(&request);
		return;
	}
	item->call = call_new(fetch, &request);
	item->call->key = key;
	cache_add(fetch, item->call);
	if (fetch->running < fetch->jobs)
		call_start(item->call);
	else
		fetch->waiting = item->call;
}

static void begin(struct fetch *fetch)
{
	const struct event *event = &fetch->stage.event;
	struct item *item = add_item(fetch);

	fetch->barred = false;
	if (was_done(fetch, item)) {
		let_go(fetch, item);
		return;
	}
	text_add(&item->line, event->line, event->length);
	begin_call(fetch, item);
	settle(fetch);
}

static uint64_t held_bytes(const struct fetch *fetch)
{
	uint64_t bytes = 0;

	for (const struct item *item = fetch->first; item; item = item->next)
		bytes += item->line.length + (item->call ? item->call->value.length : 0);
	return bytes;
}

static bool has_room(const struct fetch *fetch)
{
	if (fetch->waiting || (fetch->stopping && stage_is_kept(&fetch->stage)))
		return false;
	if (fetch->running >= fetch->jobs && fetch->cache_time == 0)
		return false;
	return fetch->item_count < (size_t)(AHEAD * fetch->jobs) && held_bytes(fetch) < HELD_BYTES;
}

/* ---- out ---- */

static void put_out(struct fetch *fetch, struct item *item)
{
	struct stage *stage = &fetch->stage;

	stage_will_write(stage, fetch->line.length);
	let_go(fetch, item);
	line_writer_add(&stage->out, fetch->line.data, fetch->line.length);
	stage_end_handled(stage);
}

static void put_away(struct fetch *fetch, struct item *first)
{
	stage_bad_held(&fetch->stage, &first->place, first->line.data, first->line.length, first->reason.data);
	for (struct item *item = first->next; item; item = item->next)
		item->place.bad++;
	if (fetch->barred)
		fetch->barrier.bad++;
	let_go(fetch, first);
}

/* The program is to end with 2: all before this event is out. */
static _Noreturn void end_for_good(struct fetch *fetch, const struct call *call)
{
	stage_idle(&fetch->stage);
	die("'%s': %s", call_shown(call), call->reason.data);
}

/* Deals with an item whose answer is there. False: it has to wait for those before it. */
static bool deal_with(struct fetch *fetch, struct item *item)
{
	const struct call *call = item->call;
	bool first = item == fetch->first;

	if (!first && !fetch->unordered)
		return false;
	if (call && (call->state == CALL_LEFT || (call->state == CALL_FATAL && !first)))
		return false;
	if (call && call->state == CALL_FATAL)
		end_for_good(fetch, call);
	if (item->stuck && !first)
		return false;
	if (!item->stuck && result_make(fetch, item)) {
		put_out(fetch, item);
		return true;
	}
	item->stuck = true;
	if (first)
		put_away(fetch, item);
	return first;
}

static bool is_ready(const struct item *item)
{
	return !item->gone && (!item->call || call_is_over(item->call));
}

static void deal_with_all(struct fetch *fetch)
{
	struct item *item = fetch->first, *next;

	while (item) {
		next = item->next;
		if (is_ready(item) && deal_with(fetch, item)) {
			/* Those before may be gone with it, and it itself: what is the first now may be a failure that waited. */
			item = fetch->first;
			continue;
		}
		if (!fetch->unordered)
			break;
		item = next;
	}
}

static void start_waiting(struct fetch *fetch)
{
	struct call *call = fetch->waiting;

	if (!call || fetch->running >= fetch->jobs)
		return;
	fetch->waiting = NULL;
	call_start(call);
}

/* ---- the loop ---- */

static void on_input(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct fetch *fetch = io->data;

	(void)events;
	ev_io_stop(loop, io);
	fetch->readable = true;
}

static void on_stop(void *context)
{
	struct fetch *fetch = context;

	fetch->stopping = true;
	calls_stop(fetch);
}

static void wait_for_answers(struct fetch *fetch)
{
	stage_idle(&fetch->stage);
	ev_run(fetch->loop.loop, EVRUN_ONCE);
	deal_with_all(fetch);
	start_waiting(fetch);
}

/* Nothing is waited for: what is held, if anything, are answers that will not come, since it was told to stop. */
static bool only_left(const struct fetch *fetch)
{
	for (const struct item *item = fetch->first; item; item = item->next)
		if (!is_ready(item))
			return false;
	return true;
}

/* stage's before_bad. */
static void finish_before(struct stage *stage, const struct stage_place *line)
{
	struct fetch *fetch = stage->context;

	fetch->barrier = *line;
	fetch->barred = true;
	settle(fetch);
	while (!only_left(fetch))
		wait_for_answers(fetch);
}

static void read_events(struct fetch *fetch)
{
	fetch->dry = false;
	while (!fetch->dry && has_room(fetch)) {
		fetch->dry = !stage_take(&fetch->stage);
		if (!fetch->dry) {
			begin(fetch);
			deal_with_all(fetch);
		}
	}
	fetch->barred = false;
	settle(fetch);
}

/* All that it was given, or that it is to finish before it stops. */
static bool is_done(const struct fetch *fetch, bool more)
{
	bool stops = fetch->stopping && stage_is_kept(&fetch->stage);

	return !more && (fetch->dry || stops) && only_left(fetch);
}

static void work(struct fetch *fetch)
{
	bool more = true;

	for (;;) {
		read_events(fetch);
		more = more && !fetch->stopping;
		if (is_done(fetch, more))
			break;
		if (more && fetch->dry)
			ev_io_start(fetch->loop.loop, &fetch->input);
		else
			ev_io_stop(fetch->loop.loop, &fetch->input);
		fetch->readable = false;
		wait_for_answers(fetch);
		if (more && fetch->dry && fetch->readable)
			more = stage_fill(&fetch->stage);
	}
}

int run(struct fetch *fetch)
{
	struct stage *stage = &fetch->stage;

	stage->context = fetch;
	stage->before_bad = finish_before;
	stage_open(stage);
	source_loop_open(&fetch->loop, on_stop, fetch);
	ev_io_init(&fetch->input, on_input, stage_descriptor(stage), EV_READ);
	fetch->input.data = fetch;
	fetch->asks = http_asks_new(fetch->loop.loop, &fetch->settings, &fetch->auth, &fetch->rate);
	cache_init(fetch);
	resume(fetch);
	work(fetch);
	stage_idle(stage);
	stage->left = fetch->first || (fetch->stopping && stage_is_kept(stage) && !stage_ended(stage));
	while (fetch->first)
		drop_first(fetch);
	if (message_hidden(&fetch->retries))
		message_warning("%llu failures that were followed by another try",
		                (unsigned long long)fetch->retries.count);
	cache_free(fetch);
	http_asks_free(fetch->asks);
	source_loop_close(&fetch->loop);
	return stage_close(stage);
}
