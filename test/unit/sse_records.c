// with: cmd/sources/sse/records.c
/*
 * records: every body is given whole, cut at each position, and byte by byte: the records must be the same.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/sse/records.h"
#include "common/json.h"
#include "test/unit/tap.h"

enum { LIMIT = 20 };

static bool found(void *context, const struct record *record)
{
	struct text *seen = context;
	volatile char sum = 0;

	if (record->over)
		text_addf(seen, "<%" PRIu64 ">", record->over);
	else
		text_add(seen, record->bytes, record->length);
	for (size_t i = 0; !record->over && i < JSON_PADDING; i++)
		sum = (char)(sum + record->bytes[record->length + i]);
	text_add_string(seen, record->mistake ? "!|" : "|");
	return true;
}

static char *take(bool sequence, const char *bytes, size_t length, size_t cut, size_t size, bool whole)
{
	struct records records = {0};
	struct text seen = {0};

	text_init(&seen);
	records_init(&records, sequence, LIMIT, found, &seen);
	for (size_t at = 0; at < length;) {
		size_t piece = size ? size : at < cut ? cut : length - at;

		if (piece > length - at)
			piece = length - at;
		records_add(&records, bytes + at, piece);
		at += piece;
	}
	text_add_char(&seen, '.');
	records_end(&records, whole);
	records_free(&records);
	return text_detach(&seen);
}

#define BYTES(string) string, sizeof(string) - 1
#define RS            "\x1e"

static const struct {
	bool sequence;
	const char *bytes;
	size_t length;
	const char *records, *broken; /* … if the connection broke at the end; NULL: the same */
} cases[] = {
	{false, BYTES("{\"a\":1}\n2\r\n\n \t\n[3]\n"), "{\"a\":1}|2|[3]|.", NULL},
	{false, BYTES("1\n2"), "1|.2|", "1|.2!|"},
	{false, BYTES("01234567890123456789\n012345678901234567890\n\"x\"\n"), "01234567890123456789|<21>|\"x\"|.",
         NULL},
	{false, BYTES("{\"a\":\n1}\n"), "{\"a\":|1}|.", NULL},
	{true, BYTES(RS "{\"a\":1}\n" RS "2\n" RS "\"x\"\n"), "{\"a\":1}|2|\"x\"|.", NULL},
	{true, BYTES(RS "{\"a\":\n 1}\n" RS "[\n1,\n[2\n]]\n"), "{\"a\":\n 1}|[\n1,\n[2\n]]|.", NULL},
	{true, BYTES(RS "{}" RS "[]" RS "\"x\"" RS), "{}|[]|\"x\"|.", NULL},
	{true, BYTES(RS RS "\n" RS "1\n"), "1|.", NULL},
	{true, BYTES(RS "12" RS "true" RS "3 " RS), "12!|true!|3|.", NULL},
	{true, BYTES(RS "{\"a\":" RS "{\"b\":1}\n"), "{\"a\":|{\"b\":1}|.", NULL},
	{true, BYTES(RS "{\"}\\\"\":\"{\"}\n" RS "1\n"), "{\"}\\\"\":\"{\"}|1|.", NULL},
	{true, BYTES("junk\n" RS "1\n"), "junk!|1|.", NULL},
	{true, BYTES(RS "1\nx y\n" RS "2\n"), "1|x y!|2|.", NULL},
	{true, BYTES(RS "\"a\nb\"\n" RS "1\n"), "\"a\nb\"|1|.", NULL},
	{true, BYTES(RS "\"0123456789012345678901\"\n" RS "1\n"), "<25>|1|.", NULL},
	{true, BYTES(RS "{\"a\":1"), ".{\"a\":1|", ".{\"a\":1!|"},
	{true, BYTES(RS "1"), ".1!|", NULL},
	{true, BYTES(RS "}\n" RS "1\n"), "}|1|.", NULL},
	{true, BYTES(""), ".", NULL},
};

int main(void)
{
	struct tap tap = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *bytes = cases[i].bytes;
		size_t length = cases[i].length;
		char *whole = take(cases[i].sequence, bytes, length, length, 0, true),
		     *broken = take(cases[i].sequence, bytes, length, length, 0, false);

		tap_ok(&tap, strcmp(whole, cases[i].records) == 0, "%zu: %s", i, whole);
		tap_ok(&tap, strcmp(broken, cases[i].broken ? cases[i].broken : cases[i].records) == 0,
		       "%zu, broken: %s", i, broken);
		for (size_t cut = 0; cut <= length; cut++) {
			char *parts = take(cases[i].sequence, bytes, length, cut, cut == 0, true);

			tap_ok(&tap, strcmp(whole, parts) == 0, "%zu, cut at %zu: %s", i, cut, parts);
			free(parts);
		}
		free(whole);
		free(broken);
	}
	return tap_end(&tap);
}
