/*
 * pype-batch: many events to one.
 *
 * Events are piled up by key, as they came, and a pile goes out as a batch. The mark stays before the first event of the oldest
 * pile; what went out behind it is noted (handled.h). Where there is no room for either, the oldest pile goes out before its
 * time.
 */
#include <stdlib.h>

#include "common/handled.h"
#include "common/json_text.h"
#include "common/key_map.h"
#include "common/key_paths.h"
#include "common/moment.h"
#include "common/option.h"
#include "common/signals.h"
#include "common/stage.h"
#include "common/stage_held.h"
#include "common/stage_loop.h"
#include "common/unit.h"

static const struct option_program program = {
	.name = "pype-batch",
	.summary = "gather events into one",
	.operands = "",
};

enum {
	PILES_KEPT = HANDLED_MOST / 2, /* most at a time under a runner, and most that go out behind a mark */
	LINES_HELD = 4, /* of the greatest length, in all piles together */
};

struct pile {
	struct text data; /* the events, commas between them */
	struct text key; /* the values of --by, as JSON */
	uint64_t count;
	struct stage_place place; /* of the first */
	int64_t until; /* --time */
	char time[UNIT_TEXT_MAX]; /* of the last event that has one; "": none had */
};

struct batch {
	int64_t count, time, most;
	uint64_t size;
	char *name;
	struct key_paths by;

	struct stage stage;
	struct handled handled;
	int time_slot;
	struct key_map piles; /* by the order of their first events */
	uint64_t held; /* bytes in them */
	struct stage_place pending; /* the current event's, while piles go out before it */
	struct text head; /* of a batch, up to the time */
	struct text line, fingerprinted;
	uint64_t batches;
};

static void check_options(struct batch *batch)
{
	static const int64_t most_keys = 1000000;
	const char *mistake;

	if (batch->count == 0 && batch->size == 0 && batch->time == 0)
		die("one of --count, --size and --time is needed");
	if (batch->most < 1 || batch->most > most_keys)
		die("--max-keys: from 1 to %lld", (long long)most_keys);
	key_paths_compile(&batch->by, &batch->stage.want, "by");
	batch->time_slot = json_want_path(&batch->stage.want, ".time", &mistake);
	text_add_string(&batch->head, "{\"event\":");
	json_add_string(&batch->head, batch->name, strlen(batch->name));
	text_add_string(&batch->head, ",\"time\":");
}

/* ---- out ---- */

static void set_held(struct batch *batch, bool pending)
{
	const struct pile *oldest = key_map_oldest(&batch->piles);

	batch->stage.held = oldest ? &oldest->place : pending ? &batch->pending : NULL;
}

static void make_line(struct batch *batch, const struct pile *pile)
{
	struct text *line = &batch->line;
	char now[UNIT_TEXT_MAX];
	size_t length;

	text_clear(line);
	text_add(line, batch->head.data, batch->head.length);
	if (pile->time[0]) {
		text_add_string(line, pile->time);
	} else {
		length = unit_time_text(now, moment_unix());
		text_add(line, now, length);
	}
	if (pile->key.length > 0) {
		text_add_string(line, ",\"key\":");
		text_add(line, pile->key.data, pile->key.length);
	}
	text_add_string(line, ",\"data\":[");
	text_add(line, pile->data.data, pile->data.length);
	text_add_string(line, "]}");
}

/* pending: before the current event is dealt with. */
static void put_out(struct batch *batch, struct pile *pile, bool pending)
{
	struct stage *stage = &batch->stage;
	const struct fingerprint key = *key_map_key(pile);
	uint64_t to, lines;

	make_line(batch, pile);
	stage_will_write(stage, batch->line.length);
	batch->pending = stage_began(stage);
	to = pending ? batch->pending.in : stage_position(stage, &lines);
	batch->held -= pile->data.length;
	text_free(&pile->data);
	text_free(&pile->key);
	key_map_drop(&batch->piles, pile);
	set_held(batch, pending);
	if (!handled_note(&batch->handled, stage, &key, to))
		fail("too many keys for the stage page");
	line_writer_add(&stage->out, batch->line.data, batch->line.length);
	stage_end_handled(stage);
	batch->batches++;
}

