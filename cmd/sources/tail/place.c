/*
 * place: where all files have been read to, for a successor: in the page of a runner, and in a state file.
 *
 * The page's cursor is a head of 16 bytes, with the time, and 20 bytes for each file: key (6), offset (6, its highest bit: nothing more is in the
 * file), hashes of the first bytes and of the last (4 each); the least byte first. It is there with every event. If there are more
 * files than it has room for, those whose places have changed least recently are in the state file alone: it is written whenever the
 * cursor is full, which then begins anew. Before that all output is out, so that the state file says nothing that is not true.
 *
 * The state file is lines of JSON, the time and one for each file.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/tail/tail.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/moment.h"
#include "common/unit.h"

enum {
	CURSOR_HEAD = 16,
	ENTRY = 20,
	ENTRIES = (PAGE_CURSOR - CURSOR_HEAD) / ENTRY,
	RELATIVE = 1, /* in the head: what is not in the cursor is in the state file */
};

#define OFFSETS  48
#define WHOLE    (1ULL << (OFFSETS - 1))
#define INTERVAL UNIT_S /* between two writes of the state file */

static const char magic[] = "tail";

/* ---- the cursor ---- */

static void put(char *at, uint64_t value, size_t bytes)
{
	value = htole64(value);
	memcpy(at, &value, bytes);
}

static uint64_t get(const char *at, size_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return le64toh(value);
}

static void put_entry(char *at, const struct place *place)
{
	put(at, place->key, 6);
	put(at + 6, place->offset | (place->whole ? WHOLE : 0), 6);
	put(at + 12, place->head, 4);
	put(at + 16, place->tail, 4);
}

static struct place get_entry(const char *at)
{
	uint64_t offset = get(at + 6, 6);

	return (struct place){
		.key = get(at, 6),
		.offset = offset & ~WHOLE,
		.whole = offset & WHOLE,
		.head = (uint32_t)get(at + 12, 4),
		.tail = (uint32_t)get(at + 16, 4),
		.slot = -1,
	};
}

static bool has_cursor(const struct tail *tail)
{
	return tail->source.keeper.page != NULL;
}

static char *entry(const struct tail *tail, int slot)
{
	return tail->cursor + CURSOR_HEAD + (size_t)slot * ENTRY;
}

static void store_cursor(struct tail *tail)
{
	memcpy(tail->cursor, magic, 4);
	put(tail->cursor + 4, tail->relative ? RELATIVE : 0, 4);
	put(tail->cursor + 8, (uint64_t)tail->looked, 8);
	source_cursor(&tail->source, tail->cursor, CURSOR_HEAD + tail->entries * ENTRY);
}

/* ---- the state file ---- */

static void add_line(struct text *text, const struct place *place, const char *path)
{
	text_add_string(text, "{\"file\":");
	if (path)
		json_add_string(text, path, strlen(path));
	else
		text_add_string(text, "null");
	text_addf(text, ",\"key\":%" PRIu64 ",\"offset\":%" PRIu64 ",\"head\":%u,\"tail\":%u%s}\n", place->key,
	          place->offset, place->head, place->tail, place->whole ? ",\"whole\":true" : "");
}

/* False: it was said why not. */
static bool write_state(struct tail *tail)
{
	struct text text = {0};
	int result;

	source_flush(&tail->source);
	text_addf(&text, "{\"time\":%" PRId64 "}\n", tail->looked);
	for (const struct file *file = tail->files; file; file = file->next) {
		struct place place = file_place(file);

		add_line(&text, &place, file->path);
	}
	for (size_t i = 0; tail->keep_places && i < tail->place_count; i++)
		if (!tail->places[i].found)
			add_line(&text, &tail->places[i], tail->places[i].path);
	result = state_file_replace(&tail->state, text.data, text.length);
	if (result < 0 && message_pass(&tail->state_limit))
		message_error("cannot write the state file '%s': %s; trying again", tail->state_path, strerror(errno));
	text_free(&text);
	tail->dirty = tail->state_failed = result < 0;
	tail->state_due = moment_now() + INTERVAL;
	return result == 0;
}

