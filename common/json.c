#include "common/json.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/memory.h"

enum { NOWHERE = 0, SLOTLESS = -1, KEYS = 512 };

/* A step of a wanted path; node 0 is the whole text. The children of a node are a ring, the first behind the last. */
struct json_want_node {
	char *name; /* of a member; NULL: an element */
	uint64_t head;
	size_t length, index;
	int slot;
	uint32_t last, next; /* the last child; the next child of the same parent */
};

/* The first eight bytes, or all, zeros behind them: most keys differ in these or in their length. Reads eight bytes. */
static inline uint64_t head_of(const char *key, size_t length)
{
	uint64_t head;

	memcpy(&head, key, sizeof(head));
	head = le64toh(head);
	return length < 8 ? head & ((1ULL << length * 8) - 1) : head;
}

static uint32_t add_node(struct json_want *want, struct json_want_node node)
{
	if (want->count == want->capacity) {
		want->capacity = want->capacity ? want->capacity * 2 : 16;
		want->nodes = xreallocarray(want->nodes, want->capacity, sizeof(*want->nodes));
	}
	want->nodes[want->count] = node;
	return (uint32_t)want->count++;
}

static uint32_t root_node(struct json_want *want)
{
	if (want->count == 0)
		add_node(want, (struct json_want_node){.slot = SLOTLESS});
	return 0;
}

/* The child for a member (name) or an element (no name), made if it is not there. */
static uint32_t child_node(struct json_want *want, uint32_t parent, const char *name, size_t length, size_t index)
{
	struct json_want_node node = {.length = length, .index = index, .slot = SLOTLESS};
	uint32_t last = want->nodes[parent].last, child = last;

	while (last != NOWHERE) {
		struct json_want_node *n = &want->nodes[child];

		if (name ? n->name && n->length == length && memcmp(n->name, name, length) == 0
		         : !n->name && n->index == index)
			return child;
		child = n->next;
		if (child == last)
			break;
	}
	if (name) {
		node.name = xcalloc(length + sizeof(node.head), 1);
		memcpy(node.name, name, length);
		node.head = head_of(node.name, length);
	}
	child = add_node(want, node); /* which may move the nodes */
	want->nodes[child].next = last == NOWHERE ? child : want->nodes[last].next;
	want->nodes[last == NOWHERE ? child : last].next = child;
	want->nodes[parent].last = child;
	return child;
}

static int take_slot(struct json_want *want, uint32_t node)
{
	if (want->nodes[node].slot == SLOTLESS)
		want->nodes[node].slot = (int)want->slots++;
	return want->nodes[node].slot;
}

int json_want_member(struct json_want *want, const char *name, size_t length)
{
	return take_slot(want, child_node(want, root_node(want), name, length, 0));
}

