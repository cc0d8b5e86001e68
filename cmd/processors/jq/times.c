/*
 * Functions of times. The versions agree on times from 1970 to 9999, in UTC.
 */
#include "cmd/processors/jq/functions.h"

#include <math.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "cmd/processors/jq/run.h"

static bool parts_of(const struct value *in, double *number, struct tm *parts)
{
	time_t seconds;

	*number = in->kind == JSON_NUMBER ? value_double(in) : NAN;
	if (!(*number >= 0 && *number < 253402300800.0))
		return false;
	seconds = (time_t)*number;
	return gmtime_r(&seconds, parts);
}

enum run_outcome function_todate(struct run *run, const struct value *in, struct value *result)
{
	double number;
	char text[40];
	struct tm parts;

	if (!parts_of(in, &number, &parts))
		return run_unfit(run);
	*result = value_string(&run->arena, text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts));
	return RUN_DONE;
}

static enum run_outcome array_of(struct run *run, const struct tm *parts, double second, struct value *result)
{
	const double numbers[] = {parts->tm_year + 1900, parts->tm_mon, parts->tm_mday, parts->tm_hour,
	                          parts->tm_min,         second,        parts->tm_wday, parts->tm_yday};
	struct text *text = run_text(run);

	if (!text)
		return RUN_FALLBACK;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		const struct value value = value_number(numbers[i]);

		text_add_char(text, i > 0 ? ',' : '[');
		value_add(text, &value);
	}
	text_add_char(text, ']');
	*result = run_text_value(run);
	return RUN_DONE;
}

enum run_outcome function_gmtime(struct run *run, const struct value *in, struct value *result)
{
	double number;
	struct tm parts;

	if (!parts_of(in, &number, &parts))
		return run_unfit(run);
	return array_of(run, &parts, parts.tm_sec + (number - floor(number)), result);
}

/* What gmtime gives, or the like. */
static bool parts_of_array(const struct value *in, struct tm *parts)
{
	static const double most[] = {9999, 11, 31, 23, 59, 60, 6, 365};
	int fields[8] = {0};
	const char *p = value_inside(in);
	struct value element;
	size_t count = 0;
	struct tm checked;
	time_t seconds;

	if (in->kind != JSON_ARRAY)
		return false;
	for (; count < 8 && value_next(&p, &element); count++) {
		double number = element.kind == JSON_NUMBER ? value_double(&element) : NAN;

		if (!(number >= 0 && number <= most[count]) || (count != 5 && number != floor(number)))
			return false;
		fields[count] = (int)number;
	}
	if (count < 8 || value_next(&p, &element) || fields[0] < 1970)
		return false;
	*parts = (struct tm){.tm_year = fields[0] - 1900,
	                     .tm_mon = fields[1],
	                     .tm_mday = fields[2],
	                     .tm_hour = fields[3],
	                     .tm_min = fields[4],
	                     .tm_sec = fields[5],
	                     .tm_wday = fields[6],
	                     .tm_yday = fields[7]};
	/* Newer versions correct a date that is none, and days that do not fit. */
	checked = *parts;
	seconds = timegm(&checked);
	return gmtime_r(&seconds, &checked) && checked.tm_mday == parts->tm_mday && checked.tm_sec == parts->tm_sec &&
	       checked.tm_wday == parts->tm_wday && checked.tm_yday == parts->tm_yday;
}

enum run_outcome function_mktime(struct run *run, const struct value *in, struct value *result)
{
	struct tm parts;

	if (!parts_of_array(in, &parts))
		return run_unfit(run);
	*result = value_number((double)timegm(&parts));
	return RUN_DONE;
}

/* Formats that ask for nothing but the date and the time of day, in digits or in English. */
static bool plain_format(const char *format, size_t length)
{
	if (length == 0 || length > 60)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)format[i] < ' ' || (unsigned char)format[i] > '~' ||
		    (format[i] == '%' && (++i == length || !strchr("aAbBdDeFGHIjklmMprRSTuUVwWyY%", format[i]))))
			return false;
	return true;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t write_time(char *text, size_t size, const char *format, const struct tm *parts)
{
	return strftime(text, size, format, parts);
}
#pragma GCC diagnostic pop

enum run_outcome function_strftime(struct run *run, const struct value *in, const struct value *format,
                                   struct value *result)
{
	double number;
	char text[1000], copy[64];
	const char *bytes;
	size_t length;
	struct tm parts;

	if (format->kind != JSON_STRING ||
	    !(in->kind == JSON_NUMBER ? parts_of(in, &number, &parts) : parts_of_array(in, &parts)))
		return run_unfit(run);
	bytes = value_bytes(&run->arena, format, &length);
	if (!plain_format(bytes, length))
		return run_unfit(run);
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	length = write_time(text, sizeof(text), copy, &parts);
	/* That much room there is in jq. */
	if (length == 0 || length >= strlen(copy) + 100)
		return run_unfit(run);
	*result = value_string(&run->arena, text, length);
	return RUN_DONE;
}

/* The form that todate writes. */
static bool parse_date(struct run *run, const struct value *in, struct tm *parts, time_t *seconds)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	struct tm back;
	size_t length = 0;
	const char *bytes = in->kind == JSON_STRING ? value_bytes(&run->arena, in, &length) : "";
	char copy[sizeof(form)];

	if (length != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < length; i++)
		if (form[i] == 'd' ? bytes[i] < '0' || bytes[i] > '9' : bytes[i] != form[i])
			return false;
	memcpy(copy, bytes, length);
	copy[length] = '\0';
	*parts = (struct tm){0};
	if (!strptime(copy, "%Y-%m-%dT%H:%M:%SZ", parts) || parts->tm_year < 70 || parts->tm_sec > 59)
		return false;
	*seconds = timegm(parts);
	/* The thirtieth of February is another day. */
	return gmtime_r(seconds, &back) && back.tm_mday == parts->tm_mday;
}

enum run_outcome function_fromdate(struct run *run, const struct value *in, struct value *result)
{
	struct tm parts;
	time_t seconds;

	if (!parse_date(run, in, &parts, &seconds))
		return run_unfit(run);
	*result = value_number((double)seconds);
	return RUN_DONE;
}

enum run_outcome function_strptime(struct run *run, const struct value *in, const struct value *format,
                                   struct value *result)
{
	static const char known[] = "\"%Y-%m-%dT%H:%M:%SZ\"";
	struct tm parts;
	time_t seconds;

	if (format->kind != JSON_STRING || format->length != sizeof(known) - 1 ||
	    memcmp(format->at, known, sizeof(known) - 1) != 0 || !parse_date(run, in, &parts, &seconds))
		return run_unfit(run);
	return array_of(run, &parts, parts.tm_sec, result);
}

enum run_outcome function_now(struct run *run, const struct value *in, struct value *result)
{
	struct timeval now;

	(void)run;
	(void)in;
	gettimeofday(&now, NULL);
	*result = value_number((double)now.tv_sec + (double)now.tv_usec / 1000000.0);
	return RUN_DONE;
}
