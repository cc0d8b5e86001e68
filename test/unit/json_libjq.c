/*
 * json_scan against libjq and the reference (agree.h), with texts that a grammar makes, and damaged ones.
 *
 * JSON_CASES=N texts (2000000, but no more than ten seconds of them), JSON_SEED=S.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit/agree.h"
#include "test/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { CASES = 2000000, SECONDS = 10 };

struct generator {
	uint64_t state;
	struct text text;
	int spaced; /* how many places in a hundred get white space */
	int odd; /* how many tokens in a thousand are not what they should be */
};

/* splitmix64 */
static uint64_t next(struct generator *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

/* A number below limit. */
static unsigned below(struct generator *g, unsigned limit)
{
	return (unsigned)((next(g) >> 32) * limit >> 32);
}

static void add(struct generator *g, const char *string)
{
	text_add_string(&g->text, string);
}

static void add_space(struct generator *g)
{
	while ((int)below(g, 100) < g->spaced)
		text_add_char(&g->text, " \t\r\n"[below(g, 4)]);
}

static void add_digits(struct generator *g, unsigned most)
{
	static const char digits[] = "0000011234567899";

	for (unsigned n = below(g, most) + 1; n > 0; n--)
		text_add_char(&g->text, digits[below(g, 16)]);
}

static void add_number(struct generator *g)
{
	static const char *const numbers[] = {
		"0",
		"-0",
		"1",
		"-1",
		"1.0",
		"0.0",
		"-0.0",
		"1.10",
		"0.1",
		"0.0001",
		"0.00001",
		"0.000001",
		"0.0000001",
		"0.00000012345",
		"1e2",
		"1E+2",
		"1e-2",
		"0e10",
		"12e-1",
		"1e5",
		"1e17",
		"1e-5",
		"1e1000",
		"-1e1000",
		"1e-1000",
		"1e1000000000",
		"100000000000000",
		"1000000000000000",
		"10000000000000000",
		"100000000000000000",
		"9007199254740992",
		"9007199254740993",
		"12345678901234567890",
		"123456789012345",
		"1234567890123456",
		"0.123456789012345",
		"0.1234567890123456",
		"999999999999999",
		"99999.9999999999",
		"1.7976931348623157e308",
		"5e-324",
		"0.0001000000000000001",
	};
	static const char *const odd[] = {
		"01",    "00",  "-",    "+1",       ".5",   "5.",       "-.5",    "1e",        "1e+",  "0x10",
		"1_0",   "--1", "nan",  "NaN",      "-nan", "inf",      "+.5e1",  "1.e",       "1.e1", "\v1",
		"\f-1",  "\v",  "1\v",  "1\0002",   "-01",  "Infinity", "1e5.",   "1-",        "nan1", ".",
		"-.",    "e5",  "\x1e", "1\x1e",    "+-1",  "1e400x",   "tru",    "True",      "nul",  "n",
		"nulll", "t",   "'a'",  "\xc2\xa0", "\x01", "//",       "/**/ 1", "undefined",
	};

	if ((int)below(g, 1000) < g->odd) {
		add(g, odd[below(g, COUNT(odd))]);
		if (below(g, 8) == 0)
			text_add(&g->text, "\0x", below(g, 2) + 1);
		return;
	}
	if (below(g, 2) == 0) {
		add(g, numbers[below(g, COUNT(numbers))]);
		return;
	}
	if (below(g, 4) == 0)
		add(g, "-");
	if (below(g, 3) == 0) {
		add(g, "0");
	} else {
		text_add_char(&g->text, (char)('1' + below(g, 9)));
		if (below(g, 2) == 0)
			add_digits(g, below(g, 4) ? 5 : 20);
	}
	if (below(g, 2) == 0) {
		add(g, ".");
		for (unsigned n = below(g, 2) ? 0 : below(g, 8); n > 0; n--)
			add(g, "0");
		add_digits(g, below(g, 4) ? 4 : 20);
	}
	if (below(g, 8) == 0) {
		add(g, below(g, 2) ? "e" : "E");
		add(g, (const char *[]){"", "-", "+"}[below(g, 3)]);
		add_digits(g, 3);
	}
}

static void add_utf8(struct generator *g)
{
	static const char *const characters[] = {
		"\xc2\x80",     "\xc3\xa9",     "\xdf\xbf",         "\xe0\xa0\x80",
		"\xe2\x82\xac", "\xed\x9f\xbf", "\xee\x80\x80",     "\xef\xbb\xbf",
		"\xef\xbf\xbd", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80",
		"\xe2\x80\xa8", "\x7f",         "\xf4\x8f\xbf\xbf", "\xf3\xa0\x80\x81",
	};
	static const char *const odd[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc3",
		"\xe0\x80\x80",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xfe",
		"\xff",
		"\xed\xbf\xbf",
		"\xf0\x9f",
		"\xf0\x80\x80\x80",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xe2\x82\xac\x80",
	};

	add(g, (int)below(g, 1000) < g->odd ? odd[below(g, COUNT(odd))] : characters[below(g, COUNT(characters))]);
}

static void add_escape(struct generator *g)
{
	static const char *const escapes[] = {
		"\\\"",
		"\\\\",
		"\\/",
		"\\b",
		"\\f",
		"\\n",
		"\\r",
		"\\t",
		"\\u0000",
		"\\u001f",
		"\\u0061",
		"\\u007f",
		"\\u00e9",
		"\\u00E9",
		"\\u2028",
		"\\ud7ff",
		"\\ue000",
		"\\uFFFF",
		"\\ud83d\\ude00",
		"\\uD800\\uDC00",
		"\\udbff\\udfff",
		"\\udc00",
		"\\uDFFF",
		"\\u0022",
		"\\u005c",
	};
	static const char *const odd[] = {
		"\\ud83d",
		"\\ud83d\\ud83d",
		"\\udbff\\u0061",
		"\\ud800x",
		"\\u12",
		"\\u12g4",
		"\\x41",
		"\\'",
		"\\a",
		"\\0",
		"\\U0041",
		"\\ud83d\\n",
		"\\ud83d\\udg00",
		"\\",
		"\t",
		"\n",
		"\x1f",
		"\x1e",
		"\x01",
		"\"",
	};

	if ((int)below(g, 1000) < g->odd) {
		add(g, odd[below(g, COUNT(odd))]);
		if (below(g, 16) == 0)
			text_add_char(&g->text, '\0');
		return;
	}
	add(g, escapes[below(g, COUNT(escapes))]);
}

static void add_string(struct generator *g)
{
	add(g, "\"");
	for (unsigned n = below(g, 4); n > 0; n--) {
		switch (below(g, 5)) {
		case 0:
			add_utf8(g);
			break;
		case 1:
			add_escape(g);
			break;
		default:
			for (unsigned i = below(g, below(g, 8) ? 8 : 70); i > 0; i--)
				text_add_char(&g->text, "abcdefgh 0123/[]{},:"[below(g, 20)]);
		}
	}
	add(g, "\"");
}

static void add_key(struct generator *g)
{
	static const char *const keys[] = {
		"a",         "b",       "c",       "a",  "b",       "key",          "",   "a b", "\\\"",
		"\xc3\xa9",  "\\u0061", "\\u00e9", "a1", "\\ude00", "\xef\xbf\xbd", "aa", "a0",  "\\u0061\\u0030",
		"k\\u0065y", "ab",
	};

	if (below(g, 8) == 0) {
		add_string(g);
		return;
	}
	add(g, "\"");
	add(g, keys[below(g, COUNT(keys))]);
	add(g, "\"");
}

static void add_value(struct generator *g, unsigned depth);

static void add_container(struct generator *g, unsigned depth)
{
	bool object = below(g, 5) < 3;
	unsigned count = below(g, 4) + (below(g, 400) == 0 ? below(g, 700) : 0);

	add(g, object ? "{" : "[");
	add_space(g);
	for (unsigned i = 0; i < count; i++) {
		if (i > 0 || (int)below(g, 4000) < g->odd) {
			add(g, ",");
			add_space(g);
		}
		if (object) {
			add_key(g);
			add_space(g);
			add(g, ":");
			add_space(g);
		}
		add_value(g, count > 10 ? 0 : depth - 1);
		add_space(g);
	}
	add(g, object ? "}" : "]");
}

static void add_value(struct generator *g, unsigned depth)
{
	static const char *const words[] = {"true", "false", "null"};

	switch (depth == 0 ? below(g, 3) : below(g, 7)) {
	case 0:
		add_number(g);
		break;
	case 1:
		add_string(g);
		break;
	case 2:
		add(g, words[below(g, 3)]);
		break;
	default:
		add_container(g, depth);
	}
}

/* Nested about as deep as json_scan goes. */
static void add_deep(struct generator *g)
{
	unsigned depth = JSON_DEPTH - 3 + below(g, below(g, 4) ? 6 : 200), shape = below(g, 3);
	char closes[512];

	for (unsigned i = 0; i < depth; i++) {
		bool object = shape == 2 ? below(g, 2) : shape == 1;

		add(g, !object ? "[" : below(g, 2) ? "{\"a\":" : "{\"b\":");
		closes[i] = object ? '}' : ']';
	}
	add_value(g, 0);
	while (depth-- > 0)
		text_add_char(&g->text, closes[depth]);
}

static void damage(struct generator *g)
{
	static const char bytes[] =
		"\"\\{}[]:,0123456789eE.+-tfn \t\r\n\v\f\0\x1e\x1f\x7f\x80\xbf\xc3\xa9\xe2\xed\xf0\xf4\xff/u";
	struct text *text = &g->text;

	for (unsigned n = below(g, 3) + 1; n > 0 && text->length > 0; n--) {
		size_t at = below(g, (unsigned)text->length);
		char byte = below(g, 8) ? bytes[below(g, sizeof(bytes) - 1)] : (char)below(g, 256);

		switch (below(g, 6)) {
		case 0: /* another byte */
		case 1:
			text->data[at] = byte;
			break;
		case 2: /* one more */
			text_add_char(text, byte);
			memmove(text->data + at + 1, text->data + at, text->length - at - 1);
			text->data[at] = byte;
			break;
		case 3: /* one less */
			memmove(text->data + at, text->data + at + 1, text->length - at - 1);
			text->length--;
			break;
		case 4: /* two swapped */
			if (at > 0) {
				byte = text->data[at];
				text->data[at] = text->data[at - 1];
				text->data[at - 1] = byte;
			}
			break;
		case 5: /* cut, at either end */
			if (below(g, 2)) {
				text->length = at;
			} else {
				memmove(text->data, text->data + at, text->length - at);
				text->length -= at;
			}
		}
	}
}

static void make_text(struct generator *g)
{
	text_clear(&g->text);
	g->spaced = below(g, 3) ? 0 : 20;
	g->odd = below(g, 3) ? 0 : 100;
	if (below(g, 500) == 0)
		add(g, "\xef\xbb\xbf");
	if (below(g, 8) == 0)
		add_space(g);
	if (below(g, 500) == 0)
		add_deep(g);
	else if (below(g, 8) == 0)
		add_value(g, 0);
	else
		add_container(g, 1 + below(g, 3));
	if (below(g, 8) == 0)
		add_space(g);
	if (below(g, 100) == 0)
		add(g, (const char *[]){"{}", " {}", "\x1e", " \x1e{}", "\n\x1e", ",", "\v", "x"}[below(g, 8)]);
	if (below(g, 5) < 2)
		damage(g);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

int main(void)
{
	static const char *const more[LENIENT_KINDS] = {
		"odd numbers", "NUL outside strings", "control bytes in strings",
		"not UTF-8",   "byte order mark",     "record separator behind",
		"deeper"};
	uint64_t cases = number_from("JSON_CASES", CASES), seed = number_from("JSON_SEED", (uint64_t)time(NULL));
	struct generator g = {.state = seed};
	struct tap tap = {0};
	struct agree agree;
	time_t end = time(NULL) + SECONDS;
	int wrong = 0;

	agree_init(&agree);
	while (agree.texts < cases && wrong < 10 && (agree.texts % 1024 || getenv("JSON_CASES") || time(NULL) < end)) {
		const char *difference;

		make_text(&g);
		difference = agree_check(&agree, g.text.data, g.text.length, (char)below(&g, 256));
		if (difference) {
			wrong++;
			printf("# %s: ", difference);
			tap_print(g.text.data, g.text.length);
			putchar('\n');
		}
	}
	for (int i = 0; i < LENIENT_KINDS; i++)
		printf("# libjq accepts, json_scan refuses: %" PRIu64 " (%s)\n", agree.more[i], more[i]);
	tap_ok(&tap, wrong == 0,
	       "json_scan agrees with libjq (%s) on %" PRIu64 " texts, %" PRIu64 " valid, %" PRIu64
	       " canonical, %" PRIu64 " members, seed %" PRIu64,
	       agree.exact ? "literals" : "doubles", agree.texts, agree.accepted, agree.canonical, agree.found, seed);
	agree_free(&agree);
	text_free(&g.text);
	return tap_end(&tap);
}
