#include "cmd/outputs/serve/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"

void history_init(struct history *history, size_t capacity, uint64_t run)
{
	*history = (struct history){.capacity = capacity, .bytes = xmalloc(capacity)};
	snprintf(history->run, sizeof(history->run), "-%llx", (unsigned long long)run);
}

void history_free(struct history *history)
{
	free(history->bytes);
	text_free(&history->name);
}

/* Indexes below are into bytes; a boundary is where a record begins, or the end. */

static bool is_boundary(const struct history *history, size_t index)
{
	const char *bytes = history->bytes;

	return index == 0 || (index >= 2 && bytes[index - 1] == '\n' && bytes[index - 2] == '\n');
}

static size_t boundary_from(const struct history *history, size_t index)
{
	size_t from = index >= 2 ? index - 2 : 0;
	const char *end;

	if (index == 0)
		return 0;
	end = memmem(history->bytes + from, history->length - from, "\n\n", 2);
	return end ? (size_t)(end - history->bytes) + 2 : history->length;
}

/* The last boundary in least…index, or least itself. */
static size_t boundary_before(const struct history *history, size_t least, size_t index)
{
	while (index > least && !is_boundary(history, index)) {
		const char *newline = memrchr(history->bytes + least, '\n', index - 1 - least);

		index = newline ? (size_t)(newline - history->bytes) + 1 : least;
	}
	return index;
}

/* N of the record at a boundary; at the end, of the one to come. */
static uint64_t number_at(const struct history *history, size_t index)
{
	if (index == history->length)
		return history->events + 1;
	return strtoull(history->bytes + index + strlen("id: "), NULL, 10);
}

/* Where the record with this number begins; it is there. */
static size_t find(const struct history *history, uint64_t number)
{
	size_t low = 0, high = history->length; /* it begins at low or later, and before high */

	while (number_at(history, low) != number) {
		size_t middle = low + (high - low) / 2;
		size_t boundary = boundary_from(history, middle);

		if (boundary >= high)
			high = middle;
		else if (number_at(history, boundary) <= number)
			low = boundary;
		else
			high = boundary;
	}
	return low;
}

/* Lets go what is before the boundary, and moves on the places that were there. */
static void forget(struct history *history, size_t boundary)
{
	uint64_t base = history->base + boundary;
	uint64_t first = number_at(history, boundary);

	for (struct history_place *place = history->places; place; place = place->next) {
		size_t index;

		if (place->at >= base)
			continue;
		index = (size_t)(place->at - history->base);
		if (!is_boundary(history, index))
			place->torn = true;
		place->lost += first - number_at(history, boundary_before(history, 0, index));
		place->at = base;
	}
	history->length -= boundary;
	memmove(history->bytes, history->bytes + boundary, history->length);
	history->base = base;
}

static void make_room(struct history *history, size_t size)
{
	size_t keep;

	if (history->capacity - history->length >= size)
		return;
	if (history->capacity < size) {
		history->bytes = xreallocarray(history->bytes, size, 1);
		history->capacity = size;
	}
	keep = history->capacity - size < history->capacity / 2 ? history->capacity - size : history->capacity / 2;
	if (history->length > keep)
		forget(history, boundary_from(history, history->length - keep));
}

/* The name as it can stand on a line of its own; empty if it cannot. */
static void read_name(struct history *history, const struct json_span *name)
{
	struct text *text = &history->name;

	text_clear(text);
	if (!name || name->kind != JSON_STRING)
		return;
	if (name->flags & JSON_ESCAPED)
		json_add_unescaped(text, name->at, name->length);
	else
		text_add(text, name->at + 1, name->length - 2);
	if (memchr(text->data, '\n', text->length) || memchr(text->data, '\r', text->length) ||
	    memchr(text->data, '\0', text->length))
		text_clear(text);
}

static char *put(char *to, const char *bytes, size_t length)
{
	memcpy(to, bytes, length);
	return to + length;
}

static char *put_number(char *to, uint64_t number)
{
	char digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return put(to, digits + first, sizeof(digits) - first);
}

void history_add(struct history *history, const struct json_span *name, const char *data, size_t length)
{
	static const char around[] = "id: "
				     "18446744073709551615"
				     "\n"
				     "event: "
				     "\n"
				     "data: "
				     "\n\n";
	char *to, *json;

	read_name(history, name);
	make_room(history, sizeof(around) + strlen(history->run) + history->name.length + length);
	history->events++;
	to = put(history->bytes + history->length, "id: ", 4);
	to = put_number(to, history->events);
	to = put(to, history->run, strlen(history->run));
	if (history->name.length > 0) {
		to = put(to, "\nevent: ", 8);
		to = put(to, history->name.data, history->name.length);
	}
	json = put(to, "\ndata: ", 7);
	to = put(json, data, length);
	for (char *at = json; (at = memchr(at, '\r', (size_t)(to - at)));)
		*at = ' ';
	to = put(to, "\n\n", 2);
	history->length = (size_t)(to - history->bytes);
	history->latest = json;
	history->latest_length = length + 1;
}

void history_enter(struct history *history, struct history_place *place)
{
	*place = (struct history_place){
		.at = history->base + history->length, .next = history->places, .link = &history->places};
	if (place->next)
		place->next->link = &place->next;
	history->places = place;
}

void history_leave(struct history_place *place)
{
	*place->link = place->next;
	if (place->next)
		place->next->link = place->link;
}

void history_back(const struct history *history, struct history_place *place, uint64_t count)
{
	uint64_t kept = history->events + 1 - number_at(history, 0);

	if (count > kept)
		count = kept;
	place->at = history->base + (count > 0 ? find(history, history->events + 1 - count) : history->length);
}

void history_resume(const struct history *history, struct history_place *place, const char *id)
{
	uint64_t first = number_at(history, 0);
	char *end;
	unsigned long long number = strtoull(id, &end, 10);

	place->at = history->base;
	if (id[0] < '0' || id[0] > '9' || (*end && strcmp(end, history->run) != 0) || number > history->events) {
		place->astray = true;
	} else if (number == history->events) {
		place->at = history->base + history->length;
	} else if (number + 1 < first) {
		place->lost = first - (number + 1);
	} else {
		place->at = history->base + find(history, number + 1);
	}
}

bool history_read_up(const struct history *history, const struct history_place *place)
{
	return place->at == history->base + history->length;
}

size_t history_read(const struct history *history, struct history_place *place, char *to, size_t room)
{
	size_t index = (size_t)(place->at - history->base);
	size_t end = history->length;

	if (end - index > room) {
		size_t boundary = boundary_before(history, index, index + room);

		end = boundary > index ? boundary : index + room;
	}
	memcpy(to, history->bytes + index, end - index);
	place->at += end - index;
	return end - index;
}

size_t history_open(const struct history *history, struct history_place *place)
{
	const char *record = history->bytes + (place->at - history->base);
	const char *end = history->bytes + history->length;
	const char *line = record;

	while (strncmp(line, "data: ", 6) != 0)
		line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
	line += 6;
	place->at += (uint64_t)(line - record);
	return (size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) - line);
}

const char *history_take(const struct history *history, struct history_place *place, size_t length)
{
	const char *from = history->bytes + (place->at - history->base);

	place->at += length;
	if (from[length] == '\n')
		place->at += 2;
	return from;
}
