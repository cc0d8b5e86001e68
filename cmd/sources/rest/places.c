/*
 * Where all URLs are, for a successor.
 *
 * Under a runner the page holds a journal: the places that have changed since the file was written, each with the event that
 * changed it, so that a kill leaves no doubt. Without --state there is no file, and the journal has all of them. When the journal
 * is full, what was written goes out, the file gets all places, and the journal begins anew. The sequence number says whether a journal was
 * begun after the file was written; if not, the file knows more.
 *
 * Otherwise there is only the file, which is written after an answer, but not more often than once a second, and at the end.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/rest/rest.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/page.h"
#include "common/unit.h"

enum {
	ID_LENGTH = 16,
	ROOM_OF_ONE = 64, /* what a journal of one place has around it */
};

#define WRITE_PAUSE UNIT_S

/* ---- reading ---- */

static struct poll *find(struct rest *rest, const struct json_span *key)
{
	char id[ID_LENGTH + 1];

	if (key->length != ID_LENGTH + 2)
		return NULL;
	for (size_t i = 0; i < rest->poll_count; i++) {
		snprintf(id, sizeof(id), "%016llx", (unsigned long long)rest->polls[i].id);
		if (memcmp(id, key->at + 1, ID_LENGTH) == 0)
			return &rest->polls[i];
	}
	return NULL;
}

/* {"sequence":N,"urls":{"ID":{…},…}}, with JSON_PADDING behind it. False: it is something else. */
static bool read_places(struct rest *rest, const char *json, size_t length, uint64_t *sequence, bool take, bool journal)
{
	struct json_want want = {0};
	struct json_span spans[2], key, value;
	struct json_result result;
	const char *at;
	bool good;

	json_want_member(&want, "sequence", 8);
	json_want_member(&want, "urls", 4);
	good = json_scan(json, length, &want, spans, 0, &result) && spans[0].kind == JSON_NUMBER &&
	       spans[1].kind == JSON_OBJECT;
	json_want_free(&want);
	if (!good)
		return false;
	*sequence = strtoull(spans[0].at, NULL, 10);
	for (at = spans[1].at; take && json_next_member(&at, &key, &value);) {
		struct poll *poll = find(rest, &key);

		if (poll && !place_read(&poll->place, value.at, value.length))
			return false;
		if (poll) {
			poll->resumed = true;
			poll->journaled = journal;
		}
	}
	return true;
}

/* Another run is another count, and its polls have times of their own. */
static void begin_anew(struct rest *rest)
{
	for (size_t i = 0; i < rest->poll_count; i++) {
		rest->polls[i].place.answers = rest->polls[i].place.start = 0;
		rest->polls[i].resumed = rest->polls[i].place.opened > 0;
	}
}

static void read_file(struct rest *rest, struct text *content)
{
	struct places *places = &rest->places;

	if (state_file_open(&places->file, places->path, content) < 0) {
		if (errno == EWOULDBLOCK)
			fail("--state '%s' is in use by another process", places->path);
		fail("--state '%s':", places->path);
	}
	json_pad(content);
	if (content->length > 0 && !read_places(rest, content->data, content->length, &places->sequence, true, false))
		die("--state '%s' holds something else", places->path);
}

static void read_all(struct rest *rest)
{
	struct places *places = &rest->places;
	struct text content = {0}, journal = {0};
	size_t length;
	const void *cursor = source_resumed(&rest->source, &length);
	uint64_t sequence = 0;

	if (places->path)
		read_file(rest, &content);
	if (cursor) {
		text_add(&journal, cursor, length);
		json_pad(&journal);
		if (read_places(rest, journal.data, journal.length, &sequence, false, false) &&
		    sequence >= places->sequence)
			read_places(rest, journal.data, journal.length, &sequence, true, true);
	} else {
		begin_anew(rest);
	}
	text_free(&content);
	text_free(&journal);
	for (size_t i = 0; rest->cursor_start && i < rest->poll_count; i++)
		if (!rest->polls[i].place.cursor)
			place_set(&rest->polls[i].place.cursor, rest->cursor_start);
}

void places_look(struct rest *rest)
{
	read_all(rest);
	if (rest->places.path)
		state_file_close(&rest->places.file);
}

/* ---- writing ---- */

static void add_entry(struct text *text, const struct poll *poll)
{
	text_addf(text, "\"%016llx\":{\"url\":", (unsigned long long)poll->id);
	json_add_string(text, poll->shown, strlen(poll->shown));
	if (poll->noted.length > 0)
		text_add_char(text, ',');
	text_add(text, poll->noted.data, poll->noted.length);
	text_add_char(text, '}');
}

static void note(struct poll *poll)
{
	text_clear(&poll->noted);
	place_add(&poll->noted, &poll->place);
}

