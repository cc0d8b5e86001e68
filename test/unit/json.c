/*
 * json_scan: grammar, errors and their places, flags, depth, what it reads. Every text is scanned at the very end
 * of the readable memory it may have, with different bytes in the padding, which must not matter.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/json.h"
#include "common/utf8.h"
#include "test/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A literal that may hold NUL bytes, and its length. */
#define BYTES(literal) literal, sizeof(literal) - 1

enum { ROOM = 64 * 1024 };

struct test {
	struct tap tap;
	char *end; /* of what may be read */
};

static void init(struct test *test)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + ROOM, page, PROT_NONE) < 0) {
		perror("mmap");
		exit(1);
	}
	test->end = memory + ROOM;
}

static bool same(const struct json_result *a, const struct json_result *b)
{
	return a->kind == b->kind && a->start == b->start && a->end == b->end && a->at == b->at &&
	       a->members == b->members && (a->error ? b->error && strcmp(a->error, b->error) == 0 : !b->error);
}

/* Scans with every padding, with and without facts; the result is that with facts. False: refused. */
static bool scan(struct test *test, const char *text, size_t length, struct json_result *result)
{
	static const char paddings[] = "\0\"0}],:\\ \n.eE-tu\xff\xc3\x80";
	char *at = test->end - JSON_PADDING - length;
	struct json_result first = {0}, plain;
	bool valid = false;

	memcpy(at, text, length);
	for (size_t i = 0; i < sizeof(paddings) - 1; i++) {
		memset(at + length, paddings[i], JSON_PADDING);
		valid = json_scan(at, length, NULL, NULL, 0, &plain);
		if (i == 0)
			first = plain;
		if (json_scan(at, length, NULL, NULL, JSON_FACTS, result) != valid || !same(result, &plain) ||
		    !same(&first, &plain))
			tap_ok(&test->tap, false, "facts or padding change the answer: %.*s", (int)length, text);
	}
	if (valid != !result->error || (!valid && result->at > length))
		tap_ok(&test->tap, false, "no error, or beyond the end: %.*s", (int)length, text);
	return valid;
}

