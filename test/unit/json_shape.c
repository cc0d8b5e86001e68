/*
 * json_shapes_scan and json_shapes_ahead give what json_scan gives: for lines that look alike, nearly alike, and not at all.
 */
#include "common/json_shape.h"

#include <stdint.h>
#include <stdlib.h>

#include "test/unit/tap.h"

enum { SLOTS = 16, LONGEST = 400, ROUNDS = 200000 };

static const char *const lines[] = {
	"{\"a\":1,\"b\":\"x\",\"c\":{\"d\":[1,\"y\",null],\"e\":{}},\"f\":true}",
	"{\"a\":2,\"b\":\"longer than sixteen bytes, and more\",\"c\":{\"d\":[1.5,\"\",false],\"e\":{}},\"f\":false}",
	"{\"a\":-1.25e3,\"b\":\"\\u00e9\\\"\\/\",\"c\":{\"d\":[0,\"\xc3\xa9\",null],\"e\":{}},\"f\":null}",
	" { \"a\" : 1 , \"b\" : [ ] } ",
	"[1,2,[3,{\"a\":\"b\"}],\"c\"]",
	"{\"c\":{\"d\":[7]},\"a\":{\"b\":0}}",
	"{\"a\":1,\"a\":2,\"b\":{\"a\":1}}",
	"{\"k\\u0061\":1,\"b\x7f\":2,\"a\":\"\x7f\"}",
	"{}",
	"\"text\"",
	"12",
};
enum { LINES = sizeof(lines) / sizeof(*lines) };

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A line, often with a byte changed, put in or taken out. */
static size_t make(char text[LONGEST + JSON_PADDING], uint64_t *state)
{
	static const char bytes[] = "\"\\{}[]:,. \t0123456789-eabntrufls\x7f\xc3\xa9";
	size_t length, at;
	const char *line = lines[next(state) % 4 ? next(state) % 3 : next(state) % LINES];

	length = strlen(line);
	memset(text, 'z', LONGEST + JSON_PADDING);
	memcpy(text, line, length);
	for (uint64_t changes = next(state) % 3; changes > 0 && next(state) % 2; changes--) {
		at = next(state) % (length + 1);
		switch (next(state) % 3) {
		case 0:
			text[at] = bytes[next(state) % (sizeof(bytes) - 1)];
			length += at == length;
			break;
		case 1:
			memmove(text + at + 1, text + at, length - at);
			text[at] = bytes[next(state) % (sizeof(bytes) - 1)];
			length++;
			break;
		default:
			if (at < length) {
				memmove(text + at, text + at + 1, length - at - 1);
				length--;
			}
		}
	}
	return length;
}

/* Of a container, the flags may be those of more than itself. */
static bool same_span(const struct json_span *ours, const struct json_span *theirs, int ask)
{
	unsigned asked = ask & JSON_FACTS ? ~0U : JSON_ESCAPED, our_flags = ours->flags & asked,
		 their_flags = theirs->flags & asked;

	if (ours->kind == JSON_NONE || theirs->kind == JSON_NONE)
		return ours->kind == theirs->kind;
	return ours->kind == theirs->kind && ours->at == theirs->at && ours->length == theirs->length &&
	       (ours->kind >= JSON_ARRAY ? (our_flags & their_flags) == their_flags : our_flags == their_flags);
}

static bool same_result(const struct json_result *ours, const struct json_result *theirs, int ask)
{
	unsigned asked = ask & JSON_FACTS ? ~0U : JSON_ESCAPED;

	return ours->kind == theirs->kind && (ours->flags & asked) == (theirs->flags & asked) &&
	       ours->start == theirs->start && ours->end == theirs->end &&
	       (ours->kind != JSON_OBJECT || ours->members == theirs->members);
}

/* A line by one of the two ways; of those that are found ahead, others come behind them. True: it is valid. */
static bool scan(struct json_shapes *shapes, char *text, size_t length, const struct json_want *want,
                 struct json_span *spans, int ask, struct json_result *result, uint64_t way, size_t *found)
{
	size_t rest = length + 1, ours;

	text[length] = way % 4 == 0 ? 'z' : '\n';
	if (way % 4 > 1) {
		if (way % 4 == 3) {
			memcpy(text + rest, "{\"a\":1}\n\n", 9);
			rest += 9;
		}
		if (json_shapes_ahead(shapes, text, rest, want, spans, ask, result, &ours)) {
			++*found;
			return ours == length;
		}
	}
	return json_shapes_scan(shapes, text, length, want, spans, ask, result);
}

static void test(struct tap *tap, const char *name, const struct json_want *want, int ask)
{
	struct json_shapes shapes = {0};
	struct json_span ours[SLOTS], theirs[SLOTS];
	struct json_result our_result, their_result;
	char text[LONGEST + JSON_PADDING];
	uint64_t state = 88172645463325252U;
	size_t valid = 0, different = 0, found = 0;

	for (int i = 0; i < ROUNDS; i++) {
		size_t length = make(text, &state);
		bool good = json_scan(text, length, want, theirs, ask, &their_result);
		bool same = scan(&shapes, text, length, want, ours, ask, &our_result, next(&state), &found) == good;

		valid += good;
		if (good && same) {
			same = same_result(&our_result, &their_result, ask);
			for (size_t s = 0; same && want && s < want->slots; s++)
				same = same_span(&ours[s], &theirs[s], ask);
		} else if (same) {
			same = our_result.at == their_result.at && strcmp(our_result.error, their_result.error) == 0;
		}
		if (!same && different++ == 0)
			printf("# %.*s\n", (int)length, text);
	}
	tap_ok(tap, different == 0 && valid > ROUNDS / 4 && found > ROUNDS / 20,
	       "%s: as json_scan, %zu of them valid, %zu found ahead", name, valid, found);
	json_shapes_free(&shapes);
}

