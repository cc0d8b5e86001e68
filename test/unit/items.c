/*
 * items: every text is given whole, cut at each position, and byte by byte: elements, errors and their places must be the same.
 * Then mutations of texts: what items accepts around the elements, json_scan accepts as a whole, and the other way round.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/items.h"
#include "common/memory.h"
#include "common/message.h"
#include "test/unit/tap.h"

struct seen {
	struct text elements; /* each followed by '|' */
	size_t stop_after; /* 0: never */
	size_t count;
};

static bool found(void *context, const char *bytes, size_t length)
{
	struct seen *seen = context;

	if (bytes)
		text_add(&seen->elements, bytes, length);
	else
		text_addf(&seen->elements, "<%zu>", length);
	text_add_char(&seen->elements, '|');
	return ++seen->count != seen->stop_after;
}

enum { LIMIT = 20 };

/* The elements and how it ended, as a string, with the text in pieces: [0, cut), [cut, length), or of `size` bytes each. */
static char *take(const char *path, const char *text, size_t length, size_t cut, size_t size)
{
	struct seen seen = {0};
	struct items items;
	const char *mistake;
	bool good = true;

	text_init(&seen.elements);
	if (!items_init(&items, path, LIMIT, found, &seen, &mistake))
		die("%s: %s", path, mistake);
	for (size_t at = 0; at < length && good;) {
		size_t n = size ? size : at < cut ? cut : length - at;
		char *piece;

		if (n > length - at)
			n = length - at;
		/* A copy of its own, so that a sanitizer sees a read beyond it. */
		piece = xmalloc(n);
		memcpy(piece, text + at, n);
		good = items_add(&items, piece, n);
		free(piece);
		at += n;
	}
	if (items_end(&items))
		text_addf(&seen.elements, " ok %llu", (unsigned long long)items.count);
	else
		text_addf(&seen.elements, " %s at %llu", items.error, (unsigned long long)items.at);
	items_free(&items);
	return text_detach(&seen.elements);
}

/* One result for all the ways to cut the text; the first wrong one is shown. */
static void check(struct tap *tap, const char *path, const char *text, const char *expected)
{
	size_t length = strlen(text);
	bool same = true;
	char name[200];

	snprintf(name, sizeof(name), "%s of %s", path, text);
	for (size_t way = 0; same && way <= length + 3; way++) {
		char *result =
			way <= length ? take(path, text, length, way, 0) : take(path, text, length, 0, way - length);

		same = strcmp(result, expected) == 0;
		if (!same || way == length + 3)
			tap_is(tap, result, strlen(result), expected, strlen(expected), name);
		free(result);
	}
}

static void check_path(struct tap *tap, const char *path, bool good)
{
	struct items items;
	const char *mistake = NULL;
	bool result = items_init(&items, path, LIMIT, found, NULL, &mistake);

	tap_ok(tap, result == good && (good || mistake), "path %s", path);
	items_free(&items);
}

static void check_stop(struct tap *tap)
{
	struct seen seen = {.stop_after = 2};
	struct items items;
	const char *mistake;

	items_init(&items, ".", LIMIT, found, &seen, &mistake);
	tap_ok(tap,
	       !items_add(&items, "[1,2,3]", 7) && !items_add(&items, "4", 1) && !items_end(&items) && !items.error,
	       "found says stop");
	tap_ok(tap, seen.count == 2, "found is not called any more");
	items_free(&items);
	text_free(&seen.elements);
}

/* The envelope, however the text is cut. */
static void check_envelope(struct tap *tap, const char *path, const char *text, size_t limit, const char *expected)
{
	size_t length = strlen(text);
	bool same = true;

	for (size_t size = 1; size <= length; size++) {
		struct seen seen = {0};
		struct items items;
		const char *mistake;

		items_init(&items, path, LIMIT, found, &seen, &mistake);
		items.envelope_limit = limit;
		for (size_t at = 0; at < length; at += size)
			items_add(&items, text + at, size < length - at ? size : length - at);
		same = same && items_end(&items) && items.envelope.length == strlen(expected) &&
		       memcmp(items.envelope.length ? items.envelope.data : "", expected, strlen(expected)) == 0;
		items_free(&items);
		text_free(&seen.elements);
	}
	tap_ok(tap, same, "the envelope of %s", text);
}

