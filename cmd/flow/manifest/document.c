#include "cmd/flow/manifest/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"

struct reader {
	struct document *document;
	struct mistakes *mistakes;
	yaml_parser_t parser;
	struct node *open[DOCUMENT_DEPTH]; /* the lists and maps around what comes next */
	size_t depth;
	struct node *scalar; /* the last one */
	size_t documents;
	size_t index, offset; /* a place in the text in characters and in bytes, to go on counting from */
};

/* Marks count characters; from one node to the next they grow, a mistake may be in front of the last one. */
static size_t offset_of(struct reader *reader, const yaml_mark_t *mark)
{
	const struct document *document = reader->document;

	if (mark->index < reader->index)
		reader->index = reader->offset = 0;
	while (reader->index < mark->index && reader->offset < document->length) {
		do
			reader->offset++;
		while (((unsigned char)document->text[reader->offset] & 0xc0) == 0x80);
		reader->index++;
	}
	return reader->offset;
}

static struct place place_at(const struct document *document, size_t offset)
{
	struct place place = {1, 1};

	for (size_t i = 0; i < offset && i < document->length; i++) {
		if (document->text[i] == '\n')
			place = (struct place){place.line + 1, 1};
		else if (((unsigned char)document->text[i] & 0xc0) != 0x80)
			place.column++;
	}
	return place;
}

static struct place place_of_mark(struct reader *reader, const yaml_mark_t *mark)
{
	size_t offset = offset_of(reader, mark);

	/* To the parser the last line always has an end. */
	if (offset == reader->document->length)
		return place_at(reader->document, offset);
	return (struct place){.line = mark->line + 1, .column = mark->column + 1};
}

/* Where the place of a mistake is: where the parser noticed it, or where what it was reading then began. */
enum where { AT_PROBLEM, AT_CONTEXT };

/* The parser's words, and ours. */
static const struct rewording {
	const char *problem, *context; /* how they begin; NULL: any */
	enum where where;
	const char *words;
} rewordings[] = {
	{"found character that cannot start any token", NULL, AT_PROBLEM,
         "a value cannot begin with this character, put it in quotes"},
	{"found a tab character", NULL, AT_PROBLEM, "a tab cannot indent, use spaces"},
	{"mapping values are not allowed", NULL, AT_PROBLEM,
         "a ':' here would make a key: put the value in quotes or behind '|' on lines of its own, or check the "
         "indentation"},
	{"could not find expected ':'", NULL, AT_CONTEXT, "a key without ':' behind it"},
	{"block sequence entries are not allowed", NULL, AT_PROBLEM, "a list item cannot begin here"},
	{"block collection entries are not allowed", NULL, AT_PROBLEM, "a list item cannot begin here"},
	{"mapping keys are not allowed", NULL, AT_PROBLEM, "a key cannot begin here"},
	{"found unexpected end of stream", NULL, AT_CONTEXT, "the quote is not closed"},
	{"found unexpected document indicator", NULL, AT_CONTEXT, "the quote is not closed"},
	{"found unknown escape character", NULL, AT_PROBLEM,
         "unknown escape: in \"…\" write \\\\ for a backslash, or use '…'"},
	{"did not find expected hexdecimal number", NULL, AT_PROBLEM, "hexadecimal digits are missing in this escape"},
	{"found invalid Unicode character escape code", NULL, AT_PROBLEM, "no character has this number"},
	{"did not find expected <document start>", NULL, AT_PROBLEM,
         "the manifest is one mapping, this does not belong to it: check the indentation"},
	{"did not find expected key", NULL, AT_PROBLEM, "bad indentation: this fits no mapping above"},
	{"did not find expected '-' indicator", NULL, AT_PROBLEM, "bad indentation: this fits no list above"},
	{"did not find expected ',' or ']'", NULL, AT_CONTEXT, "a ',' or ']' is missing in the list that begins here"},
	{"did not find expected ',' or '}'", NULL, AT_CONTEXT,
         "a ',' or '}' is missing in the mapping that begins here"},
	{"did not find expected node content", NULL, AT_PROBLEM, "a value is missing here"},
	{"did not find expected comment or line break", NULL, AT_PROBLEM,
         "nothing may stand here: the text begins on the next line"},
	{"did not find expected alphabetic or numeric character", NULL, AT_CONTEXT,
         "a value cannot begin with '*' or '&', put it in quotes"},
	{NULL, "while scanning an anchor", AT_CONTEXT, "a value cannot begin with '&', put it in quotes"},
	{NULL, "while scanning an alias", AT_CONTEXT, "a value cannot begin with '*', put it in quotes"},
	{NULL, "while scanning a tag", AT_CONTEXT, "a value cannot begin with '!', put it in quotes"},
	{"found undefined tag handle", NULL, AT_PROBLEM, "a value cannot begin with '!', put it in quotes"},
	{NULL, "while parsing a tag", AT_CONTEXT, "a value cannot begin with '!', put it in quotes"},
	{NULL, "while scanning a directive", AT_CONTEXT, "a value cannot begin with '%', put it in quotes"},
};

