/*
 * From valid JSON to the text that jq prints for it.
 */
#include <math.h>

#include "cmd/processors/jq/value.h"
#include "common/json_text.h"

/* Behind the closing quote of the string at p. */
static const char *string_end(const char *p, bool *plain)
{
	*plain = true;
	for (p++; *p != '"'; p++) {
		if (*p == '\\') {
			*plain = false;
			p++;
		} else if (*p == 0x7f) {
			*plain = false;
		}
	}
	return p + 1;
}

static void add_string(struct text *text, const char *p, size_t length)
{
	struct text bytes = {0};

	json_add_unescaped(&bytes, p, length);
	json_add_string(text, bytes.data ? bytes.data : "", bytes.length);
	text_free(&bytes);
}

static bool add_number(struct text *text, const char *p, size_t length)
{
	const struct json_span span = {.at = p, .length = length, .kind = JSON_NUMBER};
	double number = json_number(&span);
	char digits[NUMBER_TEXT] = "";
	size_t written;

	if (number != 0 && !isnormal(number))
		return false;
	written = number_text(digits, number);
	text_add(text, digits, written);
	return true;
}

bool value_add_canonical(struct text *text, const char *json, size_t length, bool doubles)
{
	const char *p = json, *end = json + length;
	bool plain;

	text_reserve(text, length);
	while (p < end) {
		const char *start = p;

		switch (*p) {
		case ' ':
		case '\t':
		case '\n':
		case '\r':
			p++;
			continue;
		case '"':
			p = string_end(p, &plain);
			if (plain)
				text_add(text, start, (size_t)(p - start));
			else
				add_string(text, start, (size_t)(p - start));
			continue;
		case '-':
		case '0' ... '9':
			while (p < end &&
			       (*p == '+' || *p == '-' || *p == '.' || (*p | 0x20) == 'e' || (*p >= '0' && *p <= '9')))
				p++;
			if (!doubles)
				text_add(text, start, (size_t)(p - start));
			else if (!add_number(text, start, (size_t)(p - start)))
				return false;
			continue;
		default:
			text_add_char(text, *p++);
		}
	}
	return true;
}
