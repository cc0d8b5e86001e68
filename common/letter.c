#include "common/letter.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/unit.h"

/* The slots of the wanted members. */
enum { EVENT, TIME, SOURCE, ERROR, LINE, AT, SIGNAL, EXIT, TEXT, BASE64, MEMBERS };

void letter_parser_init(struct letter_parser *parser)
{
	static const char *const paths[MEMBERS] = {
		[EVENT] = ".event",    [TIME] = ".time",          [SOURCE] = ".source",      [ERROR] = ".data.error",
		[LINE] = ".data.line", [AT] = ".data.at",         [SIGNAL] = ".data.signal", [EXIT] = ".data.exit",
		[TEXT] = ".data.text", [BASE64] = ".data.base64",
	};
	const char *mistake;

	*parser = (struct letter_parser){0};
	for (int i = 0; i < MEMBERS; i++)
		json_want_path(&parser->want, paths[i], &mistake);
}

void letter_parser_free(struct letter_parser *parser)
{
	json_want_free(&parser->want);
}

/* Times of records are whole microseconds, which a double tells apart for the next centuries. */
static int64_t time_of(const struct json_span *span)
{
	double microseconds = span->kind == JSON_NUMBER ? round(json_number(span) * 1e6) : NAN;

	/* What nanoseconds can hold. */
	if (!(fabs(microseconds) < 9.2e15))
		return LETTER_NO_TIME;
	return (int64_t)microseconds * UNIT_US;
}

static uint64_t whole_number(const struct json_span *span, uint64_t otherwise)
{
	unsigned long long number;
	char *end;

	if (span->kind != JSON_NUMBER || *span->at == '-')
		return otherwise;
	errno = 0;
	number = strtoull(span->at, &end, 10);
	return errno == 0 && end == span->at + span->length ? number : otherwise;
}

static int64_t small_number(const struct json_span *span)
{
	uint64_t number = whole_number(span, UINT64_MAX);

	return number <= INT32_MAX ? (int64_t)number : -1;
}

static struct json_span string(const struct json_span *span)
{
	return span->kind == JSON_STRING ? *span : (struct json_span){0};
}

bool letter_parse(const struct letter_parser *parser, const char *record, size_t length, struct letter *letter)
{
	static const char name[] = "dead_letter";
	struct json_span spans[MEMBERS];
	struct json_result result;

	if (!json_scan(record, length, &parser->want, spans, 0, &result) || spans[EVENT].kind != JSON_STRING ||
	    !json_string_is(spans[EVENT].at, spans[EVENT].length, name, strlen(name)))
		return false;
	*letter = (struct letter){
		.time = time_of(&spans[TIME]),
		.line = whole_number(&spans[LINE], 0),
		.at = whole_number(&spans[AT], LETTER_NOWHERE),
		.signal = small_number(&spans[SIGNAL]),
		.exit = small_number(&spans[EXIT]),
		.source = string(&spans[SOURCE]),
		.error = string(&spans[ERROR]),
		.text = string(&spans[TEXT]),
		.base64 = string(&spans[BASE64]),
	};
	return true;
}

bool letter_add_line(struct text *text, const struct letter *letter)
{
	if (letter->text.kind == JSON_STRING) {
		json_add_unescaped(text, letter->text.at, letter->text.length);
		return true;
	}
	return letter->base64.kind == JSON_STRING && json_add_unbase64(text, letter->base64.at, letter->base64.length);
}