/* With a path that leads nowhere all of the text is around the elements. */
static void check_mutations(struct tap *tap)
{
	static const char text[] =
		"{\"a\":[1,-2.5e+3,0.1E-2,true,false,null,{\"k\\u00e4\":\"\\ud834\\udd1e\\n\"}],\"\xc3\xa4\xe2\x82\xac"
		"\xf0\x9d\x84\x9e\":[[],{}, \"\\\\\\\"\"] , \"b\" :0}";
	static const char bytes[] =
		"{}[]:,\"\\/-+.0189eEuUdD8ntrfalse \t\n\x01\x7f\x80\xbf\xc0\xc3\xe0\xed\xf0\xf4\xff";
	unsigned seed = 1;
	int wrong = 0;

	for (int round = 0; round < 200000; round++) {
		char mutant[sizeof(text) + JSON_PADDING + 8] = {0};
		struct json_result result;
		size_t length = sizeof(text) - 1;
		char *ours;

		memcpy(mutant, text, length);
		for (int edits = 1 + rand_r(&seed) % 3; edits > 0; edits--) {
			size_t at = (size_t)rand_r(&seed) % length;

			if (rand_r(&seed) % 3 == 0) {
				memmove(mutant + at, mutant + at + 1, length-- - at);
			} else {
				if (rand_r(&seed) % 2 == 0)
					memmove(mutant + at + 1, mutant + at, length++ - at);
				mutant[at] = bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
			}
		}
		ours = take(".b.c", mutant, length, (size_t)rand_r(&seed) % length, 0);
		if (json_scan(mutant, length, NULL, NULL, 0, &result) != (strstr(ours, " no array is at") != NULL) &&
		    ++wrong < 10)
			tap_ok(tap, false, "%s: json_scan says %s, items %s", mutant, result.error, ours);
		free(ours);
	}
	tap_ok(tap, wrong == 0, "agrees with json_scan on mutations");
}

