/*
 * decimal: as strtod, and only what is a number of its kind.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/json_span.h"
#include "common/stamp.h"
#include "test/unit/tap.h"

/* With padding behind it that is not to count. */
static bool read_number(const char *number, char padding, double *value)
{
	char text[128];
	size_t length = strlen(number);

	memset(text, padding, sizeof(text));
	memcpy(text, number, length);
	return decimal_double(text, length, value);
}

static const char paddings[] = {',', '}', '0', '9', '.', '\0', (char)0xff};

static void test_known(struct tap *tap)
{
	static const struct {
		const char *text;
		bool taken;
	} cases[] = {
		{"0", true},
		{"-0", true},
		{"7", true},
		{"-1", true},
		{"10.5", true},
		{"0.5", true},
		{"12345678", true},
		{"1234567.8", true},
		{"123456789", true},
		{"1.2345678", true},
		{"-198.74", true},
		{"1700000335.9375", true},
		{"17000003.59375", true},
		{"0.00000000000001", true},
		{"9007199254740992", true},
		{"9007199254740993", false},
		{"9999999999999999", false},
		{"900719925474099.2", false},
		{"12345678901234567", false},
		{"1e5", false},
		{"1E5", false},
		{"1.5e3", false},
		{"1234567e8", false},
		{"12345678e1", false},
		{"1.5e-3", false},
		{"123456789.1e12", false},
		{"1e+123456789", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double wanted = strtod(cases[i].text, NULL), got = NAN;
		size_t wrong = 0;

		for (size_t j = 0; j < sizeof(paddings); j++) {
			bool taken = read_number(cases[i].text, paddings[j], &got);

			wrong += taken != cases[i].taken || (taken && memcmp(&got, &wanted, sizeof(got)) != 0);
		}
		tap_ok(tap, wrong == 0, "%s%s", cases[i].text, cases[i].taken ? "" : " is another's");
	}
}

static void test_random(struct tap *tap)
{
	uint64_t seed = 1;
	size_t wrong = 0, taken = 0;

	for (int i = 0; i < 500000; i++) {
		char string[64];
		double got, wanted;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		snprintf(string, sizeof(string), "%s%.*f", i % 3 ? "" : "-", (int)(seed >> 60),
		         (double)(seed >> 20) / pow(10, (double)(seed >> 4 & 15)));
		if (!read_number(string, paddings[seed >> 30 & 3], &got))
			continue;
		taken++;
		wanted = strtod(string, NULL);
		if (memcmp(&got, &wanted, sizeof(got)) != 0 && wrong++ < 5)
			printf("# %s: %.17g, wanted %.17g\n", string, got, wanted);
	}
	tap_ok(tap, wrong == 0 && taken > 200000, "500000 decimals, %zu of them taken", taken);
}

/* The time of a number is that of the same digits in a string, which is read in another way. */
static void test_stamps(struct tap *tap)
{
	uint64_t seed = 7;
	size_t wrong = 0;

	for (int i = 0; i < 200000; i++) {
		char number[160] = {0}, string[160] = {0};
		int64_t time = 1, wanted = 2;
		struct json_span span = {.at = number, .kind = JSON_NUMBER},
				 other = {.at = string, .kind = JSON_STRING};
		enum stamp got, same;
		int unit = i % 4;

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		span.length = (size_t)snprintf(number, sizeof(number), "%s%.*f", i % 5 ? "" : "-", (int)(seed >> 60),
		                               (double)(seed >> 20) / pow(10, (double)(seed >> 4 & 15)));
		other.length = (size_t)snprintf(string, sizeof(string), "\"%s\"", number);
		got = stamp_read(&span, unit, &time);
		same = stamp_read(&other, unit, &wanted);
		/* What is too large for digits is rounded as a double where it is a number. */
		if (same == STAMP_GOOD && (got != STAMP_GOOD || time != wanted) && wrong++ < 5)
			printf("# %s: %lld, wanted %lld\n", number, (long long)time, (long long)wanted);
	}
	tap_ok(tap, wrong == 0, "times of numbers and of strings are the same");
}

int main(void)
{
	struct tap tap = {0};

	test_known(&tap);
	test_random(&tap);
	test_stamps(&tap);
	return tap_end(&tap);
}