static bool word_byte(unsigned char c)
{
	return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* A quoted name at path: its node; returns what is behind it, or NULL. */
static const char *quoted_node(struct json_want *want, uint32_t *node, const char *path, const char **mistake)
{
	char *name = xmalloc(strlen(path));
	size_t length = 0;

	*mistake = "a quote is not closed";
	for (path++; *path && *path != '"'; path++) {
		if (*path == '\\' && *++path != '"' && *path != '\\') {
			*mistake = "in a quoted name a backslash stands before '\"' or '\\' only";
			break;
		}
		name[length++] = *path;
	}
	if (*path == '"')
		*node = child_node(want, *node, name, length, 0);
	free(name);
	return *path == '"' ? path + 1 : NULL;
}

static const char *bracket_node(struct json_want *want, uint32_t *node, const char *path, const char **mistake)
{
	size_t index = 0;

	if (*++path == '"') {
		path = quoted_node(want, node, path, mistake);
		if (!path)
			return NULL;
	} else {
		if (*path < '0' || *path > '9')
			return *mistake = "brackets hold an index from 0 on, or a quoted name", NULL;
		for (; *path >= '0' && *path <= '9'; path++)
			if (__builtin_mul_overflow(index, 10, &index) ||
			    __builtin_add_overflow(index, (size_t)(*path - '0'), &index))
				return *mistake = "the index is too large", NULL;
		*node = child_node(want, *node, NULL, 0, index);
	}
	if (*path != ']')
		return *mistake = "a bracket is not closed", NULL;
	return path + 1;
}

static const char *name_node(struct json_want *want, uint32_t *node, const char *path, const char **mistake)
{
	const char *name = path;

	while (word_byte((unsigned char)*path))
		path++;
	if (path == name || (*path && !strchr(".[\"", *path)))
		return *mistake = "a name is missing, or has to be quoted", NULL;
	*node = child_node(want, *node, name, (size_t)(path - name), 0);
	return path;
}

int json_want_path(struct json_want *want, const char *path, const char **mistake)
{
	uint32_t node = root_node(want);
	bool first = true;

	if (!*path)
		return *mistake = "the path is empty", -1;
	if (strcmp(path, ".") == 0)
		return take_slot(want, node);
	for (; path && *path; first = false) {
		if (*path == '.')
			path++;
		else if (!first && *path != '[')
			return *mistake = "a dot or a bracket is missing between two names", -1;
		if (*path == '[')
			path = bracket_node(want, &node, path, mistake);
		else if (*path == '"')
			path = quoted_node(want, &node, path, mistake);
		else
			path = name_node(want, &node, path, mistake);
	}
	return path ? take_slot(want, node) : -1;
}

void json_want_free(struct json_want *want)
{
	for (size_t i = 0; i < want->count; i++)
		free(want->nodes[i].name);
	free(want->nodes);
	*want = (struct json_want){0};
}

/* How many bytes from the first on are valid UTF-8. */
static size_t utf8_length(const char *bytes, size_t length)
{
	const unsigned char *first = (const unsigned char *)bytes, *s = first, *end = s + length;

	while (s < end) {
		uint64_t eight;
		unsigned low = 0x80, high = 0xbf;
		int more;

		if (end - s >= 8) {
			memcpy(&eight, s, 8);
			if (!(eight & 0x8080808080808080ULL)) {
				s += 8;
				continue;
			}
		}
		if (*s < 0x80) {
			s++;
			continue;
		}
		/* RFC 3629: the second byte's range is what excludes overlong forms, surrogates and the rest above U+10FFFF. */
		if (*s < 0xc2 || *s > 0xf4)
			break;
		more = *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
		if (*s == 0xe0)
			low = 0xa0;
		else if (*s == 0xed)
			high = 0x9f;
		else if (*s == 0xf0)
			low = 0x90;
		else if (*s == 0xf4)
			high = 0x8f;
		if (end - s <= more || s[1] < low || s[1] > high)
			break;
		for (int i = 2; i <= more; i++)
			if ((s[i] & 0xc0) != 0x80)
				return (size_t)(s - first);
		s += more + 1;
	}
	return (size_t)(s - first);
}

bool json_utf8(const char *bytes, size_t length)
{
	return utf8_length(bytes, length) == length;
}

/* The value of four hexadecimal digits, or -1. */
static int hex4(const char *s)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		int c = (unsigned char)s[i], digit = (c | 0x20) - 'a' + 10;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (digit < 10 || digit > 15)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

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
			int c = hex4(s + 1);

			s += 5;
			if (c >= 0xd800 && c < 0xdc00) {
				c = 0x10000 + ((c - 0xd800) << 10) + (hex4(s + 2) - 0xdc00);
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

/* What sixteen bytes of a string hold, a bit for each byte; only those up to the first special one count. */
struct look {
	unsigned special; /* '"', '\\' and control bytes */
	unsigned high; /* not ASCII */
	unsigned del; /* 0x7f */
};

#ifdef __SSE2__
static inline struct look look_at(const char *s)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);

	return (struct look){
		.special = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)),
		.high = (unsigned)_mm_movemask_epi8(bytes),
		.del = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f))),
	};
}
#else
static inline struct look look_at(const char *s)
{
	struct look look = {0};

	for (int i = 0; i < 16 && !look.special; i++) {
		unsigned char c = (unsigned char)s[i];

		look.special |= (unsigned)(c == '"' || c == '\\' || c < 0x20) << i;
		look.high |= (unsigned)(c >> 7) << i;
		look.del |= (unsigned)(c == 0x7f) << i;
	}
	return look;
}
#endif

/* A container that is open. */
struct frame {
	uint32_t node; /* what is wanted of it, or UINT32_MAX */
	uint32_t last; /* the child of the node that was found last: the search goes on behind it; or NOWHERE */
	uint32_t object; /* which object of the text it is, for its keys; 0: an array */
	size_t index; /* of the current element or member */
	const char *at;
	unsigned flags; /* what was found before it began */
};

/* The keys of all objects of a text, to find one that comes twice: a hash table with open addressing. */
struct keys {
	uint32_t count, objects;
	uint32_t mask; /* of the places in use, a power of two less one */
	uint16_t places[2 * KEYS]; /* index of a key + 1, or 0 */
	struct {
		const char *at;
		uint64_t head;
		uint32_t length, object;
	} key[KEYS];
};