static void add_place(struct tail *tail, const struct place *place)
{
	for (size_t i = 0; i < tail->place_count; i++)
		if (tail->places[i].key == place->key) {
			char *path = tail->places[i].path;

			tail->places[i] = *place;
			tail->places[i].path = path;
			return;
		}
	tail->places = xreallocarray(tail->places, tail->place_count + 1, sizeof(*tail->places));
	tail->places[tail->place_count++] = *place;
}

static uint64_t number(const struct json_span *span)
{
	return span->kind == JSON_NUMBER ? strtoull(span->at, NULL, 10) : 0;
}

static bool read_line(struct tail *tail, const struct json_want *want, const char *line, size_t length)
{
	enum { PATH, KEY, OFFSET, HEAD_HASH, TAIL_HASH, ALL, TIME, MEMBERS };
	struct json_span spans[MEMBERS];
	struct json_result result;
	struct text path = {0};
	struct place place;

	if (!json_scan(line, length, want, spans, 0, &result))
		return false;
	if (spans[TIME].kind == JSON_NUMBER) {
		tail->left = (int64_t)number(&spans[TIME]);
		return true;
	}
	if (spans[KEY].kind != JSON_NUMBER || spans[OFFSET].kind != JSON_NUMBER)
		return false;
	place = (struct place){
		.key = number(&spans[KEY]),
		.offset = number(&spans[OFFSET]),
		.head = (uint32_t)number(&spans[HEAD_HASH]),
		.tail = (uint32_t)number(&spans[TAIL_HASH]),
		.whole = spans[ALL].kind == JSON_TRUE,
		.slot = -1,
	};
	if (spans[PATH].kind == JSON_STRING) {
		json_add_unescaped(&path, spans[PATH].at, spans[PATH].length);
		place.path = text_detach(&path);
	}
	tail->places = xreallocarray(tail->places, tail->place_count + 1, sizeof(*tail->places));
	tail->places[tail->place_count++] = place;
	return true;
}

static void read_state(struct tail *tail, struct text *text)
{
	static const char *const paths[] = {".file", ".key", ".offset", ".head", ".tail", ".whole", ".time"};
	struct json_want want = {0};
	const char *mistake, *newline;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		json_want_path(&want, paths[i], &mistake);
	json_pad(text);
	for (const char *line = text->data, *end = line + text->length; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline || !read_line(tail, &want, line, (size_t)(newline - line)))
			die("'%s' is not a state file of pype-tail", tail->state_path);
	}
	json_want_free(&want);
}

/* ---- at the start ---- */

static void open_state(struct tail *tail, bool wanted)
{
	struct text text = {0};
	bool there;

	if (state_file_open(&tail->state, tail->state_path, &text) < 0) {
		if (errno == EWOULDBLOCK)
			fail("the state file '%s' is another process's", tail->state_path);
		fail("cannot open the state file '%s':", tail->state_path);
	}
	tail->state_open = true;
	/* An empty one is one without files. */
	there = text.data != NULL;
	if (there && wanted)
		read_state(tail, &text);
	tail->resumed |= there && wanted;
	text_free(&text);
}

void place_open(struct tail *tail)
{
	size_t length;
	const char *cursor = source_resumed(&tail->source, &length);
	bool known = cursor && length >= CURSOR_HEAD && memcmp(cursor, magic, 4) == 0;
	bool relative = known && get(cursor + 4, 4) & RELATIVE;

	if (has_cursor(tail)) {
		tail->cursor = xcalloc(1, PAGE_CURSOR);
		tail->owners = xcalloc(ENTRIES, sizeof(*tail->owners));
	}
	if (tail->state_path)
		open_state(tail, !known || relative);
	else if (relative)
		die("the places of the files are in a state file: --state is missing");
	tail->resumed |= known;
	if (known)
		tail->left = (int64_t)get(cursor + 8, 8);
	for (size_t at = CURSOR_HEAD; known && at + ENTRY <= length; at += ENTRY) {
		struct place place = get_entry(cursor + at);

		add_place(tail, &place);
	}
}