int main(void)
{
	struct tap tap = {0};
	char deep[JSON_DEPTH + 5];

	check(&tap, ".", "[]", " ok 0");
	check(&tap, ".", " [ ] ", " ok 0");
	check(&tap, ".", "[1]", "1| ok 1");
	check(&tap, "[]", "[1,2]", "1|2| ok 2");
	check(&tap, ".[]", "\xef\xbb\xbf[1 , \"a]\\\"b\" ,[[],{}],{\"x\":\"}\"}, true,null]",
	      "1|\"a]\\\"b\"|[[],{}]|{\"x\":\"}\"}|true|null| ok 6");
	check(&tap, ".data.list", "{\"list\":[0],\"data\":{\"x\":{\"list\":[1]},\"list\":[2,3]},\"n\":-1.5e3}",
	      "2|3| ok 2");
	check(&tap, "data.list[]", "{\"data\":{\"list\":[\n{\"a\": 1}\n,\n{\"a\": 2}\n]}}",
	      "{\"a\": 1}|{\"a\": 2}| ok 2");
	check(&tap, ".a[1].b", "{\"a\":[{\"b\":[1]},{\"b\":[2],\"c\":[[3]]},{\"b\":[4]}]}", "2| ok 1");
	check(&tap, ".[2]", "[[1],[2],[3,4],[5]]", "3|4| ok 2");
	check(&tap, ".[\"odd \\\" name\"]", "{\"odd \\\" name\":[1]}", "1| ok 1");
	check(&tap, ".\"\xc3\xa4\"", "{\"\\u00e4\":[1]}", "1| ok 1");
	check(&tap, ".\"\xf0\x9d\x84\x9e\"", "{\"\\ud834\\udd1e\":[1],\"\xf0\x9d\x84\x9f\":2}", "1| ok 1");
	check(&tap, ".a", "{\"ab\":[1],\"a\":[2],\"\":[3],\"aaaaaaaaaaaaaaaaaaaaaaaaaaa\":[4]}", "2| ok 1");
	check(&tap, ".\"\"", "{\"\":[1]}", "1| ok 1");
	check(&tap, ".",
	      "[\"12345678901234567\",\"123456789012345678\",\"1234567890123456789\",\"12345678901234567890\"]",
	      "\"12345678901234567\"|\"123456789012345678\"|<21>|<22>| ok 4");

	check_envelope(&tap, ".", "[1,2]", 100, "[]");
	check_envelope(&tap, ".a.b", "\xef\xbb\xbf{\"a\" : {\"b\": [ 1 , [2], {\"b\":[3]}\n]}, \"next\": \"x]\"}", 100,
	               "{\"a\" : {\"b\": []}, \"next\": \"x]\"}");
	check_envelope(&tap, ".[1]", "[[9],[1,2,3],[-1.5],true]", 100, "[[9],[],[-1.5],true]");
	check_envelope(&tap, ".a", "{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12,13],\"n\":1}", 14, "{\"a\":[],\"n\":1}");
	check_envelope(&tap, ".a", "{\"a\":[1],\"n\":1}", 13, "");

	/* Elements are only cut: the caller finds out. */
	check(&tap, ".", "[01,nul,{\"a\" 1},\"\x01\",+1,.5]", "01|nul|{\"a\" 1}|\"\x01\"|+1|.5| ok 6");
	check(&tap, ".", "[{]}]", "{]| expected ',' or ']' at 3");

	/* What is not JSON around them is not accepted, and says where. */
	check(&tap, ".", "", " empty at 0");
	check(&tap, ".", "  ", " ends in the middle of a value at 2");
	check(&tap, ".", "[1", " ends in the middle of a value at 2");
	check(&tap, ".", "[1,2", "1| ends in the middle of a value at 4");
	check(&tap, ".", "[1,{\"a\":2", "1| ends in the middle of a value at 9");
	check(&tap, ".a", "{\"a\":[1]", "1| ends in the middle of a value at 8");
	check(&tap, ".", "[1 2]", "1| expected ',' or ']' at 3");
	check(&tap, ".", "[1,]", "1| expected a value at 3");
	check(&tap, ".", "[,1]", " expected a value at 1");
	check(&tap, ".", "[1}", "1| expected ',' or ']' at 2");
	check(&tap, ".", "[1]x", "1| something follows the value at 3");
	check(&tap, ".", "[1][2]", "1| something follows the value at 3");
	check(&tap, ".", "<html>", " expected a value at 0");
	check(&tap, ".", " \xef\xbb\xbf[1]", " expected a value at 1");
	check(&tap, ".", "\xef\xbb[1]", " expected a value at 2");
	check(&tap, ".a", "{a:1}", " expected a key at 1");
	check(&tap, ".a", "{\"b\":1,}", " expected a key at 7");
	check(&tap, ".a", "{\"b\" 1}", " expected ':' at 5");
	check(&tap, ".a", "{\"b\":01}", " expected ',' or '}' at 6");
	check(&tap, ".a", "{\"b\":1.}", " malformed number at 7");
	check(&tap, ".a", "{\"b\":-}", " malformed number at 6");
	check(&tap, ".a", "{\"b\":tru}", " expected a value at 8");
	check(&tap, ".a", "{\"b\":\"\x01\"}", " control character in a string at 6");
	check(&tap, ".a", "{\"b\":\"\\x\"}", " unknown escape in a string at 7");
	check(&tap, ".a", "{\"b\":\"\\u12g4\"}", " \\u needs four hexadecimal digits at 10");
	check(&tap, ".a", "{\"b\":\"\\ud800x\"}", " high surrogate without its low one at 12");
	check(&tap, ".a", "{\"b\":\"\xc0\x80\"}", " invalid UTF-8 in a string at 6");
	check(&tap, ".a", "{\"b\":\"\xed\xa0\x80\"}", " invalid UTF-8 in a string at 7");
	check(&tap, ".a", "{\"a\":[1],\"a\":[2]}", "1| a key of the path comes twice at 12");
	check(&tap, ".a.b", "{\"a\":{\"b\":[1]},\"c\":{\"a\":0,\"b\":0},\"\\u0061\":0}",
	      "1| a key of the path comes twice at 41");

	/* The path leads to no array. */
	check(&tap, ".", "{}", " no array is at the path at 0");
	check(&tap, ".", "12", " no array is at the path at 0");
	check(&tap, ".a", "12", " no array is at the path at 2");
	check(&tap, ".a", "{\"b\":[1]}", " no array is at the path at 9");
	check(&tap, ".a", "[{\"a\":[1]}]", " no array is at the path at 11");
	check(&tap, ".a", "{\"a\":null}", " no array is at the path at 5");
	check(&tap, ".a.b", "{\"a\":[{\"b\":[1]}]}", " no array is at the path at 17");
	check(&tap, ".[1]", "[[1]]", " no array is at the path at 5");
	check(&tap, ".a[0]", "{\"a\":{\"0\":[1]}}", " no array is at the path at 15");

	/* {"":[[[…: one container more than may be. */
	memset(deep, '[', sizeof(deep));
	memcpy(deep, "{\"\":", 4);
	deep[JSON_DEPTH + 4] = '\0';
	check(&tap, ".a", deep, " nested too deep at 131");

	check_path(&tap, ".", true);
	check_path(&tap, "", true);
	check_path(&tap, ".a[]", true);
	check_path(&tap, ".a[", false);
	check_path(&tap, ".a[][]", false);
	check_path(&tap, ".a..b", false);
	check_path(&tap, ".a | .b", false);
	check_path(&tap, ".a[-1]", false);
	check_stop(&tap);
	check_mutations(&tap);
	return tap_end(&tap);
}
