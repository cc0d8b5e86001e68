/*
 * Where the versions differ, as they do with matches of nothing, the line is for libjq.
 */
#include "cmd/processors/jq/regexes.h"

#include "cmd/processors/jq/evaluate.h"
#include "cmd/processors/jq/oniguruma.h"

const char *regex_prepare(struct tree *tree, struct node *node)
{
	const struct node *pattern = node->a, *flags = node->b;
	struct arena arena = {0};
	struct oniguruma *oniguruma = oniguruma_open();
	const char *bytes, *flag_bytes = "";
	size_t length, flags_length = 0;
	bool good = true;

	if (!oniguruma)
		return "a regular expression, and libjq has an engine of its own";
	node->data = oniguruma;
	tree_at_end(tree, oniguruma_free, oniguruma);
	if (pattern->operation != OP_LITERAL || (flags && flags->operation != OP_LITERAL))
		return NULL;
	if (pattern->literal.kind == JSON_STRING && (!flags || flags->literal.kind == JSON_STRING)) {
		bytes = value_bytes(&arena, &pattern->literal, &length);
		if (flags)
			flag_bytes = value_bytes(&arena, &flags->literal, &flags_length);
		good = oniguruma_compile(oniguruma, bytes, length, flag_bytes, flags_length);
	}
	arena_free(&arena);
	return good ? NULL : "a regular expression that does not compile";
}

/* ---- one string, one expression ---- */

struct subject {
	struct oniguruma *oniguruma;
	const char *text;
	size_t length;
	bool global;
	struct value input;
};

/* match(["re", "flags"]) */
static bool of_array(struct value *pattern, struct value *flags)
{
	const struct value array = *pattern;

	if (array.kind != JSON_ARRAY || !value_element(&array, 0, pattern))
		return false;
	if (!value_element(&array, 1, flags))
		*flags = value_constant(JSON_NULL);
	return true;
}

static enum run_outcome begin(struct run *run, const struct node *node, const struct value *in,
                              const struct environment *environment, struct subject *subject)
{
	struct value pattern, flags = value_constant(JSON_NULL);
	const char *bytes, *flag_bytes = "";
	size_t length, flags_length = 0;
	enum run_outcome outcome = run_ready(run, in, &subject->input);

	*subject = (struct subject){.oniguruma = node->data, .input = subject->input};
	if (outcome == RUN_DONE)
		outcome = run_single(run, node->a, in, environment, &pattern);
	if (outcome == RUN_DONE)
		outcome = run_ready(run, &pattern, &pattern);
	if (outcome == RUN_DONE && node->b)
		outcome = run_single(run, node->b, in, environment, &flags);
	if (outcome == RUN_DONE)
		outcome = run_ready(run, &flags, &flags);
	if (outcome != RUN_DONE)
		return outcome;
	if (subject->input.kind != JSON_STRING)
		return run_wrong(run);
	if (pattern.kind != JSON_STRING && (node->letter != 'a' || node->b || !of_array(&pattern, &flags)))
		return run_unfit(run);
	if (pattern.kind != JSON_STRING || (flags.kind != JSON_STRING && flags.kind != JSON_NULL))
		return run_unfit(run);
	bytes = value_bytes(&run->arena, &pattern, &length);
	if (flags.kind == JSON_STRING)
		flag_bytes = value_bytes(&run->arena, &flags, &flags_length);
	if (!oniguruma_compile(subject->oniguruma, bytes, length, flag_bytes, flags_length))
		return run_fallback(run, "a regular expression that does not compile");
	subject->text = value_bytes(&run->arena, &subject->input, &subject->length);
	subject->global = oniguruma_global(subject->oniguruma);
	return RUN_DONE;
}

/* One match, while its groups can be asked for. */
struct match {
	struct subject *subject;
	size_t begin, end;
	struct text *text; /* for what is made of the matches */
	const struct node *node;
	const struct environment *environment;
	size_t copied; /* of the subject, by sub */
	size_t seen, characters; /* count_to */
};

typedef enum run_outcome match_function(struct run *run, struct match *match);

