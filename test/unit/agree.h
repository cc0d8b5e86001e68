/*
 * agree: does json_scan agree with the libjq that is linked, and with the reference, on one text?
 *
 *  - it accepts what the reference accepts, no more, no less;
 *  - what it accepts, libjq accepts as one value, and the other way round but for what common/json.h lists (LENIENT_…);
 *  - what its facts call canonical is what libjq prints, to the byte: the whole and every wanted member;
 *  - it finds the members that libjq finds; the bytes, numbers and members that json_text.h makes of them are libjq's;
 *  - with and without facts it says the same.
 */
#ifndef PYPE_TEST_AGREE_H
#define PYPE_TEST_AGREE_H

#include <jv.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "test/unit/reference.h"

struct agree_path {
	const char *path;
	const char *steps[4]; /* "#1" is an index */
};

static const struct agree_path agree_paths[] = {
	{".", {0}},
	{".a", {"a"}},
	{".a.b", {"a", "b"}},
	{".a.b.c", {"a", "b", "c"}},
	{".b", {"b"}},
	{".b.a", {"b", "a"}},
	{".a[0]", {"a", "#0"}},
	{".a[1].b", {"a", "#1", "b"}},
	{"[0]", {"#0"}},
	{"[1].a", {"#1", "a"}},
	{"[0][0]", {"#0", "#0"}},
	{".key", {"key"}},
	{".\"\"", {""}},
	{".\"a b\"", {"a b"}},
	{".\"\\\"\"", {"\""}},
	{".\xc3\xa9", {"\xc3\xa9"}},
	{".\"\xef\xbf\xbd\"", {"\xef\xbf\xbd"}},
};

enum {
	AGREE_PATHS = sizeof(agree_paths) / sizeof(agree_paths[0]),
	AGREE_CROWD = 70, /* wanted members that come first, so that the others lie beyond the first word of bits */
};

struct agree {
	bool exact; /* this libjq keeps number literals (1.7 and later) */
	struct json_want few, many;
	struct json_span spans[AGREE_PATHS + AGREE_CROWD], plain[AGREE_PATHS + AGREE_CROWD];
	struct text text, other;
	char *copy;
	size_t capacity;
	/* what there was */
	uint64_t texts, accepted, canonical, found, more[LENIENT_KINDS];
};

static inline void agree_init(struct agree *agree)
{
	const char *mistake;
	jv probe = jv_dump_string(jv_parse("1.10"), 0);

	*agree = (struct agree){.exact = strcmp(jv_string_value(probe), "1.10") == 0};
	jv_free(probe);
	for (int i = 0; i < AGREE_CROWD; i++)
		json_want_member(&agree->many, (char[]){'a', (char)('0' + i)}, 2);
	for (int i = 0; i < AGREE_PATHS; i++) {
		json_want_path(&agree->few, agree_paths[i].path, &mistake);
		json_want_path(&agree->many, agree_paths[i].path, &mistake);
	}
}

static inline void agree_free(struct agree *agree)
{
	json_want_free(&agree->few);
	json_want_free(&agree->many);
	text_free(&agree->text);
	text_free(&agree->other);
	free(agree->copy);
}

static inline bool agree_canonical(const struct agree *agree, unsigned flags)
{
	return !(flags & ~(unsigned)(JSON_ESCAPED | (agree->exact ? JSON_RENUMBER : JSON_RENUMBER_EXACT)));
}

static inline bool agree_prints(jv value, const char *text, size_t length)
{
	jv string = jv_dump_string(jv_copy(value), 0);
	bool same = (size_t)jv_string_length_bytes(jv_copy(string)) == length &&
	            memcmp(jv_string_value(string), text, length) == 0;

	jv_free(string);
	return same;
}

/* The bytes as libjq reads them. They are followed by more, so they are copied. */
static inline jv agree_parse(struct agree *agree, const char *text, size_t length)
{
	text_clear(&agree->text);
	text_add(&agree->text, text, length);
	return jv_parse_sized(agree->text.data, (int)length);
}

