#include "common/stamp.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/decimal.h"
#include "common/json_text.h"
#include "common/unit.h"
#include "common/zone.h"

enum { TEXT = 48 }; /* a longer string is no time */

static const int places[] = {[STAMP_S] = 9, [STAMP_MS] = 6, [STAMP_US] = 3, [STAMP_NS] = 0};
static const int64_t factors[] = {[STAMP_S] = UNIT_S, [STAMP_MS] = UNIT_MS, [STAMP_US] = UNIT_US, [STAMP_NS] = 1};

int64_t stamp_add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* Digits with or without a fraction, to the nanosecond: what a double would not hold. False: it is written in another way. */
static bool read_digits(const char *s, const char *end, int unit, int64_t *time)
{
	int64_t result = 0, digit;
	int behind = 0;
	bool negative = s < end && *s == '-', point = false;

	s += negative;
	if (s == end || *s < '0' || *s > '9')
		return false;
	for (; s < end; s++) {
		if (*s == '.' && !point) {
			point = true;
			continue;
		}
		if (*s < '0' || *s > '9')
			return false;
		if (point && behind == places[unit])
			continue;
		behind += point;
		digit = *s - '0';
		if (__builtin_mul_overflow(result, 10, &result) || __builtin_add_overflow(result, digit, &result))
			return false;
	}
	for (; behind < places[unit]; behind++)
		if (__builtin_mul_overflow(result, 10, &result))
			return false;
	*time = negative ? -result : result;
	return true;
}

/* The same, quickly, for most numbers. */
static bool read_decimal(const struct json_span *member, int unit, int64_t *time)
{
	struct decimal decimal;
	int64_t result;
	int missing;

	if (!decimal_read(&decimal, member->at, member->length))
		return false;
	missing = places[unit] - (int)decimal.behind;
	result = (int64_t)decimal.digits;
	if (missing < 0)
		result /= (int64_t)decimal_powers[-missing];
	else if (__builtin_mul_overflow(result, (int64_t)decimal_powers[missing], &result))
		return false;
	*time = decimal.negative ? -result : result;
	return true;
}

/* With an exponent. */
static bool read_double(const struct json_span *member, int unit, int64_t *time)
{
	double value = json_number(member) * (double)factors[unit];

	if (!(fabs(value) < 0x1p63))
		return false;
	*time = (int64_t)value;
	return true;
}

/* The text of a string without escapes. False: it is too long, or has some. */
static bool take_text(const struct json_span *member, char text[TEXT])
{
	size_t length = member->length - 2;

	if (length >= TEXT || (member->flags & JSON_ESCAPED))
		return false;
	memcpy(text, member->at + 1, length);
	text[length] = '\0';
	return true;
}

/* As in RFC 3339; the words and sums of zone_parse are none. */
static bool is_date(const char *text)
{
	return text[0] >= '0' && text[0] <= '9' && strlen(text) >= 10 && text[4] == '-' &&
	       strspn(text, "0123456789-+:.TtZz ") == strlen(text);
}

enum stamp stamp_read(const struct json_span *member, int unit, int64_t *time)
{
	char text[TEXT];

	switch (member->kind) {
	case JSON_NONE:
	case JSON_NULL:
		return STAMP_NONE;
	case JSON_NUMBER:
		return read_decimal(member, unit, time) ||
		                       read_digits(member->at, member->at + member->length, unit, time) ||
		                       read_double(member, unit, time)
		               ? STAMP_GOOD
		               : STAMP_WRONG;
	case JSON_STRING:
		return take_text(member, text) && (read_digits(text, text + strlen(text), unit, time) ||
		                                   (is_date(text) && zone_parse(text, 0, time)))
		               ? STAMP_GOOD
		               : STAMP_WRONG;
	default:
		return STAMP_WRONG;
	}
}

/* The digits behind a point, as many as are not zero. */
static int write_fraction(char *buffer, int64_t rest, int64_t of)
{
	int length = 0;

	if (rest > 0)
		buffer[length++] = '.';
	for (; rest > 0; rest %= of) {
		of /= 10;
		buffer[length++] = (char)('0' + rest / of);
	}
	return length;
}

static int write_digits(char *buffer, int unit, int64_t time)
{
	uint64_t size = time < 0 ? -(uint64_t)time : (uint64_t)time, factor = (uint64_t)factors[unit];
	int length = sprintf(buffer, "%s%llu", time < 0 ? "-" : "", (unsigned long long)(size / factor));

	return length + write_fraction(buffer + length, (int64_t)(size % factor), factors[unit]);
}

/* The offset at the end of a date, in seconds; in local time that is written without one: of that time. */
static int offset_of(const char *text, int64_t time, const char **suffix)
{
	size_t length = strlen(text);
	struct zone_span span = {0};
	int hours, minutes;

	*suffix = text + length;
	if (strchr("Zz", text[length - 1])) {
		*suffix = text + length - 1;
		return 0;
	}
	if (length > 16 && strchr("+-", text[length - 6]) &&
	    sscanf(text + length - 5, "%2d:%2d", &hours, &minutes) == 2) {
		*suffix = text + length - 6;
		return (hours * 60 + minutes) * (**suffix == '-' ? -60 : 60);
	}
	zone_span_find(&span, zone_floor(time, UNIT_S));
	return span.offset;
}

static int write_date(char *buffer, const char *text, int64_t time)
{
	const char *suffix;
	int offset = offset_of(text, time, &suffix), length;
	struct zone_date date;

	zone_date(zone_floor(time, UNIT_S) + offset, &date);
	length = snprintf(buffer, STAMP_MAX - TEXT, "%04d-%02d-%02d", (int)date.year, date.month, date.day);
	length += sprintf(buffer + length, "%c%02d:%02d:%02d", text[10] ? text[10] : 'T', date.hour, date.minute,
	                  date.second);
	length += write_fraction(buffer + length, zone_rest(time, UNIT_S), UNIT_S);
	return length + sprintf(buffer + length, "%s", suffix);
}

size_t stamp_write(char buffer[STAMP_MAX], const struct json_span *member, int unit, int64_t time)
{
	char text[TEXT];
	int64_t old;
	int length = 1;

	if (member->kind == JSON_NUMBER || !take_text(member, text))
		return (size_t)write_digits(buffer, unit, time);
	buffer[0] = '"';
	if (read_digits(text, text + strlen(text), unit, &old))
		length += write_digits(buffer + 1, unit, time);
	else
		length += write_date(buffer + 1, text, time);
	buffer[length++] = '"';
	return (size_t)length;
}
