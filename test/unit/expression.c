/*
 * expression: paths that json_scan looks up, programs that libjq runs, and what is wrong with either.
 */
#include <stdlib.h>
#include <string.h>

#include "common/expression.h"
#include "common/json_text.h"
#include "test/unit/tap.h"

static const char *const names[] = {"count", "headers", NULL};
static const char *const values[] = {"3", "{\"x-next\":\"abc\"}"};

static void check(struct tap *tap, const char *program, const char *json, const char *expected)
{
	static const char *const kinds[] = {"", "nothing", "error: "};
	char *mistake = NULL;
	struct expression *expression = expression_new(program, names, &mistake);
	struct text text = {0}, result = {0}, shown = {0};

	if (!expression) {
		text_addf(&shown, "mistake: %s", mistake);
		free(mistake);
	}
	text_add_string(&text, json);
	json_pad(&text);
	for (int i = 0; expression && i < 3; i++) {
		text_clear(&shown);
		text_add_string(&shown, kinds[expression_run(expression, text.data, text.length, values, &result)]);
		text_add_string(&shown, result.data ? result.data : "");
	}
	tap_is(tap, shown.data, shown.length, expected, strlen(expected), program);
	expression_free(expression);
	text_free(&text);
	text_free(&result);
	text_free(&shown);
}

int main(void)
{
	struct tap tap = {0};
	struct text text = {0};

	check(&tap, ".a", "{\"a\": [1, 2]}", "[1,2]");
	check(&tap, ".a.b[1]", "{\"a\":{\"b\":[1,12345678901234567890]}}", "12345678901234567890");
	check(&tap, ".a", "{\"a\":null}", "nothing");
	check(&tap, ".a.b", "{\"a\":1}", "nothing");
	check(&tap, ".", "\"x\"", "\"x\"");
	check(&tap, ".a", "{\"a\":", "error: ends in the middle of a value");
	check(&tap, ".a+1", "{\"a\":1}", "2");
	check(&tap, ".a // empty", "{}", "nothing");
	check(&tap, "$count", "{}", "3");
	check(&tap, "$headers[\"x-next\"]", "[]", "\"abc\"");
	check(&tap, ".a | length > 1 # much", "{\"a\":[1,2]}", "true");
	check(&tap, ".[] ", "[4,5]", "4");
	check(&tap, ".a+1", "{\"a\":[]}", "error: array ([]) and number (1) cannot be added");
	check(&tap, "error({a:1})", "1", "error: {\"a\":1}");
	check(&tap, "foo", "1", "mistake: foo/0 is not defined");
	check(&tap, ".a |", "1", "mistake: syntax error, unexpected ')'");
	text_add_string(&text, "null");
	tap_ok(&tap, !expression_true(&text), "null is not true");
	text_add_string(&text, "x");
	tap_ok(&tap, expression_true(&text), "a value is");
	text_free(&text);
	return tap_end(&tap);
}