static inline jv agree_lookup(jv value, const char *const *steps)
{
	value = jv_copy(value);
	for (; *steps && jv_is_valid(value); steps++) {
		jv_kind wanted = **steps == '#' ? JV_KIND_ARRAY : JV_KIND_OBJECT;

		if (jv_get_kind(value) != wanted) {
			jv_free(value);
			return jv_invalid();
		}
		value = wanted == JV_KIND_ARRAY ? jv_array_get(value, atoi(*steps + 1))
		                                : jv_object_get(value, jv_string(*steps));
	}
	return value;
}

static inline const char *agree_string(struct agree *agree, const struct json_span *span, jv value)
{
	size_t length = (size_t)jv_string_length_bytes(jv_copy(value));
	const char *bytes = jv_string_value(value);

	text_clear(&agree->text);
	json_add_unescaped(&agree->text, span->at, span->length);
	if (agree->text.length != length || memcmp(agree->text.data, bytes, length) != 0)
		return "json_add_unescaped differs";
	if (!json_string_is(span->at, span->length, bytes, length))
		return "json_string_is does not know it";
	if (length > 0 && json_string_is(span->at, span->length, bytes, length - 1))
		return "json_string_is takes a part for the whole";
	text_clear(&agree->other);
	json_add_string(&agree->other, bytes, length);
	return agree_prints(value, agree->other.data, agree->other.length) ? NULL : "json_add_string differs";
}

static inline const char *agree_object(struct agree *agree, const struct json_span *span, jv value)
{
	const char *at = span->at;
	struct json_span key, member;
	jv object = jv_object();
	bool same;

	while (json_next_member(&at, &key, &member)) {
		jv name = agree_parse(agree, key.at, key.length);

		object = jv_object_set(object, name, agree_parse(agree, member.at, member.length));
	}
	same = jv_equal(object, jv_copy(value));
	return same ? NULL : "json_next_member finds other members";
}

/* A member that both have found. */
static inline const char *agree_value(struct agree *agree, const char *const *steps, const struct json_span *span,
                                      jv value)
{
	static const enum json_kind kinds[] = {
		[JV_KIND_NULL] = JSON_NULL,     [JV_KIND_FALSE] = JSON_FALSE,   [JV_KIND_TRUE] = JSON_TRUE,
		[JV_KIND_NUMBER] = JSON_NUMBER, [JV_KIND_STRING] = JSON_STRING, [JV_KIND_ARRAY] = JSON_ARRAY,
		[JV_KIND_OBJECT] = JSON_OBJECT,
	};

	if (kinds[jv_get_kind(value)] != span->kind)
		return "another kind";
	/* The whole need not be parsed again. */
	if (steps[0] && !jv_equal(agree_parse(agree, span->at, span->length), jv_copy(value)))
		return "another value";
	if (agree_canonical(agree, span->flags) && !agree_prints(value, span->at, span->length))
		return "canonical, but libjq prints it otherwise";
	agree->found++;
	switch (span->kind) {
	case JSON_STRING:
		return agree_string(agree, span, value);
	case JSON_OBJECT:
		return agree_object(agree, span, value);
	case JSON_NUMBER:
		/* From 1.7 on libjq rounds to 17 digits first. */
		if ((!agree->exact || span->length <= 17) && json_number(span) != jv_number_value(value))
			return "json_number differs";
		return NULL;
	default:
		return NULL;
	}
}

static inline size_t agree_members(const char *object)
{
	struct json_span key, value;
	size_t count = 0;

	while (json_next_member(&object, &key, &value))
		count++;
	return count;
}

