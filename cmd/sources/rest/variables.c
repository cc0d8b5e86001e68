#include "cmd/sources/rest/variables.h"

#include <string.h>
#include <time.h>

#include "common/json_text.h"
#include "common/option.h"
#include "common/percent.h"
#include "common/unit.h"

static const char *const names[VARIABLES + 1] = {
	[VARIABLE_CURSOR] = "cursor", [VARIABLE_TOKEN] = "token",         [VARIABLE_PAGE] = "page",
	[VARIABLE_OFFSET] = "offset", [VARIABLE_SCHEDULED] = "scheduled", [VARIABLE_LAST_SUCCESS] = "last_success",
	[VARIABLE_NOW] = "now",
};

enum { NAME_MAX_LENGTH = 32, FORMAT_MAX = 64 };

/* "{name:format}" at some place. */
struct reference {
	enum variable variable;
	char format[FORMAT_MAX]; /* "": none */
	size_t length; /* braces included */
};

static size_t name_at(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz_");
}

/* The variable whose name s begins with, as a whole word; VARIABLES if none. */
static enum variable find_name(const char *s)
{
	size_t length = name_at(s);
	enum variable variable = 0;

	while (variable < VARIABLES && (strlen(names[variable]) != length || strncmp(names[variable], s, length) != 0))
		variable++;
	return variable;
}

static bool good_format(enum variable variable, const char *format)
{
	static const char *const of_times[] = {"", "iso", "unix", "ms", NULL},
				 *const of_texts[] = {"", "json", "raw", NULL}, *const of_numbers[] = {"", NULL};
	const char *const *known = variable >= VARIABLE_SCHEDULED ? of_times
	                           : variable >= VARIABLE_PAGE    ? of_numbers
	                                                          : of_texts;

	if (variable >= VARIABLE_SCHEDULED && strchr(format, '%'))
		return true;
	for (; *known; known++)
		if (strcmp(*known, format) == 0)
			return true;
	return false;
}

/* s begins with '{'. */
static bool reference_at(const char *s, struct reference *reference)
{
	const char *format, *end;

	reference->variable = find_name(s + 1);
	if (reference->variable == VARIABLES)
		return false;
	format = s + 1 + strlen(names[reference->variable]);
	end = strchr(format, '}');
	if (!end || (*format != ':' && format != end) || end - format > FORMAT_MAX)
		return false;
	format += *format == ':';
	memcpy(reference->format, format, (size_t)(end - format));
	reference->format[end - format] = '\0';
	reference->length = (size_t)(end + 1 - s);
	return good_format(reference->variable, reference->format);
}

static bool is_literal(const char *s)
{
	return s[0] == '{' && s[1] == '{' && find_name(s + 2) != VARIABLES;
}

unsigned variables_used(const char *template)
{
	struct reference reference;
	unsigned used = 0;

	for (const char *s = strchr(template, '{'); s; s = strchr(s + 1, '{')) {
		if (is_literal(s))
			s++;
		else if (reference_at(s, &reference))
			used |= 1U << reference.variable;
	}
	return used;
}

const char *variables_unknown(const char *template, bool near, size_t *length, char *hint)
{
	struct reference reference;
	char word[NAME_MAX_LENGTH + 1];

	for (const char *s = strchr(template, '{'); s; s = strchr(s + 1, '{')) {
		size_t name = name_at(s + 1), whole = strcspn(s, "}") + 1;

		if (is_literal(s)) {
			s++;
			continue;
		}
		if (name == 0 || name > NAME_MAX_LENGTH || !strchr(":}", s[1 + name]) || reference_at(s, &reference))
			continue;
		memcpy(word, s + 1, name);
		word[name] = '\0';
		option_hint(hint, word, names);
		if (near && !*hint)
			continue;
		*length = whole;
		return s;
	}
	return NULL;
}

/* The user's own format, of which strftime checks what is to be checked. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t time_text(char *buffer, size_t size, const char *format, const struct tm *parts)
{
	return strftime(buffer, size, format, parts);
}
#pragma GCC diagnostic pop

/* The text of a time, in UTC. */
static void add_time(struct text *text, int64_t time, const char *format)
{
	time_t seconds = (time_t)(time / UNIT_S);
	char buffer[4 * FORMAT_MAX] = "";
	struct tm parts;
	size_t length;

	if (strcmp(format, "unix") == 0) {
		text_addf(text, "%lld", (long long)seconds);
	} else if (strcmp(format, "ms") == 0) {
		text_addf(text, "%lld", (long long)(time / UNIT_MS));
	} else {
		gmtime_r(&seconds, &parts);
		length = time_text(buffer, sizeof(buffer), strchr(format, '%') ? format : "%Y-%m-%dT%H:%M:%SZ", &parts);
		text_add(text, buffer, length);
	}
}

/* What the JSON text stands for. */
static void add_plain(struct text *text, const char *json)
{
	if (json && *json == '"')
		json_add_unescaped(text, json, strlen(json));
	else if (json)
		text_add_string(text, json);
}

static const char *text_of(const struct variables *values, enum variable variable)
{
	return variable == VARIABLE_CURSOR ? values->cursor : values->token;
}

static void add_value(struct text *text, const struct variables *values, const struct reference *reference)
{
	const char *json;

	switch (reference->variable) {
	case VARIABLE_PAGE:
		text_addf(text, "%lld", (long long)values->page);
		break;
	case VARIABLE_OFFSET:
		text_addf(text, "%lld", (long long)values->offset);
		break;
	case VARIABLE_SCHEDULED:
		add_time(text, values->scheduled, reference->format);
		break;
	case VARIABLE_LAST_SUCCESS:
		add_time(text, values->last_success, reference->format);
		break;
	case VARIABLE_NOW:
		add_time(text, values->now, reference->format);
		break;
	default:
		json = text_of(values, reference->variable);
		if (strcmp(reference->format, "json") == 0)
			text_add_string(text, json ? json : "null");
		else
			add_plain(text, json);
	}
}

static void add_reference(struct text *text, const struct variables *values, const struct reference *reference,
                          enum variables_place place)
{
	struct text value = {0}, quoted = {0};
	bool raw = strcmp(reference->format, "raw") == 0;

	text_init(&value);
	add_value(&value, values, reference);
	if (place == VARIABLES_URL && !raw) {
		percent_add(text, value.data, value.length);
	} else if (place == VARIABLES_JSON && !raw && strcmp(reference->format, "json") != 0) {
		json_add_string(&quoted, value.data, value.length);
		text_add(text, quoted.data + 1, quoted.length - 2);
	} else {
		text_add(text, value.data, value.length);
	}
	text_free(&value);
	text_free(&quoted);
}

void variables_expand(struct text *text, const char *template, size_t length, const struct variables *values,
                      enum variables_place place)
{
	const char *s = template, *end = template + length;
	struct reference reference;

	while (s < end) {
		const char *brace = memchr(s, '{', (size_t)(end - s));

		text_add(text, s, (size_t)((brace ? brace : end) - s));
		if (!brace)
			return;
		s = brace;
		if (reference_at(s, &reference)) {
			add_reference(text, values, &reference, place);
			s += reference.length;
		} else {
			text_add_char(text, '{');
			s += is_literal(s) ? 2 : 1;
		}
	}
}

bool variables_empty(const char *template, size_t length, const struct variables *values)
{
	struct reference reference;

	return length > 0 && *template == '{' && reference_at(template, &reference) && reference.length == length &&
	       reference.variable <= VARIABLE_TOKEN && strcmp(reference.format, "json") != 0 &&
	       !text_of(values, reference.variable);
}