static bool put_out_oldest(struct batch *batch, bool pending)
{
	struct pile *oldest = key_map_oldest(&batch->piles);

	if (oldest)
		put_out(batch, oldest, pending);
	return oldest != NULL;
}

/* The oldest piles, as long as there is no room for the mark to stay before them. */
static bool relieve(struct batch *batch, bool pending)
{
	bool any = false;

	while ((batch->handled.count >= PILES_KEPT || stage_crowded(&batch->stage)) && put_out_oldest(batch, pending))
		any = true;
	return any;
}

static void put_out_due(struct batch *batch, bool pending)
{
	struct pile *pile;

	if (batch->time == 0)
		return;
	while ((pile = key_map_oldest(&batch->piles)) && pile->until <= moment_now())
		put_out(batch, pile, pending);
}

/* ---- in ---- */

static void add_key(struct batch *batch, struct pile *pile)
{
	size_t count = batch->by.names.count;

	if (count > 1)
		text_add_char(&pile->key, '[');
	for (size_t i = 0; i < count; i++) {
		const struct json_span *value = &batch->stage.event.spans[batch->by.slots[i]];

		if (i > 0)
			text_add_char(&pile->key, ',');
		if (value->kind == JSON_NONE)
			text_add_string(&pile->key, "null");
		else
			text_add(&pile->key, value->at, value->length);
	}
	if (count > 1)
		text_add_char(&pile->key, ']');
}

static struct pile *begin_pile(struct batch *batch, const struct fingerprint *key)
{
	struct pile *pile = key_map_add(&batch->piles, key);

	pile->place = stage_began(&batch->stage);
	pile->until = batch->time > 0 ? moment_now() + batch->time : INT64_MAX;
	add_key(batch, pile);
	return pile;
}

/* Of a batch with so many bytes of events, at most. */
static uint64_t line_length(const struct batch *batch, uint64_t data, uint64_t key)
{
	return batch->head.length + UNIT_TEXT_MAX + sizeof(",\"key\":,\"data\":[]}") + key + data;
}

static uint64_t key_length(const struct batch *batch)
{
	uint64_t length = 2;

	for (size_t i = 0; i < batch->by.names.count; i++)
		length += batch->stage.event.spans[batch->by.slots[i]].length + sizeof("null");
	return length;
}

/* Piles that must go before the current event can be added to its own. */
static void make_room(struct batch *batch, const struct fingerprint *key, uint64_t length)
{
	uint64_t limit = stage_max_line(&batch->stage), most = LINES_HELD * limit;
	size_t piles = (size_t)batch->most;
	struct pile *pile = key_map_find(&batch->piles, key);

	if (batch->size > 0 && batch->size < limit)
		limit = batch->size;
	if (stage_is_kept(&batch->stage) && piles > PILES_KEPT)
		piles = PILES_KEPT;
	if (pile && line_length(batch, pile->data.length + 1 + length, pile->key.length) > limit) {
		put_out(batch, pile, true);
		relieve(batch, true);
	}
	while (batch->held + length > most && put_out_oldest(batch, true))
		relieve(batch, true);
	if (!key_map_find(&batch->piles, key) && batch->piles.count == piles) {
		put_out_oldest(batch, true);
		relieve(batch, true);
	}
}

static void note_time(const struct batch *batch, struct pile *pile)
{
	const struct json_span *time = &batch->stage.event.spans[batch->time_slot];

	if (time->kind != JSON_NUMBER || time->length >= sizeof(pile->time))
		return;
	memcpy(pile->time, time->at, time->length);
	pile->time[time->length] = '\0';
}

/* Whether a batch of this event would be nested deeper than events may be. */
static bool too_deep(const char *at, const char *end)
{
	enum { AROUND = 2, DEEPEST = JSON_DEPTH - AROUND };
	bool string = false;
	int depth = 0;

	if (end - at <= 2 * DEEPEST)
		return false;
	for (; at < end && depth <= DEEPEST; at++) {
		if (*at == '"')
			string = !string;
		else if (string)
			at += *at == '\\';
		else if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
	}
	return depth > DEEPEST;
}

