#include "common/syslog.h"

#include <string.h>

#include "common/json_text.h"
#include "common/unit.h"
#include "common/utf8.h"
#include "common/zone.h"

/* What is left of the message. */
struct rest {
	const char *at, *end;
};

struct word {
	const char *at;
	size_t length;
};

static size_t left(const struct rest *rest)
{
	return (size_t)(rest->end - rest->at);
}

static void add_member(struct text *data, const char *name, struct word word)
{
	if (word.length == 0)
		return;
	text_addf(data, "%s\"%s\":", data->data[data->length - 1] == '{' ? "" : ",", name);
	json_add_string(data, word.at, word.length);
}

/* RFC 5424, section 6.2.1: "<" 0-191 ">". False: there is none. */
static bool take_priority(struct rest *rest, int *priority)
{
	const char *at = rest->at;

	if (left(rest) < 3 || *at++ != '<')
		return false;
	for (*priority = 0; at < rest->end && *at >= '0' && *at <= '9' && at - rest->at < 4; at++)
		*priority = *priority * 10 + (*at - '0');
	if (at == rest->at + 1 || at == rest->end || *at != '>' || *priority > 191)
		return false;
	rest->at = at + 1;
	return true;
}

static void add_priority(struct text *data, int priority)
{
	static const char *const facilities[] = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
	                                         "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
	                                         "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
	                                         "local2", "local3", "local4", "local5", "local6",   "local7"};
	static const char *const severities[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};

	text_addf(data, "\"priority\":%d,\"facility\":\"%s\",\"severity\":\"%s\"", priority, facilities[priority / 8],
	          severities[priority % 8]);
}

/* Up to a blank, which is taken too. */
static struct word take_word(struct rest *rest)
{
	const char *blank = memchr(rest->at, ' ', left(rest));
	struct word word = {rest->at, (size_t)((blank ? blank : rest->end) - rest->at)};

	rest->at = blank ? blank + 1 : rest->end;
	return word;
}

/* As take_word, for what is "-" if there is none. */
static struct word take_field(struct rest *rest)
{
	struct word word = take_word(rest);

	if (word.length == 1 && word.at[0] == '-')
		word.length = 0;
	return word;
}

/* RFC 3339, with its offset. */
static bool is_time(struct word word, int64_t now, int64_t *time)
{
	char text[64];

	if (word.length < 20 || word.length >= sizeof(text) || word.at[4] != '-' || word.at[10] != 'T' ||
	    (word.at[word.length - 1] != 'Z' && word.at[word.length - 3] != ':'))
		return false;
	memcpy(text, word.at, word.length);
	text[word.length] = '\0';
	return zone_parse(text, now, time);
}

static bool is_name(char byte)
{
	return byte > ' ' && byte < 127 && byte != '=' && byte != ']' && byte != '"';
}

static struct word take_name(struct rest *rest)
{
	struct word word = {rest->at, 0};

	while (rest->at < rest->end && is_name(*rest->at))
		rest->at++;
	word.length = (size_t)(rest->at - word.at);
	return word;
}

/* A value in quotes (RFC 5424, section 6.3.3); a backslash stands before '"', '\' and ']', otherwise for itself. */
static bool take_value(struct rest *rest, struct text *value)
{
	text_clear(value);
	if (left(rest) == 0 || *rest->at++ != '"')
		return false;
	for (; rest->at < rest->end && *rest->at != '"'; rest->at++) {
		if (*rest->at == '\\' && left(rest) > 1 && strchr("\"\\]", rest->at[1]) && rest->at[1])
			rest->at++;
		text_add_char(value, *rest->at);
	}
	return rest->at++ < rest->end;
}

/* [id name="value" …] True if it is one; it is appended. */
static bool take_element(struct rest *rest, struct text *data, struct text *value)
{
	struct word word;
	bool first = true;

	rest->at++;
	word = take_name(rest);
	if (word.length == 0)
		return false;
	json_add_string(data, word.at, word.length);
	text_add_string(data, ":{");
	while (left(rest) > 0 && *rest->at == ' ') {
		rest->at++;
		word = take_name(rest);
		if (word.length == 0 || left(rest) == 0 || *rest->at++ != '=' || !take_value(rest, value))
			return false;
		if (!first)
			text_add_char(data, ',');
		first = false;
		json_add_string(data, word.at, word.length);
		text_add_char(data, ':');
		json_add_string(data, value->data, value->length);
	}
	text_add_char(data, '}');
	return left(rest) > 0 && *rest->at++ == ']';
}

/* "-" or elements, and the blank behind. What is no structured data is left where it is. */
static void take_structured(struct rest *rest, struct text *data)
{
	struct rest from = *rest;
	struct text value = {0};
	size_t before = data->length;
	bool good = left(rest) > 0 && (*rest->at == '-' || *rest->at == '[');

	if (good && *rest->at == '-') {
		rest->at++;
	} else if (good) {
		text_add_string(data, ",\"structured\":{");
		while (good && left(rest) > 0 && *rest->at == '[') {
			if (data->data[data->length - 1] != '{')
				text_add_char(data, ',');
			good = take_element(rest, data, &value);
		}
		text_add_char(data, '}');
	}
	text_free(&value);
	if (good && (left(rest) == 0 || *rest->at == ' ')) {
		rest->at += left(rest) > 0;
		return;
	}
	data->length = before;
	data->data[before] = '\0';
	*rest = from;
}