/* Lines that end where others go on, and members that come again, after those that were learned. */
static void test_beginnings(struct tap *tap)
{
	static const char *const pairs[][2] = {
		{"{\"a\":[1]}", "{\"a\":[{}]}"},
		{"{\"a\":[]}", "{\"a\":[[]]}"},
		{"{\"a\":1}", "{\"a\":1} "},
		{"{\"a\":1}", "{\"a\":1}}"},
		{"{\"b\":{\"a\":1},\"c\":1}", "{\"b\":{\"a\":1},\"b\":2}"},
		{"{\"b\":{\"a\":1},\"b\":2}", "{\"b\":{\"a\":1},\"c\":1}"},
		{"{\"a\":1}", "{\"a\":1}\nx"},
	};
	struct json_want want = {0};
	struct json_span ours[2], theirs[2];
	struct json_result our_result, their_result;
	const char *mistake;
	char text[LONGEST + JSON_PADDING];
	bool same = true, found = true;

	json_want_path(&want, "a", &mistake);
	json_want_path(&want, "b.a", &mistake);
	for (size_t pair = 0; pair < sizeof(pairs) / sizeof(*pairs); pair++) {
		struct json_shapes shapes = {0};

		for (int i = 0; i < 24; i++) {
			const char *line = pairs[pair][i % 3 == 2];
			size_t length = strlen(line);
			bool good = json_scan(strcpy(text, line), length, &want, theirs, 0, &their_result);

			text[length] = '\n';
			same &= json_shapes_scan(&shapes, text, length, &want, ours, 0, &our_result) == good;
			for (size_t s = 0; good && s < 2; s++)
				same &= same_span(&ours[s], &theirs[s], 0);
		}
		/* Of the first three both are remembered. */
		found &= pair > 2 || shapes.hits > 12;
		json_shapes_free(&shapes);
	}
	tap_ok(tap, same && found, "lines that begin as others do");
	json_want_free(&want);
}

/* More slots than a line has, and more than are in a word. */
static void test_many_slots(struct tap *tap)
{
	struct json_want want = {0};
	struct json_span spans[70];
	struct json_result result;
	struct json_shapes shapes = {0};
	const char *mistake;
	char path[8], text[LONGEST + JSON_PADDING];
	bool right = true;

	for (int i = 0; i < 70; i++) {
		snprintf(path, sizeof(path), "m%d", i);
		json_want_path(&want, path, &mistake);
	}
	for (int i = 0; i < 100; i++) {
		const char *line = i % 2 ? "{\"m1\":1,\"m69\":2}\n" : "{\"m0\":1,\"m68\":2}\n";

		strcpy(text, line);
		right &= json_shapes_scan(&shapes, text, strlen(line) - 1, &want, spans, 0, &result);
		for (int s = 0; s < 70; s++)
			right &= (spans[s].kind == JSON_NUMBER) == (s == i % 2 || s == 68 + i % 2);
	}
	tap_ok(tap, right && shapes.hits > 90, "slots that a line has nothing for");
	json_shapes_free(&shapes);
	json_want_free(&want);
}

/* What there is no room for, and streams of which no two lines look alike. */
static void test_limits(struct tap *tap)
{
	struct json_shapes shapes = {0};
	struct json_result result;
	char text[LONGEST + JSON_PADDING];
	uint64_t state = 4711;
	bool right = true;
	int rested = 0;

	for (int i = 0; i < 100000; i++) {
		int alike = i % 3, length;

		length = alike ? sprintf(text, "{\"a\":%d,\"b\":[%d]}", i, i)
		               : sprintf(text, "{\"k%d\":%d,\"%lx\":\"x\"}", (int)(next(&state) % 40), i, next(&state));
		text[length] = '\n';
		right &= json_shapes_scan(&shapes, text, (size_t)length, NULL, NULL, JSON_FACTS, &result);
	}
	tap_ok(tap, right && shapes.tree, "what pays is remembered among what does not");
	for (int i = 0; i < 100000; i++) {
		int length = sprintf(text, "{\"%lx\":%d}", next(&state), i);

		text[length] = '\n';
		right &= json_shapes_scan(&shapes, text, (size_t)length, NULL, NULL, JSON_FACTS, &result);
		rested += shapes.resting > 0;
	}
	tap_ok(tap, right && shapes.hits == 0 && rested > 90000, "what does not pay is given up");
	json_shapes_free(&shapes);
}

int main(void)
{
	static const char *const paths[] = {"a", "b",        "c", "c.d", "c.d[1]", "c.e",
	                                    ".", "[2][1].a", "f", "a.b", "c.d[0]"};
	struct json_want some = {0}, all = {0};
	const char *mistake;
	struct tap tap = {0};

	json_want_path(&some, "a", &mistake);
	json_want_path(&some, "c.d[1]", &mistake);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		json_want_path(&all, paths[i], &mistake);
	test(&tap, "nothing wanted", NULL, 0);
	test(&tap, "nothing wanted, facts", NULL, JSON_FACTS);
	test(&tap, "values wanted", &some, 0);
	test(&tap, "values wanted, facts", &some, JSON_FACTS);
	test(&tap, "containers wanted", &all, 0);
	test(&tap, "containers wanted, facts", &all, JSON_FACTS);
	test_beginnings(&tap);
	test_many_slots(&tap);
	test_limits(&tap);
	json_want_free(&some);
	json_want_free(&all);
	return tap_end(&tap);
}