static void test_valid(struct test *test)
{
	static const struct {
		const char *text;
		enum json_kind kind;
		unsigned flags;
	} cases[] = {
		{"{}", JSON_OBJECT, 0},
		{"[]", JSON_ARRAY, 0},
		{"\"\"", JSON_STRING, 0},
		{"0", JSON_NUMBER, 0},
		{"true", JSON_TRUE, 0},
		{"false", JSON_FALSE, 0},
		{"null", JSON_NULL, 0},
		{" \t\r\n{} \t\r\n", JSON_OBJECT, 0},
		{"{ }", JSON_OBJECT, JSON_SPACED},
		{"[\n]", JSON_ARRAY, JSON_SPACED},
		{"{\"a\" :1}", JSON_OBJECT, JSON_SPACED},
		{"{\"a\": 1}", JSON_OBJECT, JSON_SPACED},
		{"{\"a\":1 }", JSON_OBJECT, JSON_SPACED},
		{"{\"a\":1, \"b\":2}", JSON_OBJECT, JSON_SPACED},
		{"[1 ,2]", JSON_ARRAY, JSON_SPACED},
		{"[1,\t2]", JSON_ARRAY, JSON_SPACED},
		{"[[[[ ]]]]", JSON_ARRAY, JSON_SPACED},
		{"\" \"", JSON_STRING, 0},
		{"\"\\\"\\\\\\b\\f\\n\\r\\t\"", JSON_STRING, JSON_ESCAPED},
		{"\"\\/\"", JSON_STRING, JSON_ESCAPED | JSON_RESTRING},
		{"\"\\u0041\"", JSON_STRING, JSON_ESCAPED | JSON_RESTRING},
		{"\"\\ud83d\\uDE00\"", JSON_STRING, JSON_ESCAPED | JSON_RESTRING},
		{"\"\\ude00\"", JSON_STRING, JSON_ESCAPED | JSON_RESTRING},
		{"\"\x7f\"", JSON_STRING, JSON_RESTRING},
		{"\"0123456789abcdef0123456789abcdef\x7f\"", JSON_STRING, JSON_RESTRING},
		{"\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbb\xbf \xef\xbf\xbf\"", JSON_STRING, 0},
		{"{\"\\n\":1}", JSON_OBJECT, JSON_ESCAPED | JSON_DUPLICATE},
		{"{\"\x7f\":1}", JSON_OBJECT, JSON_RESTRING},
		{"{\"\":1}", JSON_OBJECT, 0},
		{"{\"a\":1,\"a\":2}", JSON_OBJECT, JSON_DUPLICATE},
		{"{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3},{\"a\":4}]}", JSON_OBJECT, 0},
		{"[{\"a\":{\"b\":1,\"c\":2,\"b\":3}}]", JSON_ARRAY, JSON_DUPLICATE},
		{"-0", JSON_NUMBER, 0},
		{"-1", JSON_NUMBER, 0},
		{"123456789012345", JSON_NUMBER, 0},
		{"100000000000000", JSON_NUMBER, 0},
		{"1234567890123456", JSON_NUMBER, 0},
		{"1763862000.123456", JSON_NUMBER, 0},
		{"3999999999999999", JSON_NUMBER, 0},
		{"4000000000000001", JSON_NUMBER, JSON_RENUMBER},
		{"12345678901234567", JSON_NUMBER, JSON_RENUMBER},
		{"1763862000.1234567", JSON_NUMBER, JSON_RENUMBER},
		{"0.3999999999999999", JSON_NUMBER, 0},
		{"0.0003999999999999999", JSON_NUMBER, 0},
		{"0.4000000000000001", JSON_NUMBER, JSON_RENUMBER},
		{"0.12345678901234567", JSON_NUMBER, JSON_RENUMBER},
		{"1.5", JSON_NUMBER, 0},
		{"-123.456", JSON_NUMBER, 0},
		{"1.0", JSON_NUMBER, JSON_RENUMBER},
		{"1.10", JSON_NUMBER, JSON_RENUMBER},
		{"0.0", JSON_NUMBER, JSON_RENUMBER},
		{"0.0001", JSON_NUMBER, 0},
		{"0.00001", JSON_NUMBER, JSON_RENUMBER},
		{"0.000001", JSON_NUMBER, JSON_RENUMBER},
		{"0.0000001", JSON_NUMBER, JSON_RENUMBER | JSON_RENUMBER_EXACT},
		{"0.000000", JSON_NUMBER, JSON_RENUMBER},
		{"0.0000000", JSON_NUMBER, JSON_RENUMBER | JSON_RENUMBER_EXACT},
		{"1e2", JSON_NUMBER, JSON_RENUMBER | JSON_RENUMBER_EXACT},
		{"1E+2", JSON_NUMBER, JSON_RENUMBER | JSON_RENUMBER_EXACT},
		{"-1.5e-2", JSON_NUMBER, JSON_RENUMBER | JSON_RENUMBER_EXACT},
		{"[1.0,{\"a\":\"\\u0041\"}]", JSON_ARRAY, JSON_RENUMBER | JSON_ESCAPED | JSON_RESTRING},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = cases[i].text;
		struct json_result result;
		bool valid = scan(test, text, strlen(text), &result);

		if (!tap_ok(&test->tap, valid && result.kind == cases[i].kind && result.flags == cases[i].flags,
		            "valid: %s", text))
			printf("# %s, kind %d, flags %u, wanted kind %d, flags %u\n",
			       result.error ? result.error : "valid", result.kind, result.flags, cases[i].kind,
			       cases[i].flags);
	}
}