/* gsub of jq 1.6 looks at what is left of the text as if it were all of it. */
static bool same_without_past(struct match *match, size_t start, enum oniguruma_found found)
{
	struct subject *subject = match->subject;
	long begin, end, groups[2 * 16];
	size_t count = found == ONIGURUMA_YES ? oniguruma_groups(subject->oniguruma) : 0;

	if (start == 0 || !oniguruma_looks_back(subject->oniguruma) || start == subject->length)
		return true;
	if (count > 16)
		return false;
	for (size_t i = 0; i < count; i++)
		oniguruma_group(subject->oniguruma, i, &groups[2 * i], &groups[2 * i + 1]);
	if (oniguruma_search(subject->oniguruma, subject->text + start, subject->length - start, 0) != found)
		return false;
	for (size_t i = 0; i < count; i++) {
		oniguruma_group(subject->oniguruma, i, &begin, &end);
		if (begin >= 0) {
			begin += (long)start;
			end += (long)start;
		}
		if (begin != groups[2 * i] || end != groups[2 * i + 1])
			return false;
	}
	return found != ONIGURUMA_YES ||
	       oniguruma_search(subject->oniguruma, subject->text, subject->length, start) == found;
}

/* Calls take for each match; past: what is in front of it must not matter. */
static enum run_outcome each_match(struct run *run, struct match *match, bool past, match_function *take)
{
	struct subject *subject = match->subject;
	size_t start = 0;
	bool any = false;
	long begin, end;

	do {
		enum oniguruma_found found =
			oniguruma_search(subject->oniguruma, subject->text, subject->length, start);
		enum run_outcome outcome;

		if (found == ONIGURUMA_FAILED)
			return run_fallback(run, "a regular expression that fails");
		if (past && !same_without_past(match, start, found))
			return run_fallback(run, "a regular expression that looks back");
		if (found == ONIGURUMA_NO)
			return RUN_DONE;
		oniguruma_group(subject->oniguruma, 0, &begin, &end);
		if (begin == end)
			return run_fallback(run, "a match of nothing");
		any = true;
		match->begin = (size_t)begin;
		match->end = start = (size_t)end;
		outcome = take(run, match);
		if (outcome != RUN_DONE)
			return outcome;
	} while (subject->global && start < subject->length);
	/* Only newer versions find nothing at the end. */
	if (any && subject->global &&
	    oniguruma_search(subject->oniguruma, subject->text, subject->length, start) != ONIGURUMA_NO)
		return run_fallback(run, "a match of nothing");
	return RUN_DONE;
}

/* ---- what is made of a match ---- */

static size_t characters(const char *bytes, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += (bytes[i] & 0xc0) != 0x80;
	return count;
}

/* How many characters are in front of a byte; mostly it is one behind those that were asked for before. */
static size_t characters_to(struct match *match, size_t byte)
{
	const char *text = match->subject->text;

	if (byte < match->seen)
		return characters(text, byte);
	match->characters += characters(text + match->seen, byte - match->seen);
	match->seen = byte;
	return match->characters;
}

static void add_group_string(struct match *match, size_t group)
{
	long begin, end;

	oniguruma_group(match->subject->oniguruma, group, &begin, &end);
	if (begin < 0)
		text_add_string(match->text, "null");
	else
		json_add_string(match->text, match->subject->text + begin, (size_t)(end - begin));
}

static void add_capture(struct match *match, size_t group)
{
	struct text *text = match->text;
	long begin, end;
	const char *name;
	size_t length;

	oniguruma_group(match->subject->oniguruma, group, &begin, &end);
	text_addf(text, "%s{\"offset\":%ld,", group > 1 ? "," : "",
	          begin < 0 ? -1L : (long)characters_to(match, (size_t)begin));
	if (begin != end)
		text_addf(text, "\"length\":%zu,", characters(match->subject->text + begin, (size_t)(end - begin)));
	text_add_string(text, "\"string\":");
	add_group_string(match, group);
	text_add_string(text, begin != end ? ",\"name\":" : ",\"length\":0,\"name\":");
	name = oniguruma_name(match->subject->oniguruma, group, &length);
	if (name)
		json_add_string(text, name, length);
	else
		text_add_string(text, "null");
	text_add_char(text, '}');
}