struct place *place_find(const struct tail *tail, uint64_t key)
{
	for (size_t i = 0; i < tail->place_count; i++)
		if (tail->places[i].key == key && !tail->places[i].found)
			return &tail->places[i];
	return NULL;
}

/* ---- while files are read ---- */

size_t place_most(const struct tail *tail)
{
	return has_cursor(tail) && !tail->state_open ? ENTRIES : SIZE_MAX;
}

/* Everything is in the state file, and the cursor is empty. */
static void begin_anew(struct tail *tail)
{
	if (!tail->state_open)
		fail("more files than a runner keeps the places of: --state FILE is missing");
	/* Without the state file nobody would know where the files are that the cursor forgets. */
	if (!write_state(tail))
		fail("cannot go on without the state file '%s'", tail->state_path);
	for (size_t i = 0; i < tail->entries; i++)
		*tail->owners[i] = -1;
	tail->entries = 0;
	tail->relative = true;
}

static void note(struct tail *tail, const struct place *place, int *slot)
{
	if (*slot < 0) {
		if (tail->entries == ENTRIES)
			begin_anew(tail);
		*slot = (int)tail->entries;
		tail->owners[tail->entries++] = slot;
	}
	put_entry(entry(tail, *slot), place);
}

static void drop(struct tail *tail, int *slot)
{
	int last = (int)tail->entries - 1;

	if (*slot < 0)
		return;
	if (*slot != last) {
		memcpy(entry(tail, *slot), entry(tail, last), ENTRY);
		tail->owners[*slot] = tail->owners[last];
		*tail->owners[*slot] = *slot;
	}
	tail->entries--;
	*slot = -1;
}

void place_prepare(struct tail *tail, struct file *file)
{
	if (has_cursor(tail) && file->slot < 0 && tail->entries == ENTRIES)
		begin_anew(tail);
}

void place_note(struct tail *tail, struct file *file)
{
	struct place place;

	tail->dirty = true;
	if (!has_cursor(tail))
		return;
	place = file_place(file);
	note(tail, &place, &file->slot);
	store_cursor(tail);
}

void place_forget(struct tail *tail, struct file *file)
{
	tail->dirty = true;
	if (!has_cursor(tail))
		return;
	drop(tail, &file->slot);
	/* The state file may have it, at an older place. */
	if (tail->relative)
		begin_anew(tail);
	store_cursor(tail);
}

void place_found(struct tail *tail, struct place *place)
{
	place->found = true;
	if (has_cursor(tail))
		drop(tail, &place->slot);
}

void place_begin(struct tail *tail)
{
	for (size_t i = 0; tail->keep_places && has_cursor(tail) && i < tail->place_count; i++)
		if (!tail->places[i].found)
			note(tail, &tail->places[i], &tail->places[i].slot);
	if (has_cursor(tail) && tail->file_count + tail->entries > ENTRIES)
		begin_anew(tail);
	else
		for (struct file *file = tail->files; file; file = file->next)
			place_note(tail, file);
	if (has_cursor(tail)) {
		store_cursor(tail);
		source_flush(&tail->source);
	}
	tail->dirty = true;
	place_save(tail, true);
}

void place_save(struct tail *tail, bool now)
{
	if (!tail->state_open || !tail->dirty || (!now && moment_now() < tail->state_due))
		return;
	write_state(tail);
}

void place_close(struct tail *tail)
{
	place_save(tail, true);
	if (tail->state_open)
		state_file_close(&tail->state);
	tail->state_open = false;
}

void places_free(struct tail *tail)
{
	for (size_t i = 0; i < tail->place_count; i++)
		free(tail->places[i].path);
	free(tail->places);
	free(tail->cursor);
	free(tail->owners);
}