static void test_invalid(struct test *test)
{
	static const struct {
		const char *text;
		size_t length;
		const char *error;
		size_t at;
	} cases[] = {
		{BYTES(""), "empty", 0},
		{BYTES(" \n"), "empty", 2},
		{BYTES("{"), "ends in the middle of a value", 1},
		{BYTES("["), "ends in the middle of a value", 1},
		{BYTES("[ "), "ends in the middle of a value", 2},
		{BYTES("[1"), "ends in the middle of a value", 2},
		{BYTES("[1,"), "ends in the middle of a value", 3},
		{BYTES("{\"a\""), "ends in the middle of a value", 4},
		{BYTES("{\"a\":"), "ends in the middle of a value", 5},
		{BYTES("{\"a\":1,"), "ends in the middle of a value", 7},
		{BYTES("\""), "unterminated string", 1},
		{BYTES("\"abc"), "unterminated string", 4},
		{BYTES("\"abc\\"), "unterminated string", 5},
		{BYTES("\"abc\\\""), "unterminated string", 6},
		{BYTES("\"0123456789abcdef"), "unterminated string", 17},
		{BYTES("{\"a"), "unterminated string", 3},
		{BYTES("x"), "expected a value", 0},
		{BYTES("tru"), "expected a value", 0},
		{BYTES("[nul]"), "expected a value", 1},
		{BYTES("TRUE"), "expected a value", 0},
		{BYTES("'a'"), "expected a value", 0},
		{BYTES("+1"), "expected a value", 0},
		{BYTES(".5"), "expected a value", 0},
		{BYTES("nan"), "expected a value", 0},
		{BYTES("NaN"), "expected a value", 0},
		{BYTES("Infinity"), "expected a value", 0},
		{BYTES("\xef\xbb\xbf{}"), "expected a value", 0},
		{BYTES("\0"), "expected a value", 0},
		{BYTES("\x0b{}"), "expected a value", 0},
		{BYTES("\xc2\xa0{}"), "expected a value", 0},
		{BYTES("]"), "expected a value", 0},
		{BYTES("}"), "expected a value", 0},
		{BYTES(","), "expected a value", 0},
		{BYTES("[1,]"), "expected a value", 3},
		{BYTES("[,1]"), "expected a value", 1},
		{BYTES("[1,,2]"), "expected a value", 3},
		{BYTES("{\"a\":}"), "expected a value", 5},
		{BYTES("{\"a\":1}x"), "something follows the value", 7},
		{BYTES("{\"a\":1} {}"), "something follows the value", 8},
		{BYTES("{} \0"), "something follows the value", 3},
		{BYTES("truefalse"), "something follows the value", 4},
		{BYTES("1\"a\""), "something follows the value", 1},
		{BYTES("{a:1}"), "expected a key", 1},
		{BYTES("{1:1}"), "expected a key", 1},
		{BYTES("{,}"), "expected a key", 1},
		{BYTES("{\"a\":1,}"), "expected a key", 7},
		{BYTES("{]"), "expected a key", 1},
		{BYTES("{\"a\"}"), "expected ':'", 4},
		{BYTES("{\"a\",1}"), "expected ':'", 4},
		{BYTES("{\"a\" 1}"), "expected ':'", 5},
		{BYTES("{\"a\":1]"), "expected ',' or '}'", 6},
		{BYTES("{\"a\":1 \"b\":2}"), "expected ',' or '}'", 7},
		{BYTES("{\"a\":1:2}"), "expected ',' or '}'", 6},
		{BYTES("[1 2]"), "expected ',' or ']'", 3},
		{BYTES("[1}"), "expected ',' or ']'", 2},
		{BYTES("[1:2]"), "expected ',' or ']'", 2},
		{BYTES("[1\0]"), "expected ',' or ']'", 2},
		{BYTES("-"), "malformed number", 1},
		{BYTES("--1"), "malformed number", 1},
		{BYTES("-a"), "malformed number", 1},
		{BYTES("01"), "malformed number", 1},
		{BYTES("-00"), "malformed number", 2},
		{BYTES("1."), "malformed number", 2},
		{BYTES("[1.]"), "malformed number", 3},
		{BYTES("1.e5"), "malformed number", 2},
		{BYTES("1e"), "malformed number", 2},
		{BYTES("1e+"), "malformed number", 3},
		{BYTES("1ex"), "malformed number", 2},
		{BYTES("[1e]"), "malformed number", 3},
		{BYTES("\"a\nb\""), "control character in a string", 2},
		{BYTES("\"a\0b\""), "control character in a string", 2},
		{BYTES("\"0123456789abcdef\x1f\""), "control character in a string", 17},
		{BYTES("{\"\t\":1}"), "control character in a string", 2},
		{BYTES("\"a\\x\""), "unknown escape in a string", 2},
		{BYTES("\"\\U0041\""), "unknown escape in a string", 1},
		{BYTES("\"\\\0\""), "unknown escape in a string", 1},
		{BYTES("\"\\u12g4\""), "\\u needs four hexadecimal digits", 1},
		{BYTES("\"\\u123\""), "\\u needs four hexadecimal digits", 1},
		{BYTES("\"\\u12"), "\\u needs four hexadecimal digits", 1},
		{BYTES("\"\\ud83d\""), "high surrogate without its low one", 1},
		{BYTES("\"\\ud83dxxxxxx\""), "high surrogate without its low one", 1},
		{BYTES("\"\\ud83d\\n\\n\\n\""), "high surrogate without its low one", 1},
		{BYTES("\"\\ud83d\\ud83d\""), "high surrogate without its low one", 1},
		{BYTES("\"\\ud83d\\u0041\""), "high surrogate without its low one", 1},
		{BYTES("\"\\ud83d\\u"), "high surrogate without its low one", 1},
		{BYTES("\"a\x80z\""), "invalid UTF-8 in a string", 2},
		{BYTES("\"\xc3\""), "invalid UTF-8 in a string", 1},
		{BYTES("\"\xc0\x80\""), "invalid UTF-8 in a string", 1},
		{BYTES("\"\xc3\xa9\xed\xa0\x80\""), "invalid UTF-8 in a string", 3},
		{BYTES("\"0123456789abcdef\xf5\x80\x80\x80\""), "invalid UTF-8 in a string", 17},
		{BYTES("{\"\xff\":1}"), "invalid UTF-8 in a string", 2},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_result result;
		bool valid = scan(test, cases[i].text, cases[i].length, &result);

		if (!tap_ok(&test->tap, !valid && result.at == cases[i].at && strcmp(result.error, cases[i].error) == 0,
		            "invalid: %s", cases[i].text))
			printf("# %s at %zu, wanted %s at %zu\n", valid ? "valid" : result.error, result.at,
			       cases[i].error, cases[i].at);
	}
}