static void add_comma(struct text *text)
{
	if (text->length > 1)
		text_add_char(text, ',');
}

static enum run_outcome add_match(struct run *run, struct match *match)
{
	struct text *text = match->text;

	(void)run;
	add_comma(text);
	text_addf(text, "{\"offset\":%zu,\"length\":%zu,\"string\":", characters_to(match, match->begin),
	          characters(match->subject->text + match->begin, match->end - match->begin));
	add_group_string(match, 0);
	text_add_string(text, ",\"captures\":[");
	for (size_t i = 1; i < oniguruma_groups(match->subject->oniguruma); i++)
		add_capture(match, i);
	text_add_string(text, "]}");
	return RUN_DONE;
}

/* The object of the groups that have names. */
static enum run_outcome captures(struct run *run, const struct match *match, struct value *result)
{
	struct text *text = run_text(run);
	struct match inner = *match;

	if (!text)
		return RUN_FALLBACK;
	text_add_char(text, '{');
	for (size_t i = 1; i < oniguruma_groups(match->subject->oniguruma); i++) {
		size_t length;
		const char *name = oniguruma_name(match->subject->oniguruma, i, &length);
		struct value key, value;

		if (!name)
			continue;
		inner.text = run_text(run);
		if (!inner.text)
			return RUN_FALLBACK;
		add_group_string(&inner, i);
		value = run_text_value(run);
		key = value_string(&run->arena, name, length);
		run_add_member(text, &key, &value);
	}
	text_add_char(text, '}');
	*result = run_text_value(run);
	return RUN_DONE;
}

static enum run_outcome add_captures(struct run *run, struct match *match)
{
	struct value value;
	enum run_outcome outcome = captures(run, match, &value);

	if (outcome != RUN_DONE)
		return outcome;
	add_comma(match->text);
	value_add(match->text, &value);
	return RUN_DONE;
}

static enum run_outcome add_scanned(struct run *run, struct match *match)
{
	size_t groups = oniguruma_groups(match->subject->oniguruma);

	(void)run;
	add_comma(match->text);
	if (groups == 1) {
		add_group_string(match, 0);
		return RUN_DONE;
	}
	text_add_char(match->text, '[');
	for (size_t i = 1; i < groups; i++) {
		if (i > 1)
			text_add_char(match->text, ',');
		add_group_string(match, i);
	}
	text_add_char(match->text, ']');
	return RUN_DONE;
}

static enum run_outcome add_piece(struct run *run, struct match *match)
{
	(void)run;
	add_comma(match->text);
	json_add_string(match->text, match->subject->text + match->copied, match->begin - match->copied);
	match->copied = match->end;
	return RUN_DONE;
}

static enum run_outcome substitute(struct run *run, struct match *match)
{
	struct value value, string;
	const char *bytes;
	size_t length;
	enum run_outcome outcome = RUN_DONE;

	if (match->node->c->operation == OP_LITERAL)
		string = match->node->c->literal;
	else
		outcome = captures(run, match, &value);
	if (outcome == RUN_DONE && match->node->c->operation != OP_LITERAL)
		outcome = run_single(run, match->node->c, &value, match->environment, &string);
	if (outcome == RUN_DONE)
		outcome = run_ready(run, &string, &string);
	if (outcome == RUN_DONE && string.kind != JSON_STRING)
		outcome = run_unfit(run);
	if (outcome != RUN_DONE)
		return outcome;
	bytes = value_bytes(&run->arena, &string, &length);
	text_add(match->text, match->subject->text + match->copied, match->begin - match->copied);
	text_add(match->text, bytes, length);
	match->copied = match->end;
	return RUN_DONE;
}

/* ---- the functions ---- */

