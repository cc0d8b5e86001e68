/*
 * json_scan: the wanted members of a text, their spans and flags; and the paths that name them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "test/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST = 200 };

/* Scans a copy with its padding, which the caller frees: spans point into it. */
static char *scan(const char *text, const struct json_want *want, struct json_span *spans, int ask,
                  struct json_result *result)
{
	size_t length = strlen(text);
	char *copy = malloc(length + JSON_PADDING);

	memcpy(copy, text, length);
	memset(copy + length, '"', JSON_PADDING);
	if (!json_scan(copy, length, want, spans, ask, result))
		printf("# %s at %zu: %s\n", result->error, result->at, text);
	return copy;
}

static void test_found(struct tap *tap)
{
	static const struct {
		const char *text, *path, *value; /* NULL: absent */
	} cases[] = {
		{"{\"a\":1}", ".", "{\"a\":1}"},
		{" [1, 2] ", ".", "[1, 2]"},
		{"null", ".", "null"},
		{"null", ".a", NULL},
		{"{\"a\":1}", ".a", "1"},
		{"{\"a\":1}", "a", "1"},
		{"{\"a\":1}", ".\"a\"", "1"},
		{"{\"a\":1}", "\"a\"", "1"},
		{"{\"a\":1}", ".[\"a\"]", "1"},
		{"{\"a\":1}", "[\"a\"]", "1"},
		{"{\"a\":1}", ".b", NULL},
		{"{\"a\":1}", ".a.b", NULL},
		{"{\"a\":1}", ".a[0]", NULL},
		{"{\"a\":1}", ".[0]", NULL},
		{"{\"aa\":1,\"a\":2}", ".a", "2"},
		{"{\"a\":{\"b\":{\"c\":\"x\"}}}", ".a.b.c", "\"x\""},
		{"{\"a\":{\"b\":{\"c\":\"x\"}}}", ".a[\"b\"].\"c\"", "\"x\""},
		{"{\"a\":{\"b\":{\"c\":\"x\"}}}", ".a.b", "{\"c\":\"x\"}"},
		{"{\"a\":{\"b\":{\"c\":\"x\"}}}", ".b.c", NULL},
		{"{\"b\":{\"a\":1},\"a\":{\"b\":2}}", ".a.b", "2"},
		{"{\"a\" : { \"b\" : [ 1 , 2 ] } }", ".a.b", "[ 1 , 2 ]"},
		{"[1,2,3]", "[0]", "1"},
		{"[1,2,3]", ".[2]", "3"},
		{"[1,2,3]", "[3]", NULL},
		{"[[1,[2,[3]]]]", "[0][1][1][0]", "3"},
		{"[[[0]],[[1]],[[2]]]", "[1][0][0]", "1"},
		{"{\"list\":[{\"p\":1},{\"p\":2}]}", ".list[1].p", "2"},
		{"{\"list\":[{\"p\":1},{\"p\":2}]}", ".list.[1].p", "2"},
		{"{\"list\":{\"0\":1}}", ".list[0]", NULL},
		{"{\"0\":1}", ".\"0\"", "1"},
		{"[{\"0\":1}]", "[0].\"0\"", "1"},
		/* values of every kind, their spans to the byte */
		{"{\"a\":\"\"}", ".a", "\"\""},
		{"{\"a\":-1.5e+3}", ".a", "-1.5e+3"},
		{"{\"a\":true }", ".a", "true"},
		{"{\"a\":false}", ".a", "false"},
		{"{\"a\":null}", ".a", "null"},
		{"{\"a\":[]}", ".a", "[]"},
		{"{\"a\":{}}", ".a", "{}"},
		{"{\"a\":\"]}\\\"\"}", ".a", "\"]}\\\"\""},
		/* names */
		{"{\"\":1}", ".\"\"", "1"},
		{"{\"\":{\"\":2}}", ".\"\".\"\"", "2"},
		{"{\"a b\":1}", ".\"a b\"", "1"},
		{"{\"a.b\":1,\"a\":{\"b\":2}}", ".\"a.b\"", "1"},
		{"{\"\\\"\":1}", ".\"\\\"\"", "1"},
		{"{\"\\\\\":1}", ".\"\\\\\"", "1"},
		{"{\"]\":1}", ".[\"]\"]", "1"},
		{"{\"\xc3\xa9\":1}", ".\xc3\xa9", "1"},
		{"{\"\xf0\x9f\x98\x80\":1}", ".\xf0\x9f\x98\x80", "1"},
		{"{\"abcdefgh1\":1,\"abcdefgh2\":2,\"abcdefgh\":3,\"abcdefgh22\":4,\"abcdefgh5\":5,\"abcdefgh66\":6}",
	         ".abcdefgh2", "2"},
		{"{\"abcdefgh1\":1,\"abcdefgh2\":2,\"abcdefgh\":3,\"abcdefgh22\":4,\"abcdefgh5\":5,\"abcdefgh66\":6}",
	         ".abcdefgh", "3"},
		{"{\"abcdefgh1\":1,\"abcdefgh2\":2,\"abcdefgh\":3,\"abcdefgh22\":4,\"abcdefgh5\":5,\"abcdefgh66\":6}",
	         ".abcdefgh22", "4"},
		/* keys spelt with escapes */
		{"{\"\\u0061\":1}", ".a", "1"},
		{"{\"\\u0061b\":1}", ".ab", "1"},
		{"{\"a\\u0062\":1}", ".a", NULL},
		{"{\"\\u0061\":1}", ".\"\\\\u0061\"", NULL},
		{"{\"\\u00e9\":1}", ".\xc3\xa9", "1"},
		{"{\"\\u20aC\":1}", ".\xe2\x82\xac", "1"},
		{"{\"\\uD83D\\ude00\":1}", ".\xf0\x9f\x98\x80", "1"},
		{"{\"\\ude00\":1}", ".\xef\xbf\xbd", "1"},
		{"{\"\\/\":1}", ".\"/\"", "1"},
		{"{\"\\u0022\":1}", ".\"\\\"\"", "1"},
		/* the last of equal keys counts, and its inside */
		{"{\"a\":1,\"a\":2}", ".a", "2"},
		{"{\"a\":1,\"\\u0061\":2}", ".a", "2"},
		{"{\"\\u0061\":1,\"a\":2}", ".a", "2"},
		{"{\"a\":1,\"a\":null}", ".a", "null"},
		{"{\"a\":{\"b\":1},\"a\":2}", ".a.b", NULL},
		{"{\"a\":{\"b\":1},\"a\":{}}", ".a.b", NULL},
		{"{\"a\":{\"b\":1},\"a\":{\"c\":2}}", ".a.b", NULL},
		{"{\"a\":{\"b\":1},\"a\":{\"b\":2}}", ".a.b", "2"},
		{"{\"a\":{\"b\":1},\"a\":[1]}", ".a.b", NULL},
		{"{\"a\":2,\"a\":{\"b\":1}}", ".a.b", "1"},
		{"{\"a\":{\"b\":{\"c\":1}},\"a\":{\"b\":3}}", ".a.b.c", NULL},
		{"{\"a\":{\"b\":{\"c\":1},\"b\":{}}}", ".a.b.c", NULL},
		{"{\"a\":[1,2],\"a\":[3]}", ".a[1]", NULL},
		{"{\"a\":[1,2],\"a\":[3]}", ".a[0]", "3"},
		{"{\"a\":[{\"b\":1}],\"a\":[{}]}", ".a[0].b", NULL},
		{"{\"a\":{\"b\":1},\"b\":2,\"a\":{\"b\":3},\"b\":4}", ".a.b", "3"},
		{"{\"a\":{\"b\":1},\"b\":2,\"a\":{\"b\":3},\"b\":4}", ".b", "4"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (int ask = 0; ask <= JSON_FACTS; ask += JSON_FACTS) {
			struct json_want want = {0};
			struct json_span span = {.at = "left over", .length = 9, .kind = JSON_STRING};
			struct json_result result;
			const char *mistake = NULL;
			char name[120], *text = NULL;
			int slot = json_want_path(&want, cases[i].path, &mistake);

			snprintf(name, sizeof(name), "%s of %s%s", cases[i].path, cases[i].text, ask ? ", facts" : "");
			if (tap_ok(tap, slot == 0 && want.slots == 1, "path: %s", name))
				text = scan(cases[i].text, &want, &span, ask, &result);
			else
				printf("# %s\n", mistake);
			if (!cases[i].value)
				tap_ok(tap, span.kind == JSON_NONE, "absent: %s", name);
			else
				tap_is(tap, span.at, span.length, cases[i].value, strlen(cases[i].value), name);
			json_want_free(&want);
			free(text);
		}
	}
}

static void test_flags(struct tap *tap)
{
	static const char text[] = "{\"spaced\": {\"a\" :1},\"plain\":{\"a\":[1,\"x\"]}, \"escaped\":[\"\\n\"],"
				   "\"restring\":\"\\u0041\",\"del\":\"\x7f\",\"renumber\":[1.0],\"exact\":1e2,"
				   "\"duplicate\":{\"a\":1,\"a\":2},\"key\":{\"\\n\":1},\"again\":{},\"again\":[]}";
	static const struct {
		const char *path;
		enum json_kind kind;
		unsigned flags;
	} cases[] = {
		{"spaced", JSON_OBJECT, JSON_SPACED},
		{"spaced.a", JSON_NUMBER, 0},
		{"plain", JSON_OBJECT, 0},
		{"plain.a", JSON_ARRAY, 0},
		{"plain.a[1]", JSON_STRING, 0},
		{"escaped", JSON_ARRAY, JSON_ESCAPED},
		{"escaped[0]", JSON_STRING, JSON_ESCAPED},
		{"restring", JSON_STRING, JSON_ESCAPED | JSON_RESTRING},
		{"del", JSON_STRING, JSON_RESTRING},
		{"renumber", JSON_ARRAY, JSON_RENUMBER},
		{"exact", JSON_NUMBER, JSON_RENUMBER | JSON_RENUMBER_EXACT},
		{"duplicate", JSON_OBJECT, JSON_DUPLICATE},
		{"key", JSON_OBJECT, JSON_ESCAPED | JSON_DUPLICATE},
		{"again", JSON_ARRAY, 0},
		{".", JSON_OBJECT, 63},
	};
	struct json_want want = {0};
	struct json_span spans[COUNT(cases)], plain[COUNT(cases)];
	struct json_result result;
	const char *mistake;
	char *copies[2];

	for (size_t i = 0; i < COUNT(cases); i++)
		tap_ok(tap, json_want_path(&want, cases[i].path, &mistake) == (int)i, "slot %zu", i);
	copies[0] = scan(text, &want, spans, JSON_FACTS, &result);
	copies[1] = scan(text, &want, plain, 0, &result);
	for (size_t i = 0; i < COUNT(cases); i++) {
		tap_ok(tap, spans[i].kind == cases[i].kind && spans[i].flags == cases[i].flags, "flags of %s: %u",
		       cases[i].path, spans[i].flags);
		tap_ok(tap, ((plain[i].flags ^ spans[i].flags) & JSON_ESCAPED) == 0, "escaped without facts: %s",
		       cases[i].path);
	}
	free(copies[0]);
	free(copies[1]);
	json_want_free(&want);
}

static void test_paths(struct tap *tap)
{
	static const struct {
		const char *path, *mistake;
	} cases[] = {
		{"", "the path is empty"},
		{"..", "a name is missing, or has to be quoted"},
		{"a.", "a name is missing, or has to be quoted"},
		{"a..b", "a name is missing, or has to be quoted"},
		{".a-b", "a name is missing, or has to be quoted"},
		{" a", "a name is missing, or has to be quoted"},
		{"a ", "a name is missing, or has to be quoted"},
		{"a\"b\"", "a dot or a bracket is missing between two names"},
		{"\"a\"b", "a dot or a bracket is missing between two names"},
		{"[0]a", "a dot or a bracket is missing between two names"},
		{"\"a", "a quote is not closed"},
		{"\"a\\\"", "a quote is not closed"},
		{"[\"a", "a quote is not closed"},
		{"[\"a\"", "a bracket is not closed"},
		{"[\"a\" ]", "a bracket is not closed"},
		{"[0", "a bracket is not closed"},
		{"[0x]", "a bracket is not closed"},
		{"[", "brackets hold an index from 0 on, or a quoted name"},
		{"[]", "brackets hold an index from 0 on, or a quoted name"},
		{"[-1]", "brackets hold an index from 0 on, or a quoted name"},
		{"[a]", "brackets hold an index from 0 on, or a quoted name"},
		{"[99999999999999999999]", "the index is too large"},
		{"\"\\n\"", "in a quoted name a backslash stands before '\"' or '\\' only"},
		{"[\"\\u0061\"]", "in a quoted name a backslash stands before '\"' or '\\' only"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_want want = {0};
		const char *mistake = "none";
		int slot = json_want_path(&want, cases[i].path, &mistake);

		tap_ok(tap, slot == -1, "malformed path: %s", cases[i].path);
		tap_is(tap, mistake, strlen(mistake), cases[i].mistake, strlen(cases[i].mistake), cases[i].path);
		tap_ok(tap, json_want_path(&want, ".a", &mistake) == 0, "a good path after it has slot 0");
		json_want_free(&want);
	}
}

/* However a path is spelt, it has one slot; a prefix of it has another. */
static void test_slots(struct tap *tap)
{
	static const struct {
		const char *path;
		int slot;
	} cases[] = {
		{".a.b", 0},   {"a.b", 0},    {"\"a\"[\"b\"]", 0}, {".a", 1},    {".a[0]", 2},
		{".a.[0]", 2}, {".a[00]", 2}, {".a", 1},           {".", 3},     {".", 3},
		{".b", 4},     {"[0]", 5},    {".a.b", 0},         {".\"\"", 6},
	};
	struct json_want want = {0};
	const char *mistake;

	for (size_t i = 0; i < COUNT(cases); i++)
		tap_ok(tap, json_want_path(&want, cases[i].path, &mistake) == cases[i].slot, "slot of %s",
		       cases[i].path);
	tap_ok(tap, json_want_member(&want, "a", 1) == 1, "json_want_member: the same as .a");
	tap_ok(tap, json_want_member(&want, "a.b", 3) == 7, "json_want_member: the very name a.b");
	tap_ok(tap, json_want_member(&want, "a\0", 2) == 8, "json_want_member: a name with a NUL");
	tap_ok(tap, json_want_member(&want, "", 0) == 6, "json_want_member: the empty name");
	tap_ok(tap, want.slots == 9, "nine slots in all");
	json_want_free(&want);
	tap_ok(tap, !want.nodes && want.slots == 0, "freed");
}

/* More wanted members than one word has bits, flat and deep; the last of equal keys counts beyond that, too. */
static void test_many(struct tap *tap)
{
	struct json_want want = {0};
	struct json_span spans[MOST] = {0};
	struct json_result result;
	char text[16 * 1024] = "{", *copy;
	const char *mistake;
	size_t wrong = 0;

	for (int i = 0; i < MOST; i++) {
		char path[32];

		snprintf(path, sizeof(path), ".m%d%s", i, i % 2 ? ".x[1]" : "");
		wrong += json_want_path(&want, path, &mistake) != i;
	}
	tap_ok(tap, wrong == 0, "%d paths", MOST);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < MOST; i++)
			sprintf(text + strlen(text), i % 2 ? "\"m%d\":{\"x\":[0,%d]}," : "\"m%d\":%d,", i, i + round);
	strcat(text, "\"m199\":{\"x\":[7]},\"m198\":{},\"m1\":8}");
	copy = scan(text, &want, spans, 0, &result);
	for (int i = 2; i < MOST - 2; i++)
		wrong += spans[i].kind != JSON_NUMBER || atoi(spans[i].at) != i + 1;
	tap_ok(tap, wrong == 0, "the values of %d members, given twice", MOST);
	tap_ok(tap, spans[1].kind == JSON_NONE && spans[199].kind == JSON_NONE, "the inside of what came last is gone");
	tap_ok(tap, spans[198].kind == JSON_OBJECT, "another kind came last");
	free(copy);
	json_want_free(&want);
}

static void test_deep(struct tap *tap)
{
	struct json_want want = {0};
	struct json_span spans[2] = {0};
	struct json_result result;
	char text[JSON_DEPTH * 8] = "", path[JSON_DEPTH * 8] = "";
	const char *mistake;
	char *copy;

	for (int i = 0; i < JSON_DEPTH / 2; i++) {
		strcat(text, "{\"a\":[");
		strcat(path, ".a[0]");
	}
	strcat(text, "\"x\"");
	for (int i = 0; i < JSON_DEPTH / 2; i++)
		strcat(text, "]}");
	json_want_path(&want, path, &mistake);
	strcat(path, ".a");
	json_want_path(&want, path, &mistake);
	copy = scan(text, &want, spans, JSON_FACTS, &result);
	tap_is(tap, spans[0].at, spans[0].length, "\"x\"", 3, "the innermost of the deepest");
	tap_ok(tap, spans[1].kind == JSON_NONE, "what lies deeper than the text");
	free(copy);
	json_want_free(&want);
}

static void test_string_is(struct tap *tap)
{
	static const struct {
		const char *string, *bytes;
		bool is;
	} cases[] = {
		{"\"\"", "", true},
		{"\"\"", "a", false},
		{"\"a\"", "", false},
		{"\"a\"", "a", true},
		{"\"a\"", "b", false},
		{"\"ab\"", "a", false},
		{"\"a\"", "ab", false},
		{"\"\\b\\f\\n\\r\\t\\\"\\\\\\/\"", "\b\f\n\r\t\"\\/", true},
		{"\"b\"", "\b", false},
		{"\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00!\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!", true},
		{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98", false},
		{"\"\\udfff\"", "\xef\xbf\xbd", true},
		{"\"\xc3\xa9\"", "\xc3\xa9", true},
		{"\"\xc3\xa9\"", "\xc3", false},
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		tap_ok(tap,
		       json_string_is(cases[i].string, strlen(cases[i].string), cases[i].bytes,
		                      strlen(cases[i].bytes)) == cases[i].is,
		       "json_string_is: %s, %s", cases[i].string, cases[i].bytes);
	tap_ok(tap, json_string_is("\"\\u0000\"", 8, "", 1), "json_string_is: a NUL");
	tap_ok(tap, !json_string_is("\"\\u0000\"", 8, "", 0), "json_string_is: a NUL is not nothing");
}

int main(void)
{
	struct tap tap = {0};

	test_found(&tap);
	test_flags(&tap);
	test_paths(&tap);
	test_slots(&tap);
	test_many(&tap);
	test_deep(&tap);
	test_string_is(&tap);
	return tap_end(&tap);
}