static bool begins(const char *text, const char *start)
{
	return !start || (text && strncmp(text, start, strlen(start)) == 0);
}

/* True if something stands in front of the mark in its line. */
static bool behind_something(struct reader *reader, const yaml_mark_t *mark)
{
	const char *text = reader->document->text;
	size_t offset = offset_of(reader, mark);

	while (offset > 0 && (text[offset - 1] == ' ' || text[offset - 1] == '\t'))
		offset--;
	return offset > 0 && text[offset - 1] != '\n' && text[offset - 1] != '\r';
}

/* What the parser stopped at. */
static void add_syntax_mistake(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	const struct document *document = reader->document;
	const yaml_mark_t *mark = &parser->problem_mark;
	const char *words = parser->problem ? parser->problem : "out of memory";
	struct place place;

	if (parser->error == YAML_READER_ERROR) {
		/* The reader is ahead of the parser, and has no marks. */
		mistakes_add(reader->mistakes, place_at(document, parser->problem_offset), "%s",
		             begins(words, "control") ? "a control character" : "this is not UTF-8");
		return;
	}
	for (size_t i = 0; i < sizeof(rewordings) / sizeof(rewordings[0]); i++) {
		if (!begins(parser->problem, rewordings[i].problem) || !begins(parser->context, rewordings[i].context))
			continue;
		words = rewordings[i].words;
		if (rewordings[i].where == AT_CONTEXT && parser->context)
			mark = &parser->context_mark;
		break;
	}
	if (begins(parser->problem, "did not find expected key") && behind_something(reader, mark))
		words = "a value has ended in front of this: put all of it in quotes, or behind '|' on lines of its "
			"own";
	else if (document->text[offset_of(reader, mark)] == '\t')
		words = "a tab cannot indent, use spaces";
	place = place_of_mark(reader, mark);
	/* The value that broke off in this line is not what was meant. */
	if (reader->scalar && reader->scalar->place.line == place.line)
		reader->scalar->kind = NODE_REFUSED;
	mistakes_add(reader->mistakes, place, "%s", words);
}

/* Building the tree. */

static void node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->count; i++)
		node_free(node->items[i]);
	free(node->items);
	free(node->text);
	free(node);
}

static void add_item(struct node *node, struct node *item)
{
	/* The room doubles at each power of two. */
	if ((node->count & (node->count - 1)) == 0)
		node->items = xreallocarray(node->items, node->count ? node->count * 2 : 1, sizeof(*node->items));
	node->items[node->count++] = item;
}

static struct node *around(const struct reader *reader)
{
	return reader->depth > 0 ? reader->open[reader->depth - 1] : NULL;
}

/* Puts a new node to where the parser is. */
static struct node *add_node(struct reader *reader, enum node_kind kind, const yaml_mark_t *mark)
{
	struct node *node = xcalloc(1, sizeof(*node)), *parent = around(reader);

	node->kind = kind;
	node->place = place_of_mark(reader, mark);
	node->offset = offset_of(reader, mark);
	if (parent)
		add_item(parent, node);
	else
		reader->document->root = node;
	return node;
}

static bool is_key(const struct reader *reader)
{
	const struct node *parent = around(reader);

	return parent && parent->kind == NODE_MAP && parent->count % 2 == 1;
}

static void refuse_properties(struct reader *reader, const struct node *node, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
	if (anchor)
		mistakes_add(reader->mistakes, node->place,
		             "anchors and aliases are not allowed, write the value again");
	if (tag)
		mistakes_add(reader->mistakes, node->place,
		             "tags are not allowed, a value's key says what it is (a value that begins with '!' needs "
		             "quotes)");
}

