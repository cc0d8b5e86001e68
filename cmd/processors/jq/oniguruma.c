#include "cmd/processors/jq/oniguruma.h"

#include <dlfcn.h>
#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "common/text.h"

struct oniguruma {
	void *library;
	__typeof__(onig_new) *new;
	__typeof__(onig_free) *free;
	__typeof__(onig_search) *search;
	__typeof__(onig_region_new) *region_new;
	__typeof__(onig_region_free) *region_free;
	__typeof__(onig_foreach_name) *foreach_name;
	OnigSyntaxType *syntax;
	OnigEncodingType *encoding;

	struct text pattern, flags; /* what is compiled */
	bool compiled, global, looks_back, taken;
	regex_t *regex;
	OnigRegion *region;
	struct name {
		const char *at;
		size_t length;
	} * names; /* of the groups, from 1 on */
	size_t name_count;
};

static bool find(struct oniguruma *o)
{
	const struct {
		const char *name;
		void **place;
	} symbols[] = {
		{"onig_new", (void **)&o->new},
		{"onig_free", (void **)&o->free},
		{"onig_search", (void **)&o->search},
		{"onig_region_new", (void **)&o->region_new},
		{"onig_region_free", (void **)&o->region_free},
		{"onig_foreach_name", (void **)&o->foreach_name},
		{"OnigSyntaxPerl_NG", (void **)&o->syntax},
		{"OnigEncodingUTF8", (void **)&o->encoding},
	};

	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		*symbols[i].place = dlsym(o->library, symbols[i].name);
		if (!*symbols[i].place)
			return false;
	}
	return true;
}

struct oniguruma *oniguruma_open(void)
{
	struct oniguruma *o = xcalloc(1, sizeof(*o));

	/* Only the one that comes with libjq answers as libjq does. Neither is unloaded: it would lose what it keeps for itself. */
	if (dlopen("libjq.so.1", RTLD_LAZY))
		o->library = dlopen("libonig.so.5", RTLD_LAZY | RTLD_NOLOAD);
	if (o->library && find(o)) {
		o->region = o->region_new();
		return o;
	}
	oniguruma_free(o);
	return NULL;
}

static void forget(struct oniguruma *o)
{
	if (o->regex)
		o->free(o->regex);
	o->regex = NULL;
	o->compiled = false;
	free(o->names);
	o->names = NULL;
	o->name_count = 0;
}

void oniguruma_free(void *oniguruma)
{
	struct oniguruma *o = oniguruma;

	forget(o);
	if (o->region)
		o->region_free(o->region, 1);
	text_free(&o->pattern);
	text_free(&o->flags);
	free(o);
}

/* What looks at nothing in front of where it begins; what is not known here may do so. */
static bool looks_back(const char *p, size_t length)
{
	const char *start = p, *end = p + length;

	for (; p < end; p++) {
		if (*p == '^' && (p == start || p[-1] != '['))
			return true;
		if (*p == '(' && end - p > 1 && p[1] == '?') {
			char kind = end - p > 2 ? p[2] : '\0';

			if (kind == '<' ? end - p < 4 || p[3] == '=' || p[3] == '!' : !kind || !strchr(":=!>", kind))
				return true;
		}
		if (*p != '\\')
			continue;
		p++;
		if (p == end ||
		    (strchr("0123456789", *p) || (((unsigned char)*p | 0x20) >= 'a' &&
		                                  ((unsigned char)*p | 0x20) <= 'z' && !strchr("dDwWsShHntr", *p))))
			return true;
	}
	return false;
}

static int keep_name(const UChar *name, const UChar *end, int count, int *groups, regex_t *regex, void *data)
{
	struct oniguruma *o = data;

	(void)regex;
	for (int i = 0; i < count; i++) {
		size_t group = (size_t)groups[i];

		if (group >= o->name_count) {
			o->names = xreallocarray(o->names, group + 1, sizeof(*o->names));
			memset(o->names + o->name_count, 0, (group + 1 - o->name_count) * sizeof(*o->names));
			o->name_count = group + 1;
		}
		o->names[group] = (struct name){(const char *)name, (size_t)(end - name)};
	}
	return 0;
}

