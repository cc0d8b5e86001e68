#include "common/json.h"

#include <string.h>

#include "common/json_keys.h"
#include "common/json_leaf.h"

bool json_string_is(const char *string, size_t length, const char *bytes, size_t count)
{
	const char *s = string + 1, *end = string + length - 1, *stop = bytes + count;

	while (s < end) {
		static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
		const char *letter;
		char utf8[4] = {0};
		int n = 1;

		utf8[0] = *s++;
		if (utf8[0] == '\\' && *s != 'u') {
			letter = strchr(from, *s);
			utf8[0] = letter ? to[letter - from] : *s;
			s++;
		} else if (utf8[0] == '\\') {
			int c = json_leaf_hex4(s + 1);

			s += 5;
			if (c >= 0xd800 && c < 0xdc00) {
				c = 0x10000 + ((c - 0xd800) << 10) + (json_leaf_hex4(s + 2) - 0xdc00);
				s += 6;
			} else if (c >= 0xdc00 && c < 0xe000) {
				c = 0xfffd;
			}
			n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
			for (int i = n - 1; i > 0; i--, c >>= 6)
				utf8[i] = (char)(0x80 | (c & 0x3f));
			utf8[0] = (char)(n == 1 ? c : (0xf00 >> n & 0xff) | c);
		}
		if (stop - bytes < n || memcmp(bytes, utf8, (size_t)n) != 0)
			return false;
		bytes += n;
	}
	return bytes == stop;
}

/* A container that is open. */
struct frame {
	uint32_t node; /* what is wanted of it, or UINT32_MAX */
	uint32_t
		last; /* the child of the node that was found last: the search goes on behind it; or JSON_WANT_NOWHERE */
	uint32_t object; /* which object of the text it is, for its keys; 0: an array … */
	uint32_t keys; /* … and how many keys there were before it */
	size_t index; /* of the current element or member */
	const char *at;
	unsigned flags; /* what was found before it began */
};

struct scan {
	const char *start, *end;
	const struct json_want *want;
	struct json_span *spans;
	struct json_result *result;
	uint64_t touched; /* nodes met in this text, of the first 64 */
	unsigned flags; /* of what was scanned so far */
};

static void forget(struct scan *scan, uint32_t node)
{
	const struct json_want_node *nodes = scan->want->nodes;
	uint32_t last = nodes[node].last, child = last;

	if (last == JSON_WANT_NOWHERE)
		return;
	do {
		child = nodes[child].next;
		if (nodes[child].slot != JSON_WANT_SLOTLESS)
			scan->spans[nodes[child].slot].kind = JSON_NONE;
		forget(scan, child);
	} while (child != last);
}

/* A member that is wanted begins: if it came before, what was found in it no longer counts. */
static inline uint32_t enter(struct scan *scan, uint32_t node)
{
	uint64_t bit = node < 64 ? 1ULL << node : 0;

	if ((scan->touched & bit) || !bit)
		forget(scan, node);
	scan->touched |= bit;
	return node;
}

/* Members mostly come in the order they are wanted in, so the next one is tried first. */
static inline uint32_t find_member(struct scan *scan, struct frame *frame, const char *key, size_t length, bool escaped)
{
	const struct json_want_node *nodes = scan->want->nodes;
	uint64_t head = json_want_head(key, length);
	uint32_t child = frame->last;

	do {
		const struct json_want_node *n;

		child = nodes[child].next;
		n = &nodes[child];
		if (n->name && (escaped ? json_string_is(key - 1, length + 2, n->name, n->length)
		                        : n->length == length && n->head == head &&
		                                  (length <= 8 || memcmp(n->name, key, length) == 0)))
			return enter(scan, frame->last = child);
	} while (child != frame->last);
	return JSON_WANT_NOWHERE;
}

static inline uint32_t find_element(struct scan *scan, struct frame *frame)
{
	const struct json_want_node *nodes = scan->want->nodes;
	uint32_t child = frame->last;

	do {
		child = nodes[child].next;
		if (!nodes[child].name && nodes[child].index == frame->index)
			return enter(scan, frame->last = child);
	} while (child != frame->last);
	return JSON_WANT_NOWHERE;
}

static inline const char *skip_space(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r'))
		s++;
	return s;
}

static inline bool word_is(const char *s, const char *end, const char *word, size_t length)
{
	return (size_t)(end - s) >= length && memcmp(s, word, length) == 0;
}

/* Skips white space before the next token, of which there must be one. */
#define NEXT_TOKEN()                                        \
	do {                                                \
		if (s >= end || (unsigned char)*s <= ' ') { \
			const char *from = s;               \
			s = skip_space(s, end);             \
			if (s > from)                       \
				scan->flags |= JSON_SPACED; \
			if (s >= end)                       \
				goto ended;                 \
		}                                           \
	} while (0)

/*
 * The one pass. Whether there are facts to find out, and keys for it, is constant in each of its two copies, so that
 * the plain one pays nothing for what the other does.
 */
