/*
 * outlet: events on their way to standard output. Deliveries go first, in order; then the sockets that have waited for room.
 *
 * What is written is pushed before the loop waits, or earlier if somebody waits for it to be safe.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/listen/listen.h"
#include "common/moment.h"
#include "common/unit.h"

static const double look_again = 0.005, look_again_with_bell = 0.1;

bool outlet_full(const struct listen *listen)
{
	return listen->count > 0 && listen->source.events >= (uint64_t)listen->count;
}

bool outlet_empty(const struct listen *listen)
{
	return !listen->outlet.first;
}

bool outlet_has(const struct listen *listen, uint64_t id)
{
	for (struct delivery *delivery = listen->outlet.first; delivery; delivery = delivery->next)
		if (id && delivery->id == id && !delivery->written)
			return true;
	return false;
}

static void free_delivery(struct delivery *delivery)
{
	free(delivery->name);
	text_free(&delivery->lines);
	free(delivery);
}

static void emit(struct listen *listen, const char *name, int64_t time, const char *data, size_t length)
{
	listen->outlet.dirty = true;
	if (!source_event(&listen->source, name, time, data, length))
		source_bad(&listen->source, data, length, "an event is longer than --max-line");
}

/* Notes the id with the delivery's last event, so that both are out or neither. */
static void note_id(struct listen *listen, struct delivery *delivery)
{
	uint64_t cursor[IDS_CURSOR];

	if (!delivery->id)
		return;
	ids_note(&listen->ids, delivery->id, UINT64_MAX >> 1);
	source_cursor(&listen->source, cursor, ids_save(&listen->ids, cursor));
}

/* False: there is no room for all of it. */
static bool write_delivery(struct listen *listen, struct delivery *delivery)
{
	while (delivery->at < delivery->lines.length) {
		const char *line = delivery->lines.data + delivery->at;
		size_t length =
			(size_t)((const char *)memchr(line, '\n', delivery->lines.length - delivery->at) - line);

		if (!source_room(&listen->source, length))
			return false;
		delivery->at += length + 1;
		if (delivery->at == delivery->lines.length)
			note_id(listen, delivery);
		emit(listen, delivery->name, delivery->time, line, length);
	}
	delivery->written = true;
	text_free(&delivery->lines);
	return true;
}

/* Pushes, and notes how far that is. */
static void push(struct listen *listen)
{
	uint64_t position;

	if (!listen->outlet.dirty)
		return;
	listen->outlet.dirty = false;
	position = source_push(&listen->source);
	for (struct delivery *delivery = listen->outlet.first; delivery && delivery->written;
	     delivery = delivery->next) {
		if (delivery->position == UINT64_MAX) {
			delivery->position = position;
			ids_place(&listen->ids, delivery->id, position);
		}
	}
}

static void drop_first(struct listen *listen)
{
	struct outlet *outlet = &listen->outlet;
	struct delivery *delivery = outlet->first;

	outlet->first = delivery->next;
	if (!outlet->first)
		outlet->last = &outlet->first;
	free_delivery(delivery);
}

/* Writes what there is room for, and lets go of what is safe. True: it got on, or there is nothing more. */
static void pump(struct listen *listen)
{
	struct outlet *outlet = &listen->outlet;

	for (struct delivery *delivery = outlet->first; delivery; delivery = delivery->next)
		if (!delivery->written && !write_delivery(listen, delivery))
			break;
	push(listen);
	while (outlet->first && outlet->first->written && source_safe(&listen->source, outlet->first->position)) {
		if (outlet->first->request)
			request_delivered(outlet->first->request, true);
		drop_first(listen);
	}
	if (outlet_full(listen))
		listen_finish(listen);
}

void outlet_add(struct listen *listen, struct delivery *delivery)
{
	struct outlet *outlet = &listen->outlet;
	bool first = !outlet->first;

	delivery->next = NULL;
	delivery->position = UINT64_MAX;
	*outlet->last = delivery;
	outlet->last = &delivery->next;
	if (first)
		pump(listen);
}

static bool is_blocked(const struct listen *listen)
{
	for (struct delivery *delivery = listen->outlet.first; delivery; delivery = delivery->next)
		if (!delivery->written)
			return true;
	return false;
}

bool outlet_write(struct listen *listen, const char *name, int64_t time, const char *data, size_t length)
{
	if (is_blocked(listen) || outlet_full(listen) || !source_room(&listen->source, length)) {
		listen->outlet.starved = true;
		return false;
	}
	emit(listen, name, time, data, length);
	if (outlet_full(listen))
		listen_finish(listen);
	return true;
}

void outlet_give_up(struct listen *listen, int64_t now)
{
	struct outlet *outlet = &listen->outlet;
	struct delivery **link = &outlet->first;

	while (*link) {
		struct delivery *delivery = *link;
		struct request *request = delivery->request;

		if (!request || delivery->until > now) {
			link = &delivery->next;
			continue;
		}
		delivery->request = NULL;
		/* What has begun goes on to its end, so that an id that comes again is known. */
		if (delivery->at == 0 && !delivery->written) {
			*link = delivery->next;
			if (!*link)
				outlet->last = link;
			free_delivery(delivery);
		} else {
			link = &delivery->next;
		}
		request_delivered(request, false);
	}
}

/* Anything that might have made room. */
static void go_on(struct listen *listen)
{
	pump(listen);
	if (!is_blocked(listen)) {
		listen->outlet.starved = false;
		streams_go_on(listen);
		datagrams_go_on(listen);
	}
}

static void on_bell(struct ev_loop *loop, struct ev_io *watch, int events)
{
	struct listen *listen = watch->data;

	(void)loop;
	(void)events;
	source_bell_clear(&listen->source);
	go_on(listen);
}

static void on_again(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	go_on(timer->data);
}

static void on_before_wait(struct ev_loop *loop, struct ev_prepare *watch, int events)
{
	struct listen *listen = watch->data;
	struct outlet *outlet = &listen->outlet;

	(void)events;
	pump(listen);
	servers_run(listen);
	push(listen);
	if ((outlet->first || outlet->starved) && !ev_is_active(&outlet->again)) {
		ev_now_update(loop);
		ev_timer_set(&outlet->again, source_bell(&listen->source) >= 0 ? look_again_with_bell : look_again, 0.);
		ev_timer_start(loop, &outlet->again);
	}
	listen_check_end(listen);
}

void outlet_open(struct outlet *outlet, struct listen *listen)
{
	const void *cursor;
	size_t length;

	outlet->last = &outlet->first;
	ev_init(&outlet->bell, on_bell);
	ev_init(&outlet->again, on_again);
	ev_prepare_init(&outlet->before_wait, on_before_wait);
	outlet->bell.data = outlet->again.data = outlet->before_wait.data = listen;
	if (source_bell(&listen->source) >= 0) {
		ev_io_set(&outlet->bell, source_bell(&listen->source), EV_READ);
		ev_io_start(listen->loop.loop, &outlet->bell);
	}
	ev_prepare_start(listen->loop.loop, &outlet->before_wait);
	listen->ids.most = (size_t)listen->id_window;
	cursor = source_resumed(&listen->source, &length);
	if (cursor && listen->id)
		ids_load(&listen->ids, cursor, length, source_push(&listen->source));
}

void outlet_free(struct listen *listen)
{
	push(listen);
	while (listen->outlet.first)
		drop_first(listen);
	ids_free(&listen->ids);
}