struct scan {
	const char *start, *end;
	const struct json_want *want;
	struct json_span *spans;
	struct json_result *result;
	uint64_t touched; /* nodes met in this text, of the first 64 */
	unsigned flags; /* of what was scanned so far */
};

/* Where the string ends (behind its quote), or NULL: wrong. s is behind the opening quote. */
static inline __attribute__((always_inline)) const char *scan_string(struct scan *scan, const char *s, unsigned *flags,
                                                                     const bool facts)
{
	const char *first = s;
	unsigned high = 0, del = 0;

	for (;;) {
		struct look look = look_at(s);
		unsigned before;
		int code;

		if (!look.special) {
			high |= look.high;
			del |= look.del;
			s += 16;
			if (s >= scan->end)
				goto unterminated;
			continue;
		}
		before = (look.special - 1) & ~look.special;
		high |= look.high & before;
		del |= look.del & before;
		s += __builtin_ctz(look.special);
		if (s >= scan->end)
			goto unterminated;
		if (*s == '"')
			break;
		if (*s != '\\') {
			scan->result->error = "control character in a string";
			goto wrong;
		}
		*flags |= JSON_ESCAPED;
		if (scan->end - s < 2)
			goto unterminated;
		switch (s[1]) {
		case '/':
			*flags |= JSON_RESTRING;
			/* fall through */
		case '"':
		case '\\':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			s += 2;
			break;
		case 'u':
			*flags |= JSON_RESTRING;
			code = scan->end - s < 6 ? -1 : hex4(s + 2);
			if (code < 0) {
				scan->result->error = "\\u needs four hexadecimal digits";
				goto wrong;
			}
			s += 6;
			if (code < 0xd800 || code > 0xdbff)
				break;
			code = scan->end - s < 6 || s[0] != '\\' || s[1] != 'u' ? -1 : hex4(s + 2);
			if (code < 0xdc00 || code > 0xdfff) {
				scan->result->error = "high surrogate without its low one";
				s -= 6;
				goto wrong;
			}
			s += 6;
			break;
		default:
			scan->result->error = "unknown escape in a string";
			goto wrong;
		}
	}
	if (high) {
		size_t length = (size_t)(s - first), valid = utf8_length(first, length);

		if (valid < length) {
			scan->result->error = "invalid UTF-8 in a string";
			s = first + valid;
			goto wrong;
		}
	}
	if (facts && del)
		*flags |= JSON_RESTRING;
	return s + 1;
unterminated:
	scan->result->error = "unterminated string";
	s = scan->end;
wrong:
	scan->result->at = (size_t)(s - scan->start);
	return NULL;
}

static inline bool is_digit(const char *s, const char *end)
{
	return s < end && (unsigned char)(*s - '0') < 10;
}

/*
 * How jq would write the number; the rules are those measured with libjq 1.6, 1.7 and 1.8. Doubles keep fifteen
 * digits, and sixteen if the first is less than 4: all of them are less than 2^52 then, and so no two of these
 * decimals are nearest to the same double.
 */
static unsigned number_facts(const char *whole, const char *point, const char *end)
{
	size_t digits = (size_t)(point - whole), behind = point < end ? (size_t)(end - point - 1) : 0, zeros = 0;
	unsigned flags = 0;

	if (*whole != '0') {
		if (digits + behind > 15u + (*whole < '4') || (behind > 0 && end[-1] == '0'))
			flags |= JSON_RENUMBER;
		return flags;
	}
	while (zeros < behind && point[1 + zeros] == '0')
		zeros++;
	if (behind > 0 && (zeros > 3 || end[-1] == '0' || behind - zeros > 15u + (point[1 + zeros] < '4')))
		flags |= JSON_RENUMBER;
	if (zeros > (zeros == behind ? 6 : 5))
		flags |= JSON_RENUMBER_EXACT;
	return flags;
}