/* Puts the journal together. False: it is too long. */
static bool make_journal(struct rest *rest)
{
	struct text *journal = &rest->places.journal;
	const char *before = "";

	text_clear(journal);
	text_addf(journal, "{\"sequence\":%llu,\"urls\":{", (unsigned long long)rest->places.sequence);
	for (size_t i = 0; i < rest->poll_count && journal->length <= PAGE_CURSOR; i++) {
		const struct poll *poll = &rest->polls[i];

		if (!poll->journaled)
			continue;
		text_addf(journal, "%s\"%016llx\":{", before, (unsigned long long)poll->id);
		text_add(journal, poll->noted.data, poll->noted.length);
		text_add_char(journal, '}');
		before = ",";
	}
	text_add_string(journal, "}}");
	return journal->length <= PAGE_CURSOR;
}

static void store_journal(struct rest *rest)
{
	source_cursor(&rest->source, rest->places.journal.data, rest->places.journal.length);
}

/* All places as they were noted last; what they say is written is to be out before. */
static void write_file(struct rest *rest)
{
	struct places *places = &rest->places;
	bool keeps = source_keeps(&rest->source);
	struct text all = {0};

	if (keeps)
		source_settle(&rest->source);
	else
		source_flush(&rest->source);
	places->sequence++;
	text_addf(&all, "{\"sequence\":%llu,\"urls\":{", (unsigned long long)places->sequence);
	for (size_t i = 0; i < rest->poll_count; i++) {
		if (!keeps)
			note(&rest->polls[i]);
		text_add_string(&all, i ? ",\n" : "\n");
		add_entry(&all, &rest->polls[i]);
		rest->polls[i].journaled = false;
	}
	text_add_string(&all, "\n}}\n");
	if (state_file_replace(&places->file, all.data, all.length) < 0)
		fail("cannot write --state '%s':", places->path);
	text_free(&all);
	places->dirty = false;
	places->written = moment_now();
	ev_timer_stop(rest->loop.loop, &places->timer);
}

/* Under a runner the journal begins anew behind it. */
static void write_all(struct rest *rest)
{
	write_file(rest);
	if (source_keeps(&rest->source) && make_journal(rest))
		store_journal(rest);
}

static void write_due(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	write_all(timer->data);
}

static void write_soon(struct rest *rest)
{
	struct places *places = &rest->places;
	int64_t since = moment_now() - places->written;

	if (since >= WRITE_PAUSE) {
		write_all(rest);
	} else if (!places->dirty) {
		places->dirty = true;
		source_loop_after(&rest->loop, &places->timer, WRITE_PAUSE - since);
	}
}

/*
 * The journal has no room for what the poll is to note. The file gets what was noted before, which is what the events that are out
 * have come to, and the poll's new place is the first in a new journal.
 */
static void overflow(struct poll *poll)
{
	struct rest *rest = poll->rest;

	if (rest->places.path) {
		write_file(rest);
		note(poll);
		poll->journaled = true;
	}
	if (rest->places.path ? !make_journal(rest) : poll->noted.length + ROOM_OF_ONE > PAGE_CURSOR)
		fail("'%s': its place has %zu bytes, and a runner keeps %d: the cursor or the next page's token or URL "
		     "is too "
		     "long",
		     poll->shown, poll->noted.length, PAGE_CURSOR - ROOM_OF_ONE);
	if (rest->places.path) {
		store_journal(rest);
		return;
	}
	message_warning("the places of so many URLs are more than a runner keeps: a successor polls all of them anew "
	                "(--state FILE has room for them)");
	rest->places.lost = true;
	source_cursor(&rest->source, "", 0);
}

static void note_in_page(struct poll *poll)
{
	struct rest *rest = poll->rest;
	struct text before = poll->noted;
	bool journaled = poll->journaled;

	poll->noted = (struct text){0};
	note(poll);
	poll->journaled = true;
	if (make_journal(rest)) {
		text_free(&before);
		store_journal(rest);
		return;
	}
	if (rest->places.path) {
		text_free(&poll->noted);
		poll->noted = before;
		poll->journaled = journaled;
	} else {
		text_free(&before);
	}
	overflow(poll);
}

void places_note(struct poll *poll, bool whole)
{
	struct rest *rest = poll->rest;

	if (source_keeps(&rest->source) && !rest->places.lost)
		note_in_page(poll);
	if (whole && rest->places.path)
		write_soon(rest);
}

void places_open(struct rest *rest)
{
	size_t length;
	bool anew;

	ev_init(&rest->places.timer, write_due);
	rest->places.timer.data = rest;
	rest->places.written = moment_now() - WRITE_PAUSE;
	anew = !source_resumed(&rest->source, &length);
	read_all(rest);
	for (size_t i = 0; i < rest->poll_count; i++)
		note(&rest->polls[i]);
	if (anew && rest->places.path && source_keeps(&rest->source))
		write_all(rest);
}

void places_close(struct rest *rest)
{
	if (rest->places.path) {
		write_all(rest);
		state_file_close(&rest->places.file);
	}
	text_free(&rest->places.journal);
}
