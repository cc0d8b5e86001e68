#include "common/json_shape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_leaf.h"
#include "common/memory.h"

enum {
	LEAVES_MOST = 512,
	BYTES_MOST = 16 * 1024, /* of all parts of a shape */
	CREDIT_FIRST = 16,
	CREDIT_MOST = 32,
	PRICE = 4, /* of learning a shape */
	REST = 256,
};

/* Where a container that is wanted begins or ends: at this byte of this part. */
struct mark {
	uint32_t part, offset;
	int slot;
	bool ends;
	enum json_kind kind;
};

/* A container that is wanted, while it is open. */
struct open {
	const char *at;
	unsigned before; /* flags of what came before it */
};

/* What is constant about lines: parts with a string, number or word behind each but the last. */
struct json_shape {
	size_t leaves;
	struct part {
		uint32_t at, length; /* in bytes */
		int slot; /* of the leaf behind it, or JSON_WANT_SLOTLESS */
		bool marked; /* containers that are wanted begin or end in it */
	} parts[LEAVES_MOST + 1];
	char bytes[BYTES_MOST + JSON_PADDING];
	struct mark *marks;
	size_t mark_count;
	unsigned flags; /* of all parts: JSON_SPACED and what keys have */
	enum json_kind kind;
	size_t members, start, behind; /* behind: bytes of white space at the end */
	struct open open[JSON_DEPTH + 1]; /* while a line is matched: those that are wanted */
};

/* ---- learning ---- */

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

static int slot_at(const struct json_span *spans, size_t slots, const char *at)
{
	for (size_t i = 0; i < slots; i++)
		if (spans[i].kind != JSON_NONE && spans[i].at == at)
			return (int)i;
	return JSON_WANT_SLOTLESS;
}

static bool add_byte(struct json_shape *shape, struct part *part, size_t *used, char byte)
{
	if (*used == BYTES_MOST)
		return false;
	shape->bytes[(*used)++] = byte;
	part->length++;
	return true;
}

static void add_mark(struct json_shape *shape, size_t part, size_t offset, int slot, bool ends, enum json_kind kind)
{
	shape->marks = xreallocarray(shape->marks, shape->mark_count + 1, sizeof(*shape->marks));
	shape->parts[part].marked = true;
	shape->marks[shape->mark_count++] = (struct mark){
		.part = (uint32_t)part, .offset = (uint32_t)offset, .slot = slot, .ends = ends, .kind = kind};
}

