/*
 * unit: durations, sizes, numbers and times, from text and to text.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/unit.h"
#include "test/unit/tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { BAD = -77 };

static void test_duration(struct tap *tap)
{
	static const struct {
		const char *text;
		int64_t nanoseconds;
	} cases[] = {
		{"0", 0},
		{"0s", 0},
		{"1", UNIT_S},
		{"1.5", 1500 * UNIT_MS},
		{"0.000000001", 1},
		{"0.0000000019", 1},
		{"10ns", 10},
		{"10us", 10 * UNIT_US},
		{"500ms", 500 * UNIT_MS},
		{"30s", 30 * UNIT_S},
		{"5m", 5 * UNIT_MINUTE},
		{"2h", 2 * UNIT_HOUR},
		{"1d", UNIT_DAY},
		{"2w", 14 * UNIT_DAY},
		{"1h30m", 90 * UNIT_MINUTE},
		{"1m30s", 90 * UNIT_S},
		{"1d2h3m4s5ms6us7ns",
	         UNIT_DAY + 2 * UNIT_HOUR + 3 * UNIT_MINUTE + 4 * UNIT_S + 5 * UNIT_MS + 6 * UNIT_US + 7},
		{"1.5h", 90 * UNIT_MINUTE},
		{"0.5d", 12 * UNIT_HOUR},
		{"1.25ms", 1250 * UNIT_US},
		{"00001s", UNIT_S},
		{"9223372036.854775807", INT64_MAX},
		{"9223372036s854775807ns", INT64_MAX},
		{"9223372036854775807ns", INT64_MAX},
		{"9223372036.854775808", BAD},
		{"9223372037", BAD},
		{"9223372036854775808ns", BAD},
		{"99999999999999999999", BAD},
		{"106752d", BAD},
		{"15250w1700h", BAD},
		{"", BAD},
		{"s", BAD},
		{".5", BAD},
		{"5.", BAD},
		{"5.s", BAD},
		{"-5s", BAD},
		{"+5s", BAD},
		{" 5s", BAD},
		{"5s ", BAD},
		{"5 s", BAD},
		{"5S", BAD},
		{"5sec", BAD},
		{"5min", BAD},
		{"1h30", BAD},
		{"1e3", BAD},
		{"0x10", BAD},
		{"1.5.5s", BAD},
		{"1,5s", BAD},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got = BAD;
		bool valid = unit_duration(cases[i].text, &got);

		tap_ok(tap, got == cases[i].nanoseconds && valid == (got != BAD), "duration '%s': %" PRId64,
		       cases[i].text, got);
	}
}

static void test_duration_text(struct tap *tap)
{
	static const struct {
		int64_t nanoseconds;
		const char *text;
	} cases[] = {
		{0, "0s"},
		{1, "1ns"},
		{1500, "1.5us"},
		{250 * UNIT_MS, "250ms"},
		{1500 * UNIT_MS, "1.5s"},
		{UNIT_S, "1s"},
		{90 * UNIT_S, "1m30s"},
		{90 * UNIT_MINUTE, "1h30m"},
		{UNIT_HOUR, "1h"},
		{UNIT_DAY, "1d"},
		{7 * UNIT_DAY, "7d"},
		{UNIT_DAY + 1, "1d1ns"},
		{UNIT_HOUR + 10 * UNIT_MS, "1h10ms"},
		{1234567890, "1.23456789s"},
		{INT64_MAX, "106751d23h47m16.854775807s"},
	};
	uint64_t seed = 1;
	size_t wrong = 0;

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[UNIT_TEXT_MAX];

		tap_ok(tap, unit_duration_text(text, cases[i].nanoseconds) == text, "returns its buffer");
		tap_is(tap, text, strlen(text), cases[i].text, strlen(cases[i].text), cases[i].text);
	}
	for (int i = 0; i < 200000; i++) {
		char text[UNIT_TEXT_MAX];
		int64_t nanoseconds, back = BAD;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		nanoseconds = (int64_t)(seed >> (1 + i % 63));
		wrong += !unit_duration(unit_duration_text(text, nanoseconds), &back) || back != nanoseconds;
	}
	tap_ok(tap, wrong == 0, "200000 durations to text and back");
}

static void test_size(struct tap *tap)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} cases[] = {
		{"0", 0},
		{"1", 1},
		{"64k", 64 << 10},
		{"64K", 64 << 10},
		{"16M", 16 << 20},
		{"2G", 2LL << 30},
		{"3T", 3LL << 40},
		{"1.5k", 1536},
		{"0.5M", 512 << 10},
		{"1.0", 1},
		{"64kB", 64 << 10},
		{"64KiB", 64 << 10},
		{"1MiB", 1 << 20},
		{"9223372036854775807", INT64_MAX},
		{"8388607T", 8388607LL << 40},
		{"9223372036854775808", BAD},
		{"8388608T", BAD},
		{"99999999999G", BAD},
		{"18446744073709551616", BAD},
		{"", BAD},
		{"k", BAD},
		{"1.5", BAD},
		{"1.", BAD},
		{".5k", BAD},
		{"-1", BAD},
		{"+1", BAD},
		{"1 k", BAD},
		{" 1", BAD},
		{"1kk", BAD},
		{"1m", BAD},
		{"1g", BAD},
		{"1B", BAD},
		{"1Ki", BAD},
		{"1e3", BAD},
		{"0x10", BAD},
	};
	static const struct {
		uint64_t bytes;
		const char *text;
	} texts[] = {
		{0, "0"},           {1, "1"},           {1023, "1023"},        {1024, "1k"},
		{1025, "1025"},     {65536, "64k"},     {16 << 20, "16M"},     {1536 << 20, "1536M"},
		{1ULL << 30, "1G"}, {1ULL << 40, "1T"}, {1ULL << 50, "1024T"}, {UINT64_MAX, "18446744073709551615"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t got = (uint64_t)BAD;
		bool valid = unit_size(cases[i].text, &got);

		tap_ok(tap, got == (uint64_t)cases[i].bytes && valid == (got != (uint64_t)BAD), "size '%s': %" PRId64,
		       cases[i].text, (int64_t)got);
	}
	for (size_t i = 0; i < COUNT(texts); i++) {
		char text[UNIT_TEXT_MAX];

		unit_size_text(text, texts[i].bytes);
		tap_is(tap, text, strlen(text), texts[i].text, strlen(texts[i].text), texts[i].text);
	}
}

static void test_number(struct tap *tap)
{
	static const struct {
		const char *text;
		int64_t number;
	} cases[] = {
		{"0", 0},
		{"-0", 0},
		{"1", 1},
		{"+1", 1},
		{"-1", -1},
		{"007", 7},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
		{"9223372036854775808", BAD},
		{"-9223372036854775809", BAD},
		{"99999999999999999999", BAD},
		{"", BAD},
		{"-", BAD},
		{"+-1", BAD},
		{"--1", BAD},
		{"1.0", BAD},
		{"1k", BAD},
		{" 1", BAD},
		{"1 ", BAD},
		{"0x1", BAD},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t got = BAD;
		bool valid = unit_number(cases[i].text, &got);

		tap_ok(tap, got == cases[i].number && valid == (got != BAD), "number '%s': %" PRId64, cases[i].text,
		       got);
	}
}

static void test_time(struct tap *tap)
{
	static const struct {
		int64_t nanoseconds;
		const char *text;
	} cases[] = {
		{0, "0"},
		{UNIT_S, "1"},
		{1763862000 * UNIT_S, "1763862000"},
		{1763862000 * UNIT_S + 250 * UNIT_MS, "1763862000.25"},
		{1763862000 * UNIT_S + 1, "1763862000.000000001"},
		{100 * UNIT_MS, "0.1"},
		{1, "0.000000001"},
		{-1, "-0.000000001"},
		{-UNIT_S, "-1"},
		{-1500 * UNIT_MS, "-1.5"},
		{INT64_MAX, "9223372036.854775807"},
		{INT64_MIN, "-9223372036.854775808"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[UNIT_TEXT_MAX];
		size_t length = unit_time_text(text, cases[i].nanoseconds);

		tap_ok(tap, length == strlen(text), "length of time %s", cases[i].text);
		tap_is(tap, text, length, cases[i].text, strlen(cases[i].text), cases[i].text);
	}
}

int main(void)
{
	struct tap tap = {0};

	test_duration(&tap);
	test_duration_text(&tap);
	test_size(&tap);
	test_number(&tap);
	test_time(&tap);
	return tap_end(&tap);
}
