#include "cmd/sources/rest/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/unit.h"

enum kind { NUMBER, TIME, HASH, STRING, VALUE };

#define FIELD(name, kind)                                 \
	{                                                 \
#name, kind, offsetof(struct place, name) \
	}

static const struct field {
	const char *name;
	enum kind kind;
	size_t offset;
} fields[] = {
	FIELD(answers, NUMBER), FIELD(start, TIME),  FIELD(begun, TIME),      FIELD(cursor, VALUE),
	FIELD(asked, HASH),     FIELD(etag, STRING), FIELD(modified, STRING), FIELD(scheduled, TIME),
	FIELD(opened, TIME),    FIELD(page, NUMBER), FIELD(offset, NUMBER),   FIELD(next, VALUE),
	FIELD(seen, VALUE),     FIELD(hash, HASH),   FIELD(elements, NUMBER),
};

enum { FIELDS = sizeof(fields) / sizeof(*fields) };

#define NUMBER_MAX 9e12 /* as milliseconds, the year 2255 */

static void *member(const struct place *place, const struct field *field)
{
	return (char *)(uintptr_t)place + field->offset;
}

void place_set(char **string, const char *value)
{
	char *copy = value ? xstrdup(value) : NULL;

	free(*string);
	*string = copy;
}

void place_clear(struct place *place)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].kind >= STRING)
			free(*(char **)member(place, &fields[i]));
	*place = (struct place){0};
}

void place_close(struct place *place)
{
	place_set(&place->next, NULL);
	place_set(&place->seen, NULL);
	place->scheduled = place->opened = place->page = place->offset = place->elements = 0;
	place->hash = 0;
}

static void add_string(struct text *text, const struct field *field, const char *string)
{
	if (!string)
		return;
	text_addf(text, ",\"%s\":", field->name);
	if (field->kind == STRING)
		json_add_string(text, string, strlen(string));
	else
		text_add_string(text, string);
}

static void add_number(struct text *text, const struct field *field, int64_t number)
{
	if (number == 0)
		return;
	text_addf(text, ",\"%s\":", field->name);
	if (field->kind == HASH)
		text_addf(text, "\"%016llx\"", (unsigned long long)number);
	else
		text_addf(text, "%lld", (long long)(field->kind == TIME ? number / UNIT_MS : number));
}

void place_add(struct text *text, const struct place *place)
{
	struct text all = {0};

	text_init(&all);
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].kind >= STRING)
			add_string(&all, &fields[i], *(char **)member(place, &fields[i]));
		else
			add_number(&all, &fields[i], *(int64_t *)member(place, &fields[i]));
	}
	if (all.length > 0)
		text_add(text, all.data + 1, all.length - 1);
	text_free(&all);
}

static bool read_field(void *value, const struct field *field, const struct json_span *span)
{
	static const enum json_kind wanted[] = {
		[NUMBER] = JSON_NUMBER, [TIME] = JSON_NUMBER, [HASH] = JSON_STRING, [STRING] = JSON_STRING};
	struct text text = {0};

	if (span->kind == JSON_NONE)
		return true;
	if (field->kind == VALUE ? span->kind != JSON_NUMBER && span->kind != JSON_STRING
	                         : span->kind != wanted[field->kind])
		return false;
	if (field->kind == VALUE)
		text_add(&text, span->at, span->length);
	else if (field->kind >= HASH)
		json_add_unescaped(&text, span->at, span->length);
	if (field->kind >= STRING) {
		free(*(char **)value);
		*(char **)value = text_detach(&text);
	} else if (field->kind == HASH) {
		*(uint64_t *)value = strtoull(text.data ? text.data : "", NULL, 16);
	} else {
		double number = json_number(span);

		if (!(number >= 0 && number <= NUMBER_MAX))
			return false;
		*(int64_t *)value = (int64_t)number * (field->kind == TIME ? UNIT_MS : 1);
	}
	text_free(&text);
	return true;
}

bool place_read(struct place *place, const char *json, size_t length)
{
	struct json_span spans[FIELDS];
	struct json_want want = {0};
	struct json_result result;
	bool good;

	place_clear(place);
	for (size_t i = 0; i < FIELDS; i++)
		json_want_member(&want, fields[i].name, strlen(fields[i].name));
	good = json_scan(json, length, &want, spans, 0, &result) && result.kind == JSON_OBJECT;
	for (size_t i = 0; good && i < FIELDS; i++)
		good = read_field(member(place, &fields[i]), &fields[i], &spans[i]);
	json_want_free(&want);
	return good;
}

/* ---- which cursor counts ---- */

/* A whole number, in quotes or not: its digits, with any zeros in front skipped. 0: it is none. */
static size_t digits(const char **json)
{
	const char *s = *json;
	bool quoted = *s == '"';
	size_t length;

	s += quoted;
	length = strspn(s, "0123456789");
	if (length == 0 || strcmp(s + length, quoted ? "\"" : "") != 0)
		return 0;
	for (; length > 1 && *s == '0'; length--)
		s++;
	*json = s;
	return length;
}

static double number(const char *json)
{
	struct json_span span = {.at = json, .length = strlen(json), .kind = JSON_NUMBER};

	return json_number(&span);
}

/* Numbers by their value, whole ones of any length, also in quotes; else texts by their bytes; a text is greater than a number. */
static int compare(const char *a, const char *b)
{
	const char *x = a, *y = b;
	size_t n = digits(&x), m = digits(&y);

	if (n > 0 && m > 0)
		return n != m ? (n > m) - (n < m) : strncmp(x, y, n);
	if (*a != '"' && *b != '"')
		return (number(a) > number(b)) - (number(a) < number(b));
	if (*a != '"' || *b != '"')
		return *a == '"' ? 1 : -1;
	/* Without the quote at the end, which is not less than all that may stand in a text. */
	n = strlen(a) - 1;
	m = strlen(b) - 1;
	int order = memcmp(a, b, n < m ? n : m);

	return order ? order : (n > m) - (n < m);
}

void place_see(struct place *place, const char *json, enum place_take take)
{
	const char *before = place->seen ? place->seen : place->cursor;

	if (take == PLACE_LAST || !before || compare(json, before) > 0)
		place_set(&place->seen, json);
}

/* ---- */

uint64_t place_hash(uint64_t hash, const char *bytes, size_t length)
{
	static const uint64_t factor = 0x9e3779b97f4a7c15;
	uint64_t word;

	hash = (hash ^ length) * factor;
	for (; length >= 8; length -= 8, bytes += 8) {
		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * factor;
		hash ^= hash >> 32;
	}
	word = 0;
	if (length > 0)
		memcpy(&word, bytes, length);
	hash = (hash ^ word) * factor;
	return hash ^ hash >> 29;
}