static inline const char *agree_accepted(struct agree *agree, const struct json_result *result, int first, jv value)
{
	const char *text = agree->copy + result->start;
	size_t length = result->end - result->start;
	struct json_result again;
	char *compact;
	bool clean;

	if (result->kind == JSON_OBJECT && agree_members(text) != result->members)
		return "the number of members differs";
	if (agree->spans[first].at != text || agree->spans[first].length != length ||
	    agree->spans[first].flags != result->flags)
		return "the whole is not the whole";

	for (int i = 0; i < AGREE_PATHS; i++) {
		const struct json_span *span = &agree->spans[first + i];
		const char *wrong = NULL;
		jv member = agree_lookup(value, agree_paths[i].steps);

		if (jv_is_valid(member) != (span->kind != JSON_NONE))
			wrong = "a member is found by one only";
		else if (span->kind != JSON_NONE)
			wrong = agree_value(agree, agree_paths[i].steps, span, member);
		jv_free(member);
		if (wrong)
			return wrong;
	}
	if (agree_canonical(agree, result->flags))
		return agree->canonical++, NULL;
	if (!(result->flags & JSON_SPACED))
		return NULL;
	text_clear(&agree->other);
	json_add_compact(&agree->other, text, length);
	text_reserve(&agree->other, JSON_PADDING);
	compact = agree->other.data;
	clean = json_scan(compact, agree->other.length, NULL, NULL, JSON_FACTS, &again) &&
	        again.flags == (result->flags & ~(unsigned)JSON_SPACED);
	if (!clean || !jv_equal(jv_copy(value), agree_parse(agree, compact, agree->other.length)))
		return "json_add_compact changes more than white space";
	return NULL;
}

static inline const char *agree_refused(struct agree *agree, struct reference *reference, size_t length, bool taken)
{
	if (!taken)
		return NULL;
	reference->lenient = true;
	if (!reference_text(reference, agree->copy, length) || reference->used == 0)
		return "libjq accepts it, and nothing explains why";
	for (int i = 0; i < LENIENT_KINDS; i++)
		agree->more[i] += reference->used >> i & 1;
	return NULL;
}

/* libjq leaks some of the texts that it refuses; the leak sanitizer, if there is one, is not to count these. */
__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

static inline jv agree_parse_leaking(const char *text, size_t length)
{
	jv value;

	if (__lsan_disable)
		__lsan_disable();
	value = jv_parse_sized(text, (int)length);
	if (__lsan_enable)
		__lsan_enable();
	return value;
}

/* NULL if all agree, or what does not. padding is what json_scan finds behind the text. */
static inline const char *agree_check(struct agree *agree, const char *text, size_t length, char padding)
{
	bool crowded = agree->texts++ % 2;
	const struct json_want *want = crowded ? &agree->many : &agree->few;
	struct reference reference = {.deepest = JSON_DEPTH};
	struct json_result result, plain;
	const char *wrong = NULL;
	bool valid;
	jv value;

	if (length + JSON_PADDING > agree->capacity) {
		agree->capacity = 2 * (length + JSON_PADDING);
		agree->copy = xreallocarray(agree->copy, agree->capacity, 1);
	}
	if (length > 0)
		memcpy(agree->copy, text, length);
	memset(agree->copy + length, padding, JSON_PADDING);
	valid = json_scan(agree->copy, length, want, agree->spans, JSON_FACTS, &result);
	if (json_scan(agree->copy, length, want, agree->plain, 0, &plain) != valid || plain.kind != result.kind ||
	    plain.start != result.start || plain.end != result.end || plain.error != result.error ||
	    plain.at != result.at)
		return "with and without facts the result is not the same";
	for (size_t i = 0; valid && i < want->slots; i++)
		if (agree->plain[i].at != agree->spans[i].at || agree->plain[i].length != agree->spans[i].length ||
		    agree->plain[i].kind != agree->spans[i].kind ||
		    ((agree->plain[i].flags ^ agree->spans[i].flags) & JSON_ESCAPED))
			return "with and without facts the members are not the same";
	if (valid != reference_text(&reference, agree->copy, length))
		return valid ? "the reference refuses it" : "the reference accepts it";
	agree->copy[length] = '\0';
	value = valid ? jv_parse_sized(agree->copy, (int)length) : agree_parse_leaking(agree->copy, length);
	agree->accepted += valid;
	if (!valid)
		wrong = agree_refused(agree, &reference, length, jv_is_valid(value));
	else if (!jv_is_valid(value))
		wrong = "libjq refuses it";
	else
		wrong = agree_accepted(agree, &result, crowded ? AGREE_CROWD : 0, value);
	jv_free(value);
	return wrong;
}

#endif
