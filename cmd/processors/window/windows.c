#include <stdlib.h>
#include <string.h>

#include "cmd/processors/window/window.h"
#include "common/memory.h"
#include "common/moment.h"

void windows_init(struct windows *windows, const struct columns *columns)
{
	*windows = (struct windows){.columns = columns, .seed = moment_random()};
}

void windows_free(struct windows *windows)
{
	while (windows->oldest)
		windows_close(windows, windows->oldest);
	free(windows->keys);
	free(windows->heap);
	*windows = (struct windows){0};
}

/* ---- keys ---- */

static void grow_keys(struct windows *windows)
{
	size_t room = windows->key_room ? 2 * windows->key_room : 64, mask = room - 1;
	struct key **keys = xcalloc(room, sizeof(struct key *));

	for (size_t i = 0; i < windows->key_room; i++) {
		struct key *key = windows->keys[i];
		size_t at;

		if (!key)
			continue;
		for (at = (size_t)key->hash & mask; keys[at];)
			at = (at + 1) & mask;
		keys[at] = key;
	}
	free(windows->keys);
	windows->keys = keys;
	windows->key_room = room;
}

static bool is_key(const struct key *key, uint64_t hash, const char *bytes, size_t length)
{
	return key->hash == hash && key->length == length && (length == 0 || memcmp(key->bytes, bytes, length) == 0);
}

struct key *windows_key(struct windows *windows, const char *bytes, size_t length)
{
	struct key *key;
	uint64_t hash;
	size_t mask, i;

	if (2 * (windows->key_count + 1) > windows->key_room)
		grow_keys(windows);
	hash = hash_bytes(windows->seed, bytes, length);
	mask = windows->key_room - 1;
	for (i = (size_t)hash & mask; windows->keys[i]; i = (i + 1) & mask)
		if (is_key(windows->keys[i], hash, bytes, length))
			return windows->keys[i];
	/* So that eight bytes can be read from each one on. */
	key = xmalloc(sizeof(*key) + length + 8);
	memset(key->bytes + length, 0, 8);
	*key = (struct key){.hash = hash, .length = (uint32_t)length};
	if (length > 0)
		memcpy(key->bytes, bytes, length);
	windows->keys[i] = key;
	windows->key_count++;
	return key;
}

/* Takes a key out; those behind it move up, so that no search ends too early. */
static void remove_key(struct windows *windows, const struct key *key)
{
	size_t mask = windows->key_room - 1, hole = (size_t)key->hash & mask;

	while (windows->keys[hole] != key)
		hole = (hole + 1) & mask;
	for (size_t i = (hole + 1) & mask; windows->keys[i]; i = (i + 1) & mask) {
		size_t home = (size_t)windows->keys[i]->hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		windows->keys[hole] = windows->keys[i];
		hole = i;
	}
	windows->keys[hole] = NULL;
	windows->key_count--;
}

void windows_forget(struct windows *windows, struct key *key)
{
	if (key->windows)
		return;
	if (windows->last == key)
		windows->last = NULL;
	if (windows->lately[key->place] == key)
		windows->lately[key->place] = NULL;
	remove_key(windows, key);
	free(key);
}

/* ---- the heap: by end, then by age ---- */

static bool is_before(const struct window *a, const struct window *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void heap_put(struct windows *windows, size_t i, struct window *window)
{
	windows->heap[i] = window;
	window->heap_index = i;
}

static void rise(struct windows *windows, size_t i)
{
	struct window *window = windows->heap[i];

	for (; i > 0 && is_before(window, windows->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_put(windows, i, windows->heap[(i - 1) / 2]);
	heap_put(windows, i, window);
}

static void sink(struct windows *windows, size_t i)
{
	struct window *window = windows->heap[i];

	for (size_t child; (child = 2 * i + 1) < windows->count; i = child) {
		if (child + 1 < windows->count && is_before(windows->heap[child + 1], windows->heap[child]))
			child++;
		if (!is_before(windows->heap[child], window))
			break;
		heap_put(windows, i, windows->heap[child]);
	}
	heap_put(windows, i, window);
}

static void heap_remove(struct windows *windows, size_t i)
{
	struct window *last = windows->heap[--windows->count];

	if (i == windows->count)
		return;
	heap_put(windows, i, last);
	rise(windows, i);
	sink(windows, last->heap_index);
}

struct window *windows_first(struct windows *windows)
{
	struct window *first;

	/* A session that went on is still where it was. */
	for (;;) {
		first = windows->count > 0 ? windows->heap[0] : NULL;
		if (!first || first->due == first->end)
			return first;
		first->due = first->end;
		sink(windows, 0);
	}
}

/* ---- windows ---- */

struct window *windows_open(struct windows *windows, struct key *key, int64_t start, int64_t end,
                            const struct origin *origin)
{
	struct window *window = xcalloc(1, sizeof(*window) + windows->columns->size);

	window->key = key;
	window->sibling = key->windows;
	key->windows = window;
	window->start = start;
	window->end = window->due = end;
	window->first = INT64_MAX;
	window->last = INT64_MIN;
	window->number = windows->opened++;
	window->origin = *origin;
	window->older = windows->newest;
	if (window->older)
		window->older->newer = window;
	else
		windows->oldest = window;
	windows->newest = window;
	if (windows->count == windows->heap_room) {
		windows->heap_room = windows->heap_room ? 2 * windows->heap_room : 64;
		windows->heap = xreallocarray(windows->heap, windows->heap_room, sizeof(struct window *));
	}
	heap_put(windows, windows->count++, window);
	rise(windows, window->heap_index);
	return window;
}

static void remove_window(struct windows *windows, struct window *window)
{
	const struct columns *columns = windows->columns;
	struct window **sibling = &window->key->windows;

	while (*sibling != window)
		sibling = &(*sibling)->sibling;
	*sibling = window->sibling;
	if (window->older)
		window->older->newer = window->newer;
	else
		windows->oldest = window->newer;
	if (window->newer)
		window->newer->older = window->older;
	else
		windows->newest = window->older;
	heap_remove(windows, window->heap_index);
	for (size_t i = 0; i < columns->measure_count; i++) {
		const struct measure_type *type = columns->measures[i].type;

		if (type->free)
			type->free(window->states + columns->measures[i].offset);
	}
	free(window);
}

void windows_close(struct windows *windows, struct window *window)
{
	struct key *key = window->key;

	remove_window(windows, window);
	windows_forget(windows, key);
}

struct window *windows_merge(struct windows *windows, struct window *a, struct window *b)
{
	struct window *older = a->number < b->number ? a : b, *other = older == a ? b : a;
	const struct columns *columns = windows->columns;

	for (size_t i = 0; i < columns->measure_count; i++) {
		size_t offset = columns->measures[i].offset;

		columns->measures[i].type->merge(older->states + offset, other->states + offset);
	}
	if (other->start < older->start)
		older->start = other->start;
	if (other->end > older->end)
		older->end = other->end;
	if (other->first < older->first)
		older->first = other->first;
	if (other->last > older->last)
		older->last = other->last;
	older->count += other->count;
	remove_window(windows, other);
	return older;
}

void windows_add(struct windows *windows, struct window *window, int64_t order, int64_t time)
{
	const struct columns *columns = windows->columns;

	window->count++;
	if (time != WINDOW_NEVER && time < window->first)
		window->first = time;
	if (time > window->last)
		window->last = time;
	for (size_t i = 0; i < columns->measure_count; i++) {
		const struct measure *measure = &columns->measures[i];
		const struct input *input = &columns->inputs[measure->input];

		if (input->span)
			measure->type->add(window->states + measure->offset, input, order);
	}
}