static void add(struct batch *batch, const struct fingerprint *key)
{
	const struct event *event = &batch->stage.event;
	uint64_t length = event->json.end - event->json.start;
	struct pile *pile;

	if (line_length(batch, length, key_length(batch)) > stage_max_line(&batch->stage)) {
		stage_bad(&batch->stage, "too long for a batch (--max-line)");
		return;
	}
	if (too_deep(event->line + event->json.start, event->line + event->json.end)) {
		stage_bad(&batch->stage, "nested too deep for a batch");
		return;
	}
	make_room(batch, key, length);
	pile = key_map_find(&batch->piles, key);
	if (!pile)
		pile = begin_pile(batch, key);
	if (pile->count++ > 0)
		text_add_char(&pile->data, ',');
	batch->held -= pile->count > 1 ? pile->data.length - 1 : 0;
	text_add(&pile->data, event->line + event->json.start, length);
	batch->held += pile->data.length;
	note_time(batch, pile);
	if (pile->count == (uint64_t)batch->count)
		put_out(batch, pile, false);
}

static void handle(struct batch *batch)
{
	struct fingerprint key;

	put_out_due(batch, true);
	text_clear(&batch->fingerprinted);
	key_paths_add(&batch->by, batch->stage.event.spans, &batch->fingerprinted);
	key = fingerprint_of(&batch->handled.seed, batch->fingerprinted.data, batch->fingerprinted.length);
	if (!handled_before(&batch->handled, &batch->stage, &key))
		add(batch, &key);
	set_held(batch, false);
	relieve(batch, false);
}

static void read_all(struct batch *batch)
{
	const struct pile *oldest;
	bool more = true;

	while (more && !signals_stop()) {
		put_out_due(batch, false);
		do {
			while (stage_take(&batch->stage))
				handle(batch);
		} while (relieve(batch, false));
		oldest = key_map_oldest(&batch->piles);
		if (stage_wait(&batch->stage, true, oldest ? oldest->until : INT64_MAX))
			more = stage_fill(&batch->stage);
	}
	while (stage_take(&batch->stage))
		handle(batch);
	while (put_out_oldest(batch, false))
		relieve(batch, false);
}

static int run(struct batch *batch)
{
	stage_open(&batch->stage);
	key_map_init(&batch->piles, sizeof(struct pile));
	handled_init(&batch->handled, &batch->stage);
	read_all(batch);
	stage_flush(&batch->stage);
	message_info("%llu batches", (unsigned long long)batch->batches);
	key_map_free(&batch->piles);
	text_free(&batch->line);
	text_free(&batch->fingerprinted);
	return stage_close(&batch->stage);
}

int main(int argc, char **argv)
{
	struct batch batch = {.most = 1000, .name = (char[]){"batch"}};
	const struct option options[] = {
		OPTION_NUMBER('n', "count", "N", &batch.count, "a batch goes out when it has N events"),
		OPTION_SIZE('s', "size", "SIZE", &batch.size, "… before its line would be longer than SIZE"),
		OPTION_DURATION('t', "time", "TIME", &batch.time, "… TIME after its first event"),
		OPTION_LIST('b', "by", "PATH", &batch.by.names, "a batch for each value of this; may be repeated"),
		OPTION_STRING(0, "name", "NAME", &batch.name, "name of the events (batch)"),
		OPTION_NUMBER(0, "max-keys", "N", &batch.most, "batches at a time; the oldest goes out (1000)"),
		OPTION_END,
	};
	int status;

	(void)argc;
	option_parse_both(&program, options, stage_options(&batch.stage), argv);
	check_options(&batch);
	status = option_checking() ? STATUS_OK : run(&batch);
	key_paths_free(&batch.by);
	text_free(&batch.head);
	json_want_free(&batch.stage.want);
	return status;
}
