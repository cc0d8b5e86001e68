#include "common/shape_match.h"

#include <string.h>

#include "common/json_leaf.h"

enum { PATIENCE = 64 };

/* The rest of a part, behind its head. A newline comes behind s: as long as bytes are the same, there are more. */
static __attribute__((noinline)) bool same_rest(const char *s, const char *bytes, size_t length)
{
	for (;;) {
		unsigned others = ~vector_bits((vector)(vector_load(s) == vector_load(bytes))) & 0xffff;

		if (length <= 16)
			return (others & ((1U << length) - 1)) == 0;
		if (others)
			return false;
		s += 16;
		bytes += 16;
		length -= 16;
	}
}

static inline bool fits(const struct shape_tree *tree, const struct shape_part *part, const char *s)
{
	unsigned alike = vector_bits((vector)(vector_load(s) == vector_load(part->head)));

	return (~alike & part->heeded) == 0 &&
	       (part->length <= SHAPE_HEAD ||
	        same_rest(s + SHAPE_HEAD, tree->bytes + part->at + SHAPE_HEAD, part->length - SHAPE_HEAD));
}

static inline const char *word(const char *s, const char *end, const char *text, size_t length)
{
	return (size_t)(end - s) >= length && memcmp(s, text, length) == 0 ? s + length : NULL;
}

struct leaf {
	const char *behind;
	unsigned flags;
};

/* The string, number or word at s; behind is NULL: there is none, or one that json_scan has to look at. */
static __attribute__((noinline)) struct leaf scan_leaf(const char *s, const char *end, bool facts)
{
	struct leaf leaf = {0};
	struct json_leaf_error error;

	if (*s == '"')
		leaf.behind = json_leaf_string(s + 1, end, &leaf.flags, facts, &error);
	else if ((unsigned char)(*s - '0') < 10 || *s == '-')
		leaf.behind = json_leaf_number(s, end, &leaf.flags, facts, &error);
	else
		leaf.behind = *s == 't'   ? word(s, end, "true", 4)
		              : *s == 'f' ? word(s, end, "false", 5)
		                          : word(s, end, "null", 4);
	return leaf;
}

/* Most strings, from behind the quote on: without escapes, and ASCII. Else NULL. A newline comes behind s. */
static inline const char *quick_string(const char *s, const bool facts)
{
	vector bytes = vector_load(s);
	unsigned special;

	/* What is beyond ASCII has the highest bit itself. */
	while (!(special = vector_bits(json_leaf_stops(bytes, facts) | bytes))) {
		s += sizeof(bytes);
		bytes = vector_load(s);
	}
	s += __builtin_ctz(special);
	return *s == '"' ? s + 1 : NULL;
}

/* Most numbers: no exponent, and no more than fifteen bytes without the sign. Else NULL. A newline comes behind s. */
static inline const char *quick_number(const char *s, const bool facts, unsigned *flags)
{
	const char *whole = s + (*s == '-'), *point, *behind;
	unsigned others = ~vector_bits(vector_below(vector_load(whole) - '0', 10));

	point = behind = whole + __builtin_ctz(others);
	if (*point == '.') {
		others &= others - 1;
		behind = whole + __builtin_ctz(others);
		if (behind == point + 1)
			return NULL;
	}
	if (point == whole || behind >= whole + 16 || (*behind | 0x20) == 'e' || (*whole == '0' && point > whole + 1))
		return NULL;
	if (facts && (*whole == '0' || (behind[-1] == '0' && behind > point)))
		*flags |= json_leaf_number_facts(whole, point, behind);
	return behind;
}

/* What was found of a line so far. */
struct findings {
	unsigned flags; /* of the leaves since the innermost container that is wanted began */
	size_t depth; /* wanted containers that are open */
};

/* Marks of a part, which is at s. */
static __attribute__((noinline)) struct findings pass_marks(struct shape_tree *tree, const struct shape_part *part,
                                                            const char *s, struct json_span *spans,
                                                            struct findings found)
{
	const struct shape_mark *mark = &tree->marks[part->mark], *end = mark + part->mark_count;

	for (; mark < end; mark++) {
		const struct shape_open *open;

		if (!mark->ends) {
			tree->open[found.depth++] = (struct shape_open){s + mark->offset, found.flags};
			found.flags = 0;
			continue;
		}
		open = &tree->open[--found.depth];
		spans[mark->slot] = (struct json_span){.at = open->at,
		                                       .length = (size_t)(s + mark->offset - open->at),
		                                       .kind = mark->kind,
		                                       .flags = found.flags | mark->flags};
		found.flags |= open->before;
	}
	return found;
}

/* Whether a part that fits is certainly the one, though there is something special about it. No part and no leaf has a newline in it. */
static inline bool is_it(const struct shape_part *part, const char *behind)
{
	if (part->special & SHAPE_SHORTER)
		return false;
	return !(part->special & SHAPE_LAST) || *behind == '\n';
}

