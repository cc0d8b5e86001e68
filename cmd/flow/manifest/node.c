#include <stdlib.h>
#include <string.h>

#include "cmd/flow/manifest/document.h"

/* A walk through the text of a manifest. */
struct walk {
	const unsigned char *at;
	struct place place;
};

static size_t character_length(const unsigned char *s)
{
	size_t length = 1;

	while ((s[length] & 0xc0) == 0x80)
		length++;
	return length;
}

/* YAML 1.1 knows a few line breaks more than ASCII: NEL, LS, PS. */
static bool is_break(const unsigned char *s)
{
	return s[0] == '\n' || (s[0] == '\r' && s[1] != '\n') || (s[0] == 0xc2 && s[1] == 0x85) ||
	       (s[0] == 0xe2 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9));
}

static bool is_white(const unsigned char *s)
{
	return s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || is_break(s);
}

static void walk_on(struct walk *walk, size_t characters)
{
	for (; characters > 0 && *walk->at; characters--) {
		if (is_break(walk->at)) {
			walk->place.line++;
			walk->place.column = 1;
		} else {
			walk->place.column++;
		}
		walk->at += character_length(walk->at);
	}
}

/* The characters of the source that stand for one of the text, and whether that is a visible one. */
static size_t unit(const unsigned char *s, enum node_style style, bool *visible)
{
	static const char codes[] = "xuU";
	static const size_t digits[] = {2, 4, 8};
	static const unsigned long whites[] = {'\t', '\n', '\r', ' ', 0x85, 0x2028, 0x2029};
	const char *code;
	char number[9] = "";

	*visible = !is_white(s);
	if (style == NODE_SINGLE && s[0] == '\'')
		return 2;
	if (style != NODE_DOUBLE || s[0] != '\\')
		return 1;
	code = s[1] ? strchr(codes, s[1]) : NULL;
	if (!code) {
		*visible = !strchr("tnr NLP\t", s[1]) && !is_white(s + 1);
		return 2;
	}
	strncat(number, (const char *)s + 2, digits[code - codes]);
	for (size_t i = 0; i < sizeof(whites) / sizeof(whites[0]); i++)
		if (strtoul(number, NULL, 16) == whites[i])
			*visible = false;
	return 2 + digits[code - codes];
}

/*
 * However a text is quoted, folded and indented: its visible characters stand in the source one by one, in the same
 * order.
 */
struct place document_place(const struct document *document, const struct node *scalar, size_t offset)
{
	const unsigned char *text = (const unsigned char *)scalar->text;
	struct walk walk = {.at = (const unsigned char *)document->text + scalar->offset, .place = scalar->place};
	size_t count = 0, length;
	bool visible;

	for (const unsigned char *s = text; *s && s < text + offset; s += character_length(s))
		count += !is_white(s);
	if (scalar->style == NODE_BLOCK)
		while (*walk.at && !is_break(walk.at))
			walk_on(&walk, 1);
	if (scalar->style != NODE_PLAIN)
		walk_on(&walk, 1);
	for (; *walk.at; walk_on(&walk, length)) {
		length = unit(walk.at, scalar->style, &visible);
		if (visible && count-- == 0)
			break;
	}
	return walk.place;
}

bool node_is_empty(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->style == NODE_PLAIN && !*node->text;
}