/* RFC 5424, section 6, behind the priority. False: it is none of these; nothing is taken. */
static bool take_5424(struct rest *rest, struct text *data, int64_t now, int64_t *time, int *has)
{
	struct rest from = *rest;
	struct word word;

	if (left(rest) < 2 || memcmp(rest->at, "1 ", 2) != 0)
		return false;
	rest->at += 2;
	word = take_field(rest);
	if (word.length > 0 && !is_time(word, now, time)) {
		*rest = from;
		return false;
	}
	*has |= word.length > 0 ? SYSLOG_TIME : 0;
	add_member(data, "host", take_field(rest));
	add_member(data, "app", take_field(rest));
	add_member(data, "procid", take_field(rest));
	add_member(data, "msgid", take_field(rest));
	take_structured(rest, data);
	if (left(rest) >= 3 && memcmp(rest->at, "\xef\xbb\xbf", 3) == 0)
		rest->at += 3;
	return true;
}

static int two_digits(const char *at)
{
	if ((at[0] != ' ' && (at[0] < '0' || at[0] > '9')) || at[1] < '0' || at[1] > '9')
		return -1;
	return (at[0] == ' ' ? 0 : at[0] - '0') * 10 + at[1] - '0';
}

static int64_t distance(int64_t a, int64_t b)
{
	return a < b ? b - a : a - b;
}

/* "Nov  5 10:00:00": the year that brings it nearest to now. */
static bool take_old_time(struct rest *rest, int64_t now, int64_t *time)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *at = rest->at;
	struct zone_date date;
	int64_t best = 0, year;
	int month = 0;

	if (left(rest) < 15 || at[3] != ' ' || at[6] != ' ' || at[9] != ':' || at[12] != ':')
		return false;
	while (month < 12 && memcmp(months + 3 * (size_t)month, at, 3) != 0)
		month++;
	date = (struct zone_date){
		0, month + 1, two_digits(at + 4), two_digits(at + 7), two_digits(at + 10), two_digits(at + 13)};
	if (month == 12 || date.day < 1 || date.day > 31 || date.hour < 0 || date.hour > 23 || date.minute < 0 ||
	    date.minute > 59 || date.second < 0 || date.second > 60)
		return false;
	year = 1970 + now / UNIT_S / 31556952;
	for (date.year = year - 1; date.year <= year + 1; date.year++) {
		int64_t candidate = zone_time(zone_wall(&date));

		if (date.day <= zone_month_length(date.year, date.month) &&
		    (best == 0 || distance(candidate, now / UNIT_S) < distance(best, now / UNIT_S)))
			best = candidate;
	}
	if (best == 0)
		return false;
	*time = best * UNIT_S;
	rest->at += 15;
	rest->at += left(rest) > 0 && *rest->at == ' ';
	return true;
}

/* TAG of RFC 3164, section 4.1.3: "app:", "app[123]:". */
static bool is_tag(struct word word)
{
	return word.length > 1 && (word.at[word.length - 1] == ':' || memchr(word.at, '[', word.length));
}

static void take_tag(struct rest *rest, struct text *data)
{
	struct rest from = *rest;
	struct word word = take_word(rest), procid = {0};
	const char *bracket;

	if (!is_tag(word)) {
		*rest = from;
		return;
	}
	if (word.at[word.length - 1] == ':')
		word.length--;
	bracket = memchr(word.at, '[', word.length);
	if (bracket && bracket > word.at && word.at[word.length - 1] == ']') {
		procid.at = bracket + 1;
		procid.length = word.length - (size_t)(bracket - word.at) - 2;
		word.length = (size_t)(bracket - word.at);
	}
	add_member(data, "app", word);
	add_member(data, "procid", procid);
}

/* RFC 3164, section 4.1, behind the priority; what is sent to /dev/log has no host. */
static void take_3164(struct rest *rest, struct text *data, int64_t now, int64_t *time, int *has)
{
	struct rest from = *rest;
	struct word word;

	if (!take_old_time(rest, now, time)) {
		/* rsyslog's own format has the new time in the old place. */
		word = take_word(rest);
		if (!is_time(word, now, time)) {
			*rest = from;
			return;
		}
	}
	*has |= SYSLOG_TIME;
	from = *rest;
	word = take_word(rest);
	if (is_tag(word))
		*rest = from;
	else
		add_member(data, "host", word);
	take_tag(rest, data);
}

int syslog_add(struct text *data, const char *bytes, size_t length, int64_t now, bool stored, int64_t *time)
{
	struct rest rest = {bytes, bytes + length};
	int priority, has = 0;

	*time = now;
	while (rest.at < rest.end && (rest.end[-1] == '\n' || rest.end[-1] == '\r' || rest.end[-1] == '\0'))
		rest.end--;
	text_add_char(data, '{');
	if (take_priority(&rest, &priority)) {
		has |= SYSLOG_PRIORITY;
		add_priority(data, priority);
		if (!take_5424(&rest, data, now, time, &has))
			take_3164(&rest, data, now, time, &has);
	} else if (stored) {
		take_3164(&rest, data, now, time, &has);
	}
	text_addf(data, "%s\"message\":", data->data[data->length - 1] == '{' ? "" : ",");
	json_add_string(data, rest.at, left(&rest));
	if (!utf8_valid(bytes, length)) {
		text_add_string(data, ",\"base64\":\"");
		json_add_base64(data, bytes, length);
		text_add_char(data, '"');
	}
	text_add_char(data, '}');
	return has;
}
