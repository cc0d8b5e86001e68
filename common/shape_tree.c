#include "common/shape_tree.h"

#include <string.h>

#include "common/memory.h"

enum { CHOICES_MOST = 16 /* at one place */ };

struct shape_tree *shape_tree_new(void)
{
	struct shape_tree *tree = xcalloc(1, sizeof(*tree));

	/* No line has so many newlines in it. */
	tree->parts[SHAPE_NOTHING] = (struct shape_part){.heeded = (1U << SHAPE_HEAD) - 1, .length = UINT32_MAX};
	memset(tree->parts[SHAPE_NOTHING].head, '\n', SHAPE_HEAD);
	tree->part_count = 1;
	return tree;
}

/* A line that is taken apart. */
struct lesson {
	struct shape_tree *tree;
	const struct json_span *spans;
	size_t slots;
	const char *at, *end;
	size_t depth;
	int open[JSON_DEPTH + 1]; /* the slots of the containers around */
	struct shape_part part; /* that is being read; its bytes and marks are behind those of the tree */
	unsigned flags; /* of all parts so far */
	uint16_t *place; /* where it belongs */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *leaf_end(const char *p, const char *end)
{
	if (*p == '"') {
		for (p++; *p != '"'; p++)
			p += *p == '\\';
		return p + 1;
	}
	while (p < end && !strchr(",]} \t\r\n", *p))
		p++;
	return p;
}

static int slot_at(const struct lesson *lesson, const char *at)
{
	for (size_t i = 0; i < lesson->slots; i++)
		if (lesson->spans[i].kind != JSON_NONE && lesson->spans[i].at == at)
			return (int)i;
	return JSON_WANT_SLOTLESS;
}

static bool add_mark(struct lesson *lesson, int slot, bool ends)
{
	struct shape_tree *tree = lesson->tree;
	struct shape_part *part = &lesson->part;

	if (slot == JSON_WANT_SLOTLESS)
		return true;
	if (tree->mark_count + part->mark_count == SHAPE_MARKS)
		return false;
	tree->marks[tree->mark_count + part->mark_count++] = (struct shape_mark){
		.offset = part->length + ends, .slot = slot, .kind = lesson->spans[slot].kind, .ends = ends};
	return true;
}

/* What is to be noted of a bracket. */
static bool note(struct lesson *lesson)
{
	char c = *lesson->at;

	if (c == '{' || c == '[') {
		lesson->open[lesson->depth] = slot_at(lesson, lesson->at);
		return add_mark(lesson, lesson->open[lesson->depth++], false);
	}
	if (c == '}' || c == ']')
		return add_mark(lesson, lesson->open[--lesson->depth], true);
	return true;
}

/* Where the constant bytes at lesson->at end, a sign or a key; or NULL: that is a leaf. */
static const char *constant(const struct lesson *lesson)
{
	const char *behind, *p = lesson->at;

	if (*p != '"')
		return strchr("{}[],: \t\r\n", *p) ? p + 1 : NULL;
	p = behind = leaf_end(p, lesson->end);
	while (p < lesson->end && is_blank(*p))
		p++;
	return p < lesson->end && *p == ':' ? behind : NULL;
}

/* Reads the next part, up to a leaf or to the end. False: there is no room. */
static bool read_part(struct lesson *lesson)
{
	struct shape_tree *tree = lesson->tree;
	struct shape_part *part = &lesson->part;
	const char *stop;

	*part = (struct shape_part){
		.at = (uint32_t)tree->byte_count, .slot = JSON_WANT_SLOTLESS, .mark = (uint16_t)tree->mark_count};
	while (lesson->at < lesson->end && (stop = constant(lesson))) {
		size_t length = (size_t)(stop - lesson->at);

		if (!note(lesson) || part->at + part->length + length > SHAPE_BYTES)
			return false;
		memcpy(tree->bytes + part->at + part->length, lesson->at, length);
		part->length += (uint32_t)length;
		lesson->at = stop;
	}
	part->heeded = part->length < SHAPE_HEAD ? (1U << part->length) - 1 : (1U << SHAPE_HEAD) - 1;
	memcpy(part->head, tree->bytes + part->at, SHAPE_HEAD);
	part->special = (lesson->at == lesson->end ? SHAPE_LAST : 0) | (part->mark_count > 0 ? SHAPE_MARKED : 0);
	return true;
}

/* Of white space within the line, and of keys. */
static uint8_t part_flags(const struct lesson *lesson, bool first)
{
	const struct shape_part *part = &lesson->part;
	const char *p = lesson->tree->bytes + part->at, *end = p + part->length;
	unsigned flags = 0;

	while (first && p < end && is_blank(*p))
		p++;
	while (part->special & SHAPE_LAST && end > p && is_blank(end[-1]))
		end--;
	for (; p < end; p++) {
		if (*p != '"') {
			flags |= is_blank(*p) ? JSON_SPACED : 0;
			continue;
		}
		for (p++; *p != '"'; p++) {
			flags |= *p == '\\' ? JSON_ESCAPED | JSON_DUPLICATE : 0;
			flags |= *p == 0x7f ? JSON_RESTRING : 0;
			p += *p == '\\';
		}
	}
	return (uint8_t)flags;
}

/* The part is there already, or becomes one of the tree. Returns it, or SHAPE_NOTHING: there is no room. */
static uint16_t find_or_add(struct lesson *lesson)
{
	struct shape_tree *tree = lesson->tree;
	struct shape_part *part = &lesson->part;
	uint16_t *place = lesson->place;

	for (int choices = 0; *place != SHAPE_NOTHING; place = &tree->parts[*place].other, choices++) {
		struct shape_part *old = &tree->parts[*place];
		uint32_t shared = old->length < part->length ? old->length : part->length;
		bool alike = memcmp(tree->bytes + old->at, tree->bytes + part->at, shared) == 0;

		if (alike && old->length == part->length && !((old->special ^ part->special) & SHAPE_LAST))
			return *place;
		old->special |= alike && shared == old->length ? SHAPE_SHORTER : 0;
		part->special |= alike && shared == part->length ? SHAPE_SHORTER : 0;
		if (choices == CHOICES_MOST - 1)
			return SHAPE_NOTHING;
	}
	if (tree->part_count == SHAPE_PARTS || (part->special & SHAPE_LAST && tree->whole_count == SHAPE_WHOLES))
		return SHAPE_NOTHING;
	tree->byte_count += part->length;
	tree->mark_count += part->mark_count;
	tree->parts[tree->part_count] = *part;
	return *place = (uint16_t)tree->part_count++;
}

void shape_tree_learn(struct shape_tree *tree, const char *text, size_t length, const struct json_span *spans,
                      size_t slots, const struct json_result *result, bool facts)
{
	struct lesson lesson = {.tree = tree, .spans = spans, .slots = slots, .at = text, .end = text + length};
	struct shape_part *part = tree->parts;
	uint64_t missing = 0;
	uint16_t index;

	do {
		lesson.place = &part->next;
		if (!read_part(&lesson))
			return;
		lesson.flags |= part_flags(&lesson, part == tree->parts) & (facts ? ~0U : JSON_ESCAPED);
		for (size_t i = 0; i < lesson.part.mark_count; i++)
			tree->marks[lesson.part.mark + i].flags = (uint8_t)lesson.flags;
		if (lesson.part.special & SHAPE_LAST) {
			lesson.part.next = (uint16_t)tree->whole_count;
		} else {
			lesson.part.slot = slot_at(&lesson, lesson.at);
			lesson.at = leaf_end(lesson.at, lesson.end);
		}
		index = find_or_add(&lesson);
		if (index == SHAPE_NOTHING)
			return;
		part = &tree->parts[index];
	} while (!(part->special & SHAPE_LAST));
	for (size_t i = 0; i < slots && i < 64; i++)
		missing |= (uint64_t)(spans[i].kind == JSON_NONE) << i;
	if (part->next == tree->whole_count)
		tree->wholes[tree->whole_count++] = (struct shape_whole){.start = (uint32_t)result->start,
		                                                         .behind = (uint32_t)(length - result->end),
		                                                         .members = (uint32_t)result->members,
		                                                         .kind = result->kind,
		                                                         .flags = lesson.flags,
		                                                         .missing = missing};
}