/* Takes a valid line apart. False: it is too large for a shape. */
static bool learn(struct json_shape *shape, const char *text, size_t length, const struct json_span *spans,
                  size_t slots)
{
	const char *p = text, *end = text + length;
	int open[JSON_DEPTH + 1] = {0}; /* the slots of the containers around */
	size_t depth = 0, used = 0;
	struct part *part = shape->parts;

	*part = (struct part){.slot = JSON_WANT_SLOTLESS};
	while (p < end) {
		bool key = false;

		switch (*p) {
		case '{':
		case '[':
			open[depth] = slot_at(spans, slots, p);
			if (open[depth] >= 0)
				add_mark(shape, shape->leaves, part->length, open[depth], false, JSON_NONE);
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			if (open[depth] >= 0)
				add_mark(shape, shape->leaves, part->length + 1, open[depth], true,
				         spans[open[depth]].kind);
			break;
		case '"': {
			const char *behind = leaf_end(p, end);

			while (behind < end && (unsigned char)*behind <= ' ')
				behind++;
			key = behind < end && *behind == ':';
			break;
		}
		default:
			break;
		}
		if (strchr("{}[],: \t\r\n", *p) || key) {
			const char *stop = key ? leaf_end(p, end) : p + 1;

			while (p < stop)
				if (!add_byte(shape, part, &used, *p++))
					return false;
			continue;
		}
		if (shape->leaves == LEAVES_MOST)
			return false;
		part->slot = slot_at(spans, slots, p);
		p = leaf_end(p, end);
		part = &shape->parts[++shape->leaves];
		*part = (struct part){.at = (uint32_t)used, .slot = JSON_WANT_SLOTLESS};
	}
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What the flags of the whole are without those of the leaves: of white space and of keys. */
static unsigned part_flags(const struct json_shape *shape, int ask)
{
	unsigned flags = 0;

	for (size_t i = 0; i <= shape->leaves; i++) {
		const char *p = shape->bytes + shape->parts[i].at, *end = p + shape->parts[i].length;

		/* White space around the whole does not count. */
		for (; i == 0 && p < end && blank(*p);)
			p++;
		for (; i == shape->leaves && end > p && blank(end[-1]);)
			end--;
		for (; p < end; p++) {
			if (*p == '"') {
				for (p++; *p != '"'; p++) {
					flags |= *p == '\\' ? JSON_ESCAPED | JSON_DUPLICATE : 0;
					flags |= *p == 0x7f ? JSON_RESTRING : 0;
					p += *p == '\\';
				}
			} else if (blank(*p)) {
				flags |= JSON_SPACED;
			}
		}
	}
	return ask & JSON_FACTS ? flags : flags & JSON_ESCAPED;
}

static void shape_free(struct json_shape *shape)
{
	if (shape)
		free(shape->marks);
	free(shape);
}

/* Remembers a line that json_scan has taken, in the place of the shape that matched the longest ago. */
static void remember(struct json_shapes *shapes, const char *text, size_t length, const struct json_want *want,
                     const struct json_span *spans, const struct json_result *result)
{
	struct json_shape *shape = shapes->shapes[JSON_SHAPES - 1];

	if (shape)
		free(shape->marks);
	else
		shape = xcalloc(1, sizeof(*shape));
	shapes->shapes[JSON_SHAPES - 1] = NULL;
	shape->marks = NULL;
	shape->leaves = shape->mark_count = 0;
	if (!learn(shape, text, length, spans, want ? want->slots : 0)) {
		shape_free(shape);
		return;
	}
	shape->flags = part_flags(shape, shapes->ask);
	shape->kind = result->kind;
	shape->members = result->members;
	shape->start = result->start;
	shape->behind = length - result->end;
	memmove(shapes->shapes + 1, shapes->shapes, (JSON_SHAPES - 1) * sizeof(shape));
	shapes->shapes[0] = shape;
}

void json_shapes_free(struct json_shapes *shapes)
{
	for (size_t i = 0; i < JSON_SHAPES; i++)
		shape_free(shapes->shapes[i]);
	*shapes = (struct json_shapes){0};
}

/* ---- matching ---- */

/* Both have JSON_PADDING bytes behind them. */
static inline bool same(const char *left, const char *right, size_t length)
{
	for (;;) {
		unsigned others = ~vector_bits((vector)(vector_load(left) == vector_load(right))) & 0xffff;

		if (length <= 16)
			return (others & ((1U << length) - 1)) == 0;
		if (others)
			return false;
		left += 16;
		right += 16;
		length -= 16;
	}
}

static inline const char *word(const char *s, const char *end, const char *text, size_t length)
{
	return (size_t)(end - s) >= length && memcmp(s, text, length) == 0 ? s + length : NULL;
}

/* Behind the string, number or word at s, or NULL: there is none, or one that json_scan has to look at. */
static inline __attribute__((always_inline)) const char *scan_leaf(const char *s, const char *end, unsigned *flags,
                                                                   enum json_kind *kind, const bool facts)
{
	struct json_leaf_error error;

	if (*s == '"') {
		*kind = JSON_STRING;
		return json_leaf_string(s + 1, end, flags, facts, &error);
	}
	if ((unsigned char)(*s - '0') < 10 || *s == '-') {
		*kind = JSON_NUMBER;
		return json_leaf_number(s, end, flags, facts, &error);
	}
	*kind = *s == 't' ? JSON_TRUE : *s == 'f' ? JSON_FALSE : JSON_NULL;
	return *kind == JSON_TRUE    ? word(s, end, "true", 4)
	       : *kind == JSON_FALSE ? word(s, end, "false", 5)
	                             : word(s, end, "null", 4);
}

/* Marks of one part, whose text begins at s; flags are those found since the last container began. */
static size_t pass_marks(struct json_shape *shape, size_t mark, size_t part, const char *s, struct json_span *spans,
                         size_t *depth, unsigned *flags)
{
	for (; mark < shape->mark_count && shape->marks[mark].part == part; mark++) {
		const struct mark *m = &shape->marks[mark];
		const struct open *open;

		if (!m->ends) {
			shape->open[(*depth)++] = (struct open){s + m->offset, *flags};
			*flags = 0;
			continue;
		}
		open = &shape->open[--*depth];
		/* Which part the white space and keys are in is not kept: each container has the flags of all. */
		spans[m->slot] = (struct json_span){.at = open->at,
		                                    .length = (size_t)(s + m->offset - open->at),
		                                    .kind = m->kind,
		                                    .flags = *flags | shape->flags};
		*flags |= open->before;
	}
	return mark;
}

static inline __attribute__((always_inline)) bool match(struct json_shape *shape, const char *text, size_t length,
                                                        struct json_span *spans, struct json_result *result,
                                                        const bool facts)
{
	const char *s = text, *end = text + length, *bytes = shape->bytes, *at;
	const struct part *part = shape->parts, *last = part + shape->leaves;
	size_t mark = 0, depth = 0;
	unsigned flags = 0;

	for (;; part++) {
		unsigned leaf_flags = 0;
		enum json_kind kind;

		if ((size_t)(end - s) < part->length || !same(s, bytes, part->length))
			return false;
		if (part->marked)
			mark = pass_marks(shape, mark, (size_t)(part - shape->parts), s, spans, &depth, &flags);
		s += part->length;
		bytes += part->length;
		if (part == last)
			break;
		at = s;
		s = s < end ? scan_leaf(s, end, &leaf_flags, &kind, facts) : NULL;
		if (!s)
			return false;
		if (part->slot != JSON_WANT_SLOTLESS)
			spans[part->slot] = (struct json_span){at, (size_t)(s - at), kind, leaf_flags};
		flags |= leaf_flags;
	}
	if (s != end)
		return false;
	*result = (struct json_result){.kind = shape->kind,
	                               .flags = flags | shape->flags,
	                               .start = shape->start,
	                               .end = length - shape->behind,
	                               .members = shape->members};
	return true;
}

static bool match_plain(struct json_shape *shape, const char *text, size_t length, struct json_span *spans,
                        struct json_result *result)
{
	return match(shape, text, length, spans, result, false);
}

static bool match_facts(struct json_shape *shape, const char *text, size_t length, struct json_span *spans,
                        struct json_result *result)
{
	return match(shape, text, length, spans, result, true);
}

/* Tries the shapes; the one that fits becomes the first. */
static bool match_any(struct json_shapes *shapes, const char *text, size_t length, struct json_span *spans, int ask,
                      struct json_result *result)
{
	for (size_t i = 0; i < JSON_SHAPES && shapes->shapes[i]; i++) {
		struct json_shape *shape = shapes->shapes[i];

		if (!(ask & JSON_FACTS ? match_facts : match_plain)(shape, text, length, spans, result))
			continue;
		if (i > 0) {
			memmove(shapes->shapes + 1, shapes->shapes, i * sizeof(shape));
			shapes->shapes[0] = shape;
		}
		if (shapes->credit < CREDIT_MOST)
			shapes->credit++;
		return true;
	}
	return false;
}

bool json_shapes_scan(struct json_shapes *shapes, const char *text, size_t length, const struct json_want *want,
                      struct json_span *spans, int ask, struct json_result *result)
{
	size_t wants = want ? want->count : 0;

	if (shapes->wants != wants || shapes->ask != ask || (!shapes->shapes[0] && !shapes->credit)) {
		json_shapes_free(shapes);
		*shapes = (struct json_shapes){.wants = wants, .ask = ask, .credit = CREDIT_FIRST};
	}
	if (shapes->resting > 0) {
		shapes->resting--;
		return json_scan(text, length, want, spans, ask, result);
	}
	for (size_t i = 0; want && i < want->slots; i++)
		spans[i].kind = JSON_NONE;
	if (match_any(shapes, text, length, spans, ask, result))
		return true;
	if (!json_scan(text, length, want, spans, ask, result))
		return false;
	if (result->kind < JSON_ARRAY || (result->flags & JSON_DUPLICATE) || length > BYTES_MOST)
		return true;
	shapes->credit -= PRICE;
	if (shapes->credit < 0) {
		shapes->credit = CREDIT_FIRST;
		shapes->resting = REST;
		return true;
	}
	remember(shapes, text, length, want, spans, result);
	return true;
}
