/*
 * json_text: strings, numbers, members and base64, to and fro.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/utf8.h"
#include "test/unit/tap.h"

#define COUNT(array)   (sizeof(array) / sizeof((array)[0]))
#define BYTES(literal) literal, sizeof(literal) - 1

static void test_strings(struct tap *tap)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *string;
	} cases[] = {
		{BYTES(""), "\"\""},
		{BYTES("abc"), "\"abc\""},
		{BYTES("/"), "\"/\""},
		{BYTES("\"\\"), "\"\\\"\\\\\""},
		{BYTES("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
		{BYTES("\0\1\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\""},
		{BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{BYTES("\xef\xbb\xbf\xe2\x80\xa8\xef\xbf\xbf"), "\"\xef\xbb\xbf\xe2\x80\xa8\xef\xbf\xbf\""},
	};
	static const struct {
		const char *bytes, *string;
	} damaged[] = {
		{"\x80", "\"\xef\xbf\xbd\""},
		{"a\xff"
	         "b",
	         "\"a\xef\xbf\xbd"
	         "b\""},
		{"\xc3", "\"\xef\xbf\xbd\""},
		{"\xc3\"", "\"\xef\xbf\xbd\\\"\""},
		{"\xf8\xc3\xa9", "\"\xef\xbf\xbd\xc3\xa9\""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text text = {0}, back = {0};

		json_add_string(&text, cases[i].bytes, cases[i].length);
		tap_is(tap, text.data, text.length, cases[i].string, strlen(cases[i].string), "json_add_string");
		json_add_unescaped(&back, text.data, text.length);
		tap_is(tap, back.data, back.length, cases[i].bytes, cases[i].length, "json_add_unescaped of it");
		text_free(&text);
		text_free(&back);
	}
	for (size_t i = 0; i < COUNT(damaged); i++) {
		struct text text = {0};

		json_add_string(&text, damaged[i].bytes, strlen(damaged[i].bytes));
		tap_is(tap, text.data, text.length, damaged[i].string, strlen(damaged[i].string), "not UTF-8");
		tap_ok(tap, utf8_valid(text.data, text.length), "and then it is");
		text_free(&text);
	}
}

/* Eight bytes are looked at together: each byte, at each place among them, before and behind others that are special. */
static void test_each_byte(struct tap *tap)
{
	bool same = true;

	for (unsigned byte = 0; byte < 0x80; byte++)
		for (size_t length = 1; length < 20; length++)
			for (size_t at = 0; at < length; at++) {
				char bytes[20];
				struct text text = {0}, back = {0};
				size_t escapes = 0;

				memset(bytes, at % 2 ? 'a' : '!', length);
				bytes[at] = (char)byte;
				json_add_string(&text, bytes, length);
				json_add_unescaped(&back, text.data, text.length);
				same &= back.length == length && memcmp(back.data, bytes, length) == 0;
				for (size_t i = 1; i + 1 < text.length; i++) {
					escapes += text.data[i] == '\\';
					same &= (unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f;
				}
				same &= (escapes > 0) == (byte < 0x20 || byte == 0x7f || strchr("\"\\", (int)byte));
				text_free(&text);
				text_free(&back);
			}
	tap_ok(tap, same, "each byte, at each place");
}

static void test_unescaped(struct tap *tap)
{
	static const struct {
		const char *string, *bytes;
	} cases[] = {
		{"\"\"", ""},
		{"\"a\\/b\"", "a/b"},
		{"\"\\u0041\\u00E9\\u20ac\\uD83D\\uDE00!\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
		{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"},
		{"\"\\ud800\\udc00\\udbff\\udfff\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
		{"\"\\udc00\\udfff\"", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\"\\\\u0041\\\"\"", "\\u0041\""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text text = {0};

		text_add_string(&text, "before ");
		json_add_unescaped(&text, cases[i].string, strlen(cases[i].string));
		tap_is(tap, text.data + 7, text.length - 7, cases[i].bytes, strlen(cases[i].bytes), cases[i].string);
		tap_ok(tap, json_string_is(cases[i].string, strlen(cases[i].string), text.data + 7, text.length - 7),
		       "json_string_is agrees: %s", cases[i].string);
		text_free(&text);
	}
}

static void test_compact(struct tap *tap)
{
	static const struct {
		const char *json, *compact;
	} cases[] = {
		{"{}", "{}"},
		{" { } ", "{}"},
		{"\t[\n1 ,\r\n2 ]\n", "[1,2]"},
		{"{ \"a b\" : \" \\\" \\\\\" , \"c\":[ true , null ] }", "{\"a b\":\" \\\" \\\\\",\"c\":[true,null]}"},
		{"\" \"", "\" \""},
		{" 1.0e+5 ", "1.0e+5"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text text = {0};

		json_add_compact(&text, cases[i].json, strlen(cases[i].json));
		tap_is(tap, text.data, text.length, cases[i].compact, strlen(cases[i].compact), "json_add_compact");
		text_free(&text);
	}
}

static void test_members(struct tap *tap)
{
	static const char object[] =
		" { \"a\" : 1 ,\"b\":\"}\\\",\" , \"\" :[1,{\"x\":\"]\"}] ,\"c\\\"\": { \"a\" : [ \"\\\\\" ] } ,"
		"\"d\":null,\"a\":true} \"behind\":2";
	static const struct {
		const char *key, *value;
		enum json_kind kind;
		unsigned key_flags, flags;
	} members[] = {
		{"\"a\"", "1", JSON_NUMBER, 0, 0},
		{"\"b\"", "\"}\\\",\"", JSON_STRING, 0, JSON_ESCAPED},
		{"\"\"", "[1,{\"x\":\"]\"}]", JSON_ARRAY, 0, 0},
		{"\"c\\\"\"", "{ \"a\" : [ \"\\\\\" ] }", JSON_OBJECT, JSON_ESCAPED, JSON_ESCAPED},
		{"\"d\"", "null", JSON_NULL, 0, 0},
		{"\"a\"", "true", JSON_TRUE, 0, 0},
	};
	const char *at = object + 1;
	struct json_span key = {0}, value = {0};
	size_t i = 0;

	for (; json_next_member(&at, &key, &value) && i < COUNT(members); i++) {
		tap_is(tap, key.at, key.length, members[i].key, strlen(members[i].key), "json_next_member: key");
		tap_is(tap, value.at, value.length, members[i].value, strlen(members[i].value),
		       "json_next_member: value");
		tap_ok(tap, value.kind == members[i].kind && key.kind == JSON_STRING, "kind of %s", members[i].value);
		tap_ok(tap, (value.flags & JSON_ESCAPED) == members[i].flags, "flags of %s", members[i].value);
		tap_ok(tap, (key.flags & JSON_ESCAPED) == members[i].key_flags, "flags of %s", members[i].key);
	}
	tap_ok(tap, i == COUNT(members), "%zu members", i);
	for (int j = 0; j < 2; j++) {
		at = j ? "{}" : "{ \n}";
		tap_ok(tap, !json_next_member(&at, &key, &value), "no members: %s", at);
	}
}

static void test_elements(struct tap *tap)
{
	static const char *const elements[] = {"1", "\"a,]\"", "[2,[3]]", "{\"b\":[]}", "null"};
	const char *at = " [1 , \"a,]\",[2,[3]]\n,{\"b\":[]}, null ]";
	struct json_span value;
	size_t i = 0;

	for (; json_next_element(&at, &value) && i < COUNT(elements); i++)
		tap_is(tap, value.at, value.length, elements[i], strlen(elements[i]), "json_next_element");
	tap_ok(tap, i == COUNT(elements), "%zu elements", i);
	for (int j = 0; j < 2; j++) {
		at = j ? "[]" : "[ \n]";
		tap_ok(tap, !json_next_element(&at, &value), "no elements: %s", at);
	}
}

static double number(const char *string)
{
	struct json_span span = {.at = string, .length = strlen(string), .kind = JSON_NUMBER};

	return json_number(&span);
}

static void test_numbers(struct tap *tap)
{
	static const char *const numbers[] = {
		"0",
		"-0",
		"1",
		"-1.5",
		"126.87",
		"1763862000.25",
		"0.1",
		"0.0001",
		"0.00000000000000000000001",
		"0.000000000000000000000000000001",
		"0.0000000000000000000000",
		"123456789012345",
		"1234567890123456",
		"999999999999999.9",
		"9007199254740993",
		"18446744073709551616",
		"184467440737095516160000000000000000000000000000000000000000000000000000000000000000000000000001",
		"3.141592653589793115997963468544185161590576171875",
		"1e22",
		"1e23",
		"-1E-5",
		"5e-324",
		"2.2250738585072011e-308",
		"1.7976931348623157e308",
		"1e309",
		"-1e400",
		"1e-400",
		"0e99999",
	};
	uint64_t seed = 1;
	size_t wrong = 0;

	for (size_t i = 0; i < COUNT(numbers); i++) {
		double got = number(numbers[i]), wanted = strtod(numbers[i], NULL);

		tap_ok(tap, memcmp(&got, &wanted, sizeof(got)) == 0, "json_number of %s: %.17g", numbers[i], got);
	}
	tap_ok(tap, isinf(number("1e309")), "too large is infinite");
	for (int i = 0; i < 300000; i++) {
		char string[64];
		double got, wanted;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		snprintf(string, sizeof(string), "%s%.*f", i % 3 ? "" : "-", (int)(seed >> 60),
		         (double)(seed >> 20) / pow(10, (double)(seed >> 4 & 15)));
		got = number(string);
		wanted = strtod(string, NULL);
		if (memcmp(&got, &wanted, sizeof(got)) != 0 && wrong++ < 5)
			printf("# %s: %.17g, wanted %.17g\n", string, got, wanted);
	}
	tap_ok(tap, wrong == 0, "json_number of 300000 decimals");
	/* A span ends where it ends: what follows it does not count. */
	tap_ok(tap, json_number(&(struct json_span){.at = "12345", .length = 2}) == 12, "only the span's bytes");
	tap_ok(tap, json_number(&(struct json_span){.at = "1e234", .length = 3}) == 100,
	       "only the span's bytes, exponent");
}

static void test_base64(struct tap *tap)
{
	/* RFC 4648, section 10. */
	static const char *const cases[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};
	struct text text = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		text_clear(&text);
		json_add_base64(&text, cases[i][0], strlen(cases[i][0]));
		tap_is(tap, text.data, text.length, cases[i][1], strlen(cases[i][1]), "base64");
	}
	text_clear(&text);
	json_add_base64(&text, "\xff\xef\xbe\xfb\0\x10", 6);
	tap_is(tap, text.data, text.length, BYTES("/++++wAQ"), "base64 of all bits");
	text_free(&text);
}

static void test_unbase64(struct tap *tap)
{
	static const char *const bad[] = {
		"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\\n", "Zm 9", "Zm-_", "Zm=v", "=g=="};
	struct text plain = {0}, base64 = {0}, back = {0};
	size_t wrong = 0;

	for (int byte = 0; byte < 1000; byte++) {
		text_clear(&base64);
		text_clear(&back);
		text_add_char(&base64, '"');
		json_add_base64(&base64, plain.data, plain.length);
		text_add_char(&base64, '"');
		wrong += !json_add_unbase64(&back, base64.data, base64.length) || back.length != plain.length ||
		         (plain.length > 0 && memcmp(back.data, plain.data, plain.length) != 0);
		text_add_char(&plain, (char)(byte * 7));
	}
	tap_ok(tap, wrong == 0, "base64 to and fro, %zu wrong", wrong);
	text_clear(&back);
	text_add_string(&back, "a");
	tap_ok(tap, json_add_unbase64(&back, BYTES("\"\\/\\u002b==\"")), "escaped base64");
	tap_is(tap, back.data, back.length, BYTES("a\xff"), "is added");
	for (size_t i = 0; i < COUNT(bad); i++) {
		text_clear(&base64);
		text_addf(&base64, "\"%s\"", bad[i]);
		tap_ok(tap, !json_add_unbase64(&back, base64.data, base64.length) && back.length == 2, "no base64: %s",
		       bad[i]);
	}
	text_free(&plain);
	text_free(&base64);
	text_free(&back);
}

int main(void)
{
	struct tap tap = {0};

	test_strings(&tap);
	test_each_byte(&tap);
	test_unescaped(&tap);
	test_compact(&tap);
	test_members(&tap);
	test_elements(&tap);
	test_numbers(&tap);
	test_base64(&tap);
	test_unbase64(&tap);
	return tap_end(&tap);
}