/* No strict prefix of an object or an array is valid, and nothing but white space may follow. */
static void test_truncation(struct test *test)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"event\":\"data\",\"time\":1763862000.25,\"data\":{\"list\":[1,-2.5e+10,true,false,null,\"\"]}}",
		"[\"\\u00e9\\ud83d\\ude00\\\\\\\"\",{\"\":{\"a b\":[[],{}]}},0.001]",
		" { \"k\" : [ 1 , 2 ] , \"l\" : \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 0123456789abcdef0123456789\" } ",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		size_t length = strlen(texts[i]), end = strcspn(texts[i] + length - 2, "]}") + length - 1, accepted = 0;
		struct json_result result;
		char *longer = calloc(1, length + 2);

		for (size_t cut = 0; cut < end; cut++)
			accepted += scan(test, texts[i], cut, &result);
		tap_ok(&test->tap, accepted == 0, "no prefix is valid: %s", texts[i]);
		accepted = 0;
		memcpy(longer, texts[i], length);
		for (int byte = 0; byte < 256; byte++) {
			longer[length] = (char)byte;
			accepted += scan(test, longer, length + 1, &result);
		}
		tap_ok(&test->tap, accepted == 4, "only white space may follow: %s", texts[i]);
		free(longer);
	}
}

/* A byte in every place of a string of any length, and behind a backslash. */
static void test_strings(struct test *test)
{
	size_t wrong = 0;
	struct json_result result;

	for (int byte = 0; byte < 256; byte++) {
		for (size_t length = 1; length < 40; length++) {
			for (size_t at = 0; at < length; at++) {
				char text[48] = "\"";

				memset(text + 1, 'x', length);
				text[1 + at] = (char)byte;
				text[1 + length] = '"';
				wrong += scan(test, text, length + 2, &result) !=
				         (byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\');
			}
		}
	}
	tap_ok(&test->tap, wrong == 0, "every byte in every place of a string");
	wrong = 0;
	for (int byte = 0; byte < 256; byte++) {
		char text[] = "\"0123456789abcd\\?\"";

		text[16] = (char)byte;
		wrong += scan(test, text, 18, &result) != (byte && strchr("\"\\/bfnrt", byte));
	}
	tap_ok(&test->tap, wrong == 0, "every byte behind a backslash");
	wrong = 0;
	for (int byte = 0; byte < 256; byte++) {
		for (int place = 3; place < 7; place++) {
			char text[] = "\"\\u0000\"";

			text[place] = (char)byte;
			wrong += scan(test, text, 8, &result) != (byte && strchr("0123456789abcdefABCDEF", byte));
		}
	}
	tap_ok(&test->tap, wrong == 0, "every byte in every place of \\u0000");
	wrong = 0;
	for (unsigned unit = 0; unit < 0x10000; unit++) {
		char text[16 + JSON_PADDING] = {0};

		snprintf(text, sizeof(text), "\"\\u%04x\"", unit);
		wrong += json_scan(text, 8, NULL, NULL, 0, &result) != (unit < 0xd800 || unit > 0xdbff);
		snprintf(text, sizeof(text), "\"\\uDBFF\\u%04X\"", unit);
		wrong += json_scan(text, 14, NULL, NULL, 0, &result) != (unit >= 0xdc00 && unit <= 0xdfff);
	}
	tap_ok(&test->tap, wrong == 0, "every UTF-16 unit alone and behind a high surrogate");
}

/* utf8_valid needs no padding: half a character at the end of the readable memory. */
static void test_cut(struct test *test)
{
	static const char *const cut[] = {"\xc3", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98"};

	for (size_t i = 0; i < COUNT(cut); i++) {
		size_t length = strlen(cut[i]);

		tap_ok(&test->tap, !utf8_valid(memcpy(test->end - length, cut[i], length), length),
		       "UTF-8: nothing is read beyond %s", cut[i]);
	}
}

static void test_depth(struct test *test)
{
	static const struct {
		const char *open, *close;
	} kinds[] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"a\":", "}]"}};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		for (int depth = JSON_DEPTH - 2; depth <= JSON_DEPTH + 2; depth += 2) {
			int times = i == 2 ? depth / 2 : depth - 1 + (depth > JSON_DEPTH);
			int levels = i == 2 ? times * 2 : times;
			char text[2048] = "";
			struct json_result result;
			bool valid;

			for (int t = 0; t < times; t++)
				strcat(text, kinds[i].open);
			strcat(text, "1");
			for (int t = 0; t < times; t++)
				strcat(text, kinds[i].close);
			valid = scan(test, text, strlen(text), &result);
			tap_ok(&test->tap,
			       levels > JSON_DEPTH ? !valid && strcmp(result.error, "nested too deep") == 0 : valid,
			       "depth %d of %s", levels, kinds[i].open);
		}
	}
}