static bool options_of(struct oniguruma *o, OnigOptionType *options)
{
	static const struct {
		char flag;
		OnigOptionType option;
	} flags[] = {{'g', 0},
	             {'i', ONIG_OPTION_IGNORECASE},
	             {'x', ONIG_OPTION_EXTEND},
	             {'m', ONIG_OPTION_MULTILINE},
	             {'s', ONIG_OPTION_SINGLELINE},
	             {'p', ONIG_OPTION_MULTILINE | ONIG_OPTION_SINGLELINE},
	             {'l', ONIG_OPTION_FIND_LONGEST},
	             {'n', ONIG_OPTION_FIND_NOT_EMPTY}};

	*options = ONIG_OPTION_CAPTURE_GROUP;
	o->global = false;
	for (size_t i = 0; i < o->flags.length; i++) {
		size_t k = 0;

		while (k < sizeof(flags) / sizeof(*flags) && flags[k].flag != o->flags.data[i])
			k++;
		if (k == sizeof(flags) / sizeof(*flags))
			return false;
		*options |= flags[k].option;
		o->global |= k == 0;
	}
	return true;
}

static bool same(const struct text *text, const char *bytes, size_t length)
{
	return text->length == length && (length == 0 || memcmp(text->data, bytes, length) == 0);
}

bool oniguruma_compile(struct oniguruma *o, const char *pattern, size_t length, const char *flags, size_t flags_length)
{
	OnigOptionType options;
	OnigErrorInfo error;

	if (o->compiled && same(&o->pattern, pattern, length) && same(&o->flags, flags, flags_length))
		return true;
	forget(o);
	text_clear(&o->pattern);
	text_add(&o->pattern, pattern, length);
	text_clear(&o->flags);
	text_add(&o->flags, flags, flags_length);
	if (!options_of(o, &options))
		return false;
	if (o->new (&o->regex, (const UChar *)o->pattern.data, (const UChar *)o->pattern.data + length, options,
	            o->encoding, o->syntax, &error) != ONIG_NORMAL) {
		o->regex = NULL;
		return false;
	}
	o->foreach_name(o->regex, keep_name, o);
	o->looks_back = looks_back(o->pattern.data, length);
	o->compiled = true;
	return true;
}

bool oniguruma_take(struct oniguruma *o)
{
	bool free = !o->taken;

	o->taken = true;
	return free;
}

void oniguruma_give_back(struct oniguruma *o)
{
	o->taken = false;
}

bool oniguruma_global(const struct oniguruma *o)
{
	return o->global;
}

bool oniguruma_looks_back(const struct oniguruma *o)
{
	return o->looks_back;
}

enum oniguruma_found oniguruma_search(struct oniguruma *o, const char *text, size_t length, size_t start)
{
	const UChar *bytes = (const UChar *)text;
	int found =
		o->search(o->regex, bytes, bytes + length, bytes + start, bytes + length, o->region, ONIG_OPTION_NONE);

	return found >= 0 ? ONIGURUMA_YES : found == ONIG_MISMATCH ? ONIGURUMA_NO : ONIGURUMA_FAILED;
}

size_t oniguruma_groups(const struct oniguruma *o)
{
	return (size_t)o->region->num_regs;
}

void oniguruma_group(const struct oniguruma *o, size_t group, long *begin, long *end)
{
	*begin = o->region->beg[group];
	*end = o->region->end[group];
}

const char *oniguruma_name(const struct oniguruma *o, size_t group, size_t *length)
{
	if (group >= o->name_count || !o->names[group].at)
		return NULL;
	*length = o->names[group].length;
	return o->names[group].at;
}