enum run_outcome one_test(struct run *run, const struct node *node, const struct value *in,
                          const struct environment *environment, struct value *result)
{
	struct subject subject;
	enum run_outcome outcome = begin(run, node, in, environment, &subject);
	enum oniguruma_found found;

	if (outcome != RUN_DONE)
		return outcome;
	found = oniguruma_search(subject.oniguruma, subject.text, subject.length, 0);
	if (found == ONIGURUMA_FAILED)
		return run_fallback(run, "a regular expression that fails");
	*result = value_bool(found == ONIGURUMA_YES);
	return RUN_DONE;
}

/* An array of what take adds for each match; always: of all of them, whatever the flags. */
static enum run_outcome collect(struct run *run, const struct node *node, const struct value *in,
                                const struct environment *environment, bool always, match_function *take,
                                struct value *result)
{
	struct subject subject;
	struct match match = {.subject = &subject, .node = node, .environment = environment};
	enum run_outcome outcome = begin(run, node, in, environment, &subject);

	if (outcome != RUN_DONE)
		return outcome;
	subject.global |= always;
	match.text = run_text(run);
	if (!match.text)
		return RUN_FALLBACK;
	text_add_char(match.text, '[');
	outcome = each_match(run, &match, false, take);
	if (take == add_piece) {
		match.begin = match.end = subject.length;
		add_piece(run, &match);
	}
	text_add_char(match.text, ']');
	*result = run_text_value(run);
	return outcome;
}

static enum run_outcome give_all(struct run *run, enum run_outcome outcome, const struct value *array,
                                 struct sink *sink)
{
	const char *p = value_inside(array);
	struct value element;

	while (outcome == RUN_DONE && value_next(&p, &element))
		outcome = run_give(run, sink, &element);
	return outcome;
}

enum run_outcome many_match(struct run *run, const struct node *node, const struct value *in,
                            const struct environment *environment, struct sink *sink)
{
	struct value all = value_constant(JSON_NULL);

	return give_all(run, collect(run, node, in, environment, false, add_match, &all), &all, sink);
}

enum run_outcome many_capture(struct run *run, const struct node *node, const struct value *in,
                              const struct environment *environment, struct sink *sink)
{
	struct value all = value_constant(JSON_NULL);

	return give_all(run, collect(run, node, in, environment, false, add_captures, &all), &all, sink);
}

enum run_outcome many_scan(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct sink *sink)
{
	struct value all = value_constant(JSON_NULL);

	return give_all(run, collect(run, node, in, environment, true, add_scanned, &all), &all, sink);
}

enum run_outcome many_splits(struct run *run, const struct node *node, const struct value *in,
                             const struct environment *environment, struct sink *sink)
{
	struct value all = value_constant(JSON_NULL);

	return give_all(run, collect(run, node, in, environment, true, add_piece, &all), &all, sink);
}

enum run_outcome one_split(struct run *run, const struct node *node, const struct value *in,
                           const struct environment *environment, struct value *result)
{
	return collect(run, node, in, environment, true, add_piece, result);
}

enum run_outcome one_sub(struct run *run, const struct node *node, const struct value *in,
                         const struct environment *environment, struct value *result)
{
	struct subject subject;
	struct match match = {.subject = &subject, .node = node, .environment = environment};
	enum run_outcome outcome;

	/* What is put in may come from this very node, by recursion. */
	if (!oniguruma_take(node->data))
		return run_fallback(run, "a regular expression within itself");
	outcome = begin(run, node, in, environment, &subject);
	match.text = outcome == RUN_DONE ? run_text(run) : NULL;
	if (!match.text) {
		oniguruma_give_back(node->data);
		return outcome == RUN_DONE ? RUN_FALLBACK : outcome;
	}
	subject.global |= node->letter == 'g';
	outcome = each_match(run, &match, true, substitute);
	oniguruma_give_back(node->data);
	text_add(match.text, subject.text + match.copied, subject.length - match.copied);
	*result = match.copied > 0 ? value_string(&run->arena, match.text->data, match.text->length) : subject.input;
	value_leave(result);
	run_text_back(run);
	return outcome;
}