/* What a part is behind which a string, number or word may begin. */
static inline bool is_sign(char c)
{
	const uint64_t signs = 1ULL << ' ' | 1ULL << '\t' | 1ULL << '\r' | 1ULL << ',' | 1ULL << ':' | 1ULL << '\n';

	return (unsigned char)c < 64 ? signs >> c & 1 : (c | 0x20) == '{' || (c | 0x20) == '}';
}

/* A part was the one, but not the first that was tried. What most lines have is moved to the front. */
static inline void note_choice(struct shape_tree *tree, uint16_t *before, uint16_t *place, struct shape_part *part)
{
	uint16_t first = *before;

	if (++part->chosen < PATIENCE)
		return;
	if (tree->lines - part->since < PATIENCE + PATIENCE / 2) {
		*before = *place;
		tree->parts[first].other = part->other;
		part->other = first;
	}
	part->chosen = 0;
	part->since = tree->lines;
}

/* Which of the parts behind `from` it is: the first one was not. One may be the beginning of another. */
static __attribute__((noinline)) struct shape_part *choose(struct shape_tree *tree, struct shape_part *from,
                                                           const char *s)
{
	struct shape_part *parts = tree->parts;
	uint16_t *place = &from->next, *before = NULL;

	for (; *place != SHAPE_NOTHING; before = place, place = &parts[*place].other) {
		struct shape_part *part = &parts[*place];
		const char *behind = s + part->length;

		if (!fits(tree, part, s) || (part->special & SHAPE_LAST ? *behind != '\n' : is_sign(*behind)))
			continue;
		if (before)
			note_choice(tree, before, place, part);
		return part;
	}
	return NULL;
}

/* What is the end of the line in. */
static inline void finish(const struct shape_whole *whole, size_t length, unsigned flags, struct json_span *spans,
                          struct json_result *result)
{
	for (uint64_t missing = whole->missing; missing; missing &= missing - 1)
		spans[__builtin_ctzll(missing)].kind = JSON_NONE;
	*result = (struct json_result){.kind = whole->kind,
	                               .flags = flags | whole->flags,
	                               .start = whole->start,
	                               .end = length - whole->behind,
	                               .members = whole->members};
}

/* All that is read here stops at the newline before `end`, so that nothing need be compared with the end. */
static inline __attribute__((always_inline)) ssize_t match(struct shape_tree *tree, const char *text, const char *end,
                                                           struct json_span *spans, struct json_result *result,
                                                           const bool facts)
{
	const char *s = text, *at;
	struct shape_part *part = tree->parts, *from;
	struct findings found = {0};

	tree->lines++;
	for (;;) {
		enum json_kind kind = JSON_STRING;
		unsigned flags = 0;

		from = part;
		part = &tree->parts[from->next];
		at = s + part->length;
		if (!fits(tree, part, s) || (part->special && !is_it(part, at))) {
			part = choose(tree, from, s);
			if (!part)
				return -1;
			at = s + part->length;
		}
		if (part->special) {
			if (part->special & SHAPE_MARKED)
				found = pass_marks(tree, part, s, spans, found);
			if (part->special & SHAPE_LAST)
				break;
		}
		s = NULL;
		if (*at == '"') {
			s = quick_string(at + 1, facts);
		} else if ((unsigned char)(*at - '-') <= '9' - '-') {
			kind = JSON_NUMBER;
			s = quick_number(at, facts, &flags);
		} else {
			kind = *at == 't' ? JSON_TRUE : *at == 'f' ? JSON_FALSE : JSON_NULL;
		}
		if (!s) {
			struct leaf leaf = scan_leaf(at, end, facts);

			if (!leaf.behind)
				return -1;
			s = leaf.behind;
			flags = leaf.flags;
		}
		if (part->slot != JSON_WANT_SLOTLESS)
			spans[part->slot] = (struct json_span){at, (size_t)(s - at), kind, flags};
		found.flags |= flags;
	}
	finish(&tree->wholes[part->next], (size_t)(at - text), found.flags, spans, result);
	return at - text;
}

static ssize_t match_plain(struct shape_tree *tree, const char *text, const char *end, struct json_span *spans,
                           struct json_result *result)
{
	return match(tree, text, end, spans, result, false);
}

static ssize_t match_facts(struct shape_tree *tree, const char *text, const char *end, struct json_span *spans,
                           struct json_result *result)
{
	return match(tree, text, end, spans, result, true);
}

ssize_t shape_match(struct shape_tree *tree, const char *text, const char *end, struct json_span *spans, bool facts,
                    struct json_result *result)
{
	return (facts ? match_facts : match_plain)(tree, text, end, spans, result);
}