/* Where the number ends, or NULL: wrong. */
static inline __attribute__((always_inline)) const char *scan_number(struct scan *scan, const char *s, unsigned *flags,
                                                                     const bool facts)
{
	const char *end = scan->end, *whole, *point;

	if (*s == '-')
		s++;
	whole = s;
	if (!is_digit(s, end))
		goto wrong;
	if (*s++ == '0') {
		if (is_digit(s, end))
			goto wrong;
	} else {
		while (is_digit(s, end))
			s++;
	}
	point = s;
	if (s < end && *s == '.') {
		s++;
		if (!is_digit(s, end))
			goto wrong;
		while (is_digit(s, end))
			s++;
	}
	if (s < end && (*s | 0x20) == 'e') {
		s++;
		if (s < end && (*s == '+' || *s == '-'))
			s++;
		if (!is_digit(s, end))
			goto wrong;
		while (is_digit(s, end))
			s++;
		if (facts)
			*flags |= JSON_RENUMBER | JSON_RENUMBER_EXACT;
	} else if (facts) {
		*flags |= number_facts(whole, point, s);
	}
	return s;
wrong:
	scan->result->error = "malformed number";
	scan->result->at = (size_t)(s - scan->start);
	return NULL;
}

static void forget(struct scan *scan, uint32_t node)
{
	const struct json_want_node *nodes = scan->want->nodes;
	uint32_t last = nodes[node].last, child = last;

	if (last == NOWHERE)
		return;
	do {
		child = nodes[child].next;
		if (nodes[child].slot != SLOTLESS)
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
	uint64_t head = head_of(key, length);
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
	return NOWHERE;
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
	return NOWHERE;
}

/* True if the object has the key already, or if that cannot be told. */
static bool key_again(struct keys *keys, uint32_t object, const char *key, size_t length)
{
	uint64_t head = head_of(key, length), hash = head ^ (uint64_t)object << 32 ^ length;
	uint32_t place;

	if (keys->count == KEYS)
		return true;
	if (length > 8)
		hash = hash * 0x9e3779b97f4a7c15U + head_of(key + length - 8, 8);
	/* The last bytes of a key are where keys differ most, and here the highest bits: they are to count, too. */
	hash ^= hash >> 32;
	place = (uint32_t)(hash * 0x9e3779b97f4a7c15U >> 40);
	for (; keys->places[place & keys->mask]; place++) {
		uint32_t k = keys->places[place & keys->mask] - 1u;

		if (keys->key[k].head == head && keys->key[k].length == length && keys->key[k].object == object &&
		    (length <= 8 || memcmp(keys->key[k].at, key, length) == 0))
			return true;
	}
	keys->key[keys->count].at = key;
	keys->key[keys->count].head = head;
	keys->key[keys->count].length = (uint32_t)length;
	keys->key[keys->count].object = object;
	keys->places[place & keys->mask] = (uint16_t)++keys->count;
	return false;
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
static inline __attribute__((always_inline)) bool scan_text(struct scan *scan, struct keys *keys)
{
	const bool facts = keys;
	struct frame frames[JSON_DEPTH + 1];
	struct frame *top = frames; /* frames[0] is no container: the text */
	const struct json_want_node *nodes = scan->want ? scan->want->nodes : NULL;
	const char *s = scan->start, *end = scan->end, *at, *close;
	bool wanting = scan->want && scan->want->count > 0;
	uint32_t node; /* of the current value, if inside a wanted region */
	bool inside; /* the current value is a node */
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
		s = scan_string(scan, s + 1, &flags, facts);
		if (!s)
			return false;
		break;
	case '-':
	case '0' ... '9':
		kind = JSON_NUMBER;
		s = scan_number(scan, s, &flags, facts);
		if (!s)
			return false;
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
		top->last = inside ? nodes[node].last : NOWHERE;
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
	if (inside && nodes[node].slot != SLOTLESS)
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
	inside = top->last != NOWHERE;
	if (inside) {
		node = find_element(scan, top);
		inside = node != NOWHERE;
	}
	goto value;

member:
	if (*s != '"') {
		scan->result->error = "expected a key";
		goto wrong;
	}
	at = s + 1;
	flags = 0;
	s = scan_string(scan, at, &flags, facts);
	if (!s)
		return false;
	close = s - 1;
	if (facts && ((flags & JSON_ESCAPED) || key_again(keys, top->object, at, (size_t)(close - at))))
		flags |= JSON_DUPLICATE;
	scan->flags |= flags;
	inside = top->last != NOWHERE;
	if (inside) {
		node = find_member(scan, top, at, (size_t)(close - at), flags & JSON_ESCAPED);
		inside = node != NOWHERE;
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
	struct keys keys;
	size_t places = 16;

	/* The shortest member has five bytes, so half of the places stay empty. */
	while (places < 2 * KEYS && places < (size_t)(scan->end - scan->start) / 2)
		places *= 2;
	keys.count = keys.objects = 0;
	keys.mask = (uint32_t)places - 1;
	memset(keys.places, 0, places * sizeof(keys.places[0]));
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
