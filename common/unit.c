#include "common/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Longer names first where one begins another. */
static const struct unit durations[] = {
	{"ns", 1},     {"us", UNIT_US},  {"ms", UNIT_MS}, {"m", UNIT_MINUTE},
	{"s", UNIT_S}, {"h", UNIT_HOUR}, {"d", UNIT_DAY}, {"w", 7 * UNIT_DAY},
};

enum { DURATIONS = sizeof(durations) / sizeof(durations[0]) };

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One number with an optional fraction, in units of factor; advances *string. */
static bool quantity(const char **string, int64_t *whole, int64_t *fraction)
{
	const char *s = *string;
	int64_t scale = UNIT_S;

	*whole = *fraction = 0;
	if (!digit(*s))
		return false;
	for (; digit(*s); s++)
		if (__builtin_mul_overflow(*whole, 10, whole) || __builtin_add_overflow(*whole, *s - '0', whole))
			return false;
	if (*s == '.') {
		if (!digit(*++s))
			return false;
		for (; digit(*s); s++)
			if (scale > 1)
				*fraction += (*s - '0') * (scale /= 10);
	}
	*string = s;
	return true;
}

static const struct unit *duration_unit(const char **string)
{
	for (int i = 0; i < DURATIONS; i++) {
		size_t length = strlen(durations[i].name);

		if (strncmp(*string, durations[i].name, length) == 0) {
			*string += length;
			return &durations[i];
		}
	}
	return NULL;
}

bool unit_duration(const char *string, int64_t *nanoseconds)
{
	static const struct unit seconds = {"", UNIT_S};
	int64_t total = 0;
	bool first = true;

	do {
		const struct unit *unit;
		int64_t whole, fraction, part;

		if (!quantity(&string, &whole, &fraction))
			return false;
		unit = first && *string == '\0' ? &seconds : duration_unit(&string);
		if (!unit || __builtin_mul_overflow(whole, unit->factor, &whole))
			return false;
		/* The fraction is in billionths of the unit. */
		part = (int64_t)((__int128)fraction * unit->factor / UNIT_S);
		if (__builtin_add_overflow(total, whole, &total) || __builtin_add_overflow(total, part, &total))
			return false;
		first = false;
	} while (*string);
	*nanoseconds = total;
	return true;
}

bool unit_size(const char *string, uint64_t *bytes)
{
	static const char letters[] = "kMGT";
	int64_t whole, fraction;
	uint64_t result, factor = 1;
	const char *letter;

	if (!quantity(&string, &whole, &fraction))
		return false;
	if (*string) {
		letter = strchr(letters, *string == 'K' ? 'k' : *string);
		if (!letter)
			return false;
		factor = 1ULL << (10 * (letter - letters + 1));
		string++;
		if (strcmp(string, "iB") == 0 || strcmp(string, "B") == 0)
			string += strlen(string);
	} else if (fraction > 0) {
		return false;
	}
	if (*string || __builtin_mul_overflow((uint64_t)whole, factor, &result) || result > INT64_MAX)
		return false;
	*bytes = result + (uint64_t)((unsigned __int128)fraction * factor / UNIT_S);
	return true;
}

bool unit_number(const char *string, int64_t *number)
{
	bool negative = *string == '-';
	int64_t result = 0;

	if (*string == '-' || *string == '+')
		string++;
	if (!*string)
		return false;
	for (; *string; string++) {
		int64_t next = *string - '0';

		if (!digit(*string) || __builtin_mul_overflow(result, 10, &result) ||
		    __builtin_add_overflow(result, negative ? -next : next, &result))
			return false;
	}
	*number = result;
	return true;
}

/* count and a fraction that is rest of `of`, a power of ten; without zeros at its end. Returns the length. */
static int decimal(char *buffer, int64_t count, int64_t rest, int64_t of)
{
	int length = sprintf(buffer, "%" PRId64, count);

	if (rest > 0)
		buffer[length++] = '.';
	for (; rest > 0; rest %= of) {
		of /= 10;
		buffer[length++] = (char)('0' + rest / of);
	}
	buffer[length] = '\0';
	return length;
}

char *unit_duration_text(char *buffer, int64_t nanoseconds)
{
	static const struct unit whole[] = {{"d", UNIT_DAY}, {"h", UNIT_HOUR}, {"m", UNIT_MINUTE}};
	static const struct unit decimals[] = {{"s", UNIT_S}, {"ms", UNIT_MS}, {"us", UNIT_US}, {"ns", 1}};
	const struct unit *unit = decimals;
	int at = 0;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		int64_t count = nanoseconds / whole[i].factor;

		if (count > 0)
			at += sprintf(buffer + at, "%" PRId64 "%s", count, whole[i].name);
		nanoseconds %= whole[i].factor;
	}
	if (at > 0 && nanoseconds == 0)
		return buffer;
	while (nanoseconds > 0 && nanoseconds < unit->factor)
		unit++;
	at += decimal(buffer + at, nanoseconds / unit->factor, nanoseconds % unit->factor, unit->factor);
	strcpy(buffer + at, unit->name);
	return buffer;
}

char *unit_size_text(char *buffer, uint64_t bytes)
{
	static const char letters[] = "\0kMGT";
	int i = 0;

	while (i < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(buffer, UNIT_TEXT_MAX, "%" PRIu64 "%.*s", bytes, i > 0, letters + i);
	return buffer;
}

size_t unit_time_text(char *buffer, int64_t nanoseconds)
{
	uint64_t size = nanoseconds < 0 ? -(uint64_t)nanoseconds : (uint64_t)nanoseconds;
	int sign = nanoseconds < 0;

	buffer[0] = '-';
	return (size_t)(sign + decimal(buffer + sign, (int64_t)(size / UNIT_S), (int64_t)(size % UNIT_S), UNIT_S));
}
