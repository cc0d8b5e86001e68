/*
 * document: a YAML text (libyaml) as a tree of nodes that know their places.
 *
 * What a manifest does not need is refused here: anchors and aliases, tags, merge keys, keys that are not scalars,
 * duplicate keys, several documents, nesting beyond DOCUMENT_DEPTH, texts over DOCUMENT_SIZE. The parser's own
 * messages are put into words for people. After a mistake in the syntax the tree holds what came before it.
 *
 * Scalars have no types: 3, "3" and no are texts, and what they mean is for the reader of the tree.
 */
#ifndef PYPE_FLOW_DOCUMENT_H
#define PYPE_FLOW_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "cmd/flow/manifest/mistakes.h"

enum {
	DOCUMENT_DEPTH = 64,
	DOCUMENT_SIZE = 1 << 20, /* bytes */
};

enum node_kind {
	NODE_REFUSED, /* there is something wrong with it, which has been said */
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

enum node_style { NODE_PLAIN, NODE_SINGLE, NODE_DOUBLE, NODE_BLOCK };

struct node {
	enum node_kind kind;
	enum node_style style; /* of a scalar */
	bool open; /* of a list or map: the text went wrong before its end, so there may have been more */
	struct place place;
	size_t offset; /* the same in bytes of the text */
	char *text; /* of a scalar; UTF-8 without NUL */
	struct node **items; /* of a list; of a map: key, value, key, value … (a whole number of pairs) */
	size_t count; /* of the items */
};

/* Zero-initialise; document_free. */
struct document {
	char *text; /* what was read, without a byte order mark; NUL-terminated */
	size_t length;
	struct node *root; /* NULL: nothing */
};

/* Reads a file, "-" being standard input. What is wrong goes to mistakes; *document is good in any case. */
void document_read(struct document *document, const char *path, struct mistakes *mistakes);
/* The same with a text, which is copied. */
void document_parse(struct document *document, const char *text, size_t length, struct mistakes *mistakes);
void document_free(struct document *document);

/* The place of one byte of a scalar's text, for mistakes within it. Exact for a byte that is not white space. */
struct place document_place(const struct document *document, const struct node *scalar, size_t offset);

/* Nothing was written: "key:" */
bool node_is_empty(const struct node *node);

#endif
