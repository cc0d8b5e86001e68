#include "common/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"

enum { MATCH_LIMIT = 1000000, STACK_FIRST = 32 * 1024, STACK_MOST = 1024 * 1024 };

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	const char *names;
	uint32_t name_count, name_size;
};

struct regex *regex_new(const char *what, const char *text)
{
	struct regex *regex;
	unsigned char reason[200];
	PCRE2_SIZE at;
	int error;

	if (!text)
		return NULL;
	regex = xcalloc(1, sizeof(*regex));
	regex->code = pcre2_compile((PCRE2_SPTR)text, strlen(text), PCRE2_UTF, &error, &at, NULL);
	if (!regex->code) {
		pcre2_get_error_message(error, reason, sizeof(reason));
		die("%s '%s': %s at byte %zu", what, text, (const char *)reason, (size_t)at);
	}
	regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
	regex->context = pcre2_match_context_create(NULL);
	regex->stack = pcre2_jit_stack_create(STACK_FIRST, STACK_MOST, NULL);
	if (!regex->match || !regex->context || !regex->stack)
		fail("out of memory");
	/* Where there is no compiler to machine code it is interpreted. */
	pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
	pcre2_set_match_limit(regex->context, MATCH_LIMIT);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMECOUNT, &regex->name_count);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMEENTRYSIZE, &regex->name_size);
	pcre2_pattern_info(regex->code, PCRE2_INFO_NAMETABLE, &regex->names);
	return regex;
}

void regex_free(struct regex *regex)
{
	if (!regex)
		return;
	pcre2_jit_stack_free(regex->stack);
	pcre2_match_context_free(regex->context);
	pcre2_match_data_free(regex->match);
	pcre2_code_free(regex->code);
	free(regex);
}

int regex_match(struct regex *regex, const char *text, size_t length, char mistake[REGEX_MISTAKE])
{
	int result =
		pcre2_match(regex->code, (PCRE2_SPTR)text, length, 0, PCRE2_NO_UTF_CHECK, regex->match, regex->context);

	if (result >= 0)
		return 1;
	if (result == PCRE2_ERROR_NOMATCH)
		return 0;
	pcre2_get_error_message(result, (unsigned char *)mistake, REGEX_MISTAKE);
	return -1;
}

size_t regex_names(const struct regex *regex)
{
	return regex->name_count;
}

/* A table of entries: the number of the group in two bytes, and its name. */
static const char *entry(const struct regex *regex, size_t i)
{
	return regex->names + i * regex->name_size;
}

const char *regex_name(const struct regex *regex, size_t i)
{
	return entry(regex, i) + 2;
}

bool regex_group(const struct regex *regex, size_t i, size_t *from, size_t *to)
{
	const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(regex->match);
	const char *number = entry(regex, i);
	size_t group = (size_t)(unsigned char)number[0] << 8 | (unsigned char)number[1];

	*from = ends[2 * group];
	*to = ends[2 * group + 1];
	/* \K may put the beginning of a match behind its end; of groups, lookbehinds can. */
	return *from != PCRE2_UNSET && *to >= *from;
}

void regex_add_groups(const struct regex *regex, const char *text, struct text *json)
{
	bool first = true;
	size_t from, to;

	text_add_char(json, '{');
	for (size_t i = 0; i < regex_names(regex); i++) {
		const char *name = regex_name(regex, i);

		if (!regex_group(regex, i, &from, &to))
			continue;
		if (!first)
			text_add_char(json, ',');
		first = false;
		json_add_string(json, name, strlen(name));
		text_add_char(json, ':');
		json_add_string(json, text + from, to - from);
	}
	text_add_char(json, '}');
}