static void add_scalar(struct reader *reader, const yaml_event_t *event)
{
	static const enum node_style styles[] = {
		[YAML_ANY_SCALAR_STYLE] = NODE_PLAIN,
		[YAML_PLAIN_SCALAR_STYLE] = NODE_PLAIN,
		[YAML_SINGLE_QUOTED_SCALAR_STYLE] = NODE_SINGLE,
		[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = NODE_DOUBLE,
		[YAML_LITERAL_SCALAR_STYLE] = NODE_BLOCK,
		[YAML_FOLDED_SCALAR_STYLE] = NODE_BLOCK,
	};
	const char *value = (const char *)event->data.scalar.value;
	struct node *node = add_node(reader, NODE_SCALAR, &event->start_mark);

	reader->scalar = node;
	node->style = styles[event->data.scalar.style];
	node->text = xstrndup(value, event->data.scalar.length);
	refuse_properties(reader, node, event->data.scalar.anchor, event->data.scalar.tag);
	if (strlen(node->text) != event->data.scalar.length) {
		mistakes_add(reader->mistakes, node->place, "a NUL character in a text");
		node->kind = NODE_REFUSED;
	} else if (is_key(reader) && node->style == NODE_PLAIN && strcmp(node->text, "<<") == 0) {
		mistakes_add(reader->mistakes, node->place, "merge keys are not allowed, write the keys again");
		node->kind = NODE_REFUSED;
	}
}

static bool open_collection(struct reader *reader, enum node_kind kind, const yaml_event_t *event)
{
	struct node *node = add_node(reader, kind, &event->start_mark);

	node->open = true;
	if (kind == NODE_MAP)
		refuse_properties(reader, node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
	else
		refuse_properties(reader, node, event->data.sequence_start.anchor, event->data.sequence_start.tag);
	if (reader->depth == DOCUMENT_DEPTH) {
		mistakes_add(reader->mistakes, node->place, "nested more than %d deep", DOCUMENT_DEPTH);
		return false;
	}
	reader->open[reader->depth++] = node;
	return true;
}

static int compare_keys(const void *first, const void *second)
{
	const struct node *a = *(struct node *const *)first, *b = *(struct node *const *)second;
	int order = strcmp(a->text, b->text);

	return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static void refuse_duplicates(struct reader *reader, const struct node *map)
{
	struct node **keys = xcalloc(map->count / 2 + 1, sizeof(struct node *)), *first;
	size_t count = 0;

	for (size_t i = 0; i < map->count; i += 2)
		if (map->items[i]->kind == NODE_SCALAR)
			keys[count++] = map->items[i];
	if (count > 0) {
		qsort(keys, count, sizeof(struct node *), compare_keys);
		first = keys[0];
		for (size_t i = 1; i < count; i++) {
			if (strcmp(keys[i]->text, first->text) != 0) {
				first = keys[i];
				continue;
			}
			mistakes_add(reader->mistakes, keys[i]->place, "'%s' is there already, on line %zu",
			             keys[i]->text, first->place.line);
			keys[i]->kind = NODE_REFUSED;
		}
	}
	free(keys);
}

static void close_collection(struct reader *reader, bool whole)
{
	struct node *node = reader->open[--reader->depth];

	node->open = !whole;
	if (node->kind == NODE_MAP) {
		/* A key without its value. */
		if (node->count % 2 == 1)
			node_free(node->items[--node->count]);
		refuse_duplicates(reader, node);
	}
	if (is_key(reader) && whole) {
		mistakes_add(reader->mistakes, node->place, "a key must be a word");
		node->kind = NODE_REFUSED;
	}
}

/* False: reading ends here. */
static bool add_event(struct reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++reader->documents < 2)
			return true;
		mistakes_add(reader->mistakes, place_of_mark(reader, &event->start_mark),
		             "a second document: a manifest is one");
		return false;
	case YAML_ALIAS_EVENT:
		mistakes_add(reader->mistakes, place_of_mark(reader, &event->start_mark),
		             "anchors and aliases are not allowed, write the value again");
		add_node(reader, NODE_REFUSED, &event->start_mark);
		return true;
	case YAML_SCALAR_EVENT:
		add_scalar(reader, event);
		return true;
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(reader, NODE_LIST, event);
	case YAML_MAPPING_START_EVENT:
		return open_collection(reader, NODE_MAP, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_collection(reader, true);
		return true;
	default:
		return event->type != YAML_STREAM_END_EVENT;
	}
}

void document_parse(struct document *document, const char *text, size_t length, struct mistakes *mistakes)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct reader reader = {.document = document, .mistakes = mistakes};
	bool more = true;

	if (length >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		length -= 3;
	}
	*document = (struct document){.text = xmalloc(length + 1), .length = length};
	memcpy(document->text, text, length);
	document->text[length] = '\0';
	if (!yaml_parser_initialize(&reader.parser))
		fail("out of memory");
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser, (const unsigned char *)document->text, length);
	while (more) {
		yaml_event_t event;

		if (!yaml_parser_parse(&reader.parser, &event)) {
			add_syntax_mistake(&reader);
			break;
		}
		more = add_event(&reader, &event);
		yaml_event_delete(&event);
	}
	while (reader.depth > 0)
		close_collection(&reader, false);
	yaml_parser_delete(&reader.parser);
}

void document_read(struct document *document, const char *path, struct mistakes *mistakes)
{
	static const struct place start = {1, 1};
	struct text text = {0};
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	int result = fd < 0 ? -1 : text_add_file(&text, fd, DOCUMENT_SIZE);

	*document = (struct document){0};
	if (result < 0)
		mistakes_add(mistakes, start, "cannot read this file: %s", strerror(errno));
	else if (result > 0)
		mistakes_add(mistakes, start, "this file is larger than a manifest may be (1 MiB)");
	else
		document_parse(document, text.data, text.length, mistakes);
	if (fd >= 0)
		close(fd);
	text_free(&text);
}

void document_free(struct document *document)
{
	node_free(document->root);
	free(document->text);
	*document = (struct document){0};
}