static inline __attribute__((always_inline)) bool scan_text(struct scan *scan, struct json_keys *keys)
{
	const bool facts = keys;
	struct frame frames[JSON_DEPTH + 1];
	struct frame *top = frames; /* frames[0] is no container: the text */
	const struct json_want_node *nodes = scan->want ? scan->want->nodes : NULL;
	const char *s = scan->start, *end = scan->end, *at, *close;
	bool wanting = scan->want && scan->want->count > 0;
	uint32_t node; /* of the current value, if inside a wanted region */
	bool inside; /* the current value is a node */
	struct json_leaf_error error;
	enum json_kind kind;
	unsigned flags;

	s = skip_space(s, end);
	if (s >= end) {
		scan->result->error = "empty";
		scan->result->at = (size_t)(s - scan->start);
		return false;
	}
	scan->result->start = (size_t)(s - scan->start);
	node = 0;
	inside = wanting;
	if (inside)
		scan->touched |= 1;
	top->flags = 0;

value:
	at = s;
	flags = 0;
	switch (*s) {
	case '"':
		kind = JSON_STRING;
		s = json_leaf_string(s + 1, end, &flags, facts, &error);
		if (!s)
			goto leaf;
		break;
	case '-':
	case '0' ... '9':
		kind = JSON_NUMBER;
		s = json_leaf_number(s, end, &flags, facts, &error);
		if (!s)
			goto leaf;
		break;
	case 't':
		kind = JSON_TRUE;
		if (!word_is(s, end, "true", 4))
			goto unexpected;
		s += 4;
		break;
	case 'f':
		kind = JSON_FALSE;
		if (!word_is(s, end, "false", 5))
			goto unexpected;
		s += 5;
		break;
	case 'n':
		kind = JSON_NULL;
		if (!word_is(s, end, "null", 4))
			goto unexpected;
		s += 4;
		break;
	case '{':
	case '[':
		if (top == frames + JSON_DEPTH) {
			scan->result->error = "nested too deep";
			goto wrong;
		}
		top++;
		top->at = at;
		top->node = inside ? node : UINT32_MAX;
		top->last = inside ? nodes[node].last : JSON_WANT_NOWHERE;
		top->index = 0;
		top->flags = scan->flags;
		scan->flags = 0;
		if (*s++ == '[') {
			top->object = 0;
			NEXT_TOKEN();
			if (*s == ']')
				goto close;
			goto element;
		}
		top->object = facts ? ++keys->objects : 1;
		top->keys = facts ? keys->count : 0;
		NEXT_TOKEN();
		if (*s == '}') {
			scan->result->members = 0;
			goto close;
		}
		goto member;
	default:
		goto unexpected;
	}

record:
	/* A value ends at s; it has `flags`, and scan->flags are those of what came before it in its container. */
	if (inside && nodes[node].slot != JSON_WANT_SLOTLESS)
		scan->spans[nodes[node].slot] = (struct json_span){at, (size_t)(s - at), kind, flags};
	scan->flags |= flags;
	if (top == frames)
		goto whole;
	NEXT_TOKEN();
	if (top->object) {
		if (*s == ',') {
			s++;
			NEXT_TOKEN();
			top->index++;
			goto member;
		}
		if (*s == '}') {
			scan->result->members = top->index + 1;
			goto close;
		}
		scan->result->error = "expected ',' or '}'";
		goto wrong;
	}
	if (*s == ',') {
		s++;
		NEXT_TOKEN();
		top->index++;
		goto element;
	}
	if (*s == ']')
		goto close;
	scan->result->error = "expected ',' or ']'";
	goto wrong;

element:
	inside = top->last != JSON_WANT_NOWHERE;
	if (inside) {
		node = find_element(scan, top);
		inside = node != JSON_WANT_NOWHERE;
	}
	goto value;

member:
	if (*s != '"') {
		scan->result->error = "expected a key";
		goto wrong;
	}
	at = s + 1;
	flags = 0;
	s = json_leaf_string(at, end, &flags, facts, &error);
	if (!s)
		goto leaf;
	close = s - 1;
	if (facts && ((flags & JSON_ESCAPED) || json_keys_again(keys, top->object, at, (size_t)(close - at))))
		flags |= JSON_DUPLICATE;
	scan->flags |= flags;
	inside = top->last != JSON_WANT_NOWHERE;
	if (inside) {
		node = find_member(scan, top, at, (size_t)(close - at), flags & JSON_ESCAPED);
		inside = node != JSON_WANT_NOWHERE;
	}
	NEXT_TOKEN();
	if (*s != ':') {
		scan->result->error = "expected ':'";
		goto wrong;
	}
	s++;
	NEXT_TOKEN();
	goto value;

close:
	kind = *s++ == '}' ? JSON_OBJECT : JSON_ARRAY;
	if (facts && kind == JSON_OBJECT && top > frames + 1)
		json_keys_forget(keys, top->keys);
	at = top->at;
	inside = top->node != UINT32_MAX;
	node = top->node;
	flags = scan->flags;
	scan->flags = top->flags;
	top--;
	goto record;

whole:
	scan->result->kind = kind;
	scan->result->end = (size_t)(s - scan->start);
	scan->result->flags = scan->flags;
	s = skip_space(s, end);
	if (s == end)
		return true;
	scan->result->error = "something follows the value";
	goto wrong;
unexpected:
	scan->result->error = "expected a value";
	goto wrong;
leaf:
	scan->result->error = error.text;
	s = error.at;
	goto wrong;
ended:
	scan->result->error = "ends in the middle of a value";
wrong:
	scan->result->at = (size_t)(s - scan->start);
	return false;
}

static bool scan_plain(struct scan *scan)
{
	return scan_text(scan, NULL);
}

static bool scan_facts(struct scan *scan)
{
	struct json_keys keys;

	json_keys_init(&keys, (size_t)(scan->end - scan->start));
	return scan_text(scan, &keys);
}

bool json_scan(const char *text, size_t length, const struct json_want *want, struct json_span *spans, int ask,
               struct json_result *result)
{
	struct scan scan = {.start = text, .end = text + length, .want = want, .spans = spans, .result = result};

	*result = (struct json_result){0};
	for (size_t i = 0; want && i < want->slots; i++)
		spans[i] = (struct json_span){0};
	return ask & JSON_FACTS ? scan_facts(&scan) : scan_plain(&scan);
}
