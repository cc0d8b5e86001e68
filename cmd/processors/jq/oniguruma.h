/*
 * oniguruma: regular expressions as jq has them: by the very library that libjq uses, with the same syntax and options.
 *
 * It is loaded when a program has a regular expression. Where libjq has an engine of its own, there is none here.
 */
#ifndef PYPE_JQ_ONIGURUMA_H
#define PYPE_JQ_ONIGURUMA_H

#include <stdbool.h>
#include <stddef.h>

struct oniguruma;

/* One expression at a time, compiled when it is asked for. NULL: there is no library. */
struct oniguruma *oniguruma_open(void);
void oniguruma_free(void *oniguruma);

/*
 * Compiles an expression, or does nothing if it is the one that is there. flags: as jq's functions take them; of "g" the
 * answer is in oniguruma_global. False: it is none, or a flag is.
 */
bool oniguruma_compile(struct oniguruma *oniguruma, const char *pattern, size_t length, const char *flags,
                       size_t flags_length);
/* Who uses the compiled expression while others may ask for it; false: somebody does. */
bool oniguruma_take(struct oniguruma *oniguruma);
void oniguruma_give_back(struct oniguruma *oniguruma);
bool oniguruma_global(const struct oniguruma *oniguruma);
/* What is in front of the text it is given may matter to it. */
bool oniguruma_looks_back(const struct oniguruma *oniguruma);

enum oniguruma_found { ONIGURUMA_YES, ONIGURUMA_NO, ONIGURUMA_FAILED };

/* The next match in text[0..length) from start on. */
enum oniguruma_found oniguruma_search(struct oniguruma *oniguruma, const char *text, size_t length, size_t start);

/* Of that match: how many groups there are, and where each begins and ends (0: the match; -1: it has no part in it). */
size_t oniguruma_groups(const struct oniguruma *oniguruma);
void oniguruma_group(const struct oniguruma *oniguruma, size_t group, long *begin, long *end);
/* The name of a group, or NULL. */
const char *oniguruma_name(const struct oniguruma *oniguruma, size_t group, size_t *length);

#endif