/* Keys twice, far apart, among very many. */
static void test_keys(struct test *test)
{
	for (int count = 1; count < 1200; count += count < 20 ? 1 : 97) {
		char *text = malloc((size_t)count * 12 + 16);
		size_t length = 1;
		struct json_result once, twice;

		text[0] = '{';
		for (int i = 0; i < count; i++)
			length += (size_t)sprintf(text + length, "\"k%d\":%d,", i, i);
		text[length - 1] = '}';
		scan(test, text, length, &once);
		length += (size_t)sprintf(text + length - 1, ",\"k%d\":0}", count / 2) - 1;
		scan(test, text, length, &twice);
		tap_ok(&test->tap,
		       twice.flags == JSON_DUPLICATE &&
		               (once.flags == 0 || (count > 500 && once.flags == JSON_DUPLICATE)),
		       "%d keys, and one of them again", count);
		free(text);
	}
}

/* The same keys in many objects. */
static void test_objects(struct test *test)
{
	size_t wrong = 0;

	for (int seed = 0; seed < 20; seed++) {
		char text[16000] = "[{}";
		struct json_result result;

		for (int i = 0; i < 80; i++)
			sprintf(text + strlen(text), ",{\"%d\":%d,\"k%d\":{},\"name %d\":\"\",\"%dx\":[{},{}]}",
			        seed + i % 7, i, i % 11 * seed, i * seed % 5, i % 13);
		strcat(text, "]");
		wrong += !scan(test, text, strlen(text), &result) || result.flags != 0;
	}
	tap_ok(&test->tap, wrong == 0, "the same keys in many objects");
}

static void test_members(struct test *test)
{
	static const struct {
		const char *text;
		size_t members;
	} cases[] = {
		{"{}", 0},
		{"{ }", 0},
		{"{\"a\":{}}", 1},
		{"{\"a\":{\"b\":1,\"c\":2},\"d\":[1,2,3]}", 2},
		{"{\"a\":1,\"a\":2,\"b\":[{\"c\":3}]}", 3},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_result result;

		scan(test, cases[i].text, strlen(cases[i].text), &result);
		tap_ok(&test->tap, result.members == cases[i].members, "%zu members: %s", result.members,
		       cases[i].text);
	}
}

int main(void)
{
	struct test test = {0};

	init(&test);
	test_valid(&test);
	test_invalid(&test);
	test_truncation(&test);
	test_strings(&test);
	test_cut(&test);
	test_depth(&test);
	test_keys(&test);
	test_objects(&test);
	test_members(&test);
	return tap_end(&test.tap);
}
