/*
 * Keys that come twice in an object are noticed, and no others, however many objects there are (JSON_DUPLICATE).
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/json_keys.h"
#include "test/unit/tap.h"

enum { NAMES = 12, TEXT = 1 << 20, TEXTS = 20000 };

static unsigned next(unsigned *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16;
}

static unsigned flags_of(const char *text, const char *end)
{
	struct json_result result;

	return json_scan(text, (size_t)(end - text), NULL, NULL, JSON_FACTS, &result) ? result.flags : ~0U;
}

/* Objects within each other; *twice is set if a key comes twice in one of them, which is rare. */
static char *add_object(char *end, unsigned *state, int depth, bool *twice)
{
	unsigned used = 0;

	*end++ = '{';
	for (unsigned i = 0, count = next(state) % 6; i < count; i++) {
		unsigned name = next(state) % NAMES;
		bool again = used >> name & 1;

		if (again && next(state) % 256)
			continue;
		*twice |= again;
		end += sprintf(end, "%s\"%s%u\":", used ? "," : "", name % 2 ? "a" : "a longer name, ", name);
		used |= 1U << name;
		if (depth < 6 && next(state) % 3)
			end = add_object(end, state, depth + 1, twice);
		else
			*end++ = '1';
	}
	*end++ = '}';
	return end;
}

static void test_nested(struct tap *tap, char *text)
{
	unsigned state = 1;
	size_t wrong = 0, doubles = 0;

	for (int i = 0; i < TEXTS; i++) {
		bool twice = false;
		char *end = text;

		*end++ = '[';
		for (int j = 0; j <= i % 20; j++) {
			end = add_object(end, &state, 0, &twice);
			*end++ = ',';
		}
		end[-1] = ']';
		wrong += flags_of(text, end) != (twice ? JSON_DUPLICATE : 0);
		doubles += twice;
	}
	tap_ok(tap, wrong == 0 && doubles > TEXTS / 50 && doubles < TEXTS / 2,
	       "objects within each other, %zu texts with a key twice", doubles);
}

/* Many objects behind each other, in one that goes on behind them. */
static void test_many(struct tap *tap, char *text)
{
	char *end = text + sprintf(text, "{\"a\":[{}");

	for (int i = 0; i < 10000; i++)
		end += sprintf(end, ",{\"a\":1,\"b%d\":2,\"c\":{\"a\":3}}", i % 7);
	end += sprintf(end, "],\"b\":1");
	tap_ok(tap, flags_of(text, end + sprintf(end, "}")) == 0, "ten thousand objects");
	tap_ok(tap, flags_of(text, end + sprintf(end, ",\"a\":1}")) == JSON_DUPLICATE,
	       "… and a key of the first again");
}

/* One object with as many keys as are remembered, and with one more. */
static void test_most(struct tap *tap, char *text)
{
	char *end = text;

	for (int i = 0; i < JSON_KEYS - 1; i++)
		end += sprintf(end, "%c\"k%d\":1", i == 0 ? '{' : ',', i);
	tap_ok(tap, flags_of(text, end + sprintf(end, ",\"o\":{}}")) == 0, "as many keys as there is room for");
	tap_ok(tap, flags_of(text, end + sprintf(end, ",\"o\":{\"p\":{}}}")) == JSON_DUPLICATE,
	       "more: there is no telling");
}

int main(void)
{
	struct tap tap = {0};
	char *text = calloc(TEXT, 1);

	test_nested(&tap, text);
	test_many(&tap, text);
	test_most(&tap, text);
	free(text);
	return tap_end(&tap);
}
