#include "cmd/processors/jq/sequential.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* All builtins of jq 1.6 to 1.8 that depend on more than their input, or do more than give values. */
static const char *const words[] = {
	"input", "inputs", "debug", "stderr", "halt", "halt_error", "import", "include", NULL,
};

static bool is_letter(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static const char *find(const char *word, size_t length)
{
	for (size_t i = 0; words[i]; i++)
		if (strlen(words[i]) == length && memcmp(words[i], word, length) == 0)
			return words[i];
	return NULL;
}

static char next_sign(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return *p;
}

static const char *look_at_code(const char **p, bool inner);

/* At the opening quote; what is interpolated is code. */
static const char *look_at_text(const char **p)
{
	for (++*p; **p && **p != '"'; ++*p) {
		const char *word;

		if (**p != '\\' || !(*p)[1])
			continue;
		++*p;
		if (**p != '(')
			continue;
		++*p;
		word = look_at_code(p, true);
		if (word || !**p)
			return word;
	}
	if (**p)
		++*p;
	return NULL;
}

/* Up to the end, or, inner, to the closing parenthesis. */
static const char *look_at_code(const char **p, bool inner)
{
	const char *word;
	size_t depth = 0;
	char before = '\0'; /* the last sign that is no space */

	while (**p) {
		const char *start = *p;

		if (is_letter(*start)) {
			while (is_letter(**p))
				++*p;
			word = find(start, (size_t)(*p - start));
			if (word && before != '.' && before != '$' && before != '@' && next_sign(*p) != ':')
				return word;
			before = 'a';
			continue;
		}
		if (*start == '"') {
			word = look_at_text(p);
			if (word)
				return word;
			before = '"';
			continue;
		}
		if (*start == '#') {
			*p += strcspn(*p, "\n");
			continue;
		}
		if (inner && *start == ')' && depth == 0)
			return NULL;
		depth += *start == '(';
		depth -= *start == ')' && depth > 0;
		if (!isspace((unsigned char)*start))
			before = *start;
		++*p;
	}
	return NULL;
}

const char *sequential_word(const char *program)
{
	return look_at_code(&program, false);
}
